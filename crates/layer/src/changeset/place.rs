//! The tree on its way: directories made as they are needed, and what each new name does to what stood there before.

use ply_tree::{Directory, Kind, Metadata, Node, NodeId, Presence, Tree};

use super::trail::Trail;

/// In place of an offset, of a directory in which only whiteouts are: where no layer below has it, it is not there.
const NEVER: u64 = u64::MAX;

/// What wants a directory to be there.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cause {
    /// Something that lies in it, whose header is at this offset.
    Entry(u64),
    /// Something that hides what layers below have in it.
    Whiteout,
}

#[derive(Debug)]
pub(super) struct Draft {
    pub(super) tree: Tree,
    /// Of each inode, where the header stands whose attributes it has; of an implied directory, that of the first entry
    /// in it, or [`NEVER`].
    since: Vec<u64>,
    /// Names that have a whiteout and something else too. What they come to shows at the end.
    contested: Vec<(NodeId, Box<[u8]>)>,
    /// Directories that were implied so far, those that are gone too.
    implied: u64,
    /// Holds what aufs left behind; no name points to it.
    shadow: Option<NodeId>,
    trail: Trail,
}

impl Draft {
    pub(super) fn new() -> Self {
        Self {
            tree: Tree::new(implied(), Metadata::new(0o755)),
            since: vec![0],
            contested: Vec::new(),
            implied: 0,
            shadow: None,
            trail: Trail::default(),
        }
    }

    /// How many directories were implied so far.
    pub(super) const fn implied(&self) -> u64 {
        self.implied
    }

    /// An inode without a name yet.
    pub(super) fn add(&mut self, kind: Kind, metadata: Metadata, at: u64) -> NodeId {
        self.since.push(at);
        self.tree.add(Node::new(kind, metadata))
    }

    /// Where the header stands whose attributes an inode has.
    pub(super) fn since(&self, id: NodeId) -> u64 {
        usize::try_from(id.0).ok().and_then(|id| self.since.get(id)).copied().unwrap_or(NEVER)
    }

    fn set_since(&mut self, id: NodeId, at: u64) {
        if let Some(since) = usize::try_from(id.0).ok().and_then(|id| self.since.get_mut(id)) {
            *since = at;
        }
    }

    /// Gives an inode the attributes of another header; its extended ones stay.
    pub(super) fn set_attributes(&mut self, id: NodeId, metadata: &Metadata, at: u64) {
        let Some(node) = self.tree.get_mut(id) else { return };
        let xattrs = std::mem::take(&mut node.metadata.xattrs);
        let mode = if matches!(node.kind, Kind::Symlink { .. }) { 0o777 } else { metadata.mode };
        node.metadata = Metadata { mode, xattrs, ..*metadata };
        self.set_since(id, at);
    }

    fn is_directory(&self, id: NodeId) -> bool {
        self.tree.get(id).is_some_and(Node::is_directory)
    }

    /// Where aufs's left-overs go.
    pub(super) fn shadow(&mut self) -> NodeId {
        match self.shadow {
            Some(shadow) => shadow,
            None => {
                let shadow = self.add(Kind::Directory(implied()), Metadata::new(0o755), 0);
                *self.shadow.insert(shadow)
            }
        }
    }

    /// The directory at a path below `root`, made where there is none. What is no directory and stands in the way gives
    /// way to an entry, since nothing is ever looked up or written through a link; a whiteout below it hides nothing:
    /// `None`.
    pub(super) fn directory(&mut self, root: NodeId, path: &[&[u8]], cause: Cause) -> Option<NodeId> {
        self.trail.start(root);
        let mut here = root;
        for (depth, name) in path.iter().enumerate() {
            here = match self.trail.find(depth, name) {
                Some(id) => id,
                None => {
                    let id = self.step(here, name, cause)?;
                    self.trail.go(depth, name, id);
                    id
                }
            };
            if let (Cause::Entry(at), NEVER) = (cause, self.since(here)) {
                self.set_since(here, at);
            }
        }
        Some(here)
    }

    fn step(&mut self, directory: NodeId, name: &[u8], cause: Cause) -> Option<NodeId> {
        match (self.tree.child(directory, name), cause) {
            (Some(id), _) if self.is_directory(id) => return Some(id),
            (Some(_), Cause::Whiteout) => return None,
            (Some(_), Cause::Entry(_)) | (None, _) => {}
        }
        let id = self.add(Kind::Directory(implied()), Metadata::new(0o755), NEVER);
        self.implied = self.implied.saturating_add(1);
        self.put(directory, name, id);
        Some(id)
    }

    /// Points a name at an inode. What it was before is gone, and all that lay in it.
    pub(super) fn put(&mut self, directory: NodeId, name: &[u8], id: NodeId) {
        let Some(before) = self.tree.link(directory, name, id) else { return };
        match self.tree.get(before).map(|node| &node.kind) {
            Some(Kind::Whiteout) => self.contested.push((directory, name.into())),
            Some(Kind::Directory(_)) => self.empty(before),
            _ => {}
        }
    }

    /// An entry of a directory: holds over what was implied or said before, and keeps what lies in it.
    pub(super) fn put_directory(&mut self, directory: NodeId, name: &[u8], metadata: Metadata, at: u64) {
        match self.tree.child(directory, name).filter(|id| self.is_directory(*id)) {
            Some(id) => self.say(id, metadata, at),
            None => {
                let id = self.add(Kind::Directory(Directory::default()), metadata, at);
                self.put(directory, name, id);
            }
        }
    }

    /// Makes a directory explicit.
    pub(super) fn say(&mut self, id: NodeId, metadata: Metadata, at: u64) {
        if let Some(node) = self.tree.get_mut(id)
            && let Kind::Directory(directory) = &mut node.kind
        {
            directory.presence = Presence::Explicit;
            node.metadata = metadata;
            self.set_since(id, at);
        }
    }

    pub(super) fn make_opaque(&mut self, id: NodeId) {
        if let Some(Node { kind: Kind::Directory(directory), .. }) = self.tree.get_mut(id) {
            directory.opaque = true;
        }
    }

    /// A file beside its own whiteout stays (`layer.md`: whiteouts "MUST only apply to resources in lower/parent
    /// layers"), whichever of them comes first.
    pub(super) fn whiteout(&mut self, path: &[&[u8]], name: &[u8]) {
        let Some(directory) = self.directory(Tree::ROOT, path, Cause::Whiteout) else { return };
        let Some(before) = self.tree.child(directory, name) else {
            let id = self.add(Kind::Whiteout, Metadata::new(0), NEVER);
            self.put(directory, name, id);
            return;
        };
        if self.tree.get(before).is_some_and(|node| node.kind != Kind::Whiteout) {
            self.contested.push((directory, name.into()));
        }
    }

    /// A directory beside its own whiteout has nothing to do with the one below it: neither content nor attributes. One
    /// in which only whiteouts are is none: umoci writes `.wh.d` and `d/.wh.f` for a directory that is gone.
    pub(super) fn settle_whiteouts(&mut self) {
        for (directory, name) in std::mem::take(&mut self.contested) {
            let Some(id) = self.tree.child(directory, &name).filter(|id| self.is_directory(*id)) else {
                continue;
            };
            if self.since(id) == NEVER {
                let whiteout = self.add(Kind::Whiteout, Metadata::new(0), NEVER);
                self.put(directory, &name, whiteout);
            } else if let Some(Node { kind: Kind::Directory(directory), .. }) = self.tree.get_mut(id) {
                *directory = Directory { presence: Presence::Explicit, opaque: true };
            }
        }
    }

    /// What a path leads to; never through a link.
    pub(super) fn find(&self, root: NodeId, path: &[&[u8]]) -> Option<NodeId> {
        path.iter().try_fold(root, |here, name| self.tree.child(here, name))
    }

    /// Forgets what aufs left behind; what has other names too stays with those.
    pub(super) fn drop_shadow(&mut self) {
        if let Some(shadow) = self.shadow.take() {
            self.empty(shadow);
        }
    }

    /// Takes all names below a directory away, so that links are counted right. Each goes once, so this costs no more
    /// than making them did.
    fn empty(&mut self, directory: NodeId) {
        self.trail.forget();
        let mut open = vec![directory];
        while let Some(directory) = open.pop() {
            let below = self.tree.children(directory).map(|(_, id)| id);
            open.extend(below.filter(|id| self.is_directory(*id)));
            self.tree.clear(directory);
        }
    }
}

const fn implied() -> Directory {
    Directory { presence: Presence::Implied, opaque: false }
}
