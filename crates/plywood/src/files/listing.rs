//! What `ls` and `stat` show: entries of the union, or of one changeset alone.

use ply_overlay::{Stack, keep, merge};
use ply_tree::{Last, Node, NodeId, TreeView, walk};

use super::{Files, LayerNumber};
use crate::Error;

/// An entry to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path from the root, clean.
    pub path: Vec<u8>,
    /// What it is.
    pub node: Node,
    /// The layer that put it there.
    pub layer: LayerNumber,
}

impl Entry {
    /// Its last name; `/` for the root.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        ply_tree::path::split(&self.path).map_or(b"/", |(_, name)| name)
    }
}

/// What to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// The union of all layers.
    #[default]
    Union,
    /// The union of the layers up to one, that one included: the files as they were then.
    Until(LayerNumber),
    /// What one layer says, whiteouts among it.
    Alone(LayerNumber),
}

/// A tree to look at, and who put what there.
pub(super) enum Looked<'a> {
    Stack(Stack<'a>),
    Alone(&'a dyn TreeView, LayerNumber),
}

impl<'a> Looked<'a> {
    pub(super) fn at(files: &'a Files, scope: Scope) -> Result<Self, Error> {
        Ok(match scope {
            Scope::Union => Self::Stack(files.stack(None)?),
            Scope::Until(layer) => Self::Stack(files.stack(Some(layer))?),
            Scope::Alone(layer) => match files.tree(layer.0) {
                Some(tree) => Self::Alone(tree, layer),
                None => return Err(Error::Misuse(format!("no layer {}", layer.ordinal()))),
            },
        })
    }

    pub(super) fn view(&self) -> &dyn TreeView {
        match self {
            Self::Stack(stack) => stack,
            Self::Alone(tree, _) => *tree,
        }
    }

    pub(super) fn find(&self, files: &Files, path: &[u8], last: Last) -> Result<ply_tree::Found, Error> {
        match self {
            Self::Stack(stack) => files.find(stack, path, last),
            Self::Alone(tree, _) => ply_tree::find(*tree, path, last)
                .map_err(files.failed())?
                .ok_or_else(|| Error::NoSuchFile { path: path.to_owned(), gone: None }),
        }
    }

    pub(super) fn entry(&self, files: &Files, path: Vec<u8>, id: NodeId) -> Result<Entry, Error> {
        let node = self.view().node(id).map_err(files.failed())?.into_owned();
        let layer = match self {
            Self::Stack(stack) => LayerNumber(stack.origin(id).map_or(0, |origin| origin.layer)),
            Self::Alone(_, layer) => *layer,
        };
        Ok(Entry { path, node, layer })
    }
}

impl Files {
    /// What a path is.
    ///
    /// # Errors
    /// There is no such file, or a layer is damaged.
    pub fn entry(&self, path: &[u8], scope: Scope, last: Last) -> Result<Entry, Error> {
        let looked = Looked::at(self, scope)?;
        let found = looked.find(self, path, last)?;
        let mut entry = looked.entry(self, found.path, found.id)?;
        if entry.node.links > 1 && !matches!(scope, Scope::Alone(_)) {
            entry.node.links = self.links(scope, &entry.path)?;
        }
        Ok(entry)
    }

    /// How many names an inode has in the union: a layer knows only its own.
    fn links(&self, scope: Scope, path: &[u8]) -> Result<u32, Error> {
        let top = if let Scope::Until(layer) = scope { Some(layer) } else { None };
        let merged = merge(&self.trees(top), keep).map_err(self.failed())?;
        let found = ply_tree::find(&merged.tree, path, Last::Keep).map_err(self.failed())?;
        Ok(found.and_then(|found| merged.tree.get(found.id)).map_or(1, |node| node.links))
    }

    /// What a directory holds, sorted by name; of what is no directory, itself. With `recursive` all that lies below.
    ///
    /// # Errors
    /// There is no such file, or a layer is damaged.
    pub fn list(&self, path: &[u8], scope: Scope, last: Last, recursive: bool) -> Result<Vec<Entry>, Error> {
        let looked = Looked::at(self, scope)?;
        let found = looked.find(self, path, last)?;
        let node = looked.view().node(found.id).map_err(self.failed())?;
        if !node.is_directory() {
            return Ok(vec![looked.entry(self, found.path, found.id)?]);
        }
        let mut entries = Vec::new();
        let mut steps = walk(looked.view(), found.id).map_err(self.failed())?;
        while let Some(step) = steps.next() {
            let step = step.map_err(self.failed())?;
            if !recursive {
                steps.pass_over();
            }
            let path = [&found.path[..], &step.path].join(&b'/');
            entries.push(looked.entry(self, ply_tree::path::clean(&path), step.id)?);
        }
        Ok(entries)
    }
}
