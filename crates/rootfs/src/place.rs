//! Where a tree is built, so that nobody sees half of one.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{
    AtFlags, CWD, Mode, StatxAttributes, StatxFlags, fchmod, fchown, fremovexattr, fstat, fsync, mkdirat,
    openat, renameat, statx, unlinkat,
};
use rustix::io::Errno;

use crate::RootfsError;
use crate::clear::clear;
use crate::error::io;
use crate::list::list;
use crate::root::{DIRECTORY, Root};
use crate::xattr::LISTS;

/// A directory that is being filled. Dropped before it is published, it and all in it is gone.
#[must_use = "what is built is gone when this is dropped; publish it"]
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) root: Root,
    how: How,
}

#[derive(Debug)]
enum How {
    /// In a directory of another name beside, to be renamed.
    Beside {
        parent: OwnedFd,
        built: Vec<u8>,
        name: Vec<u8>,
    },
    /// In the directory itself: it cannot be replaced. What it was: mode, user, group.
    Within {
        before: rustix::fs::Stat,
    },
    Published,
}

impl Place {
    /// Takes a name where there is nothing, or an empty directory.
    pub(crate) fn prepare(into: &Path) -> Result<Self, RootfsError> {
        let absolute = std::path::absolute(into).map_err(io("find", into))?;
        match std::fs::symlink_metadata(&absolute) {
            Ok(_) => {
                let whole = std::fs::canonicalize(&absolute).map_err(io("find", &absolute))?;
                let root = Root::open(&whole)?;
                let names = list(root.fd.as_fd()).map_err(io("read", &whole))?;
                if !names.is_empty() {
                    return Err(RootfsError::NotEmpty { path: whole });
                }
                if is_fixed(&root) {
                    return Self::within(root);
                }
                match Self::beside(&whole) {
                    // The directory is the user's, what it lies in is not.
                    Err(RootfsError::Io { source, .. })
                        if matches!(
                            Errno::from_io_error(&source),
                            Some(Errno::ACCESS | Errno::PERM | Errno::ROFS)
                        ) =>
                    {
                        Self::within(root)
                    }
                    place => place,
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::beside(&absolute),
            Err(error) => Err(io("find", absolute)(error)),
        }
    }

    fn beside(path: &Path) -> Result<Self, RootfsError> {
        /// Names that may be taken by left-overs of others.
        const TRIES: u32 = 1000;
        /// A name has 255 bytes at most.
        const LONGEST: usize = 200;
        let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(RootfsError::Refused { path: path.into(), why: "has no name of its own" });
        };
        let parent = Root::open(above)?.fd;
        let name = name.as_bytes();
        let stem = name.get(..LONGEST).unwrap_or(name);
        for number in 0..TRIES {
            let end = format!(".ply-unpack-{}-{number}", std::process::id());
            let built = [b".", stem, end.as_bytes()].concat();
            match mkdirat(&parent, &built[..], Mode::RWXU) {
                Err(Errno::EXIST) => continue,
                made => made.map_err(io("make a directory beside", path))?,
            }
            let fd = openat(&parent, &built[..], DIRECTORY, Mode::empty()).map_err(io("open", path))?;
            let root = Root { fd, shown: path.to_owned() };
            let place = Self { root, how: How::Beside { parent, built, name: name.to_vec() } };
            return place.plain();
        }
        Err(io("make a directory beside", path)(Errno::EXIST))
    }

    fn within(root: Root) -> Result<Self, RootfsError> {
        let before = fstat(&root.fd).map_err(io("look at", &root.shown))?;
        Self { root, how: How::Within { before } }.plain()
    }

    /// Nothing that is made in it takes after what it lies in: no set-group-ID bit, no default access control list.
    fn plain(self) -> Result<Self, RootfsError> {
        fchmod(&self.root.fd, Mode::RWXU).map_err(io("set the mode of", &self.root.shown))?;
        for list in LISTS {
            match fremovexattr(&self.root.fd, list) {
                Ok(()) | Err(Errno::NODATA | Errno::NOTSUP | Errno::NOSYS) => {}
                Err(error) => {
                    return Err(io("remove the access control list of", &self.root.shown)(error));
                }
            }
        }
        Ok(self)
    }

    /// Gives what was built its name.
    pub(crate) fn publish(mut self, durable: bool) -> Result<(), RootfsError> {
        let shown = self.root.shown.clone();
        if durable {
            // One call for thousands of files: a sync of each takes many times longer, even beside another's dirty pages.
            rustix::fs::syncfs(&self.root.fd).map_err(io("sync", &shown))?;
        }
        if let How::Beside { parent, built, name } = &self.how {
            // Takes the place of an empty directory, and of nothing else.
            match renameat(parent, &built[..], parent, &name[..]) {
                Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => {
                    return Err(RootfsError::NotEmpty { path: shown });
                }
                renamed => renamed.map_err(io("rename what was unpacked to", &shown))?,
            }
            if durable {
                fsync(parent).map_err(io("sync the directory of", &shown))?;
            }
        }
        self.how = How::Published;
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Whatever fails here, there is nobody left to hear of it.
        match &self.how {
            How::Published => {}
            How::Beside { parent, built, .. } => {
                let _ = fchmod(&self.root.fd, Mode::RWXU);
                let _ = clear(self.root.fd.as_fd());
                let _ = unlinkat(parent, &built[..], AtFlags::REMOVEDIR);
            }
            How::Within { before } => {
                let _ = fchmod(&self.root.fd, Mode::RWXU);
                let _ = clear(self.root.fd.as_fd());
                let (uid, gid) =
                    (rustix::fs::Uid::from_raw(before.st_uid), rustix::fs::Gid::from_raw(before.st_gid));
                let _ = fchown(&self.root.fd, Some(uid), Some(gid));
                let _ = fchmod(&self.root.fd, Mode::from_raw_mode(before.st_mode & 0o7777));
            }
        }
    }
}

/// Whether a directory cannot be replaced by another: something is mounted there, or this process stands in it.
fn is_fixed(root: &Root) -> bool {
    let Ok(found) = fstat(&root.fd) else { return false };
    let same = |path: &OsStr| {
        rustix::fs::statat(CWD, path, AtFlags::empty())
            .is_ok_and(|other| (other.st_dev, other.st_ino) == (found.st_dev, found.st_ino))
    };
    let mounted = statx(&root.fd, "", AtFlags::EMPTY_PATH, StatxFlags::TYPE)
        .is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT));
    let above = root.shown.parent().map(rustix::fs::stat);
    let other_device = match above {
        Some(Ok(above)) => above.st_dev != found.st_dev,
        Some(Err(_)) | None => true,
    };
    mounted || other_device || same(OsStr::new("."))
}
