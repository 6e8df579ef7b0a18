//! Trees, and all that they say.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read};

use ply_tree::{Content, Kind, Metadata, NodeId, ReadAt, Source, Sources, TreeView, walk};

/// Bytes that are read by position.
#[derive(Debug)]
pub struct Memory(pub Vec<u8>);

impl ReadAt for Memory {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut rest = usize::try_from(offset).ok().and_then(|at| self.0.get(at..)).unwrap_or_default();
        rest.read(buffer)
    }
}

/// Sources in memory, by their numbers.
#[derive(Debug)]
pub struct Memories(pub Vec<Memory>);

impl Memories {
    /// Of some plain bytes each.
    #[must_use]
    pub fn of(sources: &[&[u8]]) -> Self {
        Self(sources.iter().map(|bytes| Memory(bytes.to_vec())).collect())
    }
}

impl Sources for Memories {
    fn source(&self, source: Source) -> io::Result<&dyn ReadAt> {
        let bytes = usize::try_from(source.0).ok().and_then(|number| self.0.get(number));
        bytes.map(|bytes| bytes as &dyn ReadAt).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// What stands at a path: its kind and content, its attributes, and the first path of the same inode.
pub type Shown = BTreeMap<Vec<u8>, (String, Metadata, Vec<u8>)>;

/// All of a tree, content included.
///
/// # Panics
/// The tree cannot be read.
#[must_use]
pub fn shown(view: &dyn TreeView, sources: &dyn Sources) -> Shown {
    let mut paths: Vec<(Vec<u8>, NodeId)> = vec![(Vec::new(), view.root())];
    for step in walk(view, view.root()).expect("the root can be read") {
        let step = step.expect("the tree can be walked");
        paths.push((step.path, step.id));
    }
    paths.sort();
    let mut first: HashMap<NodeId, Vec<u8>> = HashMap::new();
    paths
        .into_iter()
        .map(|(path, id)| {
            let node = view.node(id).expect("a name leads to an inode").into_owned();
            let first = first.entry(id).or_insert_with(|| path.clone()).clone();
            (path, (told(&node.kind, sources), node.metadata, first))
        })
        .collect()
}

fn told(kind: &Kind, sources: &dyn Sources) -> String {
    match kind {
        Kind::File { size, extents } => {
            let mut content = Vec::new();
            let read = Content::new(sources, extents, *size).read_to_end(&mut content);
            read.expect("what a file points to is there");
            format!("file of {size}: {}", content.escape_ascii())
        }
        other => format!("{other:?}"),
    }
}
