//! Two trees, path by path.

use std::borrow::Cow;

use ply_tree::{Node, NodeId, TreeView, path};

use crate::join::Join;
use crate::union::{Ground, Union};
use crate::{Origin, OverlayError};

/// Goes through each path that either of two trees has, the root first, each before what it holds, sorted by name within
/// a directory.
pub(crate) struct Pairs<'a> {
    trees: Union<'a>,
    open: Vec<(Vec<u8>, Join<'a>)>,
    versions: Vec<Origin>,
    /// What was given last, to be gone into: its directories, the second tree's first.
    last: Option<(Vec<u8>, Vec<Origin>)>,
    started: bool,
}

/// What two trees have at a path; at least one has something.
pub(crate) struct Pair<'a> {
    pub(crate) path: Vec<u8>,
    /// How many directories lie above it.
    pub(crate) depth: usize,
    pub(crate) before: Option<Side<'a>>,
    pub(crate) after: Option<Side<'a>>,
}

/// What one of them has.
pub(crate) struct Side<'a> {
    pub(crate) id: NodeId,
    pub(crate) node: Cow<'a, Node>,
}

impl<'a> Pairs<'a> {
    pub(crate) fn new(before: &'a dyn TreeView, after: &'a dyn TreeView) -> Self {
        let trees = Union::new(&[before, after], Ground::Empty);
        Self { trees, open: Vec::new(), versions: Vec::new(), last: None, started: false }
    }

    /// Does not go into what was given last.
    pub(crate) fn pass_over(&mut self) {
        self.last = None;
    }

    pub(crate) fn next(&mut self) -> Result<Option<Pair<'a>>, OverlayError> {
        if !std::mem::replace(&mut self.started, true) {
            for layer in [1, 0] {
                self.versions.push(Origin { layer, id: self.trees.layer(layer)?.root() });
            }
            return self.pair(Vec::new()).map(Some);
        }
        if let Some((path, parts)) = self.last.take() {
            let names = self.trees.join(parts.into_iter())?;
            self.open.push((path, names));
        }
        while let Some((directory, names)) = self.open.last_mut() {
            if let Some(name) = names.next(&mut self.versions)? {
                let path = path::join(directory, &name);
                return self.pair(path).map(Some);
            }
            self.open.pop();
        }
        Ok(None)
    }

    fn pair(&mut self, path: Vec<u8>) -> Result<Pair<'a>, OverlayError> {
        let mut pair = Pair { path, depth: self.open.len(), before: None, after: None };
        let mut directories = Vec::new();
        for at in &self.versions {
            let side = Side { id: at.id, node: self.trees.node(*at)? };
            if side.node.is_directory() {
                directories.push(*at);
            }
            *(if at.layer == 0 { &mut pair.before } else { &mut pair.after }) = Some(side);
        }
        self.last = (!directories.is_empty()).then(|| (pair.path.clone(), directories));
        Ok(pair)
    }
}
