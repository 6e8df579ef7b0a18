use std::borrow::Cow;

use crate::{Kind, Node, NodeId, TreeError, path};

/// What a directory holds, sorted by the bytes of the names.
pub type Entries<'a> = Box<dyn Iterator<Item = Result<(Cow<'a, [u8]>, NodeId), TreeError>> + 'a>;

/// A tree that can be looked at, wherever it lies: in memory, in an index on disk, or as the union of others.
pub trait TreeView {
    /// The root.
    fn root(&self) -> NodeId;

    /// An inode.
    ///
    /// # Errors
    /// What lies behind the view is damaged or cannot be read, or the number is of another view.
    fn node(&self, id: NodeId) -> Result<Cow<'_, Node>, TreeError>;

    /// What a name in a directory points at; `None` where there is no such name, or no directory.
    ///
    /// # Errors
    /// As [`node`](Self::node).
    fn lookup(&self, directory: NodeId, name: &[u8]) -> Result<Option<NodeId>, TreeError>;

    /// What a directory holds; nothing where it is none.
    ///
    /// # Errors
    /// As [`node`](Self::node); each entry can fail too.
    fn entries(&self, directory: NodeId) -> Result<Entries<'_>, TreeError>;
}

impl<V: TreeView + ?Sized> TreeView for &V {
    fn root(&self) -> NodeId {
        (**self).root()
    }

    fn node(&self, id: NodeId) -> Result<Cow<'_, Node>, TreeError> {
        (**self).node(id)
    }

    fn lookup(&self, directory: NodeId, name: &[u8]) -> Result<Option<NodeId>, TreeError> {
        (**self).lookup(directory, name)
    }

    fn entries(&self, directory: NodeId) -> Result<Entries<'_>, TreeError> {
        (**self).entries(directory)
    }
}

/// Whether a symbolic link at the end of a path is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// The path means what the link points at, as `stat` takes it.
    Follow,
    /// The path means the link itself, as `lstat` takes it.
    Keep,
}

/// What a path means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The inode.
    pub id: NodeId,
    /// Where it lies once all links are followed, clean.
    pub path: Vec<u8>,
}

/// Symbolic links followed for one path, as Linux has it (`MAXSYMLINKS`).
const MOST_LINKS: usize = 40;

/// Finds what a path means, as a process would whose root this is: links are followed inside, `..` stops at the root, and
/// nothing leads out. `None` where there is nothing.
///
/// # Errors
/// [`TreeError::NotADirectory`], [`TreeError::TooManyLinks`], or the view cannot be read.
pub fn find(view: &(impl TreeView + ?Sized), wanted: &[u8], last: Last) -> Result<Option<Found>, TreeError> {
    let mut at = vec![(view.root(), Vec::new())];
    let mut ahead: Vec<Cow<'_, [u8]>> = path::components(wanted).rev().map(Cow::Borrowed).collect();
    // `x/` asks for a directory, and so for what a link points at.
    let last = if wanted.ends_with(b"/") { Last::Follow } else { last };
    let mut links = 0_usize;
    while let Some(name) = ahead.pop() {
        let Some((directory, here)) = at.last().map(|(id, path)| (*id, path.clone())) else { break };
        if !view.node(directory)?.is_directory() {
            return Err(TreeError::NotADirectory { path: here });
        }
        if *name == *b".." {
            at.truncate(at.len().saturating_sub(1).max(1));
            continue;
        }
        let Some(id) = view.lookup(directory, &name)? else { return Ok(None) };
        let node = view.node(id)?;
        let Kind::Symlink { target } = &node.kind else {
            at.push((id, path::join(&here, &name)));
            continue;
        };
        if ahead.is_empty() && last == Last::Keep {
            at.push((id, path::join(&here, &name)));
            break;
        }
        links = links.saturating_add(1);
        if links > MOST_LINKS {
            return Err(TreeError::TooManyLinks { path: path::clean(wanted) });
        }
        if target.starts_with(b"/") {
            at.truncate(1);
        }
        ahead.extend(path::components(target).rev().map(|name| Cow::Owned(name.to_vec())));
    }
    let Some((id, path)) = at.pop() else { return Ok(None) };
    if wanted.ends_with(b"/") && !view.node(id)?.is_directory() {
        return Err(TreeError::NotADirectory { path });
    }
    Ok(Some(Found { id, path }))
}
