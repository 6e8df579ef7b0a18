//! What differs inside two files, line by line.

use ply_tree::{Kind, path};
use rayon::prelude::*;

use super::{Change, ChangeKind, Comparison, Entry, Side};
use crate::Error;
use crate::files::patch::{self, Patch, unified};

impl Comparison<'_> {
    /// For each change what differs in the content, worked out several at once; `None` where no file's content does.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn patches(&self, changes: &[Change]) -> Result<Vec<Option<Patch>>, Error> {
        changes.par_iter().map(|change| self.patch(change)).collect()
    }

    /// What differs in the content of one change; `None` where no file's content does.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn patch(&self, change: &Change) -> Result<Option<Patch>, Error> {
        if let ChangeKind::Changed(differences) = change.kind
            && !differences.content
            && !differences.kind
        {
            return Ok(None);
        }
        let failed = || Error::within(path::printable(change.path()));
        // What a link points at stands in its line.
        let read = |side: Side<'_>, entry: &Option<Entry>| match entry {
            Some(entry) if matches!(entry.node.kind, Kind::File { .. }) => {
                side.files.side(&entry.node).map_err(failed())
            }
            _ => Ok(patch::Side::None),
        };
        let (old, new) = (read(self.before, &change.before)?, read(self.after, &change.after)?);
        unified(change.path(), &old, &new).map_err(failed())
    }
}
