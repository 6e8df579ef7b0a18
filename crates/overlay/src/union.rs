//! What a name means over several layers: the one place that knows. All else in this crate asks here.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;

use ply_tree::{Kind, Node, Presence, TreeError, TreeView, path};

use crate::join::Join;
use crate::{LinkFault, Origin, OverlayError};

/// Layers, bottom first, and what is known of what lies under them.
pub(crate) struct Union<'a> {
    layers: Vec<&'a dyn TreeView>,
    ground: Ground,
    /// Where hard links to layers below lead, once found out, so that a chain of them is followed once.
    links: RefCell<HashMap<Origin, Target>>,
}

/// What lies under the lowest layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground {
    /// Nothing: the layers are a whole filesystem.
    Empty,
    /// Nobody knows: the layers are some of a stack.
    Unknown,
}

/// A directory of the union.
#[derive(Debug, Clone)]
pub(crate) struct Dir {
    /// The directories whose entries it shows, top first.
    pub(crate) parts: Vec<Origin>,
    /// The one whose attributes hold; `None` for the root over no layers.
    pub(crate) attributes: Option<Origin>,
    /// Whether its attributes hold whatever lies under the lowest layer.
    pub(crate) settled: bool,
    /// Whether it shows nothing of what lies under the lowest layer.
    pub(crate) closed: bool,
}

/// What a name means.
pub(crate) enum Seen<'a> {
    /// No layer has it: what lies under the lowest layer shows.
    Nothing,
    /// There is nothing, and nothing shows through.
    Hidden,
    /// The same, because of this whiteout.
    Whiteout(Origin),
    /// A directory.
    Directory(Dir),
    /// Anything else, hard links to a layer below among it.
    Leaf(Origin, Cow<'a, Node>),
}

/// Where a hard link to a layer below leads.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// To this inode.
    Inode(Origin),
    /// To a path under the lowest layer.
    Below(Box<[u8]>),
}

impl<'a> Union<'a> {
    pub(crate) fn new(layers: &[&'a dyn TreeView], ground: Ground) -> Self {
        Self { layers: layers.to_vec(), ground, links: RefCell::default() }
    }

    /// Whether nothing lies under the lowest layer.
    pub(crate) fn is_whole(&self) -> bool {
        self.ground == Ground::Empty
    }

    /// How many layers there are.
    pub(crate) fn len(&self) -> usize {
        self.layers.len()
    }

    pub(crate) fn layer(&self, layer: usize) -> Result<&'a dyn TreeView, OverlayError> {
        let missing = || TreeError::View { what: "the stack".to_owned(), source: "no such layer".into() };
        self.layers.get(layer).copied().ok_or_else(|| OverlayError::Layer { layer, source: missing() })
    }

    pub(crate) fn node(&self, at: Origin) -> Result<Cow<'a, Node>, OverlayError> {
        self.layer(at.layer)?.node(at.id).map_err(|source| OverlayError::Layer { layer: at.layer, source })
    }

    /// The root over the lowest `layers` of the layers.
    pub(crate) fn root(&self, layers: usize) -> Result<Dir, OverlayError> {
        let roots = self.layers.iter().enumerate().take(layers).rev();
        let closed = self.is_whole();
        let roots = roots.map(|(layer, view)| Ok(Origin { layer, id: view.root() }));
        match self.judge(closed, roots)? {
            Seen::Directory(dir) => Ok(dir),
            Seen::Nothing | Seen::Hidden => {
                Ok(Dir { parts: Vec::new(), attributes: None, settled: closed, closed })
            }
            Seen::Leaf(at, _) | Seen::Whiteout(at) => Err(OverlayError::Layer {
                layer: at.layer,
                source: TreeError::NotADirectory { path: Vec::new() },
            }),
        }
    }

    /// What a name in a directory means.
    pub(crate) fn lookup(&self, dir: &Dir, name: &[u8]) -> Result<Seen<'a>, OverlayError> {
        let versions = dir.parts.iter().filter_map(|part| self.child(*part, name).transpose());
        self.judge(dir.closed, versions)
    }

    /// What a name in a directory of one layer points at.
    pub(crate) fn child(&self, part: Origin, name: &[u8]) -> Result<Option<Origin>, OverlayError> {
        let Origin { layer, id } = part;
        let found = self.layer(layer)?.lookup(id, name);
        let found = found.map_err(|source| OverlayError::Layer { layer, source })?;
        Ok(found.map(|id| Origin { layer, id }))
    }

    /// The names in directories of several layers, given from the top down.
    pub(crate) fn join(&self, parts: impl Iterator<Item = Origin>) -> Result<Join<'a>, OverlayError> {
        Join::new(parts.map(|Origin { layer, id }| {
            let entries = self.layer(layer)?.entries(id);
            Ok((layer, entries.map_err(|source| OverlayError::Layer { layer, source })?))
        }))
    }

    /// What a name means of which these are the versions, from the top down, in a directory that is closed or not.
    pub(crate) fn judge(
        &self,
        closed: bool,
        versions: impl Iterator<Item = Result<Origin, OverlayError>>,
    ) -> Result<Seen<'a>, OverlayError> {
        let mut dir: Option<Dir> = None;
        for at in versions {
            let at = at?;
            let node = self.node(at)?;
            match (&node.kind, &mut dir) {
                (Kind::Directory(own), None) => {
                    let settled = own.presence == Presence::Explicit;
                    dir = Some(Dir { parts: vec![at], attributes: Some(at), settled, closed: own.opaque });
                }
                (Kind::Directory(own), Some(dir)) => {
                    if !dir.closed {
                        dir.parts.push(at);
                        dir.closed = own.opaque;
                    }
                    // An opaque directory hides what is in the one below, not what that one is.
                    if !dir.settled && own.presence == Presence::Explicit {
                        dir.attributes = Some(at);
                        dir.settled = true;
                    }
                }
                (Kind::Whiteout, None) => return Ok(Seen::Whiteout(at)),
                (_, None) => return Ok(Seen::Leaf(at, node)),
                // The directory above replaced this, and begins anew.
                (_, Some(dir)) => {
                    dir.closed = true;
                    dir.settled = true;
                }
            }
            if dir.as_ref().is_some_and(|dir| dir.closed && dir.settled) {
                break;
            }
        }
        Ok(match dir {
            Some(dir) => {
                Seen::Directory(Dir { closed: dir.closed || closed, settled: dir.settled || closed, ..dir })
            }
            None if closed => Seen::Hidden,
            None => Seen::Nothing,
        })
    }

    /// What a path means over the lowest `layers` of the layers, by names alone: no link is followed.
    pub(crate) fn resolve(&self, layers: usize, wanted: &[u8]) -> Result<Seen<'a>, OverlayError> {
        let mut seen = Seen::Directory(self.root(layers)?);
        for name in path::components(wanted) {
            seen = match seen {
                Seen::Directory(dir) => self.lookup(&dir, name)?,
                Seen::Nothing => return Ok(Seen::Nothing),
                Seen::Hidden | Seen::Whiteout(_) | Seen::Leaf(..) => return Ok(Seen::Hidden),
            };
        }
        Ok(seen)
    }

    /// The inode behind a leaf, where that is a hard link to a layer below. What is kept as a link leads under the
    /// lowest layer. `entry` is the leaf's path, for a message.
    pub(crate) fn follow(
        &self,
        leaf: Origin,
        node: Cow<'a, Node>,
        entry: impl FnOnce() -> Vec<u8>,
    ) -> Result<(Origin, Cow<'a, Node>), OverlayError> {
        let Kind::LinkBelow { target } = &node.kind else { return Ok((leaf, node)) };
        match self.target(leaf, target, entry)? {
            Target::Inode(at) => Ok((at, self.node(at)?)),
            Target::Below(target) => {
                let kind = Kind::LinkBelow { target };
                Ok((leaf, Cow::Owned(Node { kind, ..node.into_owned() })))
            }
        }
    }

    fn target(
        &self,
        link: Origin,
        target: &[u8],
        entry: impl FnOnce() -> Vec<u8>,
    ) -> Result<Target, OverlayError> {
        if let Some(known) = self.links.borrow().get(&link) {
            return Ok(known.clone());
        }
        let (mut at, mut entry, mut target) = (link, entry(), target.to_vec());
        let mut chain = Vec::new();
        // Each link leads further down, and so this ends.
        let end = loop {
            if let Some(known) = self.links.borrow().get(&at) {
                break known.clone();
            }
            chain.push(at);
            let fault = match self.resolve(at.layer, &target)? {
                Seen::Nothing => break Target::Below(target.into()),
                Seen::Leaf(below, node) => {
                    let Kind::LinkBelow { target: next } = &node.kind else { break Target::Inode(below) };
                    at = below;
                    entry = std::mem::replace(&mut target, next.to_vec());
                    continue;
                }
                Seen::Hidden | Seen::Whiteout(_) => LinkFault::Missing,
                Seen::Directory(_) => LinkFault::Directory,
            };
            return Err(OverlayError::Link { layer: at.layer, entry, target, fault });
        };
        let mut links = self.links.borrow_mut();
        links.extend(chain.into_iter().map(|link| (link, end.clone())));
        Ok(end)
    }
}
