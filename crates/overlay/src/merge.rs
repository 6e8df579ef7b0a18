use ply_tree::{NodeId, Source, Tree, TreeView};

use crate::build::build;
use crate::union::{Ground, Union};
use crate::{Origin, OverlayError};

/// The union of layers as a tree.
#[derive(Debug, Clone)]
pub struct Merged {
    /// A root filesystem: no whiteouts, no opaque or implied directories, no links to layers below; names are counted.
    pub tree: Tree,
    origins: Vec<Origin>,
}

impl Merged {
    /// The inode in the layer that brought it; of a directory, the one whose attributes hold. `None` for a number the
    /// union did not give, and for the root of no layers.
    #[must_use]
    pub fn origin(&self, id: NodeId) -> Option<Origin> {
        self.origins.get(usize::try_from(id.0).ok()?).copied()
    }
}

/// The union of layers, bottom first. `sources` is given a layer and the number of a source there, and says which number
/// it has in the union: [`keep`](crate::keep), [`by_layer`](crate::by_layer), or what the caller's table needs.
///
/// Each directory of each layer is read once, in order: n entries take n log k time over k layers, whatever they hide.
///
/// # Errors
/// A layer cannot be read; a hard link to a layer below leads to no file.
pub fn merge(
    layers: &[&dyn TreeView],
    sources: impl Fn(usize, Source) -> Source,
) -> Result<Merged, OverlayError> {
    let (tree, origins) = build(&Union::new(layers, Ground::Empty), &sources)?;
    Ok(Merged { tree, origins })
}
