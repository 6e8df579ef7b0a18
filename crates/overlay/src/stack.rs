use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use ply_tree::{Directory, Entries, Kind, Node, NodeId, Source, TreeError, TreeView};

use crate::build::{attributes, renumber};
use crate::join::Join;
use crate::numbers::Numbers;
use crate::union::{Dir, Ground, Seen, Union};
use crate::{Origin, OverlayError, SourceMap};

/// The union of layers, looked at without being made: what a path means is found out when somebody asks, and nothing is
/// kept but a number for each inode that was seen.
///
/// It is a root filesystem: no whiteouts, no opaque or implied directories, no links to layers below. But nobody has
/// counted its names: [`Node::links`] is what the layer says; [`merge`](crate::merge) counts.
#[allow(missing_debug_implementations, reason = "layers can be any kind of view")]
pub struct Stack<'a> {
    union: Union<'a>,
    sources: Option<Box<SourceMap<'a>>>,
    seen: RefCell<Handles>,
}

/// What the numbers stand for.
struct Handles {
    handles: Vec<Handle>,
    /// The number of a leaf, by its place; of a directory, by its topmost part, which tells all others.
    ids: Numbers<Origin, NodeId>,
}

#[derive(Clone)]
enum Handle {
    Leaf(Origin),
    Directory(Rc<Place>),
}

/// A directory and, for messages, where it lies.
struct Place {
    dir: Dir,
    parent: NodeId,
    name: Box<[u8]>,
}

impl Handles {
    fn get(&self, id: NodeId) -> Option<&Handle> {
        self.handles.get(usize::try_from(id.0).ok()?)
    }

    /// The path of a name in a directory. The root is its own parent.
    fn path(&self, directory: NodeId, last: &[u8]) -> Vec<u8> {
        let mut names = vec![last];
        let mut at = directory;
        while let Some(Handle::Directory(place)) = self.get(at).filter(|_| at != ROOT) {
            names.push(&place.name);
            at = place.parent;
        }
        names.reverse();
        names.join(&b'/')
    }
}

const ROOT: NodeId = NodeId(0);

/// A name in a directory, and what it points at.
type Entry<'a> = (Cow<'a, [u8]>, NodeId);

impl<'a> Stack<'a> {
    /// The union of layers, bottom first. Their sources keep their numbers, so that two layers may use the same ones;
    /// [`origin`](Self::origin) tells whose they are.
    ///
    /// # Errors
    /// The root of a layer cannot be read, or is no directory.
    pub fn new(layers: &[&'a dyn TreeView]) -> Result<Self, OverlayError> {
        let union = Union::new(layers, Ground::Empty);
        let root = Place { dir: union.root(union.len())?, parent: ROOT, name: Box::default() };
        let handles = vec![Handle::Directory(Rc::new(root))];
        Ok(Self { union, sources: None, seen: RefCell::new(Handles { handles, ids: Numbers::default() }) })
    }

    /// The same with other numbers for the sources, such as [`by_layer`](crate::by_layer): `sources` is given a layer
    /// and a number there.
    #[must_use]
    pub fn with_sources(self, sources: impl Fn(usize, Source) -> Source + 'a) -> Self {
        Self { sources: Some(Box::new(sources)), ..self }
    }

    /// How many layers there are.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.union.len()
    }

    /// The inode in the layer that brought it; of a directory, the one whose attributes hold. `None` for a number this
    /// stack never gave, and for the root of no layers.
    #[must_use]
    pub fn origin(&self, id: NodeId) -> Option<Origin> {
        match self.handle(id).ok()? {
            Handle::Leaf(origin) => Some(origin),
            Handle::Directory(place) => place.dir.attributes,
        }
    }

    /// All directories whose entries a directory shows, top first; of anything else, its origin alone.
    #[must_use]
    pub fn contributors(&self, id: NodeId) -> Vec<Origin> {
        match self.handle(id) {
            Ok(Handle::Leaf(origin)) => vec![origin],
            Ok(Handle::Directory(place)) => place.dir.parts.clone(),
            Err(_) => Vec::new(),
        }
    }

    fn handle(&self, id: NodeId) -> Result<Handle, TreeError> {
        self.seen.borrow().get(id).cloned().ok_or_else(|| TreeError::View {
            what: format!("inode {} of a union", id.0),
            source: "there is none of this number".into(),
        })
    }

    fn number(&self, key: Origin, handle: impl FnOnce() -> Handle) -> NodeId {
        let Handles { handles, ids } = &mut *self.seen.borrow_mut();
        *ids.entry(key).or_insert_with(|| {
            handles.push(handle());
            NodeId((handles.len() as u64).saturating_sub(1))
        })
    }

    /// The number of what a name in a directory means.
    fn name(&self, parent: NodeId, name: &[u8], seen: Seen<'a>) -> Result<Option<NodeId>, OverlayError> {
        Ok(match seen {
            Seen::Nothing | Seen::Hidden | Seen::Whiteout(_) => None,
            Seen::Leaf(leaf, node) => {
                let (origin, _) = self.union.follow(leaf, node, || self.seen.borrow().path(parent, name))?;
                Some(self.number(origin, || Handle::Leaf(origin)))
            }
            Seen::Directory(dir) => dir.parts.first().copied().map(|top| {
                self.number(top, || Handle::Directory(Rc::new(Place { dir, parent, name: name.into() })))
            }),
        })
    }

    /// The next name in a directory that means anything.
    fn next(
        &self,
        directory: NodeId,
        place: &Place,
        names: &mut Join<'a>,
        versions: &mut Vec<Origin>,
    ) -> Result<Option<Entry<'a>>, OverlayError> {
        while let Some(name) = names.next(versions)? {
            let seen = self.union.judge(place.dir.closed, versions.drain(..).map(Ok))?;
            if let Some(id) = self.name(directory, &name, seen)? {
                return Ok(Some((name, id)));
            }
        }
        Ok(None)
    }
}

impl TreeView for Stack<'_> {
    fn root(&self) -> NodeId {
        ROOT
    }

    fn node(&self, id: NodeId) -> Result<Cow<'_, Node>, TreeError> {
        match self.handle(id)? {
            Handle::Leaf(origin) => {
                let node = self.union.node(origin)?;
                Ok(match &self.sources {
                    Some(sources) => renumber(node, origin.layer, sources),
                    None => node,
                })
            }
            Handle::Directory(place) => {
                let metadata = attributes(&self.union, &place.dir)?;
                Ok(Cow::Owned(Node { metadata, kind: Kind::Directory(Directory::default()), links: 1 }))
            }
        }
    }

    fn lookup(&self, directory: NodeId, name: &[u8]) -> Result<Option<NodeId>, TreeError> {
        let Handle::Directory(place) = self.handle(directory)? else { return Ok(None) };
        let seen = self.union.lookup(&place.dir, name)?;
        Ok(self.name(directory, name, seen)?)
    }

    fn entries(&self, directory: NodeId) -> Result<Entries<'_>, TreeError> {
        let Handle::Directory(place) = self.handle(directory)? else {
            return Ok(Box::new(std::iter::empty()));
        };
        let mut join = self.union.join(place.dir.parts.iter().copied())?;
        let mut versions = Vec::new();
        Ok(Box::new(std::iter::from_fn(move || {
            self.next(directory, &place, &mut join, &mut versions).map_err(TreeError::from).transpose()
        })))
    }
}
