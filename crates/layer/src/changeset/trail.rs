//! A short cut for entries that come directory by directory, as they mostly do.

use ply_tree::NodeId;

/// The directories that were gone through last. The next entry mostly lies in the same one.
#[derive(Debug, Default)]
pub(super) struct Trail {
    root: Option<NodeId>,
    /// Their names, one after the other.
    names: Vec<u8>,
    /// Where the name of each ends.
    steps: Vec<(usize, NodeId)>,
}

impl Trail {
    pub(super) fn start(&mut self, root: NodeId) {
        if self.root != Some(root) {
            self.forget();
            self.root = Some(root);
        }
    }

    pub(super) fn forget(&mut self) {
        self.names.clear();
        self.steps.clear();
    }

    fn begin(&self, depth: usize) -> usize {
        depth.checked_sub(1).and_then(|before| self.steps.get(before)).map_or(0, |(end, _)| *end)
    }

    pub(super) fn find(&self, depth: usize, name: &[u8]) -> Option<NodeId> {
        let (end, id) = *self.steps.get(depth)?;
        (self.names.get(self.begin(depth)..end)? == name).then_some(id)
    }

    pub(super) fn go(&mut self, depth: usize, name: &[u8], id: NodeId) {
        self.names.truncate(self.begin(depth));
        self.steps.truncate(depth);
        self.names.extend_from_slice(name);
        self.steps.push((self.names.len(), id));
    }
}
