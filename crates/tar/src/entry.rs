//! What a member of an archive is.

/// The type of a member, from the header's `typeflag` (POSIX pax, "ustar Interchange Format").
///
/// Letters POSIX does not define are read as [`Kind::File`], as it says, except those known to mean something
/// else (see the crate's *Limits*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A regular file: `0`, `7` (contiguous), NUL (before POSIX), `S` (GNU sparse).
    File,
    /// Another name for the file [`Entry::link`] names: `1`.
    HardLink,
    /// A symbolic link to [`Entry::link`]: `2`.
    Symlink,
    /// A character device: `3`.
    CharDevice,
    /// A block device: `4`.
    BlockDevice,
    /// A directory: `5`, or NUL with a name that ends in a slash.
    Directory,
    /// A named pipe: `6`.
    Fifo,
}

impl Kind {
    /// Whether content follows the header. Only a file has any: the size another kind declares is ignored, as Go's
    /// `archive/tar` does.
    #[must_use]
    pub fn has_content(self) -> bool {
        match self {
            Self::File => true,
            Self::HardLink
            | Self::Symlink
            | Self::CharDevice
            | Self::BlockDevice
            | Self::Directory
            | Self::Fifo => false,
        }
    }
}

/// A moment: seconds since 1970-01-01 00:00 UTC, and nanoseconds after that second, under 1,000,000,000.
///
/// Half a second before 1970 is `seconds: -1, nanoseconds: 500_000_000`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Time {
    /// Whole seconds, rounded down.
    pub seconds: i64,
    /// The rest, always forward.
    pub nanoseconds: u32,
}

impl Time {
    /// A moment on a whole second.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Self {
        Self { seconds, nanoseconds: 0 }
    }
}

/// A stretch of a sparse file that holds data; what lies between two of them reads as zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Segment {
    /// Where it begins in the file as a user sees it, in bytes.
    pub offset: u64,
    /// How many bytes it has; never zero.
    pub len: u64,
}

/// One member: what its headers say, taken together, and where its bytes lie.
///
/// Names are bytes as they stand in the archive: not checked, not cleaned, a directory's trailing slash included.
/// They never hold a NUL and a path is never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name of the member.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permission bits, `0o7777` at most; bits of the file type, which some writers add, are dropped.
    pub mode: u32,
    /// Owner's number; at most `i64::MAX`.
    pub uid: u64,
    /// Group's number; at most `i64::MAX`.
    pub gid: u64,
    /// Owner's name, or empty.
    pub user: Vec<u8>,
    /// Group's name, or empty.
    pub group: Vec<u8>,
    /// Bytes of content as a user sees them: of a sparse file, holes included. Zero where there is no content.
    pub size: u64,
    /// When the content changed last.
    pub mtime: Time,
    /// Target of a hard or symbolic link; else what stands in the field, mostly nothing.
    pub link: Vec<u8>,
    /// Major and minor number of a device.
    pub device: Option<(u32, u32)>,
    /// Extended attributes, name and value, sorted by name, each name once.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Of a sparse file: the stretches that are stored, one right after the other, in rising order without overlap.
    pub sparse: Option<Vec<Segment>>,
    /// Offset in the archive of its first header block, extended headers included.
    pub header_offset: u64,
    /// Offset in the archive of its first stored byte.
    pub data_offset: u64,
    /// Bytes stored in the archive from there, padding not counted: `size`, or the sum of the segments.
    pub stored: u64,
}

impl Entry {
    /// A member with nothing but a name: owned by root, of 1970, so that what is written from it is the same
    /// everywhere. The mode is 0755 of a directory, 0777 of a symbolic link, else 0644.
    #[must_use]
    pub fn new(kind: Kind, path: impl Into<Vec<u8>>) -> Self {
        let mode = match kind {
            Kind::Directory => 0o755,
            Kind::Symlink => 0o777,
            Kind::File | Kind::HardLink | Kind::CharDevice | Kind::BlockDevice | Kind::Fifo => 0o644,
        };
        Self {
            path: path.into(),
            kind,
            mode,
            uid: 0,
            gid: 0,
            user: Vec::new(),
            group: Vec::new(),
            size: 0,
            mtime: Time::default(),
            link: Vec::new(),
            device: None,
            xattrs: Vec::new(),
            sparse: None,
            header_offset: 0,
            data_offset: 0,
            stored: 0,
        }
    }

    /// A regular file of `size` bytes.
    #[must_use]
    pub fn file(path: impl Into<Vec<u8>>, size: u64) -> Self {
        Self { size, stored: size, ..Self::new(Kind::File, path) }
    }

    /// A directory. Most writers end its path with a slash; it is written as given.
    #[must_use]
    pub fn directory(path: impl Into<Vec<u8>>) -> Self {
        Self::new(Kind::Directory, path)
    }

    /// A symbolic link at `path` to `target`.
    #[must_use]
    pub fn symlink(path: impl Into<Vec<u8>>, target: impl Into<Vec<u8>>) -> Self {
        Self { link: target.into(), ..Self::new(Kind::Symlink, path) }
    }

    /// Another name, `path`, for the member `target`.
    #[must_use]
    pub fn hard_link(path: impl Into<Vec<u8>>, target: impl Into<Vec<u8>>) -> Self {
        Self { link: target.into(), ..Self::new(Kind::HardLink, path) }
    }

    /// The path, fit for a terminal: bytes outside printable ASCII escaped, long ones cut.
    #[must_use]
    pub fn printable_path(&self) -> String {
        crate::error::printable(&self.path)
    }
}
