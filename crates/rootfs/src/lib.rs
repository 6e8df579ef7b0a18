#![doc = include_str!("../README.md")]

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
