use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use ply_tree::{ReadAt, Source, Sources, path};
use rustix::fs::{FileType, OFlags, Stat, fstat};

use crate::make::Spot;
use crate::root::Root;

/// Files kept open at once: reading goes from one to the next, with a few readers side by side.
const OPEN: usize = 8;

/// The content of the files of a directory that was [scanned](crate::scan()). Each is opened when it is read, over no
/// link, and only if it is still the file that was seen; a few stay open.
#[derive(Debug)]
pub struct Files {
    shelf: Arc<Shelf>,
    /// The directories that hold files; those of one directory come one after the other.
    directories: Vec<Arc<[u8]>>,
    files: Vec<OnDisk>,
}

/// The directory, and the files that were read last, newest first.
#[derive(Debug)]
struct Shelf {
    root: Root,
    open: Mutex<Vec<(u32, Arc<File>)>>,
}

#[derive(Debug)]
struct OnDisk {
    shelf: Arc<Shelf>,
    number: u32,
    directory: Arc<[u8]>,
    name: Box<[u8]>,
    /// Device and inode.
    identity: (u64, u64),
}

impl Files {
    pub(super) fn new(root: Root) -> Self {
        let shelf = Arc::new(Shelf { root, open: Mutex::new(Vec::new()) });
        Self { shelf, directories: Vec::new(), files: Vec::new() }
    }

    pub(super) fn root(&self) -> &Root {
        &self.shelf.root
    }

    /// A file more; `None` where the numbers are used up.
    pub(super) fn add(&mut self, at: Spot<'_>, found: &Stat) -> Option<Source> {
        let number = u32::try_from(self.files.len()).ok().filter(|number| Source(*number) != Source::HOLE)?;
        let directory = match self.directories.last() {
            Some(last) if **last == *at.directory => Arc::clone(last),
            _ => {
                let new: Arc<[u8]> = at.directory.into();
                self.directories.push(Arc::clone(&new));
                new
            }
        };
        let (shelf, identity) = (Arc::clone(&self.shelf), (found.st_dev, found.st_ino));
        self.files.push(OnDisk { shelf, number, directory, name: at.name.into(), identity });
        Some(Source(number))
    }
}

impl Sources for Files {
    fn source(&self, source: Source) -> io::Result<&dyn ReadAt> {
        let file = usize::try_from(source.0).ok().and_then(|at| self.files.get(at));
        file.map(|file| file as &dyn ReadAt)
            .ok_or_else(|| io::Error::other("there is no file of this number"))
    }
}

impl ReadAt for OnDisk {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file()?.read_at(buffer, offset)
    }
}

impl OnDisk {
    fn file(&self) -> io::Result<Arc<File>> {
        let mut open = self.shelf.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = open.iter().position(|(number, _)| *number == self.number) {
            open.get_mut(..=at).unwrap_or_default().rotate_right(1);
        } else {
            let file = Arc::new(self.open()?);
            open.truncate(OPEN - 1);
            open.insert(0, (self.number, file));
        }
        let first = open.first().map(|(_, file)| Arc::clone(file));
        first.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn open(&self) -> io::Result<File> {
        // A fifo that took its place would make the opening wait.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        let fd = self.shelf.root.open_below(&path::join(&self.directory, &self.name), flags)?;
        let found = fstat(&fd)?;
        let regular = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
        if !regular || (found.st_dev, found.st_ino) != self.identity {
            return Err(io::Error::other("another file has taken its place"));
        }
        Ok(File::from(fd))
    }
}
