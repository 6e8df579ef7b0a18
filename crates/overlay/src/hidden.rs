use ply_tree::{Kind, Node, Presence, TreeView};

use crate::rows::{Row, Rows};
use crate::{Origin, OverlayError};

/// How a layer takes away what lies below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// By a whiteout.
    Whiteout,
    /// By an opaque directory.
    Opaque,
    /// By something of its own in that place.
    Replaced,
}

/// How and where something went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// How it was done.
    pub how: How,
    /// Where: the path itself or a directory above it, clean. Of an opaque directory, the directory.
    pub at: Vec<u8>,
}

/// An entry of a layer that the union does not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// Its path.
    pub path: Vec<u8>,
    /// The inode, in the layer that has it. Its bytes may still show under another name, if it has one.
    pub origin: Origin,
    /// The inode itself; of a hard link to a layer below, only that.
    pub node: Node,
    /// The layer that hid it: the lowest of those that would.
    pub by: usize,
    /// How.
    pub removal: Removal,
}

impl Hidden {
    /// Whether a newer version took its place. Else it was deleted, by itself or with a directory above it; something
    /// may have come to its path later.
    #[must_use]
    pub fn is_shadowed(&self) -> bool {
        self.removal.how == How::Replaced && self.removal.at == self.path
    }
}

/// Goes through every entry of any layer that the union does not show: replaced, deleted, or hidden with a directory above
/// it. Sorted by path, and at each path from the top down.
///
/// Whiteouts are no entries, nor are directories that only something in them implies. A directory that is still there is
/// not hidden, although a layer above may have given it other attributes.
///
/// # Errors
/// A layer cannot be read; each step can fail too, and is then the last.
pub fn hidden<'a>(layers: &[&'a dyn TreeView]) -> Result<HiddenEntries<'a>, OverlayError> {
    Ok(HiddenEntries { rows: Some(Rows::new(layers)?), ready: Vec::new() })
}

/// The iterator [`hidden`] gives.
#[allow(missing_debug_implementations, reason = "layers can be any kind of view")]
pub struct HiddenEntries<'a> {
    /// `None` once it failed.
    rows: Option<Rows<'a>>,
    /// Of the row that was read last; the next one at the end.
    ready: Vec<Hidden>,
}

impl Iterator for HiddenEntries<'_> {
    type Item = Result<Hidden, OverlayError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(ready) = self.ready.pop() {
                return Some(Ok(ready));
            }
            match self.rows.as_mut()?.next() {
                Ok(Some(row)) => self.ready.extend(hidden_in(row)),
                Ok(None) => self.rows = None,
                Err(error) => {
                    self.rows = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// Bottom first.
fn hidden_in(row: Row<'_>) -> impl Iterator<Item = Hidden> {
    let path = row.path;
    row.versions.into_iter().rev().filter_map(move |version| {
        let hider = version.hidden?;
        let is_entry = match &version.node.kind {
            Kind::Directory(directory) => directory.presence == Presence::Explicit,
            Kind::Whiteout => false,
            Kind::File { .. }
            | Kind::Symlink { .. }
            | Kind::CharDevice(_)
            | Kind::BlockDevice(_)
            | Kind::Fifo
            | Kind::Socket
            | Kind::LinkBelow { .. } => true,
        };
        is_entry.then(|| Hidden {
            path: path.clone(),
            origin: version.at,
            node: version.node.into_owned(),
            by: hider.layer,
            removal: Removal { how: hider.how, at: hider.at.to_vec() },
        })
    })
}
