//! EROFS images mounted by the kernel: metadata in one file, file data in others, and nothing copied.
//!
//! By `fsopen`, `fsconfig`, `fsmount` and `move_mount` (Linux 5.2): `mount(2)` has one page for all options. Whatever is
//! handed over is named by its open file, since a value has 255 bytes and a path may have more.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use ply_tree::path::printable;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags, open, statx};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount, open_tree,
};

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
    /// The kernel takes no image from the file system that the index lies in; from another it may.
    #[error(
        "the kernel takes no index from here: the file system is in memory or an overlay, or the kernel is older than Linux 6.12"
    )]
    IndexPlace,
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
    #[error("cannot unmount {}", printable(path.as_os_str().as_encoded_bytes()))]
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

/// Asks the kernel for nothing but whether it can mount EROFS, and may here.
///
/// # Errors
/// [`MountError::NotPermitted`], [`MountError::NoErofs`].
pub fn can_mount() -> Result<(), MountError> {
    Context::new().map(drop)
}

/// A mount that stands nowhere yet; it goes when it is dropped.
#[derive(Debug)]
pub struct Detached(OwnedFd);

impl Detached {
    /// Mounts, read-only, an EROFS image with the files that its data lies in, in their order.
    ///
    /// # Errors
    /// See [`MountError`].
    pub fn new(index: &File, data: &[&File], live: Live) -> Result<Self, MountError> {
        let context = Context::new()?;
        context.set("source", index.as_fd())?;
        for file in data {
            context.set("device", file.as_fd())?;
        }
        fsconfig_set_flag(context.0.as_fd(), "ro").map_err(context.refused("set up a mount"))?;
        fsconfig_create(context.0.as_fd()).map_err(|errno| match errno {
            Errno::NOTBLK => MountError::IndexPlace,
            errno => context.refused("mount the index")(errno),
        })?;
        let mut attributes = MountAttrFlags::MOUNT_ATTR_RDONLY;
        attributes.set(MountAttrFlags::MOUNT_ATTR_NOSUID, !live.suid);
        attributes.set(MountAttrFlags::MOUNT_ATTR_NODEV, !live.devices);
        fsmount(context.0.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
            .map(Self)
            .map_err(context.refused("mount the index"))
    }

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
    pub fn attach(self, directory: BorrowedFd<'_>) -> Result<(), MountError> {
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

/// A mount in the making.
struct Context(OwnedFd);

impl Context {
    fn new() -> Result<Self, MountError> {
        fsopen("erofs", FsOpenFlags::FSOPEN_CLOEXEC).map(Self).map_err(|errno| match errno {
            Errno::PERM => MountError::NotPermitted,
            errno => MountError::NoErofs { source: errno.into() },
        })
    }

    fn set(&self, key: &str, file: BorrowedFd<'_>) -> Result<(), MountError> {
        let name = format!("/proc/self/fd/{}", file.as_raw_fd());
        fsconfig_set_string(self.0.as_fd(), key, name).map_err(self.refused("set up a mount"))
    }

    fn refused(&self, doing: &'static str) -> impl FnOnce(Errno) -> MountError {
        move |errno| match errno {
            Errno::PERM => MountError::NotPermitted,
            errno => MountError::Refused { doing, log: self.log(), source: errno.into() },
        }
    }

    /// What the kernel said: a message a read, until there is none.
    fn log(&self) -> Vec<String> {
        let (mut lines, mut buffer) = (Vec::new(), [0; 1024]);
        // The kernel keeps eight.
        while let Ok(len @ 1..) = rustix::io::read(&self.0, &mut buffer[..])
            && lines.len() < 8
        {
            let line = String::from_utf8_lossy(buffer.get(..len).unwrap_or_default());
            // `e erofs: …`, `w`, `i`: how bad it is, and by whom.
            let line = line.trim_end();
            lines.push(line.split_once(' ').map_or(line, |(_, message)| message).to_owned());
        }
        lines
    }
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
