use ply_tree::{Directory, Kind, Node, TreeView, path};

use crate::build::attributes;
use crate::union::{Dir, Ground, Seen, Union};
use crate::{Differences, How, Origin, OverlayError, Removal, Version, same_extents};

/// What a layer did to a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Which layer.
    pub layer: usize,
    /// What it did.
    pub action: Action,
    /// What was there before.
    pub before: Option<Version>,
    /// What was there afterwards.
    pub after: Option<Version>,
}

/// What can be done to a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// There was nothing.
    Added,
    /// The same kind of thing with these differences; with none where a file was stored again as it was.
    Changed(Differences),
    /// Another kind of thing took its place.
    Replaced,
    /// It went.
    Deleted(Removal),
}

/// The history of a path, newest first: what each layer did to it. Empty for a path that never was.
///
/// The path is taken by names, at each height of the stack anew: no link is followed, in its parents neither. A directory's
/// history is its own, not that of what lies in it; a layer that names it and changes nothing is left out.
///
/// `same_content` says whether two files of one size have the same bytes; [`same_place`] knows without reading any.
///
/// # Errors
/// A layer cannot be read; a hard link to a layer below leads to no file; `same_content` failed.
pub fn history<E: From<OverlayError>>(
    layers: &[&dyn TreeView],
    wanted: &[u8],
    mut same_content: impl FnMut(&Version, &Version) -> Result<bool, E>,
) -> Result<Vec<Event>, E> {
    let union = Union::new(layers, Ground::Empty);
    let wanted = path::clean(wanted);
    let mut events = Vec::new();
    let mut before = State::Absent;
    for layer in 0..layers.len() {
        let after = State::of(&union, layer.saturating_add(1), &wanted)?;
        if let Some(action) = action(&union, layer, &wanted, &before, &after, &mut same_content)? {
            let (before, after) = (before.version(), after.version());
            events.push(Event { layer, action, before: before.cloned(), after: after.cloned() });
        }
        before = after;
    }
    events.reverse();
    Ok(events)
}

/// Whether two versions have the same bytes because these lie in the same places of one layer: what [`history`] can know
/// without reading.
///
/// # Errors
/// Never: it fits where a comparison of bytes may fail.
pub fn same_place(a: &Version, b: &Version) -> Result<bool, OverlayError> {
    Ok(a.origin.layer == b.origin.layer && same_extents(&a.node, &b.node))
}

/// What a path is over some of the layers.
enum State {
    Absent,
    Leaf(Version),
    Directory(Dir, Version),
}

impl State {
    fn of(union: &Union<'_>, layers: usize, wanted: &[u8]) -> Result<Self, OverlayError> {
        Ok(match union.resolve(layers, wanted)? {
            Seen::Nothing | Seen::Hidden | Seen::Whiteout(_) => Self::Absent,
            Seen::Leaf(at, node) => {
                let (origin, node) = union.follow(at, node, || wanted.to_vec())?;
                Self::Leaf(Version { origin, node: node.into_owned() })
            }
            Seen::Directory(dir) => {
                let kind = Kind::Directory(Directory::default());
                let node = Node { metadata: attributes(union, &dir)?, kind, links: 1 };
                match dir.attributes {
                    Some(origin) => Self::Directory(dir, Version { origin, node }),
                    None => Self::Absent,
                }
            }
        })
    }

    fn version(&self) -> Option<&Version> {
        match self {
            Self::Absent => None,
            Self::Leaf(version) | Self::Directory(_, version) => Some(version),
        }
    }
}

fn action<E: From<OverlayError>>(
    union: &Union<'_>,
    layer: usize,
    wanted: &[u8],
    before: &State,
    after: &State,
    same_content: impl FnOnce(&Version, &Version) -> Result<bool, E>,
) -> Result<Option<Action>, E> {
    Ok(match (before, after) {
        (State::Absent, State::Absent) => None,
        (State::Absent, _) => Some(Action::Added),
        (_, State::Absent) => Some(Action::Deleted(removal(union, layer, wanted)?)),
        (State::Leaf(_), State::Directory(..)) | (State::Directory(..), State::Leaf(_)) => {
            Some(Action::Replaced)
        }
        // A layer that does not have the file leaves the same inode.
        (State::Leaf(old), State::Leaf(new)) if old.origin == new.origin => None,
        (State::Leaf(old), State::Leaf(new)) => {
            let differences = Differences::of(&old.node, &new.node, || same_content(old, new))?;
            Some(if differences.kind { Action::Replaced } else { Action::Changed(differences) })
        }
        (State::Directory(old_dir, old), State::Directory(dir, new)) => {
            let mut differences = Differences::of_metadata(&old.node.metadata, &new.node.metadata);
            differences.content = emptied(union, old_dir, dir)?;
            differences.any().then_some(Action::Changed(differences))
        }
    })
}

/// Whether a directory lost all that it held before.
fn emptied(union: &Union<'_>, before: &Dir, after: &Dir) -> Result<bool, OverlayError> {
    if before.parts.iter().any(|part| after.parts.contains(part)) {
        return Ok(false);
    }
    let mut names = union.join(before.parts.iter().copied())?;
    let mut versions = Vec::new();
    while names.next(&mut versions)?.is_some() {
        match union.judge(before.closed, versions.drain(..).map(Ok))? {
            Seen::Directory(_) | Seen::Leaf(..) => return Ok(true),
            Seen::Nothing | Seen::Hidden | Seen::Whiteout(_) => {}
        }
    }
    Ok(false)
}

/// How a layer took a path away: what stands nearest to the path counts.
fn removal(union: &Union<'_>, layer: usize, wanted: &[u8]) -> Result<Removal, OverlayError> {
    let mut at = Origin { layer, id: union.layer(layer)?.root() };
    let mut removal = Removal { how: How::Opaque, at: Vec::new() };
    let mut here: &[u8] = &[];
    for below in path::ancestors(wanted) {
        let node: &Node = &*union.node(at)?;
        if matches!(node.kind, Kind::Directory(directory) if directory.opaque) {
            removal = Removal { how: How::Opaque, at: here.to_vec() };
        }
        let name = path::split(below).map_or(below, |(_, name)| name);
        let Some(child) = union.child(at, name)? else { break };
        let how = match union.node(child)?.kind {
            Kind::Whiteout => How::Whiteout,
            Kind::Directory(_) => {
                (at, here) = (child, below);
                continue;
            }
            Kind::File { .. }
            | Kind::Symlink { .. }
            | Kind::CharDevice(_)
            | Kind::BlockDevice(_)
            | Kind::Fifo
            | Kind::Socket
            | Kind::LinkBelow { .. } => How::Replaced,
        };
        removal = Removal { how, at: below.to_vec() };
        break;
    }
    Ok(removal)
}
