//! `find`: entries of the union, or of what later layers hid, that pass the tests of find(1).

mod glob;
mod kinds;
mod permissions;
mod size;

use ply_overlay::{Origin, Stack};
use ply_tree::{Kind, Last, Node, Presence, TreeView, walk};

pub use glob::Glob;
pub use kinds::Kinds;
pub use permissions::Permissions;
pub use size::Size;

use super::past::HiddenBy;
use super::{Entry, Files, LayerNumber};
use crate::Error;

/// What an entry must be; without any test, all pass.
#[derive(Debug, Clone, Default)]
pub struct Tests {
    /// Its last name; `/` of the root.
    pub name: Option<Glob>,
    /// Its whole path, a slash in front.
    pub path: Option<Glob>,
    /// What it is.
    pub kinds: Option<Kinds>,
    /// How large it is.
    pub size: Option<Size>,
    /// Who may do what with it.
    pub permissions: Option<Permissions>,
    /// The layer that says so. Of entries that are not hidden, all that this layer says: whiteouts too, and what later ones
    /// hid.
    pub layer: Option<LayerNumber>,
}

/// Which entries are looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Among {
    /// Those of the union; of one layer, all.
    #[default]
    Shown,
    /// What later layers hid, where the union has nothing at that path any more.
    Deleted,
    /// What later layers hid, where the union has a later version.
    Shadowed,
    /// All that later layers hid.
    Hidden,
}

/// An entry that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The entry, as the layer has it that put it there.
    pub entry: Entry,
    /// By whom it was hidden, if it was.
    pub hidden: Option<HiddenBy>,
}

impl Tests {
    fn pass(&self, path: &[u8], node: &Node, layer: LayerNumber) -> bool {
        let name = ply_tree::path::split(path).map_or(&b"/"[..], |(_, name)| name);
        self.layer.is_none_or(|wanted| wanted == layer)
            && self.kinds.as_ref().is_none_or(|kinds| kinds.has(&node.kind))
            && self.permissions.is_none_or(|permissions| permissions.allow(node.metadata.mode))
            && self.size.is_none_or(|size| size.is(node.size()))
            && self.name.as_ref().is_none_or(|glob| glob.is_match(name))
            && self.path.as_ref().is_none_or(|glob| glob.is_match(&[b"/", path].concat()))
    }
}

/// Whether no layer put a directory there, and it is the root, or only something in it is.
const fn is_implied(node: &Node) -> bool {
    matches!(&node.kind, Kind::Directory(directory) if matches!(directory.presence, Presence::Implied))
}

impl Files {
    /// Gives each entry that passes the tests, at a path and below it, in the order of the union's walk. As `find -P`,
    /// a link is an entry and not followed, one at the end of the path too.
    ///
    /// # Errors
    /// There is no such path, a layer is damaged, or `each` failed.
    pub fn find_all(
        &self,
        path: &[u8],
        among: Among,
        tests: &Tests,
        each: &mut dyn FnMut(Match) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let stack = self.stack(None)?;
        match tests.layer {
            Some(layer) if among == Among::Shown => return self.find_alone(&stack, layer, path, tests, each),
            None if among == Among::Shown => return self.find_shown(&stack, path, tests, each),
            _ => {}
        }
        let below = self.base(&stack, path, Last::Keep)?;
        self.past(&below, &mut |past| {
            if !tests.pass(&past.path, &past.node, past.layer) {
                return Ok(());
            }
            let is_meant = match among {
                Among::Hidden | Among::Shown => true,
                Among::Deleted => self.by_name(&stack, &past.path)?.is_none(),
                Among::Shadowed => self.by_name(&stack, &past.path)?.is_some(),
            };
            if !is_meant {
                return Ok(());
            }
            let entry = Entry { path: past.path, node: past.node.into_owned(), layer: past.layer };
            each(Match { entry, hidden: Some(past.by) })
        })
    }

    fn find_shown(
        &self,
        stack: &Stack<'_>,
        path: &[u8],
        tests: &Tests,
        each: &mut dyn FnMut(Match) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let found = self.find(stack, path, Last::Keep)?;
        let mut check = |path: &[u8], id| {
            let node = stack.node(id).map_err(self.failed())?;
            let origin = stack.origin(id);
            let layer = LayerNumber(origin.map_or(0, |origin| origin.layer));
            if !tests.pass(path, &node, layer) {
                return Ok(());
            }
            let entry = Entry { path: path.to_vec(), node: node.into_owned(), layer };
            each(Match { entry, hidden: None })
        };
        check(&found.path, found.id)?;
        let mut steps = walk(stack, found.id).map_err(self.failed())?;
        while let Some(id) = steps.advance().map_err(self.failed())? {
            check(&ply_tree::path::join(&found.path, steps.path()), id)?;
        }
        Ok(())
    }

    /// What one layer says, though later ones may have hidden it. A hard link to a layer below is the file that it leads to.
    fn find_alone(
        &self,
        stack: &Stack<'_>,
        layer: LayerNumber,
        path: &[u8],
        tests: &Tests,
        each: &mut dyn FnMut(Match) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let at = self.base(stack, path, Last::Keep)?;
        let Some(tree) = self.tree(layer.0) else { return Ok(()) };
        let mut from = tree.root();
        for name in ply_tree::path::components(&at) {
            match tree.lookup(from, name).map_err(self.failed())? {
                Some(id) => from = id,
                // It may be in another layer.
                None => return self.find(stack, path, Last::Keep).map(drop),
            }
        }
        let mut check = |path: Vec<u8>, id| {
            let mut node = tree.node(id).map_err(self.failed())?;
            if matches!(node.kind, Kind::LinkBelow { .. }) {
                let inode = self.behind(Origin { layer: layer.0, id }, &path)?;
                node = self.inode(inode)?.unwrap_or(node);
            }
            if is_implied(&node) || !tests.pass(&path, &node, layer) {
                return Ok(());
            }
            each(Match { entry: Entry { path, node: node.into_owned(), layer }, hidden: None })
        };
        check(at.clone(), from)?;
        let mut steps = walk(tree, from).map_err(self.failed())?;
        while let Some(id) = steps.advance().map_err(self.failed())? {
            check(ply_tree::path::join(&at, steps.path()), id)?;
        }
        Ok(())
    }

    /// A path as the union has it, or by its names alone where the union has nothing there.
    pub(super) fn base(&self, stack: &Stack<'_>, path: &[u8], last: Last) -> Result<Vec<u8>, Error> {
        let found = ply_tree::find(stack, path, last);
        Ok(match found {
            Ok(Some(found)) => found.path,
            Ok(None) | Err(ply_tree::TreeError::NotADirectory { .. }) => ply_tree::path::clean(path),
            Err(error) => return Err(self.failed()(error)),
        })
    }
}
