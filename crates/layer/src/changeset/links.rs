//! Hard links to what was not there when they came: it may stand later in the layer, in a layer below, or nowhere.

use std::collections::HashMap;

use ply_tar::Entry;
use ply_tree::{Kind, Metadata, NodeId, Tree, walk};

use super::ReadError;
use super::name::{self, Path, Why};
use super::place::Draft;

/// What a link leads to, with the whole layer read.
#[derive(Debug, Clone, Copy)]
enum Goal {
    /// This inode, which may be such a link itself.
    Here(NodeId),
    /// A layer below.
    Below,
    /// Nothing: what lies in aufs's places is in this layer or nowhere.
    Nowhere,
}

/// Replaces links to what came later by what it is. `pending` are inodes of [`Kind::LinkBelow`], all there are.
pub(super) fn resolve(draft: &mut Draft, pending: &[NodeId]) -> Result<(), ReadError> {
    let mut goals = HashMap::new();
    for id in pending {
        goals.insert(*id, goal(draft, *id));
    }
    draft.drop_shadow();
    let mut ends = HashMap::new();
    for id in pending {
        // One that a later entry took the place of is no longer asked.
        if draft.tree.get(*id).is_none_or(|node| node.links == 0) {
            continue;
        }
        follow(*id, &goals, &mut ends).map_err(|why| refused(draft, *id, why))?;
        let end = ends.get(id).copied().unwrap_or(*id);
        if draft.tree.get(end).is_some_and(ply_tree::Node::is_directory) {
            return Err(refused(draft, *id, "a hard link to a directory"));
        }
        settle(draft, *id, end);
    }
    rename(&mut draft.tree, &ends);
    for id in pending {
        if let Some(node) = draft.tree.get_mut(*id) {
            node.metadata = Metadata::new(0);
        }
    }
    Ok(())
}

fn goal(draft: &mut Draft, id: NodeId) -> Goal {
    let Some(Kind::LinkBelow { target }) = draft.tree.get(id).map(|node| node.kind.clone()) else {
        return Goal::Nowhere;
    };
    let Ok((target, leftover)) = name::target(&target) else { return Goal::Nowhere };
    match look(draft, &target, leftover) {
        Some(id) => Goal::Here(id),
        None if leftover => Goal::Nowhere,
        None => Goal::Below,
    }
}

/// What a target is in this layer. A name that only a whiteout has is not in it: the link is to what that hides.
pub(super) fn look(draft: &mut Draft, target: &Path<'_>, leftover: bool) -> Option<NodeId> {
    let root = if leftover { draft.shadow() } else { Tree::ROOT };
    let id = draft.find(root, target)?;
    draft.tree.get(id).filter(|node| node.kind != Kind::Whiteout).map(|_| id)
}

/// Goes from link to link to the end, and notes it for all on the way: each is gone over once.
fn follow(
    from: NodeId,
    goals: &HashMap<NodeId, Goal>,
    ends: &mut HashMap<NodeId, NodeId>,
) -> Result<(), &'static str> {
    let (mut here, mut way) = (from, Vec::new());
    let end = loop {
        if let Some(end) = ends.get(&here) {
            break *end;
        }
        match goals.get(&here) {
            // No link, or one that leads below.
            None | Some(Goal::Below) => break here,
            Some(Goal::Nowhere) => return Err("a hard link to what aufs kept, and it is not there"),
            Some(Goal::Here(next)) => {
                way.push(here);
                here = *next;
            }
        }
        if way.len() > goals.len() {
            return Err("a hard link that leads back to itself");
        }
    };
    ends.extend(way.into_iter().map(|link| (link, end)));
    Ok(())
}

/// The attributes in the header that came last hold for the inode (`ENGINES`: all engines but umoci apply them).
fn settle(draft: &mut Draft, link: NodeId, end: NodeId) {
    let since = draft.since(link);
    let is_inode = draft.tree.get(end).is_some_and(|node| !matches!(node.kind, Kind::LinkBelow { .. }));
    if is_inode
        && since > draft.since(end)
        && let Some(metadata) = draft.tree.get(link).map(|node| node.metadata.clone())
    {
        draft.set_attributes(end, &metadata, since);
    }
}

/// Points all names of a link at its end.
fn rename(tree: &mut Tree, ends: &HashMap<NodeId, NodeId>) {
    if ends.is_empty() {
        return;
    }
    let mut changed = Vec::new();
    for directory in (0..tree.inodes() as u64).map(NodeId) {
        let of_links = tree.children(directory).filter_map(|(name, id)| Some((name, *ends.get(&id)?)));
        changed.extend(of_links.map(|(name, end)| (directory, Box::<[u8]>::from(name), end)));
    }
    for (directory, name, end) in changed {
        tree.link(directory, &name, end);
    }
}

/// The entry's name is not kept: it is looked for when it is wanted.
fn refused(draft: &Draft, id: NodeId, why: &'static str) -> ReadError {
    let mut name = Vec::new();
    if let Ok(mut walk) = walk(&draft.tree, Tree::ROOT) {
        while let Ok(Some(at)) = walk.advance() {
            if at == id {
                name = walk.path().to_vec();
                break;
            }
        }
    }
    ReadError::Refused {
        entry: Entry::file(name, 0).printable_path(),
        offset: draft.since(id),
        why: Why::from(why),
    }
}
