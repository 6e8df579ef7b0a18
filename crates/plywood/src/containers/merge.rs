//! Files put into a directory tree that has some already.

use std::collections::HashMap;

use ply_rootfs::{Unpacked, Upper};
use ply_tree::{Kind, NodeId, Presence, Sources, TreeView, path};

use super::Copied;
use crate::Error;
use crate::watch::Alone;

/// What is copied.
pub(super) struct What<'a> {
    pub(super) view: &'a dyn TreeView,
    pub(super) id: NodeId,
    /// Whether a directory's content is meant, and not the directory: the one that it comes into stays as it is.
    pub(super) is_content: bool,
    pub(super) sources: &'a dyn Sources,
}

/// Where it is copied to.
pub(super) trait Ground {
    /// What is written.
    fn upper(&self) -> &Upper;
    /// Whether there is a directory, or something else, or nothing.
    fn is_directory(&self, path: &[u8]) -> Result<Option<bool>, Error>;
    /// Sees to it that a directory is there to be written to.
    fn copy_up(&self, path: &[u8]) -> Result<(), Error>;
    /// What failed, and where.
    fn failed(&self, error: ply_rootfs::RootfsError) -> Error;
}

/// What is done, in this order.
#[derive(Default)]
struct Plan {
    /// Put whole: nothing there has to stay.
    puts: Vec<(NodeId, Vec<u8>)>,
    /// Directories that are there and get other attributes, once all is in them.
    dressed: Vec<(NodeId, Vec<u8>)>,
}

/// Copies a file, or a directory with all it holds, to a path. A directory that is there keeps what it holds and gets the
/// attributes of the one that comes, as tar does it; but for the one that content is copied into. Nothing is changed before all is known to fit: a directory takes the
/// place of nothing but a directory, and nothing else takes that of one.
pub(super) fn merge(
    what: &What<'_>,
    to: &[u8],
    ground: &dyn Ground,
    progress: &Alone<'_>,
) -> Result<Copied, Error> {
    let plan = plan(what, to, ground)?;
    let mut copied = Copied::default();
    let mut names: HashMap<NodeId, &[u8]> = HashMap::new();
    let told = |bytes| ply_digest::Progress::advance(progress, bytes);
    for (id, path) in &plan.puts {
        if let Some((above, _)) = path::split(path) {
            ground.copy_up(above)?;
        }
        let links = what.view.node(*id).map_err(|error| ground.failed(error.into()))?.links;
        match names.get(id) {
            Some(first) => ground.upper().link(first, path).map_err(|error| ground.failed(error))?,
            None => {
                let done = ground.upper().put((what.view, *id), what.sources, path, &told);
                copied.add(&done.map_err(|error| ground.failed(error))?);
            }
        }
        if links > 1 {
            names.entry(*id).or_insert(path);
        }
    }
    for (id, path) in plan.dressed.iter().rev() {
        ground.copy_up(path)?;
        let node = what.view.node(*id).map_err(|error| ground.failed(error.into()))?;
        let done = ground.upper().dress(path, &node);
        copied.add(&Unpacked { entries: 1, ..done.map_err(|error| ground.failed(error))? });
    }
    Ok(copied)
}

fn plan(what: &What<'_>, to: &[u8], ground: &dyn Ground) -> Result<Plan, Error> {
    let mut plan = Plan::default();
    let mut ahead = vec![(what.id, to.to_vec())];
    let failed = |error: ply_tree::TreeError| ground.failed(error.into());
    while let Some((id, path)) = ahead.pop() {
        let node = what.view.node(id).map_err(failed)?;
        let shown = || path::printable(&path);
        match (&node.kind, ground.is_directory(&path)?) {
            (Kind::Directory(directory), Some(true)) => {
                for entry in what.view.entries(id).map_err(failed)? {
                    let (name, child) = entry.map_err(failed)?;
                    ahead.push((child, path::join(&path, &name)));
                }
                let is_dressed =
                    matches!(directory.presence, Presence::Explicit) && !(what.is_content && id == what.id);
                if is_dressed {
                    plan.dressed.push((id, path));
                }
            }
            (Kind::Directory(_), Some(false)) => {
                return Err(Error::Conflict(format!(
                    "cannot overwrite the file {} with a directory",
                    shown()
                )));
            }
            (_, Some(true)) => {
                return Err(Error::Conflict(format!(
                    "cannot overwrite the directory {} with a file",
                    shown()
                )));
            }
            (_, None | Some(false)) => plan.puts.push((id, path)),
        }
    }
    Ok(plan)
}
