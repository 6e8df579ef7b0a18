//! Making one thing at a time, from any thread.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use ply_tree::{Device, Extent, Kind, Node, Sources, path};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, makedev, mknodat, openat, statat, symlinkat};
use rustix::io::Errno;

use crate::attributes::{New, Target};
use crate::content::{self, Failed};
use crate::list::list;
use crate::mark::Marks;
use crate::root::Root;
use crate::warning::{Warnings, Why};
use crate::{Progress, RootfsError};

/// Where something is made: a directory's path below the root, and a name in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot<'a> {
    pub(crate) directory: &'a [u8],
    /// Empty for the root itself.
    pub(crate) name: &'a [u8],
}

impl<'a> Spot<'a> {
    /// Of a clean path.
    pub(crate) fn of(whole: &'a [u8]) -> Self {
        let (directory, name) = path::split(whole).unwrap_or_default();
        Self { directory, name }
    }

    pub(crate) fn path(self) -> Vec<u8> {
        path::join(self.directory, self.name)
    }
}

/// A directory that things are made in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parent<'a> {
    pub(crate) fd: BorrowedFd<'a>,
    /// It, or one above it, hides all below, so that a whiteout has nothing to hide. The kernel would list its name.
    pub(crate) hidden: bool,
}

/// What all makers share.
#[allow(missing_debug_implementations, reason = "sources can be anything")]
pub(crate) struct Maker<'a> {
    pub(crate) root: &'a Root,
    pub(crate) sources: &'a dyn Sources,
    pub(crate) progress: Progress<'a>,
    pub(crate) new: New,
    /// Owners go to attributes.
    pub(crate) recorded: bool,
    pub(crate) skip_devices: bool,
    /// Where a changeset may be written: how it is spelled.
    pub(crate) marks: Option<Marks>,
    pub(crate) tally: Tally,
}

/// What was done.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) entries: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) skipped: AtomicU64,
    pub(crate) warnings: Mutex<Warnings>,
}

impl Maker<'_> {
    /// Makes whatever is no directory.
    pub(crate) fn leaf(
        &self,
        parent: Parent<'_>,
        at: Spot<'_>,
        node: &Node,
        buffer: &mut [u8],
    ) -> Result<(), RootfsError> {
        let target = Target::Named { directory: parent.fd, name: at.name };
        let special = |kind, dev| mknodat(parent.fd, at.name, kind, self.first_mode(node), dev);
        let made = match &node.kind {
            Kind::File { size, extents } => {
                let file = File::from(self.create(parent.fd, at, self.first_mode(node))?);
                return self.fill(&file, at, node, (*size, extents), buffer);
            }
            Kind::Symlink { target } => symlinkat(&target[..], parent.fd, at.name),
            Kind::CharDevice(device) => {
                return self.device(parent, at, node, (FileType::CharacterDevice, *device));
            }
            Kind::BlockDevice(device) => {
                return self.device(parent, at, node, (FileType::BlockDevice, *device));
            }
            Kind::Fifo => special(FileType::Fifo, 0),
            Kind::Socket => special(FileType::Socket, 0),
            Kind::Whiteout => return self.whiteout(parent, at),
            Kind::LinkBelow { .. } => {
                return Err(self.refused(at, "a link to a layer below is not in a filesystem"));
            }
            Kind::Directory(_) => return Err(self.refused(at, "a directory is made before what it holds")),
        };
        made.map_err(|error| self.not_made(parent.fd, at, error))?;
        self.finish(target, at, node)?;
        self.tally.entries.fetch_add(1, Relaxed);
        Ok(())
    }

    /// A new, empty file.
    pub(crate) fn create(
        &self,
        directory: BorrowedFd<'_>,
        at: Spot<'_>,
        mode: Mode,
    ) -> Result<OwnedFd, RootfsError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(directory, at.name, flags, mode).map_err(|error| self.not_made(directory, at, error))
    }

    /// Gives a new file its content and attributes.
    pub(crate) fn fill(
        &self,
        file: &File,
        at: Spot<'_>,
        node: &Node,
        (size, extents): (u64, &[Extent]),
        buffer: &mut [u8],
    ) -> Result<(), RootfsError> {
        let tick = |bytes| (self.progress)(bytes).is_continue();
        content::copy(self.sources, extents, size, file, buffer, tick).map_err(|failed| match failed {
            Failed::Read(error) => self.io("read the content of", at, error),
            Failed::Write(error) => self.io("write", at, error),
            Failed::Stopped => RootfsError::Stopped,
        })?;
        self.finish(Target::Open(file.as_fd()), at, node)?;
        self.tally.entries.fetch_add(1, Relaxed);
        self.tally.bytes.fetch_add(size, Relaxed);
        Ok(())
    }

    /// The mode something is made with.
    pub(crate) fn first_mode(&self, node: &Node) -> Mode {
        let own = if node.is_directory() { Mode::RWXU } else { Mode::RUSR | Mode::WUSR };
        self.at_once(node).unwrap_or(own)
    }

    fn device(
        &self,
        parent: Parent<'_>,
        at: Spot<'_>,
        node: &Node,
        (kind, device): (FileType, Device),
    ) -> Result<(), RootfsError> {
        if self.marks.is_some() && device == (Device { major: 0, minor: 0 }) {
            return Err(self.refused(at, "the device 0:0 would be taken for a whiteout"));
        }
        let dev = makedev(device.major, device.minor);
        match mknodat(parent.fd, at.name, kind, self.first_mode(node), dev) {
            Ok(()) => {
                self.finish(Target::Named { directory: parent.fd, name: at.name }, at, node)?;
                self.tally.entries.fetch_add(1, Relaxed);
                Ok(())
            }
            Err(Errno::PERM) if self.skip_devices => {
                self.tally.skipped.fetch_add(1, Relaxed);
                Ok(())
            }
            Err(error @ Errno::PERM) => {
                Err(RootfsError::Device { path: self.root.path(&at.path()), device, source: error.into() })
            }
            Err(error) => Err(self.not_made(parent.fd, at, error)),
        }
    }

    fn whiteout(&self, parent: Parent<'_>, at: Spot<'_>) -> Result<(), RootfsError> {
        let Some(marks) = self.marks else {
            return Err(self.refused(at, "a whiteout is not in a filesystem"));
        };
        marks.whiteout(parent, at.name).map_err(|error| self.not_made(parent.fd, at, error))?;
        self.tally.entries.fetch_add(1, Relaxed);
        Ok(())
    }

    /// Says why something could not be made; where there is something, under which name.
    pub(crate) fn not_made(&self, directory: BorrowedFd<'_>, at: Spot<'_>, error: Errno) -> RootfsError {
        let other = |inode| {
            let again = openat(directory, ".", crate::root::DIRECTORY, Mode::empty()).ok()?;
            let names = list(again.as_fd()).ok()?;
            Some(names.into_iter().find(|other| other.inode == inode)?.name)
        };
        if error == Errno::EXIST {
            let found = statat(directory, at.name, AtFlags::SYMLINK_NOFOLLOW);
            let name = found.ok().and_then(|found| other(found.st_ino)).unwrap_or_else(|| at.name.into());
            return RootfsError::Collision {
                path: self.root.path(&at.path()),
                other: self.root.path(&path::join(at.directory, &name)),
            };
        }
        self.io("make", at, error)
    }

    pub(crate) fn io<E: Into<io::Error>>(&self, doing: &'static str, at: Spot<'_>, error: E) -> RootfsError {
        self.root.io(doing, &at.path())(error)
    }

    pub(crate) fn refused(&self, at: Spot<'_>, why: &'static str) -> RootfsError {
        self.root.refused(&at.path(), why)
    }

    pub(crate) fn warn(&self, xattr: &[u8], why: Why, at: Spot<'_>) {
        let path = || -> PathBuf { self.root.path(&at.path()) };
        self.tally.warnings.lock().unwrap_or_else(PoisonError::into_inner).add(xattr, why, path);
    }
}
