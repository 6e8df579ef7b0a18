//! Layers applied to a map of paths, one after the other, as simply as it can be said.

use std::collections::{BTreeMap, HashMap};

use ply_overlay::Origin;
use ply_tree::{Directory, Kind, Last, Metadata, Node, Presence, Tree, find, path, walk};

use crate::notation::print;

/// A filesystem.
pub(crate) type Model = BTreeMap<Vec<u8>, Entry>;

/// What stands at a path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Entry {
    Directory {
        metadata: Metadata,
        /// Whose attributes those are.
        attributes: Origin,
        implied: bool,
        /// All that are one directory here.
        parts: Vec<Origin>,
    },
    Leaf {
        /// The entry that put it here.
        name: Origin,
        /// What it is; of a hard link, what that leads to, if it does.
        file: Option<(Origin, Node)>,
    },
}

impl Entry {
    pub(crate) fn is_by(&self, entry: Origin) -> bool {
        match self {
            Self::Directory { parts, .. } => parts.contains(&entry),
            Self::Leaf { name, .. } => *name == entry,
        }
    }

    pub(crate) fn origin(&self) -> Origin {
        match self {
            Self::Directory { attributes, .. } => *attributes,
            Self::Leaf { name, file } => file.as_ref().map_or(*name, |(origin, _)| *origin),
        }
    }
}

fn is_below(path: &[u8], directory: &[u8]) -> bool {
    directory.is_empty() && !path.is_empty()
        || path.strip_prefix(directory).is_some_and(|rest| rest.starts_with(b"/"))
}

/// Applies a layer: first all it takes away, then all it brings.
pub(crate) fn apply(model: &mut Model, number: usize, layer: &Tree) {
    let below = model.clone();
    let mut steps = vec![(Vec::new(), Tree::ROOT)];
    steps.extend(walk(layer, Tree::ROOT).unwrap().map(|step| step.map(|step| (step.path, step.id)).unwrap()));
    for (path, id) in &steps {
        match layer.get(*id).unwrap().kind {
            Kind::Directory(own) => {
                if !matches!(model.get(path), Some(Entry::Directory { .. })) {
                    model.remove(path);
                }
                if own.opaque {
                    model.retain(|other, _| !is_below(other, path));
                }
            }
            _ => model.retain(|other, _| other != path && !is_below(other, path)),
        }
    }
    for (path, id) in steps {
        let node = layer.get(id).unwrap();
        let own = Origin { layer: number, id };
        let entry = match &node.kind {
            Kind::Whiteout => continue,
            Kind::Directory(said) => {
                let implied = said.presence == Presence::Implied;
                let (known, mut parts) = match model.get(&path).cloned() {
                    Some(Entry::Directory { metadata, attributes, implied: false, parts }) if implied => {
                        (Some((metadata, attributes)), parts)
                    }
                    Some(Entry::Directory { parts, .. }) => (None, parts),
                    Some(Entry::Leaf { .. }) | None => (None, Vec::new()),
                };
                parts.push(own);
                let implied = implied && known.is_none();
                let (metadata, attributes) = known.unwrap_or((node.metadata.clone(), own));
                Entry::Directory { metadata, attributes, implied, parts }
            }
            Kind::LinkBelow { target } => match below.get(&**target) {
                Some(Entry::Leaf { file, .. }) => Entry::Leaf { name: own, file: file.clone() },
                Some(Entry::Directory { .. }) | None => Entry::Leaf { name: own, file: None },
            },
            _ => Entry::Leaf { name: own, file: Some((own, node.clone())) },
        };
        model.insert(path, entry);
    }
}

/// The model's filesystem in the notation; no link in it may be broken.
pub(crate) fn print_model(model: &Model) -> String {
    let mut tree = Tree::new(Directory::default(), Metadata::new(0o755));
    let mut known = HashMap::new();
    for (path, entry) in model {
        let id = match entry {
            Entry::Leaf { file, .. } => {
                let (origin, node) = file.as_ref().unwrap();
                *known.entry(*origin).or_insert_with(|| tree.add(node.clone()))
            }
            Entry::Directory { metadata, .. } if path.is_empty() => {
                tree.get_mut(Tree::ROOT).unwrap().metadata = metadata.clone();
                continue;
            }
            Entry::Directory { metadata, .. } => {
                tree.add(Node::new(Kind::Directory(Directory::default()), metadata.clone()))
            }
        };
        let (before, last) = path::split(path).unwrap();
        let place = find(&tree, before, Last::Keep).unwrap().unwrap().id;
        tree.link(place, last, id);
    }
    print(&tree)
}
