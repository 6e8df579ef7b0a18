//! What a runtime leaves in a container: the places it mounted over, where the image has none.

use std::path::PathBuf;

use ply_rootfs::remove;
use ply_store::Container;
use ply_tree::{Directory, Kind, Last, Metadata, NodeId, Tree, TreeView, path};

use crate::files::{Files, Upper};
use crate::{Engine, Error};

/// Paths are clean ones, each before those it lies in.
pub(super) struct Traces {
    /// What the image does not have.
    absent: Vec<Vec<u8>>,
    /// The directories that these are made in, as the image has them.
    around: Vec<(Vec<u8>, Metadata)>,
}

impl Traces {
    /// Of the places that something will be mounted over.
    pub(super) fn of<'a>(files: &Files, places: impl Iterator<Item = &'a PathBuf>) -> Result<Self, Error> {
        let stack = files.stack(None)?;
        let (mut absent, mut around) = (Vec::new(), Vec::new());
        for place in places {
            let clean = path::clean(place.as_os_str().as_encoded_bytes());
            for part in path::ancestors(&clean) {
                match ply_tree::find(&stack, part, Last::Follow) {
                    Ok(None) => absent.push(part.to_vec()),
                    Ok(Some(found)) => {
                        let node = stack.node(found.id).map_err(files.failed())?;
                        around.push((found.path, node.metadata.clone()));
                    }
                    // The runtime will say what is wrong with it.
                    Err(_) => break,
                }
            }
        }
        absent.sort_by(|a, b| b.cmp(a));
        absent.dedup();
        around.sort_by(|a, b| b.0.cmp(&a.0));
        around.dedup_by(|a, b| a.0 == b.0);
        Ok(Self { absent, around })
    }
}

impl Engine<'_> {
    /// Takes those away that are empty still, and directories that are in the container's layer for their sake alone.
    pub(super) fn clear_traces(&self, container: &Container, traces: &Traces) -> Result<(), Error> {
        let upper = Upper::read(&self.store, container, 0, self.change_container(container)?)?;
        let folder = self.store.container_folder(&container.id).upper();
        let mut tree = upper.tree;
        let mut clear = |trace: &[u8], is_one: &dyn Fn(&Tree, NodeId) -> bool| -> Result<(), Error> {
            let Some((above, name)) = path::split(trace) else { return Ok(()) };
            if !named(&tree, trace).is_some_and(|id| is_empty(&tree, id) && is_one(&tree, id)) {
                return Ok(());
            }
            remove(&folder, trace).map_err(Error::within(format!("container {}", container.name)))?;
            if let Some(above) = named(&tree, above) {
                tree.unlink(above, name);
            }
            Ok(())
        };
        for trace in &traces.absent {
            clear(trace, &|_, _| true)?;
        }
        for (path, before) in &traces.around {
            // Whatever came and went in there changed its time.
            clear(path, &|tree, id| {
                tree.get(id).is_some_and(|node| {
                    let is_same = Metadata { mtime: before.mtime, ..node.metadata.clone() } == *before;
                    is_same && matches!(node.kind, Kind::Directory(Directory { opaque: false, .. }))
                })
            })?;
        }
        Ok(())
    }
}

fn named(tree: &Tree, wanted: &[u8]) -> Option<NodeId> {
    path::components(wanted).try_fold(tree.root(), |at, name| tree.child(at, name))
}

fn is_empty(tree: &Tree, id: NodeId) -> bool {
    match tree.get(id).map(|node| &node.kind) {
        Some(Kind::Directory(_)) => tree.children(id).next().is_none(),
        Some(Kind::File { size, .. }) => *size == 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use ply_tree::Node;

    use super::*;

    #[test]
    fn only_what_is_empty() {
        let mut tree = Tree::new(Directory::default(), Metadata::new(0o755));
        let mut add = |at, name: &[u8], kind| {
            let id = tree.add(Node::new(kind, Metadata::new(0o755)));
            tree.link(at, name, id);
            id
        };
        let etc = add(Tree::ROOT, b"etc", Kind::Directory(Directory::default()));
        add(etc, b"hosts", Kind::File { size: 0, extents: Vec::new() });
        add(etc, b"motd", Kind::File { size: 1, extents: Vec::new() });
        let check = |path: &str, expect: Option<bool>| {
            assert_eq!(named(&tree, path.as_bytes()).map(|id| is_empty(&tree, id)), expect, "{path}");
        };
        check("etc", Some(false));
        check("etc/hosts", Some(true));
        check("etc/motd", Some(false));
        check("proc", None);
    }
}
