use std::collections::HashMap;

use ply_tree::{Node, NodeId, TreeView};

use crate::pairs::{Pair, Pairs, Side};
use crate::{Differences, OverlayError};

/// A path at which two trees differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The path; empty for the root.
    pub path: Vec<u8>,
    /// How they differ.
    pub kind: ChangeKind,
    /// What the first tree has there.
    pub before: Option<NodeId>,
    /// What the second tree has there.
    pub after: Option<NodeId>,
}

/// How two trees differ at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// Only the second has it.
    Added,
    /// Both have something. With no differences it is a directory in which something changed.
    Changed(Differences),
    /// Only the first has it.
    Deleted,
}

impl ChangeKind {
    /// As `docker diff` prints it: `A`, `C`, `D`.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Added => 'A',
            Self::Changed(_) => 'C',
            Self::Deleted => 'D',
        }
    }
}

/// What counts as a difference, and what is listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DifferenceOptions {
    /// Which times count.
    pub times: Times,
    /// Lists also what lay in a directory that was deleted or became something else.
    pub below_deleted: bool,
}

/// Which times count as a difference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Times {
    /// All.
    #[default]
    All,
    /// Not those of directories, as in `docker diff`.
    NotOfDirectories,
    /// None.
    Ignored,
}

/// Where two trees differ, sorted by name within a directory, each directory before what it holds.
///
/// As `docker diff` has it: a directory in which something changed is listed as changed, the root only if it differs
/// itself; an added directory with all that it holds; a deleted one alone; and what became another kind of thing as
/// changed. Which names are hard links to each other does not count.
///
/// `same_content` says whether two files of one size have the same bytes, [`same_extents`](crate::same_extents) for one; of
/// two inodes it is asked once.
///
/// # Errors
/// A tree cannot be read (the first is layer 0, the second layer 1); `same_content` failed.
pub fn difference<E: From<OverlayError>>(
    before: &dyn TreeView,
    after: &dyn TreeView,
    options: DifferenceOptions,
    mut same_content: impl FnMut(&Node, &Node) -> Result<bool, E>,
) -> Result<Vec<Change>, E> {
    let mut pairs = Pairs::new(before, after);
    let mut changes = Changes::default();
    let mut known = HashMap::new();
    while let Some(pair) = pairs.next()? {
        let kind = match (&pair.before, &pair.after) {
            (Some(old), Some(new)) => {
                let differences = Differences::of(&old.node, &new.node, || {
                    if let Some(known) = known.get(&(old.id, new.id)) {
                        return Ok(*known);
                    }
                    let same = same_content(&old.node, &new.node)?;
                    known.insert((old.id, new.id), same);
                    Ok::<_, E>(same)
                })?;
                Some(ChangeKind::Changed(options.counted(differences, &new.node)))
            }
            (Some(_), None) => Some(ChangeKind::Deleted),
            (None, Some(_)) => Some(ChangeKind::Added),
            (None, None) => None,
        };
        let new_is_directory = pair.after.as_ref().is_some_and(|side| side.node.is_directory());
        if !new_is_directory && !options.below_deleted {
            pairs.pass_over();
        }
        if let Some(kind) = kind {
            changes.pair(&pair, kind);
        }
    }
    Ok(changes.list)
}

impl DifferenceOptions {
    fn counted(self, differences: Differences, new: &Node) -> Differences {
        let time = match self.times {
            Times::All => differences.time,
            Times::NotOfDirectories => differences.time && !new.is_directory(),
            Times::Ignored => false,
        };
        Differences { time, ..differences }
    }
}

#[derive(Default)]
struct Changes {
    list: Vec<Change>,
    /// The directories above, and whether they need no more listing.
    above: Vec<(Change, bool)>,
}

impl Changes {
    fn pair(&mut self, pair: &Pair<'_>, kind: ChangeKind) {
        let id = |side: &Option<Side<'_>>| side.as_ref().map(|side| side.id);
        let change =
            Change { path: pair.path.clone(), kind, before: id(&pair.before), after: id(&pair.after) };
        let changed = match kind {
            ChangeKind::Added | ChangeKind::Deleted => true,
            ChangeKind::Changed(differences) => differences.any(),
        };
        self.above.truncate(pair.depth);
        if changed {
            for (directory, listed) in &mut self.above {
                if !std::mem::replace(listed, true) {
                    self.list.push(directory.clone());
                }
            }
            self.list.push(change.clone());
        }
        // Docker never lists the root for what changed in it.
        self.above.push((change, changed || pair.depth == 0));
    }
}
