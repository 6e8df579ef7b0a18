#![doc = include_str!("../README.md")]

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
