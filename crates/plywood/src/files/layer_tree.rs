//! A layer's tree: read from its tar, or looked up in the index that was kept of it.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ply_digest::Digest;
use ply_erofs::{Form, Image, Slot, encode};
use ply_image::Region;
use ply_layer::changeset::Changeset;
use ply_store::Store;
use ply_tree::{Entries, Node, NodeId, ReadAt, Source, Tree, TreeError, TreeView};

/// A layer as a changeset.
pub enum LayerTree {
    /// In memory.
    Read(Tree),
    /// In an index on disk; only what is asked for is read.
    Kept(Box<OneSource<Image<DiskFile>>>),
}

impl std::fmt::Debug for LayerTree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Read(_) => "LayerTree::Read",
            Self::Kept(_) => "LayerTree::Kept",
        })
    }
}

/// What tells a layer that is not loaded apart from all others: the file it lies in, as it is now, and the place there. Nobody
/// has hashed it, so that its DiffID is only what somebody says. `None` where the file changed so lately that it could
/// change again and show the same times.
pub(crate) fn identity(region: &Region) -> Option<Digest> {
    /// Kernels count a file's times in ticks, some filesystems in seconds.
    const SETTLED: Duration = Duration::from_secs(2);
    let found = region.file.metadata().ok()?;
    let changed = UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(found.ctime()).ok()?))?;
    if SystemTime::now().duration_since(changed).ok()? <= SETTLED {
        return None;
    }
    let times = (found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec());
    let place = (found.dev(), found.ino(), found.len(), region.offset, region.len);
    Some(Digest::of(format!("{place:?} {times:?}").as_bytes()))
}

/// The index of a layer, whose plain tar has so many bytes. None of one in which something is odd, which must be told each
/// time it is looked at: an index says nothing of it.
pub(crate) fn encode_layer(read: &Changeset, of: &Digest, size: u64) -> Option<Vec<u8>> {
    if !read.warnings.is_empty() {
        return None;
    }
    let view = OneSource { view: &read.tree, source: Source(0) };
    encode(&view, Form::Index, &[Slot { digest: Some(*of), size }]).ok()
}

/// An index that the store keeps, if all of its bytes are those that were written, for this use and of these layers.
pub(crate) fn intact(file: File, form: Form, is_of: impl Fn(&[Slot]) -> bool) -> Option<Image<DiskFile>> {
    let image = Image::open(DiskFile(Arc::new(file))).ok()?;
    (image.form() == form && is_of(image.slots()) && image.verify().is_ok()).then_some(image)
}

/// An open file, to be read at any place.
#[derive(Debug, Clone)]
pub struct DiskFile(pub(crate) Arc<File>);

impl ReadAt for DiskFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}

impl LayerTree {
    /// The tree of a layer whose index the store keeps, intact and of this layer; its bytes lie in `source`.
    pub(super) fn kept(store: &Store, of: &Digest, source: Source) -> Option<Self> {
        let is_of = |slots: &[Slot]| matches!(slots, [Slot { digest: Some(digest), .. }] if digest == of);
        let view = intact(store.layer_index(of)?, Form::Index, is_of)?;
        Some(Self::Kept(Box::new(OneSource { view, source })))
    }

    /// Keeps an index of a layer's tree, whose plain tar has so many bytes. Best effort: it can be made again.
    pub(super) fn keep(read: &Changeset, store: &Store, of: &Digest, size: u64) {
        if !store.keeps_derived() {
            return;
        }
        if let Some(index) = encode_layer(read, of, size) {
            store.keep_layer_index(of, &index);
        }
    }

    fn view(&self) -> &dyn TreeView {
        match self {
            Self::Read(tree) => tree,
            Self::Kept(index) => &**index,
        }
    }
}

impl TreeView for LayerTree {
    fn root(&self) -> NodeId {
        self.view().root()
    }

    fn node(&self, id: NodeId) -> Result<Cow<'_, Node>, TreeError> {
        self.view().node(id)
    }

    fn lookup(&self, directory: NodeId, name: &[u8]) -> Result<Option<NodeId>, TreeError> {
        self.view().lookup(directory, name)
    }

    fn entries(&self, directory: NodeId) -> Result<Entries<'_>, TreeError> {
        self.view().entries(directory)
    }
}

/// A tree all of whose bytes lie in one source, under another number.
#[allow(missing_debug_implementations, reason = "views can be anything")]
pub struct OneSource<V> {
    view: V,
    source: Source,
}

impl<V: TreeView> TreeView for OneSource<V> {
    fn root(&self) -> NodeId {
        self.view.root()
    }

    fn node(&self, id: NodeId) -> Result<Cow<'_, Node>, TreeError> {
        let node = self.view.node(id)?;
        if node.kind.data().next().is_none() {
            return Ok(node);
        }
        let mut node = node.into_owned();
        node.kind.data_mut().for_each(|extent| extent.source = self.source);
        Ok(Cow::Owned(node))
    }

    fn lookup(&self, directory: NodeId, name: &[u8]) -> Result<Option<NodeId>, TreeError> {
        self.view.lookup(directory, name)
    }

    fn entries(&self, directory: NodeId) -> Result<Entries<'_>, TreeError> {
        self.view.entries(directory)
    }
}
