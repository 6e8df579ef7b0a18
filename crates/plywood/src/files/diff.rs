//! `diff`: what differs between two images, or between layers of one.

mod config;
mod patch;
mod stat;

use std::collections::BTreeSet;

use ply_overlay::{DifferenceOptions, Merged, Origin, Times, difference, keep, merge};
use ply_tree::{Content, Extent, Kind, Node, NodeId, Source, TreeView};
use rayon::prelude::*;

pub use crate::files::patch::Patch;
pub use config::ConfigChange;
pub use ply_overlay::{ChangeKind, Differences};
pub use stat::{Row, Stat, Totals, What};

use super::same_bytes::{Blocks, same_bytes};
use super::{Entry, Files, LayerNumber};
use crate::Error;

/// The files of an image as they are once so many of its layers are there.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The image.
    pub files: &'a Files,
    /// How many of its layers, from the bottom: 0 is `scratch`.
    pub layers: usize,
}

/// Two file systems to be compared.
#[derive(Debug, Clone, Copy)]
pub struct Comparison<'a> {
    /// What was.
    pub before: Side<'a>,
    /// What is.
    pub after: Side<'a>,
}

/// What counts as a difference, and what is listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Times of files and directories do not count.
    pub ignore_times: bool,
    /// Lists also what lay in a directory that was deleted or became something else.
    pub below_deleted: bool,
}

/// A path at which two file systems differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// How they differ.
    pub kind: ChangeKind,
    /// What the first has there.
    pub before: Option<Entry>,
    /// What the second has there.
    pub after: Option<Entry>,
}

impl Change {
    /// The path, clean; empty for the root.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        self.after.as_ref().or(self.before.as_ref()).map_or(b"", |entry| &entry.path)
    }
}

impl Files {
    /// Reads `N..M`, two numbers of layers or beginnings of their DiffIDs or ChainIDs: what layers N+1 to M did. N is
    /// `scratch` where it is left out, M the topmost layer.
    ///
    /// # Errors
    /// It is no range, or there are no such layers.
    pub fn range(&self, text: &str) -> Result<Comparison<'_>, Error> {
        let Some((from, to)) = text.split_once("..").filter(|(_, to)| !to.starts_with('.')) else {
            let text = crate::error::shown(text);
            return Err(Error::Misuse(format!(
                "{text} is no range of layers: write N..M, where 0 is scratch"
            )));
        };
        let end = |text: &str, absent: usize| match text {
            "" => Ok(absent),
            "0" => Ok(0),
            _ => self.choose(text).map(LayerNumber::ordinal),
        };
        let side = |layers: usize| Side { files: self, layers };
        Ok(Comparison { before: side(end(from, 0)?), after: side(end(to, self.len())?) })
    }
}

impl<'a> Side<'a> {
    /// An image, whole.
    #[must_use]
    pub fn whole(files: &'a Files) -> Self {
        Self { files, layers: files.len() }
    }

    fn merged(self) -> Result<Merged, Error> {
        let trees: Vec<&dyn TreeView> = self.files.trees(None).into_iter().take(self.layers).collect();
        merge(&trees, keep).map_err(self.files.failed())
    }

    fn entry(self, merged: &Merged, path: &[u8], id: NodeId) -> Result<Entry, Error> {
        let node = merged.tree.node(id).map_err(self.files.failed())?.into_owned();
        let layer = LayerNumber(merged.origin(id).map_or(0, |origin: Origin| origin.layer));
        Ok(Entry { path: path.to_owned(), node, layer })
    }

    /// Whether all bytes lie in layers that have an ID, and so mean the same in every image.
    fn are_told(self, extents: &[Extent]) -> bool {
        let layers = self.files.view.layers.len();
        let is_told = |at: u32| usize::try_from(at).is_ok_and(|at| at < layers);
        extents.iter().all(|extent| extent.source == Source::HOLE || is_told(extent.source.0))
    }

    /// Where bytes lie, so that it means the same in every image: layers are called by their DiffIDs.
    fn places<'e>(
        self,
        extents: &'e [Extent],
    ) -> impl Iterator<Item = (Option<ply_image::DiffId>, u64, u64)> + use<'e, 'a> {
        extents.iter().map(move |extent| match extent.source {
            Source::HOLE => (None, 0, extent.len),
            Source(at) => {
                let layer = usize::try_from(at).ok().and_then(|at| self.files.view.layers.get(at));
                (layer.map(|layer| layer.diff_id), extent.offset, extent.len)
            }
        })
    }
}

/// Two files of one size whose bytes must be read to be compared.
struct Doubt {
    before: Vec<Extent>,
    after: Vec<Extent>,
    size: u64,
}

impl Comparison<'_> {
    /// Where the two differ, sorted by name within a directory, each directory before what it holds; as `docker diff` has
    /// it: a directory in which something changed is listed as changed, an added directory with all that it holds, a
    /// deleted one alone.
    ///
    /// Files of one size are compared by their bytes, several at once, unless these lie in the same place of the same
    /// layer.
    ///
    /// # Errors
    /// A layer is damaged or cannot be read.
    pub fn changes(&self, options: Options) -> Result<Vec<Change>, Error> {
        let (before, after) = (self.before.merged()?, self.after.merged()?);
        let how = DifferenceOptions {
            times: if options.ignore_times { Times::Ignored } else { Times::All },
            below_deleted: options.below_deleted,
        };
        // Two passes over the trees, which are in memory: the first finds out what must be read, the second knows what
        // was read in between, all of it at once.
        let mut doubts = Vec::new();
        let mut found = self.pass(&before, &after, how, |doubt| {
            doubts.push(doubt);
            true
        })?;
        if !doubts.is_empty() {
            let mut answers = self.read(&doubts)?.into_iter();
            found = self.pass(&before, &after, how, |_| answers.next().unwrap_or(false))?;
        }
        let changes = found.into_iter().map(|change| {
            let path = &change.path;
            Ok(Change {
                kind: change.kind,
                before: change.before.map(|id| self.before.entry(&before, path, id)).transpose()?,
                after: change.after.map(|id| self.after.entry(&after, path, id)).transpose()?,
            })
        });
        changes.collect()
    }

    fn pass(
        &self,
        before: &Merged,
        after: &Merged,
        how: DifferenceOptions,
        mut same: impl FnMut(Doubt) -> bool,
    ) -> Result<Vec<ply_overlay::Change>, Error> {
        let same_content = |a: &Node, b: &Node| -> Result<bool, ply_overlay::OverlayError> {
            let (Kind::File { size, extents: a }, Kind::File { extents: b, .. }) = (&a.kind, &b.kind) else {
                return Ok(false);
            };
            let are_told = self.before.are_told(a) && self.after.are_told(b);
            if are_told && self.before.places(a).eq(self.after.places(b)) {
                return Ok(true);
            }
            Ok(same(Doubt { before: a.clone(), after: b.clone(), size: *size }))
        };
        difference(&before.tree, &after.tree, how, same_content).map_err(self.after.files.failed())
    }

    /// For each pair, whether its bytes are the same.
    fn read(&self, doubts: &[Doubt]) -> Result<Vec<bool>, Error> {
        let layers = |side: fn(&Doubt) -> &Vec<Extent>| -> BTreeSet<usize> {
            let all = doubts.iter().flat_map(side).filter(|extent| extent.source != Source::HOLE);
            all.filter_map(|extent| usize::try_from(extent.source.0).ok()).collect()
        };
        let threads = rayon::current_num_threads();
        self.before.files.make_plain(threads, layers(|doubt| &doubt.before))?;
        self.after.files.make_plain(threads, layers(|doubt| &doubt.after))?;
        doubts
            .par_iter()
            .map_init(Blocks::default, |blocks, doubt| {
                let mut a = Content::new(self.before.files, &doubt.before, doubt.size);
                let mut b = Content::new(self.after.files, &doubt.after, doubt.size);
                same_bytes(&mut a, &mut b, blocks).map_err(self.after.files.failed())
            })
            .collect()
    }
}
