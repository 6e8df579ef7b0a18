use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use ply_digest::Digest;

/// Where the bytes of a blob lie, as stored, in a file that can seek.
#[derive(Debug, Clone)]
pub struct Region {
    /// The file, open for reading.
    pub file: Arc<File>,
    /// First byte of the blob in the file.
    pub offset: u64,
    /// Length of the blob in bytes.
    pub len: u64,
}

/// Why a blob could not be had.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The source does not have the blob.
    #[error("blob {0} is missing")]
    Absent(Digest),
    /// The source has it and could not read it.
    #[error("cannot read blob {digest}{}", at.as_ref().map(|a| format!(" ({a})")).unwrap_or_default())]
    Io {
        /// The blob.
        digest: Digest,
        /// The path or member that holds it, where there is one.
        at: Option<String>,
        /// The system's word.
        source: io::Error,
    },
}

/// Something that holds blobs: a store, an archive, a layout, a registry.
///
/// A source opens a blob by digest and knows its size. It does not promise that the bytes hash to
/// the digest: the reader checks.
pub trait BlobSource: Sync {
    /// Opens a blob at its first byte.
    ///
    /// # Errors
    /// [`BlobError::Absent`] if the source has no such blob.
    fn open(&self, digest: &Digest) -> Result<Box<dyn Read + Send + '_>, BlobError>;

    /// Size of a blob in bytes, as stored.
    ///
    /// # Errors
    /// [`BlobError::Absent`] if the source has no such blob.
    fn size(&self, digest: &Digest) -> Result<u64, BlobError>;

    /// Where the stored bytes lie in a file, for a source that can say: they can then be read in
    /// parallel and in any order.
    ///
    /// # Errors
    /// [`BlobError::Absent`] if the source has no such blob.
    fn region(&self, digest: &Digest) -> Result<Option<Region>, BlobError>;

    /// The same for whoever can do nothing without a file: a blob that lies in none counts as absent.
    ///
    /// # Errors
    /// [`BlobError::Absent`] if the source has no such blob, or not in a file.
    fn in_file(&self, digest: &Digest) -> Result<Region, BlobError> {
        self.region(digest)?.ok_or(BlobError::Absent(*digest))
    }
}

/// Something that takes blobs in.
pub trait BlobSink: Sync {
    /// Whether the blob is there already, with this size.
    fn has(&self, digest: &Digest, size: u64) -> bool;

    /// Takes a small blob in: a document. The digest is of the bytes.
    ///
    /// # Errors
    /// Whatever the system says while writing.
    fn put(&self, bytes: &[u8]) -> io::Result<Digest>;
}
