//! Owner, extended attributes, mode and times of what was just made.

use ply_tree::{Metadata, Node, Xattr};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd};
use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, Timespec, Timestamps, Uid, chmod, chownat, fchmod, fchown, fstat, futimens,
    openat, unlinkat, utimensat,
};
use rustix::io::Errno;

use crate::RootfsError;
use crate::make::{Maker, Spot};
use crate::warning::Why;
use crate::{owner, xattr};

/// What gets the attributes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target<'a> {
    /// Something that is open to be written, or a directory.
    Open(BorrowedFd<'a>),
    /// What cannot be opened: a link, a device. Never followed.
    Named { directory: BorrowedFd<'a>, name: &'a [u8] },
}

/// A name in an open directory as a path, for calls that take no directory; without a name the directory itself.
pub(crate) fn magic(directory: BorrowedFd<'_>, name: &[u8]) -> Vec<u8> {
    let mut path = format!("/proc/self/fd/{}", directory.as_raw_fd()).into_bytes();
    if !name.is_empty() {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    path
}

pub(crate) fn mode(bits: u16) -> Mode {
    Mode::from_raw_mode(u32::from(bits & 0o7777))
}

/// What a new file gets by itself; what it is to have and gets anyway need not be set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct New {
    uid: u32,
    gid: u32,
    /// Bits that are not given.
    masked: u16,
}

impl New {
    /// Found by trial: the mask cannot be asked for without changing it, and filesystems differ in the group.
    pub(crate) fn probe(directory: BorrowedFd<'_>) -> rustix::io::Result<Self> {
        const NAME: &str = ".ply-probe";
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let found = fstat(openat(directory, NAME, flags, mode(0o777))?);
        unlinkat(directory, NAME, AtFlags::empty())?;
        let found = found?;
        let masked = u16::try_from(!found.st_mode & 0o777).unwrap_or(0o777);
        Ok(Self { uid: found.st_uid, gid: found.st_gid, masked })
    }
}

impl Maker<'_> {
    /// The mode to make something with, if it then has its final mode; else it is made for its owner alone.
    pub(crate) fn at_once(&self, node: &Node) -> Option<Mode> {
        let Metadata { mode: bits, ref xattrs, .. } = node.metadata;
        // `user.*` can only be set by who may write; access control lists change the mode.
        let simple = bits & (0o7000 | self.new.masked) == 0 && xattrs.is_empty() && !self.records(node);
        // Directories are yet to be filled, by a user who is perhaps not root.
        (simple && (!node.is_directory() || bits & 0o700 == 0o700)).then(|| mode(bits))
    }

    /// Whether the owner goes to an attribute.
    fn records(&self, node: &Node) -> bool {
        self.recorded && (node.metadata.uid, node.metadata.gid) != (0, 0)
    }

    /// Sets all that a new file has not by itself. Changing the owner drops capabilities and set-ID bits, lists change the
    /// mode, and anything changes the times: so this is the order.
    pub(crate) fn finish(&self, target: Target<'_>, at: Spot<'_>, node: &Node) -> Result<(), RootfsError> {
        let Metadata { uid, gid, mode: bits, .. } = node.metadata;
        // The root of it all was there before.
        let made = !(at.directory.is_empty() && at.name.is_empty());
        if self.records(node) {
            self.set_xattr(target, at, owner::ATTRIBUTE, &owner::encode(uid, gid))?;
        } else if !(self.recorded || made && (uid, gid) == (self.new.uid, self.new.gid)) {
            self.chown(target, at, uid, gid)?;
        }
        for Xattr { name, value } in &node.metadata.xattrs {
            if xattr::welcome(name) {
                self.set_xattr(target, at, name, value)?;
            } else {
                self.warn(name, Why::Host, at);
            }
        }
        let has_mode = made && self.at_once(node).is_some();
        if !has_mode && !matches!(node.kind, ply_tree::Kind::Symlink { .. }) {
            chmod_target(target, mode(bits)).map_err(|error| self.io("set the mode of", at, error))?;
        }
        self.set_times(target, node).map_err(|error| self.io("set the times of", at, error))
    }

    fn chown(&self, target: Target<'_>, at: Spot<'_>, uid: u32, gid: u32) -> Result<(), RootfsError> {
        // The system takes this number as "leave it".
        if uid == u32::MAX || gid == u32::MAX {
            return Err(self.refused(at, "4294967295 is no owner"));
        }
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        match target {
            Target::Open(fd) => fchown(fd, uid, gid),
            Target::Named { directory, name } => {
                chownat(directory, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
            }
        }
        .map_err(|error| self.io("set the owner of", at, error))
    }

    fn set_xattr(
        &self,
        target: Target<'_>,
        at: Spot<'_>,
        name: &[u8],
        value: &[u8],
    ) -> Result<(), RootfsError> {
        // The system would take no capabilities for none, and then fail whoever reads the file's attributes.
        let set = match xattr::is_unreadable(name, value) {
            true => Err(Errno::INVAL),
            false => xattr::set(&target, name, value),
        };
        match set {
            Ok(()) => Ok(()),
            Err(error) if matches!(error, Errno::IO | Errno::DQUOT) || self.is_full(error) => {
                Err(self.io("set an extended attribute of", at, error))
            }
            Err(error) => {
                self.warn(name, Why::System(error.raw_os_error()), at);
                Ok(())
            }
        }
    }

    /// Whether the disk is full; ext4 says so of a value that is too long for it as well.
    fn is_full(&self, error: Errno) -> bool {
        error == Errno::NOSPC && rustix::fs::fstatvfs(&self.root.fd).is_ok_and(|space| space.f_bavail == 0)
    }

    pub(crate) fn set_times(&self, target: Target<'_>, node: &Node) -> rustix::io::Result<()> {
        let mtime = node.metadata.mtime;
        // Over a second it would mean "now" or "as it is".
        let time = Timespec { tv_sec: mtime.seconds, tv_nsec: mtime.nanoseconds.min(999_999_999).into() };
        let times = Timestamps { last_access: time, last_modification: time };
        match target {
            Target::Open(fd) => futimens(fd, &times),
            Target::Named { directory, name } => {
                utimensat(directory, name, &times, AtFlags::SYMLINK_NOFOLLOW)
            }
        }
    }
}

fn chmod_target(target: Target<'_>, mode: Mode) -> rustix::io::Result<()> {
    match target {
        Target::Open(fd) => fchmod(fd, mode),
        Target::Named { directory, name } => {
            // The call that takes a name follows links; a handle on what the name is now cannot.
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let handle = openat(directory, name, flags, Mode::empty())?;
            chmod(magic(handle.as_fd(), b""), mode)
        }
    }
}
