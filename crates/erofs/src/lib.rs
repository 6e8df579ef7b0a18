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

mod area;
mod cache;
mod check;
mod chunks;
mod directory;
mod encode;
mod entries;
mod error;
mod fields;
mod image;
mod inode;
mod leaf;
mod listing;
mod record;
mod superblock;
mod xattr;

pub use encode::encode;
pub use error::ErofsError;
pub use image::Image;
pub use superblock::{Form, Slot};
