//! The files of an image, with nothing unpacked: its layers as trees, and where their bytes lie.

mod bytes;
mod cat;
pub mod diff;
mod du;
pub mod find;
pub mod grep;
mod layer_tree;
mod listing;
mod log;
mod open;
mod owners;
mod past;
mod patch;
mod same_bytes;
mod sums;
mod upper;

use std::io::Read;

use ply_overlay::Stack;
use ply_tree::{Content, Extent, Found, Kind, Last, Node, Source, Tree, TreeView, find};

pub use bytes::LayerBytes;
pub(crate) use bytes::{make_plain, temporary, unnamed, verify};
pub use cat::kind;
pub use du::HiddenFile;
pub use layer_tree::{DiskFile, LayerTree};
pub(crate) use layer_tree::{encode_layer, identity, intact};
pub use listing::{Entry, Scope};
pub use log::Log;
pub(crate) use open::{Located, Need, split_down};
pub use owners::Owners;
pub use past::HiddenBy;
pub use patch::{LONGEST_TEXT, MOST_LINES, Patch};
pub use ply_overlay::{
    Action, Differences, Efficiency, Event, How, LayerUsage, Origin, Removal, Usage, Version,
};
pub(crate) use upper::Upper;

use crate::Error;
use crate::view::{View, ViewLayer};

/// The layers of an image or a container, open for looking: a tree for each, from the bottom up, over the bytes of its tar.
/// A container's own layer is the topmost, and the view does not tell of it.
#[derive(Debug)]
pub struct Files {
    /// The image; of `IMAGE~2`, without its two topmost layers.
    pub view: View,
    layers: Vec<Layer>,
    bytes: Vec<LayerBytes>,
    /// Of a container: its own layer, the topmost.
    upper: Option<Upper>,
}

/// A layer as a changeset.
#[derive(Debug)]
pub struct Layer {
    /// What it adds, hides and links to.
    pub tree: LayerTree,
    /// What was odd in it and taken all the same, in words.
    pub warnings: Vec<String>,
}

/// Which layer of an image somebody means, counted from 0, the bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LayerNumber(pub usize);

impl LayerNumber {
    /// As it is told and typed: the bottom is 1.
    #[must_use]
    pub const fn ordinal(self) -> usize {
        self.0.saturating_add(1)
    }
}

impl Files {
    /// How many layers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.layers.len().saturating_add(usize::from(self.upper.is_some()))
    }

    /// Whether the image has no layer: it is `scratch`.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is a container: then the topmost layer is its own.
    #[must_use]
    pub const fn is_container(&self) -> bool {
        self.upper.is_some()
    }

    /// A container's own layer.
    #[must_use]
    pub(crate) fn own(&self) -> Option<&Tree> {
        self.upper.as_ref().map(|upper| &upper.tree)
    }

    /// The layers of the image, from the bottom up.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// A layer, and what is known of it; `None` for a container's own, which has no ID yet.
    #[must_use]
    pub fn layer(&self, number: LayerNumber) -> Option<(&Layer, &ViewLayer)> {
        Some((self.layers.get(number.0)?, self.view.layers.get(number.0)?))
    }

    /// Finds a layer by its number, counted from 1 as people count, or by the beginning of its DiffID or ChainID. Up to three
    /// digits are a number, whatever ID may begin so: who asks for layer 12 of 8 has counted wrong.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub fn choose(&self, wanted: &str) -> Result<LayerNumber, Error> {
        let none = || {
            let of = self.len();
            Error::Misuse(format!(
                "no layer {}: there are {of}, the first over scratch is 1",
                crate::error::shown(wanted)
            ))
        };
        if let Ok(number) = wanted.parse::<usize>()
            && (wanted.len() <= 3 || number <= self.len())
        {
            let layer = number.checked_sub(1).filter(|layer| *layer < self.len());
            return layer.map(LayerNumber).ok_or_else(none);
        }
        let digits = wanted.strip_prefix("sha256:").unwrap_or(wanted);
        let is_meant = |layer: &ViewLayer| {
            [layer.diff_id.0, layer.chain_id.0].iter().any(|digest| digest.hex().starts_with(digits))
        };
        let mut found = self.view.layers.iter().enumerate().filter(|(_, layer)| is_meant(layer));
        match (found.next(), found.next()) {
            (Some((at, _)), None) if !digits.is_empty() => Ok(LayerNumber(at)),
            (Some(_), Some(_)) if !digits.is_empty() => {
                Err(Error::Misuse(format!("{} begins more than one layer's ID", crate::error::shown(wanted))))
            }
            _ => Err(none()),
        }
    }

    /// The tree of a layer, a container's own among them.
    pub(crate) fn tree(&self, layer: usize) -> Option<&dyn TreeView> {
        let own = || self.own().filter(|_| layer == self.layers.len()).map(|tree| tree as &dyn TreeView);
        self.layers.get(layer).map(|layer| &layer.tree as &dyn TreeView).or_else(own)
    }

    /// The trees of the layers up to one, that one included: what the union is made of.
    #[must_use]
    pub fn trees(&self, top: Option<LayerNumber>) -> Vec<&dyn TreeView> {
        let layers = self.layers.iter().map(|layer| &layer.tree as &dyn TreeView);
        let own = self.own().map(|tree| tree as &dyn TreeView);
        layers.chain(own).take(top.map_or(usize::MAX, LayerNumber::ordinal)).collect()
    }

    /// The union of all layers up to one, or of all; nothing is built.
    ///
    /// # Errors
    /// A layer is damaged.
    pub fn stack(&self, top: Option<LayerNumber>) -> Result<Stack<'_>, Error> {
        let trees = self.trees(top);
        Stack::new(&trees).map_err(self.failed())
    }

    /// What a path means in a union of these layers.
    ///
    /// # Errors
    /// There is nothing, and then the error says which layer took it away; a link leads nowhere; a layer is damaged.
    pub fn find(&self, stack: &Stack<'_>, path: &[u8], last: Last) -> Result<Found, Error> {
        match find(stack, path, last).map_err(self.failed())? {
            Some(found) => Ok(found),
            None => Err(Error::NoSuchFile { path: path.to_owned(), gone: self.gone(stack.layers(), path) }),
        }
    }

    /// The layer that took a path away, and the one below whose version is still there.
    fn gone(&self, layers: usize, path: &[u8]) -> Option<(LayerNumber, LayerNumber)> {
        let trees: Vec<&dyn TreeView> = self.trees(None).into_iter().take(layers).collect();
        let events = ply_overlay::history(&trees, path, ply_overlay::same_place).ok()?;
        let deleted = events.first()?;
        let before = deleted.before.as_ref()?;
        Some((LayerNumber(deleted.layer), LayerNumber(before.origin.layer)))
    }

    /// The content of a file that a layer brought.
    #[must_use]
    pub fn content<'a>(&'a self, origin: Origin, node: &'a Node) -> Option<impl Read + 'a> {
        let Kind::File { size, extents } = &node.kind else { return None };
        Some(self.read(origin.layer, extents, *size))
    }

    /// The content of a version of a file.
    #[must_use]
    pub fn content_of<'a>(&'a self, version: &'a Version) -> Option<impl Read + 'a> {
        self.content(version.origin, &version.node)
    }

    /// Each layer's extents have its own number for a source: its place in the stack.
    fn read<'a>(&'a self, layer: usize, extents: &'a [Extent], size: u64) -> Content<'a> {
        debug_assert!(
            layer >= self.bytes.len()
                || extents.iter().all(|e| e.source == Source::HOLE || e.source.0 as usize == layer)
        );
        Content::new(self, extents, size)
    }

    /// What failed, with the image it failed in.
    pub(crate) fn failed<E>(&self) -> impl FnOnce(E) -> Error + use<E>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Error::within(self.name())
    }

    /// The image's first name, its ID where it has none; the container's name.
    #[must_use]
    pub fn name(&self) -> String {
        if let Some(upper) = &self.upper {
            return upper.name.clone();
        }
        let name = self.view.names.first().map(ply_reference::Reference::familiar);
        name.unwrap_or_else(|| self.view.config.digest.short())
    }
}
