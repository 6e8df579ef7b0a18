//! A layer's tar as a tree, and a tree as a layer's tar.
//!
//! A layer is a changeset (OCI image specification, `layer.md`): what it adds and replaces stands in it as files, what it
//! removes as entries of a special name. [`Reader`] makes a [`Tree`] of it, in which whiteouts, opaque directories, implied
//! directories and hard links into layers below are kinds, not spellings; [`write()`] makes a tar of such a tree, or of
//! a whole root filesystem.
//!
//! Where the specification leaves a choice, or real engines differ, what holds is told at [`Reader`].

mod drive;
mod error;
mod inode;
mod links;
mod name;
mod place;
mod plan;
mod reader;
mod trail;
mod warning;
mod write;

use ply_tree::Tree;

pub use drive::{Feed, read, read_stream};
pub use error::{ReadError, WriteError};
pub use name::is_marker;
pub use plan::{Member, Options, Plan, plan};
pub use reader::Reader;
pub use warning::{Oddity, Warning};
pub use write::{Summary, write};

/// What a layer changes.
#[derive(Debug)]
pub struct Changeset {
    /// The changes. Extents of files point into the layer's plain tar.
    pub tree: Tree,
    /// What the tar had.
    pub counts: Counts,
    /// What was left out, or is not as it should be, and was taken all the same.
    pub warnings: Vec<Warning>,
}

/// What a layer's tar had, entry by entry: what a later entry replaced counts too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Entries of all kinds.
    pub entries: u64,
    /// Regular files among them.
    pub files: u64,
    /// Bytes of content of those, holes included.
    pub bytes: u64,
    /// Whiteouts and opaque markers.
    pub whiteouts: u64,
}
