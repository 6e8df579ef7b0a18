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

mod attributes;
mod clear;
mod content;
mod error;
mod fill;
#[cfg(feature = "fuse")]
mod fuse;
mod list;
mod make;
mod mark;
mod mount;
mod owner;
mod place;
mod planner;
mod root;
mod scan;
mod unpack;
mod upper;
mod warning;
mod way;
mod xattr;

pub use clear::{empty, remove};
pub use error::RootfsError;
#[cfg(feature = "fuse")]
pub use fuse::{Served, unmount_by_helper};
pub use mount::{Detached, Live, LoopDevice, MountError, can_mount, unmount};
pub use owner::Owners;
pub use scan::{Files, Scan, Style, scan, scan_name};
pub use unpack::{Options, Progress, Unpacked, unpack};
pub use upper::Upper;
pub use warning::{Warning, Why};
pub use xattr::welcome;
