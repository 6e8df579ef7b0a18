//! The upper, writable layer of a container, on disk.

mod stage;

use std::borrow::Cow;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::Path;

use ply_tree::{Node, NodeId, Sources, TreeView, path};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Timespec, Timestamps, fstat, futimens, linkat, mkdirat, openat, statat,
    unlinkat,
};
use rustix::io::Errno;

use crate::attributes::New;
use crate::content::BLOCK;
use crate::fill::fill;
use crate::make::{Maker, Parent, Spot, Tally};
use crate::mark::Marks;
use crate::root::{DIRECTORY, Root, is_name};
use crate::{Options, Progress, RootfsError, Unpacked};
use stage::Stage;

/// A layer as the kernel's overlayfs has it while it is mounted: a directory, and one beside it to work in. What is done
/// here is what the kernel would do for somebody who looks at the union; it must not be mounted meanwhile.
///
/// Each change is seen whole or not at all. Paths are clean ones, and mean names in the layer: no link is followed. What a
/// path lies in must be there: [`copy_up`](Self::copy_up) sees to that.
#[derive(Debug)]
pub struct Upper {
    root: Root,
    work: Root,
    marks: Marks,
    options: Options,
}

impl Upper {
    /// Opens a layer, and a directory of the same filesystem to work in: `upperdir` and `workdir` of a mount.
    ///
    /// # Errors
    /// One of them cannot be opened.
    pub fn open(upper: &Path, work: &Path, options: &Options) -> Result<Self, RootfsError> {
        let (root, work) = (Root::open(upper)?, Root::open(work)?);
        let marks = Marks::probe(work.fd.as_fd());
        Ok(Self { root, work, marks, options: *options })
    }

    /// Takes away what others who were stopped have left in the directory to work in. Nobody else may be at work there.
    ///
    /// # Errors
    /// The system refuses.
    pub fn sweep(&self) -> Result<(), RootfsError> {
        stage::sweep(self.work.fd.as_fd()).map_err(self.work.io("clear", b""))
    }

    /// Gives a directory of this layer other attributes; extended ones are added. A new layer needs it for its root, since a
    /// mount shows the upper one's.
    ///
    /// # Errors
    /// There is no such directory, or the attributes cannot be set.
    pub fn dress(&self, path: &[u8], node: &Node) -> Result<Unpacked, RootfsError> {
        self.check(path)?;
        // As the root of something, since it is there already and may have any owner and mode.
        let root = Root { fd: self.directory(path)?, shown: self.root.path(path) };
        let maker = self.maker(&root, &NoContent, &|_| ControlFlow::Continue(()))?;
        maker.finish_directory(root.fd.as_fd(), b"", node)?;
        Ok(maker.tally.into())
    }

    /// Gives a file of this layer another name, in the place of what that is here. It becomes one inode with the first.
    ///
    /// # Errors
    /// There is no such file, or the directory the new name belongs into is not in this layer.
    pub fn link(&self, file: &[u8], path: &[u8]) -> Result<(), RootfsError> {
        self.check(file)?;
        self.check(path)?;
        let (from, at) = (Spot::of(file), Spot::of(path));
        let (source, parent) = (self.directory(from.directory)?, self.directory(at.directory)?);
        let stage = self.stage(path)?;
        linkat(&source, from.name, &stage.fd, at.name, AtFlags::empty())
            .map_err(self.root.io("link", path))?;
        stage.exchange(at.name, parent.as_fd()).map_err(self.root.io("link", path))
    }

    /// Copies a directory up, and those above it, as far as they are not there yet: with the attributes they have below,
    /// and nothing of what they hold. The directory they come into keeps its time.
    ///
    /// # Errors
    /// [`RootfsError::Refused`] where there is no such directory below, or something else stands here.
    pub fn copy_up(&self, lower: &dyn TreeView, path: &[u8]) -> Result<Unpacked, RootfsError> {
        self.check(path)?;
        let mut missing = Vec::new();
        let mut below = Some(lower.root());
        for part in path::ancestors(path) {
            below = match below {
                Some(id) => lower.lookup(id, Spot::of(part).name)?,
                None => None,
            };
            if !missing.is_empty() || self.directory_if_any(part)?.is_none() {
                missing.push((part, below));
            }
        }
        let Some((first, _)) = missing.first() else { return Ok(Unpacked::default()) };
        let top = Spot::of(first);
        let parent = self.directory(top.directory)?;
        let before = fstat(&parent).map_err(self.root.io("look at", top.directory))?;

        let stage = self.stage(first)?;
        // Whatever goes wrong is said of the layer, not of where it is made ready.
        let shown = Root { fd: self.duplicate(&stage.fd)?, shown: self.root.shown.clone() };
        let maker = self.maker(&shown, &NoContent, &|_| ControlFlow::Continue(()))?;
        let mut at = self.duplicate(&stage.fd)?;
        let mut open: Option<(&[u8], Cow<'_, Node>)> = None;
        for (part, id) in &missing {
            let name = Spot::of(part).name;
            let node = id.map(|id| lower.node(id)).transpose()?;
            let Some(node) = node.filter(|node| node.is_directory()) else {
                return Err(self.root.refused(part, "is no directory below"));
            };
            mkdirat(&at, name, maker.first_mode(&node)).map_err(self.root.io("make", part))?;
            let fd = openat(&at, name, DIRECTORY, Mode::empty()).map_err(self.root.io("open", part))?;
            // Nothing more comes into the one above: two are open at any time.
            if let Some((part, node)) = open.take() {
                maker.finish_directory(at.as_fd(), part, &node)?;
            }
            open = Some((part, node));
            at = fd;
        }
        if let Some((part, node)) = open.take() {
            maker.finish_directory(at.as_fd(), part, &node)?;
        }
        stage.exchange(top.name, parent.as_fd()).map_err(self.root.io("copy up", first))?;
        keep_times(&parent, &before).map_err(self.root.io("set the times of", top.directory))?;
        Ok(maker.tally.into())
    }

    /// Puts a file, a directory with all it holds, or whatever it is, in the place of what a path is in this layer. The
    /// tree may be a changeset. A directory that takes the place of a whiteout, or of an opaque directory, hides as much.
    ///
    /// # Errors
    /// As of [`unpack`](crate::unpack()), and where the directory it belongs into is not in this layer.
    pub fn put(
        &self,
        (view, id): (&dyn TreeView, NodeId),
        sources: &dyn Sources,
        path: &[u8],
        progress: Progress<'_>,
    ) -> Result<Unpacked, RootfsError> {
        self.check(path)?;
        let at = Spot::of(path);
        let parent = self.directory(at.directory)?;
        let stage = self.stage(path)?;
        let node = view.node(id)?;
        if node.is_directory() {
            mkdirat(&stage.fd, at.name, Mode::RWXU).map_err(self.root.io("make", path))?;
            let fd =
                openat(&stage.fd, at.name, DIRECTORY, Mode::empty()).map_err(self.root.io("open", path))?;
            let root = Root { fd, shown: self.root.path(path) };
            let maker = self.maker(&root, sources, progress)?;
            let hides = self.hides(parent.as_fd(), at)?;
            fill(view, (id, hides || self.is_hidden(at.directory)?), &maker, self.options.workers)?;
            if hides {
                self.marks.make_opaque(root.fd.as_fd()).map_err(self.root.io("make opaque", path))?;
            }
            let done = maker.tally.into();
            stage.exchange(at.name, parent.as_fd()).map_err(self.root.io("put", path))?;
            return Ok(done);
        }
        if matches!(node.kind, ply_tree::Kind::Whiteout) {
            self.whiteout(path)?;
            return Ok(Unpacked { entries: 1, ..Unpacked::default() });
        }
        let root = Root { fd: self.duplicate(&stage.fd)?, shown: self.root.shown.clone() };
        let maker = self.maker(&root, sources, progress)?;
        let here = Parent { fd: stage.fd.as_fd(), hidden: false };
        maker.leaf(here, at, &node, &mut vec![0; BLOCK])?;
        let done: Unpacked = maker.tally.into();
        // A device that was left out leaves what is there.
        if done.skipped_devices == 0 {
            stage.exchange(at.name, parent.as_fd()).map_err(self.root.io("put", path))?;
        }
        Ok(done)
    }

    /// Hides what a path is below, and takes away what it is here. Where all below is hidden already, nothing is left.
    /// A directory that is in this layer alone needs no whiteouts, and the kernel would list them: that is for
    /// [`remove`](Self::remove).
    ///
    /// # Errors
    /// The system refuses.
    pub fn whiteout(&self, path: &[u8]) -> Result<(), RootfsError> {
        self.check(path)?;
        let at = Spot::of(path);
        let parent = self.directory(at.directory)?;
        let stage = self.stage(path)?;
        if self.is_hidden(at.directory)? {
            return self.remove(path).map(drop);
        }
        let here = Parent { fd: stage.fd.as_fd(), hidden: false };
        self.marks.whiteout(here, at.name).map_err(self.root.io("make a whiteout of", path))?;
        let made = statat(&stage.fd, at.name, AtFlags::SYMLINK_NOFOLLOW);
        let made = made.map_err(self.root.io("look at", path))?;
        if FileType::from_raw_mode(made.st_mode) == FileType::RegularFile {
            self.marks.tell(parent.as_fd()).map_err(self.root.io("mark", at.directory))?;
        }
        stage.exchange(at.name, parent.as_fd()).map_err(self.root.io("make a whiteout of", path))
    }

    /// Hides all that a directory of this layer holds below.
    ///
    /// # Errors
    /// There is no such directory, or the system refuses.
    pub fn make_opaque(&self, path: &[u8]) -> Result<(), RootfsError> {
        self.check(path)?;
        let directory = self.directory(path)?;
        self.marks.make_opaque(directory.as_fd()).map_err(self.root.io("make opaque", path))
    }

    /// Takes away what a path is in this layer, so that it is again what it is below. Says whether there was anything.
    ///
    /// # Errors
    /// The system refuses.
    pub fn remove(&self, path: &[u8]) -> Result<bool, RootfsError> {
        self.check(path)?;
        let at = Spot::of(path);
        let Some(parent) = self.directory_if_any(at.directory)? else { return Ok(false) };
        match unlinkat(&parent, at.name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(Errno::ISDIR) => {
                let stage = self.stage(path)?;
                stage.take(parent.as_fd(), at.name).map_err(self.root.io("remove", path))
            }
            Err(error) => Err(self.root.io("remove", path)(error)),
        }
    }

    /// Whether what stands somewhere hides what the place is below.
    fn hides(&self, parent: BorrowedFd<'_>, at: Spot<'_>) -> Result<bool, RootfsError> {
        let found = match statat(parent, at.name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(false),
            found => found.map_err(self.root.io("look at", &at.path()))?,
        };
        let kind = FileType::from_raw_mode(found.st_mode);
        if kind == FileType::CharacterDevice && found.st_rdev == 0 {
            return Ok(true);
        }
        let xattrs = crate::xattr::all(parent, at.name);
        let mut xattrs = xattrs.map_err(self.root.io("read the extended attributes of", &at.path()))?;
        let said = crate::mark::take(&mut xattrs);
        Ok(said.opaque && kind == FileType::Directory || said.whiteout && kind == FileType::RegularFile)
    }

    /// Whether a directory, or one above it, hides all below.
    fn is_hidden(&self, directory: &[u8]) -> Result<bool, RootfsError> {
        let above = std::iter::once(&b""[..]).chain(path::ancestors(directory));
        for part in above {
            if self.marks.is_opaque(self.directory(part)?.as_fd()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn check(&self, path: &[u8]) -> Result<(), RootfsError> {
        if path.is_empty() || path.split(|byte| *byte == b'/').all(is_name) {
            return Ok(());
        }
        Err(self.root.refused(path, "is no clean path"))
    }

    fn directory(&self, path: &[u8]) -> Result<OwnedFd, RootfsError> {
        let missing = || self.root.io("find", path)(Errno::NOENT);
        self.directory_if_any(path)?.ok_or_else(missing)
    }

    fn directory_if_any(&self, path: &[u8]) -> Result<Option<OwnedFd>, RootfsError> {
        match self.root.open_below(path, OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(fd) => Ok(Some(fd)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) if std::io::Error::from(error).kind() == ErrorKind::NotADirectory => {
                Err(self.root.refused(path, "is no directory in this layer"))
            }
            Err(error) => Err(self.root.io("open", path)(error)),
        }
    }

    fn stage(&self, path: &[u8]) -> Result<Stage<'_>, RootfsError> {
        if path.is_empty() {
            return Err(self.root.refused(path, "is the root of the layer"));
        }
        Stage::new(self.work.fd.as_fd()).map_err(self.work.io("work in", b""))
    }

    fn duplicate(&self, fd: &OwnedFd) -> Result<OwnedFd, RootfsError> {
        fd.try_clone().map_err(self.work.io("work in", b""))
    }

    fn maker<'a>(
        &self,
        root: &'a Root,
        sources: &'a dyn Sources,
        progress: Progress<'a>,
    ) -> Result<Maker<'a>, RootfsError> {
        let stage = Stage::new(self.work.fd.as_fd()).map_err(self.work.io("work in", b""))?;
        let new = New::probe(stage.fd.as_fd()).map_err(self.work.io("work in", b""))?;
        Ok(Maker {
            root,
            sources,
            progress,
            new,
            recorded: self.options.owners.recorded(),
            skip_devices: self.options.skip_devices,
            marks: Some(self.marks),
            tally: Tally::default(),
        })
    }
}

fn keep_times(directory: &OwnedFd, before: &rustix::fs::Stat) -> rustix::io::Result<()> {
    let time = |tv_sec, nanoseconds| Timespec { tv_sec, tv_nsec: i64::try_from(nanoseconds).unwrap_or(0) };
    let last_access = time(before.st_atime, before.st_atime_nsec);
    let last_modification = time(before.st_mtime, before.st_mtime_nsec);
    futimens(directory, &Timestamps { last_access, last_modification })
}

/// Directories have no content.
struct NoContent;

impl Sources for NoContent {
    fn source(&self, _: ply_tree::Source) -> std::io::Result<&dyn ply_tree::ReadAt> {
        Err(ErrorKind::NotFound.into())
    }
}
