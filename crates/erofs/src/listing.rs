//! The names of the directories of a tree, held while an image is written.

use std::ops::Range;

use ply_tree::{NodeId, TreeError, TreeView};

use crate::directory::{self, LONGEST_NAME};

/// A directory: its inode, that of the one above, and which of the names are in it.
#[derive(Clone)]
pub(crate) struct Listing {
    pub(crate) inode: usize,
    pub(crate) parent: usize,
    pub(crate) names: Range<usize>,
    /// The name of the directory itself, and the listing that is in.
    pub(crate) name: Option<(usize, usize)>,
}

/// What a name points at: as the tree has it, then as the image has it.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    Node(NodeId),
    Inode(usize),
}

/// All names, in one piece.
#[derive(Default)]
pub(crate) struct Names {
    bytes: Vec<u8>,
    /// Where each ends, and what it points at.
    ends: Vec<(usize, Target)>,
}

/// Why the names of a directory cannot be taken.
pub(crate) enum Fault {
    Tree(TreeError),
    /// One of them is none, with the reason.
    Name(Vec<u8>, &'static str),
}

impl Names {
    /// Reads the names in a directory, `.` and `..` put among them; gives which they are, and the bytes of its blocks.
    pub(crate) fn read(
        &mut self,
        view: &dyn TreeView,
        directory: NodeId,
        own: usize,
        parent: usize,
    ) -> Result<(Range<usize>, usize), Fault> {
        let begin = self.ends.len();
        let mut dots = [(&b"."[..], own), (b"..", parent)].into_iter().peekable();
        for entry in view.entries(directory).map_err(Fault::Tree)? {
            let (name, id) = entry.map_err(Fault::Tree)?;
            if let Some(why) = fault(&name) {
                return Err(Fault::Name(name.into_owned(), why));
            }
            while let Some((dot, inode)) = dots.next_if(|(dot, _)| *dot < &*name) {
                self.push(dot, Target::Inode(inode));
            }
            if self.ends.len() > begin && self.get(self.ends.len().saturating_sub(1)) >= &*name {
                return Err(Fault::Name(
                    name.into_owned(),
                    "it is not sorted among the names of its directory",
                ));
            }
            self.push(&name, Target::Node(id));
        }
        for (dot, inode) in dots {
            self.push(dot, Target::Inode(inode));
        }
        let names = begin..self.ends.len();
        let size = directory::size(names.clone().map(|name| self.get(name).len()));
        Ok((names, size))
    }

    fn push(&mut self, name: &[u8], target: Target) {
        self.bytes.extend_from_slice(name);
        self.ends.push((self.bytes.len(), target));
    }

    pub(crate) fn get(&self, at: usize) -> &[u8] {
        let end = |at: usize| self.ends.get(at).map(|(end, _)| *end);
        let begin = at.checked_sub(1).and_then(end).unwrap_or_default();
        end(at).and_then(|end| self.bytes.get(begin..end)).unwrap_or_default()
    }

    pub(crate) fn target(&self, at: usize) -> Option<Target> {
        self.ends.get(at).map(|(_, target)| *target)
    }

    pub(crate) fn point(&mut self, at: usize, inode: usize) {
        if let Some((_, target)) = self.ends.get_mut(at) {
            *target = Target::Inode(inode);
        }
    }
}

/// Why this is no name.
fn fault(name: &[u8]) -> Option<&'static str> {
    match name {
        b"" | b"." | b".." => Some("no name of a file"),
        _ if name.contains(&b'/') || name.contains(&0) => Some("a name with a slash or a NUL in it"),
        _ if name.len() > LONGEST_NAME => Some("its name has over 255 bytes"),
        _ => None,
    }
}
