use std::io;

use ply_rootfs::{Scan, Style, scan};
use ply_store::{Container, ContainerLock, Store};
use ply_tree::{NodeId, ReadAt, Source, Sources, Tree};

use crate::Error;
use crate::containers::is_work;

/// A container's own layer, as it lies on the disk.
#[derive(Debug)]
pub(crate) struct Upper {
    /// What the container is called.
    pub(crate) name: String,
    /// What it adds, hides and replaces.
    pub(crate) tree: Tree,
    /// Sources of the layers below it; those of its own files are counted from there.
    below: u32,
    files: ply_rootfs::Files,
    /// Nobody changes it meanwhile.
    #[expect(dead_code, reason = "held for its drop")]
    lock: ContainerLock,
}

impl Upper {
    /// Reads it into a tree, over so many layers.
    pub(crate) fn read(
        store: &Store,
        container: &Container,
        below: usize,
        lock: ContainerLock,
    ) -> Result<Self, Error> {
        let how = Scan { style: Style::Upper, ..Scan::default() };
        let folder = store.container_folder(&container.id).upper();
        let place = format!("container {}", container.name);
        let (mut tree, files) = scan(&folder, &how).map_err(Error::within(&place))?;
        // What a copy that was killed left where the container is mounted belongs to nobody.
        let left: Vec<Vec<u8>> =
            tree.children(Tree::ROOT).map(|(name, _)| name.to_vec()).filter(|name| is_work(name)).collect();
        for name in left {
            tree.unlink(Tree::ROOT, &name);
        }
        let below = u32::try_from(below).map_err(Error::within(&place))?;
        renumber(&mut tree, below)
            .ok_or("holds more files than can be told apart")
            .map_err(Error::within(&place))?;
        Ok(Self { name: container.name.clone(), tree, below, files, lock })
    }

    /// A file of it, by its number among all sources.
    pub(crate) fn source(&self, source: Source) -> io::Result<&dyn ReadAt> {
        let own = source.0.checked_sub(self.below).ok_or(io::ErrorKind::NotFound)?;
        self.files.source(Source(own))
    }
}

/// Makes room for the sources of the layers below: each of them has one, its tar. `None` where the numbers are used up.
fn renumber(tree: &mut Tree, below: u32) -> Option<()> {
    for id in 0..tree.inodes() as u64 {
        let Some(node) = tree.get_mut(NodeId(id)) else { continue };
        for extent in node.kind.data_mut() {
            extent.source = Source(extent.source.0.checked_add(below)?);
            if extent.source == Source::HOLE {
                return None;
            }
        }
    }
    Some(())
}
