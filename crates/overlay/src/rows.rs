//! All paths of all layers, those too that the union does not show.

use std::borrow::Cow;
use std::rc::Rc;

use ply_tree::{Kind, Node, TreeView, path};

use crate::join::Join;
use crate::union::{Ground, Union};
use crate::{How, Origin, OverlayError};

/// Goes through each path that any layer has, sorted by name within a directory, each before what it holds.
pub(crate) struct Rows<'a> {
    pub(crate) union: Union<'a>,
    open: Vec<Open<'a>>,
    versions: Vec<Origin>,
    /// The row given last, to be gone into where it is a directory.
    last: Option<(Vec<u8>, Vec<Part>)>,
}

/// A directory on the way.
struct Open<'a> {
    path: Rc<[u8]>,
    parts: Vec<Part>,
    rest: Join<'a>,
}

/// A directory of one layer.
struct Part {
    at: Origin,
    opaque: bool,
    hidden: Option<Hider>,
}

/// What hid something.
#[derive(Debug, Clone)]
pub(crate) struct Hider {
    pub(crate) layer: usize,
    pub(crate) how: How,
    pub(crate) at: Rc<[u8]>,
}

/// A path and all that layers have there, top first.
pub(crate) struct Row<'a> {
    pub(crate) path: Vec<u8>,
    pub(crate) versions: Vec<RowVersion<'a>>,
}

/// What one layer has at a path, and the first layer above that hid it.
pub(crate) struct RowVersion<'a> {
    pub(crate) at: Origin,
    pub(crate) node: Cow<'a, Node>,
    pub(crate) hidden: Option<Hider>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(layers: &[&'a dyn TreeView]) -> Result<Self, OverlayError> {
        let union = Union::new(layers, Ground::Empty);
        let mut parts = Vec::new();
        for (layer, view) in layers.iter().enumerate().rev() {
            let at = Origin { layer, id: view.root() };
            let opaque = is_opaque(&*union.node(at)?);
            parts.push(Part { at, opaque, hidden: None });
        }
        Ok(Self { union, open: Vec::new(), versions: Vec::new(), last: Some((Vec::new(), parts)) })
    }

    pub(crate) fn next(&mut self) -> Result<Option<Row<'a>>, OverlayError> {
        if let Some((path, parts)) = self.last.take() {
            let rest = self.union.join(parts.iter().map(|part| part.at))?;
            self.open.push(Open { path: path.into(), parts, rest });
        }
        while let Some(here) = self.open.last_mut() {
            if let Some(name) = here.rest.next(&mut self.versions)? {
                let row = row(&self.union, here, &name, &self.versions)?;
                let directories = row.versions.iter().filter(|version| version.node.is_directory());
                let parts = directories.map(|version| Part {
                    at: version.at,
                    opaque: is_opaque(&version.node),
                    hidden: version.hidden.clone(),
                });
                let parts: Vec<Part> = parts.collect();
                self.last = (!parts.is_empty()).then(|| (row.path.clone(), parts));
                return Ok(Some(row));
            }
            self.open.pop();
        }
        Ok(None)
    }
}

fn is_opaque(node: &Node) -> bool {
    matches!(node.kind, Kind::Directory(directory) if directory.opaque)
}

/// The versions of a name, top first, each with the lowest layer above it that hid it: it was gone from there on.
fn row<'a>(
    union: &Union<'a>,
    here: &Open<'_>,
    name: &[u8],
    found: &[Origin],
) -> Result<Row<'a>, OverlayError> {
    let path = path::join(&here.path, name);
    let mut versions = Vec::with_capacity(found.len());
    let mut parts = here.parts.iter().peekable();
    // The nearest above of what hides a file, of what hides a directory, and of opaque parents.
    let (mut any, mut leaf, mut opaque) = (None, None, None);
    for at in found {
        let node = union.node(*at)?;
        while let Some(part) = parts.next_if(|part| part.at.layer > at.layer) {
            opaque = if part.opaque { Some(part.at.layer) } else { opaque };
        }
        let above = if node.is_directory() { leaf } else { any };
        let inherited = parts.peek().and_then(|part| part.hidden.as_ref());
        let how = if matches!(node.kind, Kind::Whiteout) { How::Whiteout } else { How::Replaced };
        versions.push(RowVersion {
            at: *at,
            hidden: lowest(above, opaque, inherited, &path, &here.path),
            node,
        });
        any = Some((at.layer, how));
        if versions.last().is_some_and(|version| !version.node.is_directory()) {
            leaf = any;
        }
    }
    Ok(Row { path, versions })
}

/// In one layer, what stands at the path itself comes before its parent, and that before what is further up.
fn lowest(
    above: Option<(usize, How)>,
    opaque: Option<usize>,
    inherited: Option<&Hider>,
    path: &[u8],
    parent: &Rc<[u8]>,
) -> Option<Hider> {
    let layers = [above.map(|(layer, _)| layer), opaque, inherited.map(|hider| hider.layer)];
    let lowest = layers.into_iter().flatten().min()?;
    match (above, opaque) {
        (Some((layer, how)), _) if layer == lowest => Some(Hider { layer, how, at: path.into() }),
        (_, Some(layer)) if layer == lowest => Some(Hider { layer, how: How::Opaque, at: Rc::clone(parent) }),
        _ => inherited.cloned(),
    }
}
