use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ply_digest::Digest;
use ply_image::{BlobError, BlobSource, Region};

use crate::error::io as io_error;
use crate::store::sync_folder;
use crate::{Store, StoreError};

/// A blob that lies in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoredBlob {
    /// The digest its file is named by.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

impl BlobSource for Store {
    fn open(&self, digest: &Digest) -> Result<Box<dyn Read + Send + '_>, BlobError> {
        Ok(Box::new(self.open_file(digest)?.0))
    }

    fn size(&self, digest: &Digest) -> Result<u64, BlobError> {
        let path = self.layout.blob(digest);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_file() => Ok(found.len()),
            Ok(_) => Err(blob_error(digest, &path, io::Error::other("not a regular file"))),
            Err(e) => Err(blob_error(digest, &path, e)),
        }
    }

    fn region(&self, digest: &Digest) -> Result<Option<Region>, BlobError> {
        let (file, len) = self.open_file(digest)?;
        Ok(Some(Region { file: Arc::new(file), offset: 0, len }))
    }
}

impl Store {
    /// Opens a blob's file, which must be a regular one: a layout from elsewhere may hold links.
    fn open_file(&self, digest: &Digest) -> Result<(File, u64), BlobError> {
        use rustix::fs::{Mode, OFlags};
        let path = self.layout.blob(digest);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let open = || -> io::Result<(File, u64)> {
            let file = File::from(rustix::fs::open(&path, flags, Mode::empty())?);
            let found = file.metadata()?;
            if !found.is_file() {
                return Err(io::Error::other("not a regular file"));
            }
            Ok((file, found.len()))
        };
        open().map_err(|e| blob_error(digest, &path, e))
    }

    /// Whether a blob lies in the store, with this size.
    #[must_use]
    pub fn has(&self, digest: &Digest, size: u64) -> bool {
        self.size(digest).is_ok_and(|found| found == size)
    }

    /// Every blob that lies in the store, sorted. Files with other names are not blobs and are left alone.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn blobs(&self) -> Result<Vec<StoredBlob>, StoreError> {
        let folder = self.layout.blobs();
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(io_error("list", &folder)(e)),
        };
        let mut blobs = Vec::new();
        for entry in entries {
            let entry = entry.map_err(io_error("list", &folder))?;
            let Some(digest) = entry.file_name().to_str().and_then(|name| Digest::from_hex(name).ok()) else {
                continue;
            };
            let size = entry.metadata().map_err(io_error("stat", &entry.path()))?.len();
            blobs.push(StoredBlob { digest, size });
        }
        blobs.sort_unstable();
        Ok(blobs)
    }

    /// Moves a damaged blob aside, to `ply/damaged/`, so that loading the image again brings a good copy in.
    ///
    /// # Errors
    /// The file cannot be moved.
    pub fn quarantine(&self, digest: &Digest) -> Result<PathBuf, StoreError> {
        let folder = self.layout.damaged();
        fs::create_dir_all(&folder).map_err(io_error("create", &folder))?;
        let (from, to) = (self.layout.blob(digest), folder.join(digest.hex()));
        fs::rename(&from, &to).map_err(io_error("rename", &from))?;
        for folder in [&folder, &self.layout.private(), &self.layout.blobs()] {
            sync_folder(folder)?;
        }
        Ok(to)
    }
}

fn blob_error(digest: &Digest, path: &Path, source: io::Error) -> BlobError {
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => BlobError::Absent(*digest),
        _ => BlobError::Io { digest: *digest, at: Some(path.display().to_string()), source },
    }
}
