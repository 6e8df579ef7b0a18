use ply_tree::{Node, TreeView, path};

use crate::{Origin, OverlayError, Stack, Version};

/// What must be done to the topmost layer before a path can be changed there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyUp {
    /// Directories to be made in it first, from the top of the tree down, each with its path: all above the path that it
    /// does not have itself. The root, which any layer has, is not among them.
    pub parents: Vec<(Vec<u8>, Node)>,
    /// The inode to be copied, a directory without what it holds; `None` where the topmost layer has it already.
    ///
    /// A copy is a file of its own: other names of it stay with the lower one, as in the kernel's overlayfs without
    /// `index=on`.
    pub inode: Option<Version>,
}

/// What the first change to a path needs, over a stack whose topmost layer is the one that can be written. The path is
/// taken by names: [`ply_tree::find`] tells where a path with links leads. `None` where there is no such path.
///
/// # Errors
/// A layer cannot be read; a hard link to a layer below leads to no file.
pub fn copy_up(stack: &Stack<'_>, wanted: &[u8]) -> Result<Option<CopyUp>, OverlayError> {
    let wanted = path::clean(wanted);
    let top = stack.layers().saturating_sub(1);
    let union = |source| OverlayError::Layer { layer: top, source };
    let mut missing = Vec::new();
    let mut at = stack.root();
    for here in path::ancestors(&wanted) {
        let name = path::split(here).map_or(here, |(_, name)| name);
        let Some(id) = stack.lookup(at, name).map_err(union)? else { return Ok(None) };
        at = id;
        if let Some(origin) = stack.origin(at).filter(|origin| origin.layer != top) {
            missing.push((here.to_vec(), origin, stack.node(at).map_err(union)?.into_owned()));
        }
    }
    // What was looked at last is the path itself.
    let inode = missing.pop_if(|(here, ..)| *here == wanted);
    let inode = inode.map(|(_, origin, node): (_, Origin, _)| Version { origin, node });
    let parents = missing.into_iter().map(|(here, _, node)| (here, node)).collect();
    Ok(Some(CopyUp { parents, inode }))
}
