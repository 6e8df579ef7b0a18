//! Layers as one line of text. Entries are separated by spaces; parents without an entry are implied.
//!
//! | text | entry |
//! |---|---|
//! | `d/` | a directory |
//! | `d/!` | an opaque marker in it: alone, the directory is only implied; `!` for the root |
//! | `/` | the root has an entry |
//! | `f=one` | a file with the content `one`; `f=` is empty |
//! | `l->to` | a symbolic link |
//! | `h~f` | a hard link to a file of this layer, which stands before it |
//! | `h^f` | a hard link to a file of a layer below |
//! | `.f` | a whiteout of `f`; `d/.f` of `d/f` |
//! | `p\|` | a fifo |
//! | `…@700` | with this mode instead of 755 for directories, 644 for the rest |
//!
//! [`print`] writes a tree in the same way, sorted: of a file's names the first has the content.
#![allow(dead_code, reason = "no test needs all of it")]

use std::collections::HashMap;

use ply_tree::{
    Directory, Extent, Kind, Metadata, Node, NodeId, Presence, Source, Tree, TreeView, path, walk,
};

/// A layer, by its text.
pub(crate) fn layer(text: &str) -> Tree {
    let mut tree = Tree::new(directory(Presence::Implied), Metadata::new(0o755));
    for entry in text.split_whitespace() {
        put(&mut tree, entry);
    }
    tree
}

/// A root filesystem, by its text: nothing is implied.
pub(crate) fn root(text: &str) -> Tree {
    let mut tree = layer(text);
    for id in (0..tree.inodes() as u64).map(NodeId) {
        if let Some(Node { kind: Kind::Directory(own), .. }) = tree.get_mut(id) {
            own.presence = Presence::Explicit;
        }
    }
    tree
}

fn directory(presence: Presence) -> Directory {
    Directory { presence, opaque: false }
}

fn put(tree: &mut Tree, entry: &str) {
    let (entry, mode) = match entry.rsplit_once('@') {
        Some((entry, mode)) => (entry, Some(u16::from_str_radix(mode, 8).unwrap())),
        None => (entry, None),
    };
    let metadata = |default| Metadata::new(mode.unwrap_or(default));
    if let Some(name) = entry.strip_suffix('!') {
        let id = parent(tree, name.trim_end_matches('/'));
        own(tree, id).opaque = true;
    } else if let Some(name) = entry.strip_suffix('/') {
        let id = parent(tree, name);
        own(tree, id).presence = Presence::Explicit;
        tree.get_mut(id).unwrap().metadata = metadata(0o755);
    } else if let Some((name, target)) = entry.split_once("->") {
        add(tree, name, Node::new(Kind::Symlink { target: target.as_bytes().into() }, metadata(0o777)));
    } else if let Some((name, target)) = entry.split_once('~') {
        let id = ply_tree::find(tree, target.as_bytes(), ply_tree::Last::Keep).unwrap().unwrap().id;
        let (before, last) = path::split(name.as_bytes()).unwrap();
        let place = parent(tree, std::str::from_utf8(before).unwrap());
        tree.link(place, last, id);
    } else if let Some((name, target)) = entry.split_once('^') {
        add(tree, name, Node::new(Kind::LinkBelow { target: target.as_bytes().into() }, metadata(0o644)));
    } else if let Some((name, content)) = entry.split_once('=') {
        add(tree, name, Node::new(file(content), metadata(0o644)));
    } else if let Some(name) = entry.strip_suffix('|') {
        add(tree, name, Node::new(Kind::Fifo, metadata(0o644)));
    } else {
        let (before, last) = path::split(entry.as_bytes()).unwrap();
        let last = last.strip_prefix(b".").expect("an entry of no known form");
        let name = path::join(before, last);
        add(tree, std::str::from_utf8(&name).unwrap(), Node::new(Kind::Whiteout, Metadata::new(0)));
    }
}

/// The content is told by where it lies: eight letters at most, as a number.
pub(crate) fn file(content: &str) -> Kind {
    let bytes = content.bytes().fold(0, |number, byte| (number << 8) | u64::from(byte));
    let size = content.len() as u64;
    let extents =
        if size == 0 { vec![] } else { vec![Extent { source: Source(0), offset: bytes, len: size }] };
    Kind::File { size, extents }
}

fn add(tree: &mut Tree, name: &str, node: Node) {
    let (before, last) = path::split(name.as_bytes()).unwrap();
    let place = parent(tree, std::str::from_utf8(before).unwrap());
    let id = tree.add(node);
    tree.link(place, last, id);
}

/// The directory of this path, implied where it is not there.
fn parent(tree: &mut Tree, name: &str) -> NodeId {
    let mut at = Tree::ROOT;
    for name in path::components(name.as_bytes()) {
        at = match tree.child(at, name) {
            Some(id) if tree.get(id).unwrap().is_directory() => id,
            _ => {
                let kind = Kind::Directory(directory(Presence::Implied));
                let id = tree.add(Node::new(kind, Metadata::new(0o755)));
                tree.link(at, name, id);
                id
            }
        };
    }
    at
}

fn own(tree: &mut Tree, id: NodeId) -> &mut Directory {
    match &mut tree.get_mut(id).unwrap().kind {
        Kind::Directory(own) => own,
        _ => panic!("a marker in what is no directory"),
    }
}

/// All of a tree in the notation, sorted as a walk is; `/` only for a root with an entry that is not 755.
pub(crate) fn print(tree: &dyn TreeView) -> String {
    let root = tree.node(tree.root()).unwrap().into_owned();
    let mut entries = Vec::new();
    if root.metadata.mode != 0o755 {
        entries.push(format!("/@{:o}", root.metadata.mode));
    }
    if matches!(root.kind, Kind::Directory(own) if own.opaque) {
        entries.push("!".to_owned());
    }
    let mut first: HashMap<NodeId, String> = HashMap::new();
    for step in walk(tree, tree.root()).unwrap() {
        let step = step.unwrap();
        let name = String::from_utf8(step.path).unwrap();
        let node = tree.node(step.id).unwrap();
        if let Some(known) = first.get(&step.id) {
            entries.push(format!("{name}~{known}"));
            continue;
        }
        let (entry, default) = match &node.kind {
            Kind::Directory(own) => {
                if own.opaque {
                    entries.push(format!("{name}/!"));
                }
                if own.presence == Presence::Implied {
                    continue;
                }
                (format!("{name}/"), 0o755)
            }
            Kind::File { size, extents } => (format!("{name}={}", content(*size, extents)), 0o644),
            Kind::Symlink { target } => (format!("{name}->{}", String::from_utf8_lossy(target)), 0o777),
            Kind::LinkBelow { target } => (format!("{name}^{}", String::from_utf8_lossy(target)), 0o644),
            Kind::Fifo => (format!("{name}|"), 0o644),
            Kind::Whiteout => {
                let (before, last) = path::split(name.as_bytes()).unwrap();
                let marked = path::join(before, &[b".", last].concat());
                (String::from_utf8(marked).unwrap(), 0)
            }
            Kind::CharDevice(_) | Kind::BlockDevice(_) | Kind::Socket => {
                panic!("{name}: not in the notation")
            }
        };
        let mode = node.metadata.mode;
        entries.push(if mode == default { entry } else { format!("{entry}@{mode:o}") });
        if !node.is_directory() {
            first.insert(step.id, name);
        }
    }
    entries.join(" ")
}

pub(crate) fn content(size: u64, extents: &[Extent]) -> String {
    let number = extents.first().map_or(0, |extent| extent.offset);
    String::from_utf8(number.to_be_bytes()[8 - usize::try_from(size).unwrap()..].to_vec()).unwrap()
}

/// Layers as views.
pub(crate) fn views(layers: &[Tree]) -> Vec<&dyn TreeView> {
    layers.iter().map(|layer| layer as &dyn TreeView).collect()
}
