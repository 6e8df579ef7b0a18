//! A union as it is mounted: its bytes not in layers but in the files that these lie in.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use ply_rootfs::{Warning, Why, welcome};
use ply_tree::{Entries, Node, NodeId, Source, Tree, TreeError, TreeView, walk};

/// Where a layer lies: in which of the files, and where it begins there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) source: Source,
    pub(super) offset: u64,
}

/// A union whose sources are layers. As where it is unpacked, an image does not tell the host what to do: attributes that
/// a host itself would read are left out, those of an overlay first of all.
pub(super) struct Placed<'a> {
    pub(super) union: &'a Tree,
    /// A place for each layer.
    pub(super) places: &'a [Place],
}

impl Placed<'_> {
    /// What is left out of it.
    pub(super) fn left_out(&self) -> Result<Vec<Warning>, TreeError> {
        let (mut seen, mut found) = (HashSet::new(), BTreeMap::<Box<[u8]>, (u64, PathBuf)>::new());
        let mut steps = walk(self.union, Tree::ROOT)?;
        let mut next = Some(Tree::ROOT);
        while let Some(id) = next {
            let node = TreeView::node(self.union, id)?;
            let unwelcome = node.metadata.xattrs.iter().filter(|xattr| !welcome(&xattr.name));
            // A file with several names is one.
            for xattr in unwelcome.filter(|xattr| seen.insert((id, xattr.name.clone()))) {
                let path = || Path::new("/").join(OsStr::from_bytes(steps.path()));
                let (count, _) = found.entry(xattr.name.clone()).or_insert_with(|| (0, path()));
                *count = count.saturating_add(1);
            }
            next = steps.advance()?;
        }
        let warning = |(xattr, (count, first))| Warning { xattr, why: Why::Host, count, first };
        Ok(found.into_iter().map(warning).collect())
    }
}

impl TreeView for Placed<'_> {
    fn root(&self) -> NodeId {
        self.union.root()
    }

    fn node(&self, id: NodeId) -> Result<Cow<'_, Node>, TreeError> {
        let mut node = TreeView::node(self.union, id)?.into_owned();
        for extent in node.kind.data_mut() {
            let place = usize::try_from(extent.source.0).ok().and_then(|at| self.places.get(at));
            let moved =
                place.and_then(|place| Some((place.source, extent.offset.checked_add(place.offset)?)));
            let (source, offset) = moved.ok_or_else(|| TreeError::View {
                what: "placing a file".to_owned(),
                source: "its bytes lie in no layer".into(),
            })?;
            (extent.source, extent.offset) = (source, offset);
        }
        node.metadata.xattrs.retain(|xattr| welcome(&xattr.name));
        Ok(Cow::Owned(node))
    }

    fn lookup(&self, directory: NodeId, name: &[u8]) -> Result<Option<NodeId>, TreeError> {
        TreeView::lookup(self.union, directory, name)
    }

    fn entries(&self, directory: NodeId) -> Result<Entries<'_>, TreeError> {
        TreeView::entries(self.union, directory)
    }
}
