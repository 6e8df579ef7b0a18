use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::{Directory, Kind, Metadata, Node, NodeId, TreeError, TreeView};

/// A tree in memory: inodes by number, and the names that point to them.
///
/// The root is a directory and stays one. Names in a directory are sorted by their bytes.
#[derive(Debug, Clone)]
pub struct Tree {
    inodes: Vec<Inode>,
}

#[derive(Debug, Clone)]
struct Inode {
    node: Node,
    /// Only of directories that hold anything.
    entries: Option<Box<Entries>>,
}

type Entries = BTreeMap<Box<[u8]>, NodeId>;

impl Tree {
    /// A tree of nothing but a root.
    #[must_use]
    pub fn new(directory: Directory, metadata: Metadata) -> Self {
        let root = Node { metadata, kind: Kind::Directory(directory), links: 1 };
        Self { inodes: vec![Inode { node: root, entries: None }] }
    }

    /// The root's number.
    pub const ROOT: NodeId = NodeId(0);

    fn inode(&self, id: NodeId) -> Option<&Inode> {
        self.inodes.get(usize::try_from(id.0).ok()?)
    }

    fn inode_mut(&mut self, id: NodeId) -> Option<&mut Inode> {
        self.inodes.get_mut(usize::try_from(id.0).ok()?)
    }

    /// How many inodes there are, those that lost their last name among them; numbers run from 0 to here.
    #[must_use]
    pub fn inodes(&self) -> usize {
        self.inodes.len()
    }

    /// Adds an inode that no name points to yet.
    pub fn add(&mut self, node: Node) -> NodeId {
        let id = NodeId(self.inodes.len() as u64);
        self.inodes.push(Inode { node: Node { links: 0, ..node }, entries: None });
        id
    }

    /// Points a name in a directory at an inode, and gives back what it pointed at before. Does nothing where
    /// `directory` is none.
    ///
    /// A directory has one name: whoever links one a second time makes something that is no tree.
    pub fn link(&mut self, directory: NodeId, name: &[u8], to: NodeId) -> Option<NodeId> {
        let place = self.inode_mut(directory).filter(|inode| inode.node.is_directory())?;
        let before = place.entries.get_or_insert_default().insert(name.into(), to);
        self.count(to, 1);
        self.uncount(before)
    }

    /// Points many names in a directory at inodes, instead of all that it held. Does nothing where `directory` is none.
    /// Quicker than [`link`](Self::link) for each, since no place is searched, and quickest with sorted names; of equal
    /// ones the last holds.
    pub fn fill(&mut self, directory: NodeId, names: impl IntoIterator<Item = (Box<[u8]>, NodeId)>) {
        if !self.inode(directory).is_some_and(|inode| inode.node.is_directory()) {
            return;
        }
        self.clear(directory);
        let entries: Entries = names.into_iter().collect();
        for id in entries.values() {
            self.count(*id, 1);
        }
        if let Some(place) = self.inode_mut(directory).filter(|_| !entries.is_empty()) {
            place.entries = Some(Box::new(entries));
        }
    }

    /// Takes a name away; gives back what it pointed at. What lies below stays with it.
    pub fn unlink(&mut self, directory: NodeId, name: &[u8]) -> Option<NodeId> {
        let gone = self.inode_mut(directory)?.entries.as_mut()?.remove(name);
        self.uncount(gone)
    }

    /// Takes all names in a directory away.
    pub fn clear(&mut self, directory: NodeId) {
        let entries = self.inode_mut(directory).and_then(|inode| inode.entries.take());
        for id in entries.into_iter().flat_map(|entries| entries.into_values()) {
            self.uncount(Some(id));
        }
    }

    fn count(&mut self, id: NodeId, by: u32) {
        if let Some(inode) = self.inode_mut(id) {
            inode.node.links = inode.node.links.saturating_add(by);
        }
    }

    fn uncount(&mut self, id: Option<NodeId>) -> Option<NodeId> {
        if let Some(inode) = id.and_then(|id| self.inode_mut(id)) {
            inode.node.links = inode.node.links.saturating_sub(1);
        }
        id
    }

    /// An inode.
    #[must_use]
    pub fn get(&self, id: NodeId) -> Option<&Node> {
        self.inode(id).map(|inode| &inode.node)
    }

    /// An inode, to be changed. A directory must stay one while names stand in it.
    pub fn get_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.inode_mut(id).map(|inode| &mut inode.node)
    }

    /// What a name in a directory points at.
    #[must_use]
    pub fn child(&self, directory: NodeId, name: &[u8]) -> Option<NodeId> {
        self.inode(directory)?.entries.as_ref()?.get(name).copied()
    }

    /// The names in a directory and what they point at, sorted.
    pub fn children(&self, directory: NodeId) -> impl Iterator<Item = (&[u8], NodeId)> {
        let entries = self.inode(directory).and_then(|inode| inode.entries.as_ref());
        entries.into_iter().flat_map(|entries| entries.iter()).map(|(name, id)| (&**name, *id))
    }
}

impl TreeView for Tree {
    fn root(&self) -> NodeId {
        Self::ROOT
    }

    fn node(&self, id: NodeId) -> Result<Cow<'_, Node>, TreeError> {
        self.get(id).map(Cow::Borrowed).ok_or_else(|| no_such(id))
    }

    fn lookup(&self, directory: NodeId, name: &[u8]) -> Result<Option<NodeId>, TreeError> {
        Ok(self.child(directory, name))
    }

    fn entries(&self, directory: NodeId) -> Result<crate::view::Entries<'_>, TreeError> {
        Ok(Box::new(self.children(directory).map(|(name, id)| Ok((Cow::Borrowed(name), id)))))
    }
}

fn no_such(id: NodeId) -> TreeError {
    TreeError::View { what: format!("inode {}", id.0), source: "there is none of this number".into() }
}
