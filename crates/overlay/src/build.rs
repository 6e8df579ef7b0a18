//! A tree in memory out of a union: what `merge` and `squash` have in common.

use std::borrow::Cow;

use ply_tree::{Directory, Kind, Metadata, Node, NodeId, Presence, Tree, path};

use crate::numbers::Numbers;
use crate::union::{Dir, Seen, Union};
use crate::{Origin, OverlayError, SourceMap};

/// Writes a union down; gives where each inode comes from as well, by number. Over nothing that is a root filesystem;
/// over what is not known, a changeset.
pub(crate) fn build(union: &Union<'_>, sources: &SourceMap<'_>) -> Result<(Tree, Vec<Origin>), OverlayError> {
    let root = union.root(union.len())?;
    let mut builder = Builder {
        union,
        sources,
        tree: Tree::new(itself(&root, union.is_whole()), attributes(union, &root)?),
        origins: root.attributes.into_iter().collect(),
        leaves: Numbers::default(),
    };
    let mut open = vec![Open { dir: root, id: Tree::ROOT, path: Vec::new() }];
    // Nothing calls itself: a tree is as deep as memory lets it.
    while let Some(here) = open.pop() {
        let first = open.len();
        builder.fill(&here, &mut open)?;
        open.get_mut(first..).unwrap_or_default().reverse();
    }
    Ok((builder.tree, builder.origins))
}

/// A directory whose entries are still to be written down.
struct Open {
    dir: Dir,
    id: NodeId,
    path: Vec<u8>,
}

struct Builder<'b, 'a> {
    union: &'b Union<'a>,
    sources: &'b SourceMap<'b>,
    tree: Tree,
    origins: Vec<Origin>,
    /// Inodes that may have more names. Whether they do only the end tells: a link of a layer above is not counted in
    /// the layer that has the file.
    leaves: Numbers<Origin, NodeId>,
}

impl<'a> Builder<'_, 'a> {
    fn fill(&mut self, here: &Open, open: &mut Vec<Open>) -> Result<(), OverlayError> {
        let mut join = self.union.join(here.dir.parts.iter().copied())?;
        let (mut versions, mut names) = (Vec::new(), Vec::new());
        while let Some(name) = join.next(&mut versions)? {
            let id = match self.union.judge(here.dir.closed, versions.drain(..).map(Ok))? {
                Seen::Nothing | Seen::Hidden => continue,
                Seen::Whiteout(_) if here.dir.closed => continue,
                Seen::Whiteout(at) => self.add(at, Node::new(Kind::Whiteout, Metadata::new(0))),
                Seen::Leaf(at, node) => self.leaf(at, node, || path::join(&here.path, &name))?,
                Seen::Directory(dir) => {
                    let Some(&top) = dir.parts.first() else { continue };
                    let kind = Kind::Directory(itself(&dir, here.dir.closed));
                    let node = Node::new(kind, attributes(self.union, &dir)?);
                    let id = self.add(dir.attributes.unwrap_or(top), node);
                    open.push(Open { dir, id, path: path::join(&here.path, &name) });
                    id
                }
            };
            names.push(((*name).into(), id));
        }
        self.tree.fill(here.id, names);
        Ok(())
    }

    fn add(&mut self, origin: Origin, node: Node) -> NodeId {
        self.origins.push(origin);
        self.tree.add(node)
    }

    fn leaf(
        &mut self,
        at: Origin,
        node: Cow<'a, Node>,
        entry: impl FnOnce() -> Vec<u8>,
    ) -> Result<NodeId, OverlayError> {
        let (origin, node) = self.union.follow(at, node, entry)?;
        if let Some(id) = self.leaves.get(&origin) {
            return Ok(*id);
        }
        let id = self.add(origin, renumber(node, origin.layer, self.sources).into_owned());
        self.leaves.insert(origin, id);
        Ok(id)
    }
}

/// What a directory of the union says of itself, in one that is closed or not.
fn itself(dir: &Dir, inside_closed: bool) -> Directory {
    let presence = if dir.settled { Presence::Explicit } else { Presence::Implied };
    Directory { presence, opaque: dir.closed && !inside_closed }
}

/// A directory's attributes; the root's over no layers are what any root has.
pub(crate) fn attributes(union: &Union<'_>, dir: &Dir) -> Result<Metadata, OverlayError> {
    Ok(match dir.attributes {
        Some(origin) => union.node(origin)?.metadata.clone(),
        None => Metadata::new(0o755),
    })
}

/// An inode of a layer with the numbers of its sources changed; it is copied only where they do change.
pub(crate) fn renumber<'n>(node: Cow<'n, Node>, layer: usize, sources: &SourceMap<'_>) -> Cow<'n, Node> {
    if node.kind.data().all(|extent| sources(layer, extent.source) == extent.source) {
        return node;
    }
    let mut node = node.into_owned();
    for extent in node.kind.data_mut() {
        extent.source = sources(layer, extent.source);
    }
    Cow::Owned(node)
}
