use crate::view::Entries;
use crate::{NodeId, TreeError, TreeView, path};

/// Goes through all that lies below a directory, each before what it holds, sorted by name within a directory. The
/// directory itself is not given. Never deeper than memory: nothing here calls itself.
///
/// # Errors
/// The view cannot be read.
pub fn walk<V: TreeView + ?Sized>(view: &V, from: NodeId) -> Result<Walk<'_, V>, TreeError> {
    Ok(Walk { view, open: vec![(Vec::new(), view.entries(from)?)], last: None })
}

/// The iterator [`walk`] gives.
#[allow(missing_debug_implementations, reason = "it holds iterators of any kind of view")]
pub struct Walk<'v, V: ?Sized> {
    view: &'v V,
    /// The directories on the way, each with its path and what is left of it.
    open: Vec<(Vec<u8>, Entries<'v>)>,
    /// What was given last, to be gone into if it is a directory.
    last: Option<(Vec<u8>, NodeId)>,
}

/// A name that a walk came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Path from where the walk began, clean.
    pub path: Vec<u8>,
    /// What it points at.
    pub id: NodeId,
}

impl<V: TreeView + ?Sized> Walk<'_, V> {
    /// Does not go into what was given last.
    pub fn pass_over(&mut self) {
        self.last = None;
    }

    fn enter(&mut self) -> Result<(), TreeError> {
        if let Some((path, id)) = self.last.take()
            && self.view.node(id)?.is_directory()
        {
            let entries = self.view.entries(id)?;
            self.open.push((path, entries));
        }
        Ok(())
    }
}

impl<V: TreeView + ?Sized> Iterator for Walk<'_, V> {
    type Item = Result<Step, TreeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(error) = self.enter() {
            return Some(Err(error));
        }
        while let Some((directory, entries)) = self.open.last_mut() {
            match entries.next() {
                Some(Ok((name, id))) => {
                    let path = path::join(directory, &name);
                    self.last = Some((path.clone(), id));
                    return Some(Ok(Step { path, id }));
                }
                Some(Err(error)) => return Some(Err(error)),
                None => {
                    self.open.pop();
                }
            }
        }
        None
    }
}
