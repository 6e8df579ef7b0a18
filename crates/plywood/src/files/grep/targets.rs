use std::borrow::Cow;

use ply_overlay::Origin;
use ply_tree::{Extent, Kind, Last, Node, Source, walk};

use crate::Error;
use crate::files::past::HiddenBy;
use crate::files::{Files, LayerNumber};

/// Where something was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Path from the root, clean.
    pub path: Vec<u8>,
    /// The layer that has it.
    pub layer: LayerNumber,
    /// By whom it was hidden, if it was.
    pub hidden: Option<HiddenBy>,
}

impl Place {
    pub(super) fn failed<E>(&self, error: E) -> Error
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let path = ply_tree::path::printable(&self.path);
        Error::within(format!("{path} of layer {}", self.layer.ordinal()))(error)
    }
}

/// A file to be searched.
pub(super) struct Target<'a> {
    pub(super) place: Place,
    /// Where its content is told: the same for all names of a file.
    pub(super) inode: Origin,
    pub(super) extents: Cow<'a, [Extent]>,
    pub(super) size: u64,
}

impl<'a> Target<'a> {
    /// Nothing for what is no file, or empty: it has no lines.
    fn new(place: Place, inode: Origin, node: Cow<'a, Node>) -> Option<Self> {
        let (size, extents) = match node {
            Cow::Borrowed(Node { kind: Kind::File { size, extents }, .. }) => {
                (*size, Cow::Borrowed(&extents[..]))
            }
            Cow::Owned(Node { kind: Kind::File { size, extents }, .. }) => (size, Cow::Owned(extents)),
            Cow::Borrowed(_) | Cow::Owned(_) => return None,
        };
        (size > 0).then_some(Self { place, inode, extents, size })
    }

    /// The content with no more than some zeros of each hole: they tell that the file is binary, and a header can claim
    /// exabytes of them.
    pub(super) fn without_long_holes(&self) -> Vec<Extent> {
        const ENOUGH: u64 = 64 << 10;
        let mut left = self.size;
        let mut kept = Vec::with_capacity(self.extents.len());
        let rest = Extent { source: Source::HOLE, offset: 0, len: u64::MAX };
        for extent in self.extents.iter().chain([&rest]) {
            let len = extent.len.min(left);
            left = left.saturating_sub(len);
            let len = if extent.source == Source::HOLE { len.min(ENOUGH) } else { len };
            if len > 0 {
                kept.push(Extent { len, ..*extent });
            }
        }
        kept
    }

    pub(super) fn lies_at(&self) -> (usize, u64) {
        (self.inode.layer, self.extents.first().map_or(0, |extent| extent.offset))
    }
}

impl Files {
    /// All files at a path and below it, sorted by path; at each path the version that is shown, and then those that
    /// it hides, from the top down.
    pub(super) fn targets(&self, path: &[u8], all_layers: bool) -> Result<Vec<Target<'_>>, Error> {
        let mut targets = Vec::new();
        let stack = self.stack(None)?;
        let shown = self.find(&stack, path, Last::Follow);
        if let Ok(found) = &shown {
            let mut add = |path: Vec<u8>, id| {
                if let Some(inode) = stack.origin(id)
                    && let Some(node) = self.inode(inode)?
                {
                    let place = Place { path, layer: LayerNumber(inode.layer), hidden: None };
                    targets.extend(Target::new(place, inode, node));
                }
                Ok::<(), Error>(())
            };
            add(found.path.clone(), found.id)?;
            let mut steps = walk(&stack, found.id).map_err(self.failed())?;
            while let Some(id) = steps.advance().map_err(self.failed())? {
                add(ply_tree::path::join(&found.path, steps.path()), id)?;
            }
        }
        if !all_layers {
            return shown.map(|_| targets);
        }
        let below = self.base(&stack, path, Last::Follow)?;
        let mut is_there = shown.is_ok();
        self.past(&below, &mut |past| {
            is_there = true;
            let place = Place { path: past.path, layer: past.layer, hidden: Some(past.by) };
            targets.extend(Target::new(place, past.inode, past.node));
            Ok(())
        })?;
        // Stable: what is shown came first, and what is hidden from the top down.
        targets.sort_by(|a, b| names(&a.place.path).cmp(names(&b.place.path)));
        if is_there { Ok(targets) } else { shown.map(|_| targets) }
    }
}

/// Paths sort by their names, as a walk comes to them: `a/b` before `a.b`.
fn names(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
}
