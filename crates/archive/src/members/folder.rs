use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ply_image::Region;
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use super::{Member, Members};
use crate::ArchiveError;
use crate::error::shown;

/// An OCI layout in a folder.
///
/// Files are opened below the folder, by a kernel that follows no link on the way: a layout from elsewhere may
/// hold links to anywhere.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    root: File,
}

impl Folder {
    /// Opens a folder.
    ///
    /// # Errors
    /// The system's word.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let root = File::open(path).map_err(|source| ArchiveError::Io {
            doing: "open",
            path: path.display().to_string(),
            source,
        })?;
        Ok(Self { path: path.to_owned(), root })
    }

    fn open_file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let file = File::from(openat2(&self.root, name, flags, Mode::empty(), resolve)?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a regular file")) }
    }

    fn io(&self, name: &str, source: io::Error) -> ArchiveError {
        let source = match Errno::from_io_error(&source) {
            Some(Errno::LOOP) => io::Error::other("a symbolic link stands on the way"),
            Some(Errno::XDEV) => io::Error::other("leads out of the folder"),
            _ => source,
        };
        ArchiveError::Io { doing: "open", path: format!("{}/{}", self.path.display(), shown(name)), source }
    }
}

impl Members for Folder {
    fn find(&self, name: &str) -> Result<Option<Member>, ArchiveError> {
        match self.open_file(name).and_then(|file| file.metadata()) {
            Ok(found) => Ok(Some(Member { name: name.to_owned(), size: found.len() })),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(self.io(name, e)),
        }
    }

    fn names(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(&self.path) else {
            return Vec::new();
        };
        let mut names: Vec<String> =
            entries.flatten().filter_map(|e| e.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names
    }

    fn open(&self, member: &Member) -> Result<Box<dyn Read + Send + '_>, ArchiveError> {
        Ok(Box::new(self.open_file(&member.name).map_err(|e| self.io(&member.name, e))?))
    }

    fn region(&self, member: &Member) -> Result<Option<Region>, ArchiveError> {
        let file = self.open_file(&member.name).map_err(|e| self.io(&member.name, e))?;
        Ok(Some(Region { file: Arc::new(file), offset: 0, len: member.size }))
    }
}
