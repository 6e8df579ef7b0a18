use std::collections::{HashMap, HashSet, VecDeque};

use ply_tar::Entry;
use ply_tree::path::{clean, join, printable};
use ply_tree::{Directory, Extent, Kind, Node, NodeId, Presence, TreeView, Walk, walk};

use super::name::{DEEPEST, LONGEST_NAME, OPAQUE, WHITEOUT};
use super::warning::{Notes, Oddity};
use super::{Warning, WriteError};

/// How a tree is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Whether there is an entry `./` where the root has attributes of its own. So unless told: without it they are
    /// lost. `docker export` and `docker commit` write none.
    pub root: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { root: true }
    }
}

/// A member of a tar, and where its content lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its headers: [`ply_tar::header_bytes`] writes them. Where it will lie is not said.
    pub entry: Entry,
    /// Where its `entry.size` bytes lie; what is missing at the end reads as zeros.
    pub extents: Vec<Extent>,
}

/// What the tar of a tree consists of, in order: whatever the tree was made of, the same tree gives the same tar.
///
/// Names are sorted within each directory, a directory stands before what it holds, and the marker of an opaque one right
/// after it, first of what it holds (`layer.md` recommends it, for readers that go by the order). Implied directories
/// have no entry; further names of an inode are hard links to the first.
///
/// # Errors
/// The root of the view cannot be read, or is no directory.
pub fn plan<V: TreeView + ?Sized>(view: &V, options: Options) -> Result<Plan<'_, V>, WriteError> {
    let root = view.root();
    let mut plan = Plan {
        view,
        walk: walk(view, root)?,
        ready: VecDeque::new(),
        firsts: HashMap::new(),
        directories: HashSet::from([root]),
        notes: Notes::default(),
    };
    let node = view.node(root)?;
    let Kind::Directory(directory) = node.kind else { return Err(refused(b"", "the root is no directory")) };
    let shown = Directory {
        presence: if options.root { directory.presence } else { Presence::Implied },
        ..directory
    };
    plan.directory(b"", b"./".to_vec(), &node, shown);
    Ok(plan)
}

/// The iterator [`plan`] gives. After an error it is of no use.
#[allow(missing_debug_implementations, reason = "it holds a view of any kind")]
pub struct Plan<'v, V: ?Sized> {
    view: &'v V,
    walk: Walk<'v, V>,
    /// What comes before the walk goes on.
    ready: VecDeque<Member>,
    /// The first name of each inode that has several.
    firsts: HashMap<NodeId, Vec<u8>>,
    /// Seen directories: in a damaged view one may lie in itself.
    directories: HashSet<NodeId>,
    notes: Notes,
}

impl<V: TreeView + ?Sized> Plan<'_, V> {
    /// What was left out so far.
    pub fn into_warnings(self) -> Vec<Warning> {
        self.notes.into_warnings()
    }

    fn advance(&mut self) -> Result<Option<Member>, WriteError> {
        loop {
            if let Some(member) = self.ready.pop_front() {
                return Ok(Some(member));
            }
            let Some(id) = self.walk.advance()? else { return Ok(None) };
            check_name(&self.walk)?;
            self.node(id)?;
        }
    }

    /// Makes the members that a name comes to ready: one, none or two.
    fn node(&mut self, id: NodeId) -> Result<(), WriteError> {
        let (node, path) = (self.view.node(id)?, self.walk.path().to_vec());
        if let Kind::Directory(directory) = node.kind {
            if !self.directories.insert(id) {
                return Err(refused(&path, "a directory with two names, one of which may lie in itself"));
            }
            let with_slash = [&path, &b"/"[..]].concat();
            self.directory(&path, with_slash, &node, directory);
            return Ok(());
        }
        if node.kind == Kind::Socket {
            self.notes.add(Oddity::Socket, &path);
            return Ok(());
        }
        let first = self.firsts.get(&id);
        let entry = match (&node.kind, first) {
            (Kind::Whiteout, _) => return self.whiteout(&path),
            (_, Some(first)) => Entry::hard_link(path.clone(), first.clone()),
            (Kind::LinkBelow { target }, None) => {
                if target.is_empty() || clean(target) != **target {
                    return Err(refused(&path, "a hard link below whose target is no clean path"));
                }
                Entry::hard_link(path.clone(), target.to_vec())
            }
            (kind, None) => of_kind(kind, path.clone()),
        };
        if first.is_none() && node.links > 1 {
            self.firsts.insert(id, path);
        }
        // Docker sets the owner for each name anew, and with that takes `security.capability` away: so it is said anew.
        let entry =
            if matches!(node.kind, Kind::LinkBelow { .. }) { entry } else { with_attributes(entry, &node) };
        let extents = match &node.kind {
            Kind::File { extents, .. } if entry.kind.has_content() => extents.clone(),
            _ => Vec::new(),
        };
        self.ready.push_back(Member { entry, extents });
        Ok(())
    }

    fn directory(&mut self, path: &[u8], name: Vec<u8>, node: &Node, directory: Directory) {
        if directory.presence == Presence::Explicit {
            self.mark(with_attributes(Entry::directory(name), node));
        }
        if directory.opaque {
            self.mark(Entry::file(join(path, OPAQUE), 0));
        }
    }

    fn whiteout(&mut self, path: &[u8]) -> Result<(), WriteError> {
        let (before, name) = path.split_at(path.len().saturating_sub(self.walk.name().len()));
        self.mark(Entry::file([before, WHITEOUT, name].concat(), 0));
        Ok(())
    }

    fn mark(&mut self, entry: Entry) {
        self.ready.push_back(Member { entry, extents: Vec::new() });
    }
}

impl<V: TreeView + ?Sized> Iterator for Plan<'_, V> {
    type Item = Result<Member, WriteError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

/// What a reader would take for something else.
fn check_name<V: TreeView + ?Sized>(walk: &Walk<'_, V>) -> Result<(), WriteError> {
    let name = walk.name();
    let why = if matches!(name, b"" | b"." | b"..") || name.iter().any(|byte| matches!(byte, b'/' | 0)) {
        "it is no name of a file"
    } else if name.starts_with(WHITEOUT) {
        "in a layer, names that begin with `.wh.` are whiteouts"
    } else if name.len() > LONGEST_NAME {
        "its name is over 255 bytes"
    } else if walk.depth() > DEEPEST {
        "its path has over 4096 names"
    } else {
        return Ok(());
    };
    Err(refused(walk.path(), why))
}

/// The entry of what is neither directory, hard link nor mark.
fn of_kind(kind: &Kind, path: Vec<u8>) -> Entry {
    use ply_tar::Kind as Tar;
    let device = |kind, device: &ply_tree::Device| (kind, Some((device.major, device.minor)));
    let (kind, device) = match kind {
        Kind::File { size, .. } => return Entry::file(path, *size),
        Kind::Symlink { target } => return Entry::symlink(path, target.to_vec()),
        Kind::CharDevice(numbers) => device(Tar::CharDevice, numbers),
        Kind::BlockDevice(numbers) => device(Tar::BlockDevice, numbers),
        Kind::Fifo => (Tar::Fifo, None),
        Kind::Directory(_) => (Tar::Directory, None),
        Kind::Socket | Kind::Whiteout | Kind::LinkBelow { .. } => return Entry::file(path, 0),
    };
    Entry { device, ..Entry::new(kind, path) }
}

fn with_attributes(entry: Entry, node: &Node) -> Entry {
    let metadata = &node.metadata;
    Entry {
        mode: u32::from(metadata.mode),
        uid: metadata.uid.into(),
        gid: metadata.gid.into(),
        mtime: ply_tar::Time { seconds: metadata.mtime.seconds, nanoseconds: metadata.mtime.nanoseconds },
        xattrs: metadata.xattrs.iter().map(|xattr| (xattr.name.to_vec(), xattr.value.to_vec())).collect(),
        ..entry
    }
}

fn refused(path: &[u8], why: &'static str) -> WriteError {
    WriteError::Refused { entry: printable(path), why }
}
