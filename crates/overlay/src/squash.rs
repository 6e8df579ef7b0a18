use ply_tree::{Source, Tree, TreeView};

use crate::OverlayError;
use crate::build::build;
use crate::union::{Ground, Union};

/// Several layers, bottom first, as one layer that does the same to whatever lies below. `sources` is as for
/// [`merge`](crate::merge).
///
/// Whiteouts stay where anything below could show. A directory that comes back after its deletion or replacement is
/// opaque. A hard link to a layer below that is among these becomes a hard link to that file; one that leads further down
/// stays.
///
/// # Errors
/// A layer cannot be read; a hard link leads to what these layers say is no file.
pub fn squash(
    layers: &[&dyn TreeView],
    sources: impl Fn(usize, Source) -> Source,
) -> Result<Tree, OverlayError> {
    Ok(build(&Union::new(layers, Ground::Unknown), &sources)?.0)
}
