//! Efficiency as dive counts it (`dive/filetree/efficiency.go`), so that a threshold set for dive means the same here.
//!
//! Each path that is a leaf of any layer counts: its smallest size there is what it need have taken, the sum of all its
//! sizes what it took. A whiteout of a file is a size of 0, and so the file need not have been there at all. A whiteout of
//! a directory is one size, of all that was in it, beside those of the files themselves: as in dive, deleting a directory
//! does not lower the score.
//!
//! Where dive gives up on the rest of a layer, at a whiteout of what is not there, this does not; and what an opaque
//! directory hides is gone, while dive takes no notice of it. Of a file's names the first in order has its size; in dive
//! the first in the archive.

use std::collections::HashMap;
use std::rc::Rc;

use ply_tree::Kind;

use crate::rows::{Row, RowVersion};
use crate::union::Union;
use crate::{How, OverlayError};

/// How well layers use their bytes, as dive counts it: not the share of bytes that show, but, of all paths, how much of
/// what they took they need have taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Efficiency {
    /// The smallest size of each path, summed.
    pub minimum: u64,
    /// All sizes of all paths, summed.
    pub cumulative: u64,
}

impl Efficiency {
    /// Between 0 and 1; 1 where there are no bytes.
    #[must_use]
    pub fn score(self) -> f64 {
        if self.cumulative == 0 { 1.0 } else { self.minimum as f64 / self.cumulative as f64 }
    }
}

/// Sizes of paths, as they are met.
#[derive(Default)]
pub(crate) struct Sizes {
    sums: Efficiency,
    /// Of directories that a layer deleted, by path and layer, what was in them.
    deleted: HashMap<(Rc<[u8]>, usize), u64>,
    /// Paths with such a directory, which can be summed up at the end only: their other sizes, and those layers.
    open: Vec<(Rc<[u8]>, Vec<u64>, Vec<usize>)>,
}

impl Sizes {
    /// Takes a path and the bytes that each version of it brought.
    pub(crate) fn row(&mut self, union: &Union<'_>, row: &Row<'_>, held: &[u64]) -> Result<(), OverlayError> {
        let (mut sizes, mut layers) = (Vec::new(), Vec::new());
        for (version, size) in row.versions.iter().zip(held) {
            match (&version.node.kind, deleted_by(row, version)) {
                (Kind::Directory(_), _) if !is_empty(union, version)? => {}
                (Kind::Whiteout, Some(below)) if below.node.is_directory() => layers.push(version.at.layer),
                (Kind::Whiteout, None) => {}
                _ => sizes.push(*size),
            }
            let hider = version.hidden.as_ref();
            if let Some(hider) = hider.filter(|hider| hider.how == How::Whiteout && *hider.at != *row.path) {
                let sum = self.deleted.entry((Rc::clone(&hider.at), hider.layer)).or_default();
                *sum = sum.saturating_add(*size);
            }
        }
        if layers.is_empty() {
            self.add(&sizes);
        } else {
            self.open.push((row.path.as_slice().into(), sizes, layers));
        }
        Ok(())
    }

    fn add(&mut self, sizes: &[u64]) {
        let sum = sizes.iter().fold(0, |sum: u64, size| sum.saturating_add(*size));
        self.sums.cumulative = self.sums.cumulative.saturating_add(sum);
        let minimum = sizes.iter().min().copied().unwrap_or_default();
        self.sums.minimum = self.sums.minimum.saturating_add(minimum);
    }

    pub(crate) fn finish(mut self) -> Efficiency {
        for (path, mut sizes, layers) in std::mem::take(&mut self.open) {
            let of = |layer| self.deleted.get(&(Rc::clone(&path), layer)).copied().unwrap_or_default();
            sizes.extend(layers.into_iter().map(of));
            self.add(&sizes);
        }
        self.sums
    }
}

/// What a whiteout deleted: what it was the first to hide.
fn deleted_by<'r, 'a>(row: &'r Row<'a>, whiteout: &RowVersion<'_>) -> Option<&'r RowVersion<'a>> {
    row.versions.iter().find(|version| {
        version.hidden.as_ref().is_some_and(|hider| {
            hider.layer == whiteout.at.layer && hider.how == How::Whiteout && *hider.at == *row.path
        })
    })
}

fn is_empty(union: &Union<'_>, directory: &RowVersion<'_>) -> Result<bool, OverlayError> {
    let mut entries = union.join([directory.at].into_iter())?;
    Ok(entries.next(&mut Vec::new())?.is_none())
}
