use ply_tree::{Directory, Kind, Metadata, Node, NodeId, Presence, Tree, TreeView, path};

use crate::numbers::Numbers;
use crate::pairs::{Pair, Pairs, Side};
use crate::{Differences, OverlayError};

/// The layer that makes one tree of another: `merge([lower, changeset]) == upper`. Its extents are those of `upper`, in
/// its sources.
///
/// It asks nothing of whoever applies it that only some engines do. Each directory above a change has an entry of its own,
/// since engines give one without the mode 0755; there are no links to layers below: of a file whose attributes, content or
/// names changed all names are in it.
///
/// Both must be root filesystems. `same_content` is as for [`difference`](crate::difference()).
///
/// # Errors
/// A tree cannot be read (`lower` is layer 0, `upper` layer 1); `same_content` failed.
pub fn changeset<E: From<OverlayError>>(
    lower: &dyn TreeView,
    upper: &dyn TreeView,
    mut same_content: impl FnMut(&Node, &Node) -> Result<bool, E>,
) -> Result<Tree, E> {
    let links = Links::between(lower, upper)?;
    let mut layer = Layer::new(upper)?;
    let mut pairs = Pairs::new(lower, upper);
    while let Some(Pair { path, depth, before, after }) = pairs.next()? {
        layer.above.truncate(depth);
        let name = path::split(&path).map_or(&path[..], |(_, name)| name);
        match (before, after) {
            (_, None) => {
                layer.put(name, Node::new(Kind::Whiteout, Metadata::new(0)));
                pairs.pass_over();
            }
            (before, Some(new)) if new.node.is_directory() => {
                let old = before.filter(|old| old.node.is_directory());
                let same = old.is_some_and(|old| old.node.metadata == new.node.metadata);
                layer.directory(name, new, !same, depth);
            }
            (before, Some(new)) => {
                pairs.pass_over();
                if let Some(changed) = layer.changed.get(&new.id) {
                    if *changed {
                        layer.leaf(name, new);
                    }
                    continue;
                }
                let old = before.filter(|old| links.are_the_same_names(old.id, new.id));
                let changed = match old {
                    Some(old) => {
                        Differences::of(&old.node, &new.node, || same_content(&old.node, &new.node))?.any()
                    }
                    None => true,
                };
                layer.changed.insert(new.id, changed);
                if changed {
                    layer.leaf(name, new);
                }
            }
        }
    }
    Ok(layer.tree)
}

/// The layer as it grows.
struct Layer {
    tree: Tree,
    above: Vec<Above>,
    /// Of each file of the upper tree, whether it differs from the lower one.
    changed: Numbers<NodeId, bool>,
    /// Files that are in the layer, by their number in the upper tree.
    files: Numbers<NodeId, NodeId>,
}

/// A directory on the way: in the layer, or fit to be put there.
struct Above {
    id: Option<NodeId>,
    name: Vec<u8>,
    metadata: Metadata,
}

impl Layer {
    fn new(upper: &dyn TreeView) -> Result<Self, OverlayError> {
        let root = upper.node(upper.root()).map_err(|source| OverlayError::Layer { layer: 1, source })?;
        let implied = Directory { presence: Presence::Implied, opaque: false };
        let tree = Tree::new(implied, root.metadata.clone());
        Ok(Self { tree, above: Vec::new(), changed: Numbers::default(), files: Numbers::default() })
    }

    /// The directory that the next name goes to, made with all above it where they are not there yet.
    fn here(&mut self) -> NodeId {
        let mut here = Tree::ROOT;
        for above in &mut self.above {
            here = match above.id {
                Some(id) => id,
                None => {
                    let kind = Kind::Directory(Directory::default());
                    let id = self.tree.add(Node::new(kind, above.metadata.clone()));
                    self.tree.link(here, &above.name, id);
                    *above.id.insert(id)
                }
            };
        }
        here
    }

    fn put(&mut self, name: &[u8], node: Node) -> NodeId {
        let here = self.here();
        let id = self.tree.add(node);
        self.tree.link(here, name, id);
        id
    }

    fn directory(&mut self, name: &[u8], new: Side<'_>, changed: bool, depth: usize) {
        let id = if depth == 0 {
            if let Some(root) = self.tree.get_mut(Tree::ROOT).filter(|_| changed) {
                root.kind = Kind::Directory(Directory::default());
            }
            Some(Tree::ROOT)
        } else {
            changed.then(|| {
                let kind = Kind::Directory(Directory::default());
                self.put(name, Node::new(kind, new.node.metadata.clone()))
            })
        };
        self.above.push(Above { id, name: name.to_vec(), metadata: new.node.into_owned().metadata });
    }

    fn leaf(&mut self, name: &[u8], new: Side<'_>) {
        match self.files.get(&new.id).copied() {
            Some(id) => {
                let here = self.here();
                self.tree.link(here, name, id);
            }
            None => {
                let id = self.put(name, new.node.into_owned());
                self.files.insert(new.id, id);
            }
        }
    }
}

/// Which files of two trees have names in common.
struct Links {
    lower: Numbers<NodeId, Partner>,
    upper: Numbers<NodeId, Partner>,
}

/// What the other tree has at a file's names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Partner {
    /// The same at all of them, if that is no directory.
    One(NodeId),
    /// Nothing at some, or not the same at all.
    No,
}

impl Links {
    fn between(lower: &dyn TreeView, upper: &dyn TreeView) -> Result<Self, OverlayError> {
        let mut links = Self { lower: Numbers::default(), upper: Numbers::default() };
        let mut pairs = Pairs::new(lower, upper);
        while let Some(pair) = pairs.next()? {
            let [before, after] = [&pair.before, &pair.after]
                .map(|side| side.as_ref().filter(|side| !side.node.is_directory()).map(|side| side.id));
            note(&mut links.lower, before, after);
            note(&mut links.upper, after, before);
        }
        Ok(links)
    }

    fn are_the_same_names(&self, lower: NodeId, upper: NodeId) -> bool {
        self.lower.get(&lower) == Some(&Partner::One(upper))
            && self.upper.get(&upper) == Some(&Partner::One(lower))
    }
}

fn note(partners: &mut Numbers<NodeId, Partner>, own: Option<NodeId>, other: Option<NodeId>) {
    let Some(own) = own else { return };
    let now = other.map_or(Partner::No, Partner::One);
    let known = partners.entry(own).or_insert(now);
    if *known != now {
        *known = Partner::No;
    }
}
