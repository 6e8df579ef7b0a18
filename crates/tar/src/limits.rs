//! What an archive may ask for.

/// How much an archive may make the reader keep in memory, or promise.
///
/// A size is compared before anything is read or reserved for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one extended header (`x`, `g`), of one GNU long name (`L`, `K`), or of one sparse map that stands
    /// before the data. 1 MiB unless told, as in Go's `archive/tar`.
    pub extension: u64,
    /// Bytes of a path or a link target. 256 KiB unless told: 20,000 nested directories fit.
    pub path: usize,
    /// Segments of one sparse map. 65,536 unless told.
    pub segments: usize,
    /// Size of a sparse file, holes included. 16 TiB unless told, the most ext4 can hold.
    pub sparse_size: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { extension: 1 << 20, path: 256 << 10, segments: 1 << 16, sparse_size: 1 << 44 }
    }
}
