use ply_archive::{Member, Members};
use ply_digest::Digest;
use ply_image::{BlobSource, Region};

use crate::Error;

/// Where a job's bytes lie. It is opened when the job begins: there may be more blobs to read than a process may hold
/// files open.
pub(crate) enum Origin<'a> {
    /// A blob of a store or an archive, and its size.
    Blob(&'a dyn BlobSource, Digest, u64),
    /// A member of an archive.
    Member(&'a dyn Members, Member),
}

impl Origin<'_> {
    /// Bytes that will be read.
    pub(crate) const fn len(&self) -> u64 {
        match self {
            Self::Blob(_, _, len) => *len,
            Self::Member(_, member) => member.size,
        }
    }

    pub(crate) fn open(&self) -> Result<Region, Error> {
        let region = match self {
            Self::Blob(source, digest, _) => source.in_file(digest)?,
            Self::Member(members, member) => {
                let absent = || ply_archive::ArchiveError::Missing {
                    wanted: crate::error::shown(&member.name),
                    by: "the archive".to_owned(),
                };
                members.region(member)?.ok_or_else(absent)?
            }
        };
        if region.len == self.len() {
            return Ok(region);
        }
        let why = format!("has {} bytes where there were {}", region.len, self.len());
        Err(Error::within("the file changed while it was read")(why))
    }
}
