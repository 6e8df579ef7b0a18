//! Where something in a union comes from.

use ply_tree::{Node, NodeId, Source};

/// An inode in one of the layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// Which layer, counted from 0, the bottom.
    pub layer: usize,
    /// Its number there.
    pub id: NodeId,
}

/// What stood at a path at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The inode in the layer that brought it; of a directory, the one whose attributes hold.
    pub origin: Origin,
    /// The inode, with its extents in its layer's own sources.
    pub node: Node,
}

/// Says which number a source of a layer has in the union. It is not asked about [`Source::HOLE`].
pub type SourceMap<'a> = dyn Fn(usize, Source) -> Source + 'a;

/// Leaves the numbers of sources as each layer has them. For [`merge`](crate::merge) and its like.
#[must_use]
pub const fn keep(_: usize, source: Source) -> Source {
    source
}

/// Numbers each layer's source as the layer: for layers that have but one, their tar.
#[must_use]
pub fn by_layer(layer: usize, _: Source) -> Source {
    // As many layers as a u32 counts are not to be had; HOLE would be a wrong answer without an error, the last is not.
    Source(u32::try_from(layer).unwrap_or(u32::MAX - 1))
}
