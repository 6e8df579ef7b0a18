#![doc = include_str!("../README.md")]
// Neither an index nor arithmetic on input panics; `cargo xtask tidy` wants this line of each library.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::arithmetic_side_effects,
        clippy::unreachable
    )
)]

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
