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

mod block;
mod content;
mod encode;
mod entries;
mod entry;
mod error;
mod extension;
mod index;
mod limits;
mod machine;
mod member;
mod number;
mod pax;
mod sparse;
mod walker;
mod writer;
mod xattr;

pub use block::{BLOCK, padding};
pub use encode::header_bytes;
pub use entries::Entries;
pub use entry::{Entry, Kind, Segment, Time};
pub use error::TarError;
pub use index::{Index, index};
pub use limits::Limits;
pub use machine::{End, Machine, Trailer, Want};
pub use walker::Walker;
pub use writer::{Content, TRAILER, WriteError, Writer};
