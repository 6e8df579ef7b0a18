//! What later layers hid: every old version that is still in the image, though the union does not show it.

use std::borrow::Cow;

use ply_overlay::{Origin, Removal, Stack, hidden};
use ply_tree::{Kind, Node, NodeId, TreeView, path};

use super::{Files, LayerNumber};
use crate::Error;

/// By which layer something was hidden, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HiddenBy {
    /// The lowest layer that hid it.
    pub layer: LayerNumber,
    /// How it did that, and where.
    pub removal: Removal,
}

/// An entry that the union does not show.
pub(super) struct Past<'a> {
    pub(super) path: Vec<u8>,
    /// The layer that has the entry. Of a hard link to a layer below, the inode lies further down.
    pub(super) layer: LayerNumber,
    pub(super) inode: Origin,
    pub(super) node: Cow<'a, Node>,
    pub(super) by: HiddenBy,
}

impl Files {
    /// Goes through all that later layers hid, at a path and below it, sorted as a walk would come to it, and at each path
    /// from the top down. Links in the path are not followed: what was deleted is at no other place.
    pub(super) fn past<'a>(
        &'a self,
        below: &[u8],
        each: &mut dyn FnMut(Past<'a>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let trees = self.trees(None);
        for entry in hidden(&trees).map_err(self.failed())? {
            let entry = entry.map_err(self.failed())?;
            if !is_below(&entry.path, below) {
                continue;
            }
            let inode = match &entry.node.kind {
                Kind::LinkBelow { .. } => self.behind(entry.origin, &entry.path)?,
                _ => entry.origin,
            };
            let Some(node) = self.inode(inode)? else { continue };
            let by = HiddenBy { layer: LayerNumber(entry.by), removal: entry.removal };
            each(Past { path: entry.path, layer: LayerNumber(entry.origin.layer), inode, node, by })?;
        }
        Ok(())
    }

    /// The inode that a hard link to a layer below led to when its layer was the topmost.
    pub(super) fn behind(&self, link: Origin, path: &[u8]) -> Result<Origin, Error> {
        let then = self.stack(Some(LayerNumber(link.layer)))?;
        let found = self.by_name(&then, path)?;
        Ok(found.and_then(|id| then.origin(id)).unwrap_or(link))
    }

    /// An inode of a layer.
    pub(super) fn inode(&self, at: Origin) -> Result<Option<Cow<'_, Node>>, Error> {
        self.tree(at.layer).map(|tree| tree.node(at.id).map_err(self.failed())).transpose()
    }

    /// What stands at a clean path, no link followed.
    pub(crate) fn by_name(&self, stack: &Stack<'_>, path: &[u8]) -> Result<Option<NodeId>, Error> {
        let mut at = stack.root();
        for name in path::components(path) {
            match stack.lookup(at, name).map_err(self.failed())? {
                Some(id) => at = id,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }
}

/// Whether a path is another one, or lies below it; both are clean.
pub(super) fn is_below(path: &[u8], above: &[u8]) -> bool {
    match path.strip_prefix(above) {
        Some(rest) => above.is_empty() || rest.is_empty() || rest.starts_with(b"/"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_below;

    #[test]
    fn names_are_not_cut_in_two() {
        let check = |path: &[u8], above: &[u8], expect: bool| assert_eq!(is_below(path, above), expect);
        check(b"a/b", b"", true);
        check(b"", b"", true);
        check(b"a/b", b"a", true);
        check(b"a/b", b"a/b", true);
        check(b"ab", b"a", false);
        check(b"a", b"a/b", false);
    }
}
