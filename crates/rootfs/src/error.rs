use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use ply_tree::{Device, TreeError, path::printable};

/// Why a tree could not be written to the disk, or read from it.
#[derive(Debug, thiserror::Error)]
pub enum RootfsError {
    /// The system refused.
    #[error("cannot {doing} {}", shown(path))]
    Io {
        /// What was being done: `create`, `write`, `read the content of`.
        doing: &'static str,
        /// To which file, under the name it was to have in the end.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// There is something where a tree was to be unpacked.
    #[error("{} is not empty", shown(path))]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// The tree, or the directory on disk, has what cannot be there.
    #[error("{}: {why}", shown(path))]
    Refused {
        /// Where.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A device file takes a privilege that this process has not.
    #[error("cannot make the device {device} {}; devices can be skipped", shown(path))]
    Device {
        /// Where.
        path: PathBuf,
        /// Its numbers.
        device: Device,
        /// The system's word.
        source: io::Error,
    },
    /// Two names of one directory are the same to the filesystem.
    #[error("{} and {} are one name to this filesystem", shown(path), shown(other))]
    Collision {
        /// What was to be made.
        path: PathBuf,
        /// What is there.
        other: PathBuf,
    },
    /// The caller said to stop.
    #[error("stopped")]
    Stopped,
    /// The tree cannot be looked at.
    #[error(transparent)]
    View(#[from] TreeError),
}

/// An absolute path, fit for a message.
pub(crate) fn shown(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    printable(bytes.strip_prefix(b"/").unwrap_or(bytes))
}

/// Makes a [`RootfsError::Io`] of what the system says about a path.
pub(crate) fn io<E: Into<io::Error>>(
    doing: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(E) -> RootfsError {
    let path = path.into();
    move |source| RootfsError::Io { doing, path, source: source.into() }
}
