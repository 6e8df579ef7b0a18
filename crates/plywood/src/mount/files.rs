//! What can become of a mount: above all of the files of an image that is not loaded, which nobody keeps as they are.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;

use ply_store::{Mount, MountedFile, Way};

use crate::Error;
use crate::files::Located;

/// What became of a file since it was mounted, or of the mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Since {
    /// It is as it was.
    Same,
    /// It is gone from where it was, or another one stands there: the mount shows the one that it was made from.
    Replaced,
    /// It was written to: the mount shows a mixture of what was and what is.
    Changed,
    /// The process that served the mount is gone.
    Unserved,
}

impl Since {
    pub(super) fn of(known: &MountedFile) -> Self {
        match std::fs::metadata(&known.path) {
            Ok(now) if (now.dev(), now.ino()) != known.inode => Self::Replaced,
            Ok(now) if (now.len(), (now.mtime(), now.mtime_nsec())) != (known.size, known.modified) => {
                Self::Changed
            }
            Ok(_) => Self::Same,
            Err(_) => Self::Replaced,
        }
    }

    /// The worst that became of a mount.
    pub(super) fn of_mount(mount: &Mount) -> Self {
        let gone = rustix::io::Errno::NOTCONN.raw_os_error();
        let is_gone = |error: io::Error| error.raw_os_error() == Some(gone);
        if mount.way == Way::Fuse && std::fs::metadata(&mount.directory).is_err_and(is_gone) {
            return Self::Unserved;
        }
        mount.files.iter().map(Self::of).max().unwrap_or(Self::Same)
    }
}

/// What the layers of an image lie in, each file once.
pub(super) fn of(located: &Located) -> Result<Vec<MountedFile>, Error> {
    let mut files: Vec<MountedFile> = Vec::new();
    for bytes in &located.bytes {
        let file = identity(&bytes.at_hand().0.file).map_err(Error::within("the image's file"))?;
        if !files.contains(&file) {
            files.push(file);
        }
    }
    Ok(files)
}

/// An open file, by the path that it has now.
pub(super) fn identity(file: &File) -> io::Result<MountedFile> {
    let path = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    let now = file.metadata()?;
    Ok(MountedFile {
        path,
        inode: (now.dev(), now.ino()),
        size: now.len(),
        modified: (now.mtime(), now.mtime_nsec()),
    })
}
