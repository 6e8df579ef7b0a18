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

mod blob;
mod config;
mod descriptor;
mod document;
mod draft;
mod error;
mod identity;
mod image;
mod index;
pub mod json;
mod manifest;
mod media;
mod object;
mod platform;
mod time;

pub use blob::{BlobError, BlobSink, BlobSource, Region};
pub use config::{Config, History, RootFs};
pub use descriptor::{Descriptor, annotation};
pub use document::{CONFIG_LIMIT, Document, MANIFEST_LIMIT, Readable, raw_document};
pub use draft::Draft;
pub use error::DocumentError;
pub use identity::{ChainId, DiffId, chain_ids};
pub use image::{Image, Layer, ReadIndex, Target};
pub use index::{Index, MAX_INDEX_DEPTH};
pub use manifest::Manifest;
pub use media::MediaType;
pub use object::Object;
pub use platform::{Platform, PlatformError};
pub use time::Timestamp;
