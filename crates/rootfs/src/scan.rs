//! A directory on disk as a tree.

mod files;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use ply_tree::{
    Device, Directory, Extent, Kind, Metadata, Node, NodeId, Presence, Source, Time, Tree, Xattr,
};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{AtFlags, FileType, OFlags, SeekFrom, Stat, fstat, major, minor, readlinkat, seek, statat};
use rustix::io::Errno;

use crate::list::list;
use crate::make::Spot;
use crate::mark::{self, Said};
use crate::root::{Root, is_name};
use crate::way::Way;
use crate::{Owners, RootfsError, owner, xattr};
pub use files::Files;

/// How a directory is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scan {
    /// What it is.
    pub style: Style,
    /// How owners stand in it.
    pub owners: Owners,
}

/// What a directory is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Style {
    /// What it shows.
    #[default]
    Plain,
    /// A changeset, as the kernel's overlayfs writes one: whiteouts and opaque directories are seen as such, and the
    /// overlay's other notes are not seen. Of a mount with `redirect_dir=off,metacopy=off`, or none.
    Upper,
}

/// Reads a directory: its tree, and where the content of its files lies. No link is followed, no file opened that is not
/// sparse.
///
/// # Errors
/// [`RootfsError::Io`] where something cannot be read; [`RootfsError::Refused`] for an upper that has names or content
/// elsewhere.
pub fn scan(directory: &Path, how: &Scan) -> Result<(Tree, Files), RootfsError> {
    let mut scanner = Scanner::new(directory, how)?;
    scanner.below(vec![(Tree::ROOT, Vec::new())])?;
    Ok((scanner.tree, scanner.files))
}

/// The same of one name in a directory, which becomes the only one in the root of the tree: a file alone, a link, a
/// directory with all it holds.
///
/// # Errors
/// As [`scan`], and where there is no such name.
pub fn scan_name(directory: &Path, name: &[u8], how: &Scan) -> Result<(Tree, Files), RootfsError> {
    let mut scanner = Scanner::new(directory, how)?;
    let at = Spot { directory: b"", name };
    if !is_name(name) {
        return Err(scanner.files.root().refused(name, "is no name"));
    }
    let fd =
        scanner.files.root().fd.try_clone().map_err(|error| scanner.files.root().io("open", b"")(error))?;
    let found = statat(&fd, name, AtFlags::SYMLINK_NOFOLLOW).map_err(scanner.io("look at", at))?;
    let id = scanner.entry(Tree::ROOT, fd.as_fd(), at, &found)?;
    scanner.tree.link(Tree::ROOT, name, id);
    if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
        scanner.below(vec![(id, name.to_vec())])?;
    }
    Ok((scanner.tree, scanner.files))
}

struct Scanner {
    style: Style,
    recorded: bool,
    files: Files,
    tree: Tree,
    way: Way,
    /// Files that have other names, by device and inode.
    linked: HashMap<(u64, u64), NodeId>,
    /// Directories in which files may be whiteouts by attribute.
    marked: HashSet<NodeId>,
}

impl Scanner {
    /// Knows the root, and nothing in it.
    fn new(directory: &Path, how: &Scan) -> Result<Self, RootfsError> {
        let root = Root::open(directory)?;
        let mut scanner = Self {
            style: how.style,
            recorded: how.owners.recorded(),
            files: Files::new(root),
            tree: Tree::new(Directory::default(), Metadata::new(0o755)),
            way: Way::default(),
            linked: HashMap::new(),
            marked: HashSet::new(),
        };
        scanner.root()?;
        Ok(scanner)
    }

    /// Adds all that lies below these directories.
    fn below(&mut self, mut waiting: Vec<(NodeId, Vec<u8>)>) -> Result<(), RootfsError> {
        while let Some((id, path)) = waiting.pop() {
            let mut below = self.directory(id, &path)?;
            below.reverse();
            waiting.extend(below);
        }
        Ok(())
    }

    fn io<'s>(&'s self, doing: &'static str, at: Spot<'s>) -> impl FnOnce(Errno) -> RootfsError + 's {
        move |error| self.files.root().io(doing, &at.path())(error)
    }

    fn root(&mut self) -> Result<(), RootfsError> {
        let at = Spot { directory: b"", name: b"" };
        let found = fstat(&self.files.root().fd).map_err(self.io("look at", at))?;
        let (metadata, said) = self.metadata(self.files.root().fd.as_fd(), at, &found)?;
        let kind = self.kind_of_directory(at, &said)?;
        if let Some(node) = self.tree.get_mut(Tree::ROOT) {
            (node.metadata, node.kind) = (metadata, kind);
        }
        self.note(Tree::ROOT, &said);
        Ok(())
    }

    /// Adds what a directory holds; gives those of its entries that are directories.
    fn directory(&mut self, id: NodeId, path: &[u8]) -> Result<Vec<(NodeId, Vec<u8>)>, RootfsError> {
        let here = Spot::of(path);
        let fd = self.way.open(self.files.root(), path).map_err(self.io("open", here))?;
        let mut below = Vec::new();
        for named in list(fd.as_fd()).map_err(self.io("read", here))? {
            let at = Spot { directory: path, name: &named.name };
            let found =
                statat(&fd, &*named.name, AtFlags::SYMLINK_NOFOLLOW).map_err(self.io("look at", at))?;
            let child = self.entry(id, fd.as_fd(), at, &found)?;
            self.tree.link(id, &named.name, child);
            if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
                below.push((child, at.path()));
            }
        }
        Ok(below)
    }

    fn entry(
        &mut self,
        above: NodeId,
        directory: BorrowedFd<'_>,
        at: Spot<'_>,
        found: &Stat,
    ) -> Result<NodeId, RootfsError> {
        let upper = self.style == Style::Upper;
        let kind = FileType::from_raw_mode(found.st_mode);
        // The kernel makes one whiteout and links it: that it has other names means nothing.
        if upper && kind == FileType::CharacterDevice && found.st_rdev == 0 {
            return Ok(self.tree.add(Node::new(Kind::Whiteout, Metadata::new(0))));
        }
        let place = (found.st_dev, found.st_ino);
        let several = found.st_nlink > 1 && kind != FileType::Directory;
        if several && let Some(id) = self.linked.get(&place) {
            return Ok(*id);
        }
        let (metadata, said) = self.metadata(directory, at, found)?;
        if said.whiteout
            && kind == FileType::RegularFile
            && found.st_size == 0
            && self.marked.contains(&above)
        {
            return Ok(self.tree.add(Node::new(Kind::Whiteout, Metadata::new(0))));
        }
        let device = || Device { major: major(found.st_rdev), minor: minor(found.st_rdev) };
        let kind = match kind {
            FileType::Directory => self.kind_of_directory(at, &said)?,
            FileType::RegularFile if said.elsewhere => {
                return Err(self.elsewhere(at));
            }
            FileType::RegularFile => self.file(directory, at, found)?,
            FileType::Symlink => {
                let target =
                    readlinkat(directory, at.name, Vec::new()).map_err(self.io("read the link", at))?;
                Kind::Symlink { target: target.to_bytes().into() }
            }
            FileType::CharacterDevice => Kind::CharDevice(device()),
            FileType::BlockDevice => Kind::BlockDevice(device()),
            FileType::Fifo => Kind::Fifo,
            FileType::Socket => Kind::Socket,
            FileType::Unknown => {
                return Err(self.files.root().refused(&at.path(), "is of no kind known here"));
            }
        };
        let id = self.tree.add(Node::new(kind, metadata));
        self.note(id, &said);
        if several {
            self.linked.insert(place, id);
        }
        Ok(id)
    }

    fn kind_of_directory(&self, at: Spot<'_>, said: &Said) -> Result<Kind, RootfsError> {
        if said.elsewhere {
            return Err(self.elsewhere(at));
        }
        Ok(Kind::Directory(Directory { presence: Presence::Explicit, opaque: said.opaque }))
    }

    fn elsewhere(&self, at: Spot<'_>) -> RootfsError {
        let why = "has its name or content in a layer below (redirect_dir or metacopy was on)";
        self.files.root().refused(&at.path(), why)
    }

    fn note(&mut self, id: NodeId, said: &Said) {
        if said.whiteouts {
            self.marked.insert(id);
        }
    }

    fn file(&mut self, directory: BorrowedFd<'_>, at: Spot<'_>, found: &Stat) -> Result<Kind, RootfsError> {
        let size = u64::try_from(found.st_size).unwrap_or(0);
        let Some(source) = self.files.add(at, found) else {
            return Err(self.files.root().refused(at.directory, "holds more files than can be told apart"));
        };
        let blocks = u64::try_from(found.st_blocks).unwrap_or(0);
        let whole = || if size == 0 { Vec::new() } else { vec![Extent { source, offset: 0, len: size }] };
        let extents = if blocks.saturating_mul(512) < size {
            self.holes(directory, at, source, size)?
        } else {
            whole()
        };
        Ok(Kind::File { size, extents })
    }

    /// Where a sparse file holds data. Small files that a filesystem keeps in the inode look sparse, too.
    fn holes(
        &self,
        directory: BorrowedFd<'_>,
        at: Spot<'_>,
        source: Source,
        size: u64,
    ) -> Result<Vec<Extent>, RootfsError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(directory, at.name, flags, rustix::fs::Mode::empty());
        let file = opened.map_err(self.io("open", at))?;
        let (mut extents, mut end) = (Vec::new(), 0);
        while end < size {
            let begin = match seek(&file, SeekFrom::Data(end)) {
                // Nothing but a hole up to the end.
                Err(Errno::NXIO) => break,
                begin => begin.map_err(self.io("find the holes of", at))?.min(size),
            };
            if begin > end {
                extents.push(Extent { source: Source::HOLE, offset: 0, len: begin.saturating_sub(end) });
            }
            let next =
                seek(&file, SeekFrom::Hole(begin)).map_err(self.io("find the holes of", at))?.min(size);
            // The file changes under our hands where this is no further.
            if next <= begin {
                break;
            }
            extents.push(Extent { source, offset: begin, len: next.saturating_sub(begin) });
            end = next;
        }
        Ok(extents)
    }

    fn metadata(
        &self,
        directory: BorrowedFd<'_>,
        at: Spot<'_>,
        found: &Stat,
    ) -> Result<(Metadata, Said), RootfsError> {
        let mut xattrs =
            xattr::all(directory, at.name).map_err(self.io("read the extended attributes of", at))?;
        let said = match self.style {
            Style::Upper => mark::take(&mut xattrs),
            Style::Plain => Said::default(),
        };
        let (uid, gid) =
            if self.recorded { self.recorded(at, &mut xattrs)? } else { (found.st_uid, found.st_gid) };
        let mode = u16::try_from(found.st_mode & 0o7777).unwrap_or_default();
        let nanoseconds = u32::try_from(found.st_mtime_nsec).unwrap_or_default();
        let mtime = Time { seconds: found.st_mtime, nanoseconds };
        Ok((Metadata { mode, uid, gid, mtime, xattrs }, said))
    }

    /// The owner an attribute tells, which is taken away.
    fn recorded(&self, at: Spot<'_>, xattrs: &mut Vec<Xattr>) -> Result<(u32, u32), RootfsError> {
        let Some(place) = xattrs.iter().position(|xattr| *xattr.name == *owner::ATTRIBUTE) else {
            return Ok((0, 0));
        };
        let value = xattrs.remove(place).value;
        owner::decode(&value)
            .ok_or_else(|| self.files.root().refused(&at.path(), "has an owner recorded that cannot be read"))
    }
}
