use crate::view::Entries;
use crate::{NodeId, TreeError, TreeView};

/// Goes through all that lies below a directory, each before what it holds, sorted by name within a directory. The
/// directory itself is not given. Never deeper than memory: nothing here calls itself.
///
/// # Errors
/// The view cannot be read.
pub fn walk<V: TreeView + ?Sized>(view: &V, from: NodeId) -> Result<Walk<'_, V>, TreeError> {
    Ok(Walk { view, open: vec![(0, view.entries(from)?)], path: Vec::new(), last: None })
}

/// The iterator [`walk`] gives. [`advance`](Walk::advance) is the same without a copy of each path.
#[allow(missing_debug_implementations, reason = "it holds iterators of any kind of view")]
pub struct Walk<'v, V: ?Sized> {
    view: &'v V,
    /// The directories on the way: how long the path of each is, and what is left of it. One path for all, or a nest of
    /// 4,096 names would take memory by their square.
    open: Vec<(usize, Entries<'v>)>,
    path: Vec<u8>,
    /// What was given last, to be gone into if it is a directory.
    last: Option<NodeId>,
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
    /// Goes to the next name, and gives what it points at; `None` once there is none. [`path`](Walk::path) says where.
    ///
    /// # Errors
    /// The view cannot be read.
    pub fn advance(&mut self) -> Result<Option<NodeId>, TreeError> {
        self.enter()?;
        while let Some((directory, entries)) = self.open.last_mut() {
            self.path.truncate(*directory);
            let Some(entry) = entries.next() else {
                self.open.pop();
                continue;
            };
            let (name, id) = entry?;
            if *directory > 0 {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(&name);
            self.last = Some(id);
            return Ok(Some(id));
        }
        Ok(None)
    }

    /// Where the walk is: the path of what was given last, from where the walk began, clean.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// The last name of that path, as the view gave it: of a damaged one it may be `..`, or hold a slash.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        let directory = self.open.last().map_or(0, |(directory, _)| *directory);
        self.path.get(directory.saturating_add(usize::from(directory > 0))..).unwrap_or_default()
    }

    /// How many names that path has.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// Does not go into what was given last.
    pub fn pass_over(&mut self) {
        self.last = None;
    }

    fn enter(&mut self) -> Result<(), TreeError> {
        if let Some(id) = self.last.take()
            && self.view.node(id)?.is_directory()
        {
            let entries = self.view.entries(id)?;
            self.open.push((self.path.len(), entries));
        }
        Ok(())
    }
}

impl<V: TreeView + ?Sized> Iterator for Walk<'_, V> {
    type Item = Result<Step, TreeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let id = self.advance().transpose()?;
        Some(id.map(|id| Step { path: self.path.clone(), id }))
    }
}
