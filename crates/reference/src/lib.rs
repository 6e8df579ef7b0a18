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

mod error;
mod grammar;
mod id_prefix;
mod name;
mod pattern;
mod query;
mod reference;
#[cfg(feature = "serde")]
mod serde;
mod tag;

pub use error::ReferenceError;
pub use id_prefix::IdPrefix;
pub use name::Name;
pub use pattern::Pattern;
pub use ply_digest::{Digest, DigestError};
pub use query::Query;
pub use reference::Reference;
pub use tag::Tag;
