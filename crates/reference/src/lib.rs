#![doc = include_str!("../README.md")]

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
