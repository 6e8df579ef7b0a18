//! What an archive is made of: files by name, wherever their bytes lie.
//!
//! An archive is never extracted. Links inside it are followed inside the map of its members, and nowhere else.

mod folder;
mod map;
mod tar_file;

use std::io::{BufReader, Read};

use ply_digest::{Digest, Hasher};
use ply_image::{DiffId, Region};

pub use folder::Folder;
pub use map::{MemberMap, tar_limits};
pub use tar_file::TarFile;

use crate::ArchiveError;

/// A file in an archive, links already followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The name of the file itself, cleaned.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
}

/// Somewhere members can be found and read: a tar that can seek, a folder, or what came through a pipe.
pub trait Members: Sync + Send {
    /// Finds a member by the name a document gives it; `None` where there is none.
    ///
    /// # Errors
    /// The name, or a link on the way, leaves the archive.
    fn find(&self, name: &str) -> Result<Option<Member>, ArchiveError>;

    /// Every name, sorted.
    fn names(&self) -> Vec<String>;

    /// Whether its end is there. A tar without its end mark may have been cut off between two members; what is no
    /// tar has no such end to lose.
    fn is_ended(&self) -> bool {
        true
    }

    /// Opens a member at its first byte.
    ///
    /// # Errors
    /// The system's word.
    fn open(&self, member: &Member) -> Result<Box<dyn Read + Send + '_>, ArchiveError>;

    /// Where a member's bytes lie in a file.
    ///
    /// # Errors
    /// The system's word.
    fn region(&self, member: &Member) -> Result<Option<Region>, ArchiveError>;

    /// DiffID of a member that is a layer, and the length of its plain tar. Reads all of it, unless the bytes
    /// have come past already.
    ///
    /// # Errors
    /// It cannot be read or decompressed.
    fn read_diff_id(&self, member: &Member) -> Result<(DiffId, u64), ArchiveError> {
        let failed =
            |source| ArchiveError::Io { doing: "read", path: crate::error::shown(&member.name), source };
        let buffered = BufReader::with_capacity(128 << 10, self.open(member)?);
        let (compression, buffered) = ply_layer::sniff(buffered).map_err(failed)?;
        let mut reader = ply_layer::decoder(compression, buffered, &ply_layer::Limits::default())
            .map_err(|e| failed(std::io::Error::other(e)))?;
        let mut hasher = Hasher::new();
        let mut block = vec![0; 128 << 10];
        loop {
            match reader.read(&mut block).map_err(failed)? {
                0 => break,
                n => hasher.update(block.get(..n).unwrap_or_default()),
            }
        }
        let len = hasher.len();
        Ok((DiffId(hasher.finalize()), len))
    }

    /// Reads a small member whole.
    ///
    /// # Errors
    /// It is larger than `limit`, or cannot be read.
    fn read(&self, member: &Member, limit: u64) -> Result<Vec<u8>, ArchiveError> {
        if member.size > limit {
            return Err(ArchiveError::Member {
                member: crate::error::shown(&member.name),
                why: format!("has {} bytes, more than the {limit} a document may have", member.size),
            });
        }
        let mut bytes = Vec::new();
        self.open(member)?.take(limit).read_to_end(&mut bytes).map_err(|source| ArchiveError::Io {
            doing: "read",
            path: crate::error::shown(&member.name),
            source,
        })?;
        Ok(bytes)
    }
}

/// The member that holds a blob in an OCI layout.
#[must_use]
pub(crate) fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}
