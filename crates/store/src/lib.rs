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

mod blobs;
mod catalog;
mod collect;
mod containers;
mod derived;
mod error;
mod index_file;
mod ingest;
mod layout;
mod lock;
mod mounts;
mod sealed;
mod store;
mod twins;

pub use blobs::StoredBlob;
pub use catalog::{Brief, Catalog, Facts, ImageFacts, LayerFacts, Match, Name, PlatformImage, Record};
pub use collect::Collected;
pub use containers::{Container, ContainerFolder, ContainerId, ContainerLock, is_container_name};
pub use derived::{DerivedFile, DerivedKind};
pub use error::StoreError;
pub use index_file::{Entry, Names};
pub use ingest::{Ingest, IngestBlob};
pub use mounts::{Mount, MountTable, MountedFile, Way};
pub use store::{Hold, Store};
pub use twins::Twin;
