//! Mounts by the kernel: EROFS images, whose file data lies in other files, and overlays of them, with nothing copied.
//!
//! By `fsopen`, `fsconfig`, `fsmount` and `move_mount` (Linux 5.2): `mount(2)` has one page for all options. Whatever is
//! handed over is named by its open file, since a value has 255 bytes and a path may have more.

mod context;
mod index;
mod loops;
mod overlay;

use std::io;
use std::path::{Path, PathBuf};

use crate::error::shown;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags, open, statx};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, OpenTreeFlags, UnmountFlags, move_mount, open_tree};

pub use index::can_mount;
pub use loops::LoopDevice;

/// Why something was not mounted, or not unmounted.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// This process may not mount: it takes root, and outside of any user namespace.
    #[error("this process may not mount: it takes root (CAP_SYS_ADMIN)")]
    NotPermitted,
    /// The kernel has no EROFS, or not these system calls.
    #[error("this kernel mounts no EROFS: it takes Linux 6.12 with CONFIG_EROFS_FS_BACKED_BY_FILE")]
    NoErofs {
        /// The system's word.
        source: io::Error,
    },
    /// The kernel has no overlayfs.
    #[error("this kernel mounts no overlay: it takes CONFIG_OVERLAY_FS")]
    NoOverlay {
        /// The system's word.
        source: io::Error,
    },
    /// The kernel takes no image from the file system that the index lies in; from another it may.
    #[error(
        "the kernel takes no index from here: the file system is in memory or an overlay, or the kernel is older than Linux 6.12"
    )]
    IndexPlace,
    /// FUSE cannot be had: there is no `/dev/fuse`, or no program `fusermount3` for who is not root.
    #[error("cannot mount through FUSE")]
    Fuse {
        /// The system's word.
        source: io::Error,
    },
    /// A file cannot be made a loop device.
    #[error("cannot make a loop device")]
    Loop {
        /// The system's word.
        source: io::Error,
    },
    /// The kernel refused.
    #[error("cannot {doing}{}", said(log))]
    Refused {
        /// What was being done.
        doing: &'static str,
        /// What the kernel said of it, a line each. Of an index it says most in its own log alone.
        log: Vec<String>,
        /// The system's word.
        source: io::Error,
    },
    /// What is mounted there is not to be unmounted, or nothing is there.
    #[error("cannot unmount {}", shown(path))]
    Unmount {
        /// Where.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
}

fn said(log: &[String]) -> String {
    if log.is_empty() { String::new() } else { format!(" ({})", log.join("; ")) }
}

/// What of an image is to be live in a mount.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Live {
    /// Set-user-ID and set-group-ID bits, and file capabilities.
    pub suid: bool,
    /// Device files.
    pub devices: bool,
}

/// A mount that stands nowhere yet, and goes when this is dropped. Once it is attached it stays, and is in use for as long as
/// this is there.
#[derive(Debug)]
pub struct Detached(OwnedFd);

impl Detached {
    /// The same again of what is mounted over a directory: one file system, whose files the kernel caches once. `None` where
    /// what shows there is not the mount with this number.
    #[must_use]
    pub fn again(directory: &Path, id: u64) -> Option<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let at = open(directory, flags, Mode::empty()).ok()?;
        if number(&at).ok()? != id {
            return None;
        }
        let flags =
            OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
        open_tree(&at, "", flags).ok().map(Self)
    }

    /// The number that `/proc/self/mountinfo` begins its line with, once it stands somewhere.
    ///
    /// # Errors
    /// The kernel does not tell (before Linux 5.8).
    pub fn id(&self) -> Result<u64, MountError> {
        number(&self.0).map_err(|source| MountError::Refused {
            doing: "ask for the number of a mount",
            log: Vec::new(),
            source,
        })
    }

    /// Puts it over an open directory.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn attach(&self, directory: BorrowedFd<'_>) -> Result<(), MountError> {
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        move_mount(self.0.as_fd(), "", directory, "", flags).map_err(|errno| match errno {
            Errno::PERM => MountError::NotPermitted,
            errno => MountError::Refused {
                doing: "put the mount over the directory",
                log: Vec::new(),
                source: errno.into(),
            },
        })
    }
}

/// Of the mount that an open file lies in.
fn number(file: &OwnedFd) -> io::Result<u64> {
    let found = statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?;
    if found.stx_mask & StatxFlags::MNT_ID.bits() == 0 {
        return Err(io::ErrorKind::Unsupported.into());
    }
    Ok(found.stx_mnt_id)
}

/// Unmounts what stands over a directory; links are not followed.
///
/// # Errors
/// Nothing is mounted there, something in it is in use, or this process may not.
pub fn unmount(path: &Path) -> Result<(), MountError> {
    rustix::mount::unmount(path, UnmountFlags::NOFOLLOW).map_err(|errno| match errno {
        Errno::PERM => MountError::NotPermitted,
        errno => MountError::Unmount { path: path.to_owned(), source: errno.into() },
    })
}
