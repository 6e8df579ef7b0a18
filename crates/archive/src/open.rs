use std::fs::File;
use std::io;
use std::path::Path;

use ply_layer::Compression;

use crate::ArchiveError;
use crate::contents::Contents;
use crate::members::{Folder, Members, TarFile};

/// An archive or layout that can be read in any order: its members and what they say.
pub struct Archive {
    /// Where the bytes are.
    pub members: Box<dyn Members>,
    /// What the documents say.
    pub contents: Contents,
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archive").field("contents", &self.contents).finish_non_exhaustive()
    }
}

/// What stands at a path.
#[derive(Debug)]
pub enum Container {
    /// A folder: an OCI layout.
    Folder(Folder),
    /// A plain tar that can seek.
    Tar(TarFile),
    /// Anything that must be read from its first byte to its last: a pipe, or a compressed file.
    Stream(File, Compression),
}

/// Opens what stands at a path, told by its content.
///
/// # Errors
/// It cannot be opened, or is a tar with something wrong in it.
pub fn open(path: &Path) -> Result<Container, ArchiveError> {
    let failed = |source| ArchiveError::Io { doing: "open", path: path.display().to_string(), source };
    let file = File::open(path).map_err(failed)?;
    let kind = file.metadata().map_err(failed)?.file_type();
    if kind.is_dir() {
        return Folder::open(path).map(Container::Folder);
    }
    if !kind.is_file() {
        return Ok(Container::Stream(file, Compression::None));
    }
    match sniff(&file).map_err(failed)? {
        Compression::None => TarFile::open(file).map(Container::Tar),
        compression => Ok(Container::Stream(file, compression)),
    }
}

fn sniff(file: &File) -> io::Result<Compression> {
    use std::os::unix::fs::FileExt;
    let mut prefix = [0; Compression::PREFIX];
    let mut len = 0;
    while let Some(rest) = prefix.get_mut(len..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, len as u64)? {
            0 => break,
            n => len = len.saturating_add(n),
        }
    }
    Ok(Compression::detect(prefix.get(..len).unwrap_or_default()))
}

impl Archive {
    /// Opens an archive or layout for reading in any order.
    ///
    /// # Errors
    /// [`ArchiveError::Compressed`] for what is compressed as a whole; else as [`open`] and [`Contents::read`].
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        match open(path)? {
            Container::Folder(folder) => Self::new(Box::new(folder)),
            Container::Tar(tar) => Self::new(Box::new(tar)),
            Container::Stream(_, Compression::None) => {
                let source = io::Error::other("it cannot seek");
                Err(ArchiveError::Io { doing: "read", path: path.display().to_string(), source })
            }
            Container::Stream(_, compression) => Err(ArchiveError::Compressed(compression)),
        }
    }

    /// Understands the documents of members from anywhere.
    ///
    /// # Errors
    /// As [`Contents::read`].
    pub fn new(members: Box<dyn Members>) -> Result<Self, ArchiveError> {
        let contents = Contents::read(&*members)?;
        Ok(Self { members, contents })
    }
}
