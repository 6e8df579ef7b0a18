#![doc = include_str!("../README.md")]

mod content;
mod error;
mod node;
pub mod path;
mod tree;
mod view;
mod walk;

pub use content::{Content, ReadAt, Sources};
pub use error::TreeError;
pub use node::{Device, Directory, Extent, Kind, Metadata, Node, NodeId, Presence, Source, Time, Xattr};
pub use tree::Tree;
pub use view::{Entries, Found, Last, TreeView, find};
pub use walk::{Step, Walk, walk};
