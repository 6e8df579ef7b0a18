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

pub mod change;
pub mod check;
pub mod containers;
pub mod disk;
mod documents;
mod engine;
mod error;
pub mod export;
pub mod family;
pub mod files;
pub mod history;
pub mod import;
mod layer_blobs;
pub mod list;
pub mod load;
mod measure;
pub mod mount;
mod new_image;
mod pack;
mod point;
pub mod prune;
mod receive;
#[cfg(feature = "registry")]
pub mod registry;
#[cfg(not(feature = "registry"))]
#[path = "without_registry.rs"]
mod registry;
pub mod remove;
#[cfg(feature = "run")]
pub mod run;
pub mod save;
mod select;
mod spelled;
pub mod squash;
pub mod tag;
mod transfer;
pub mod unpack;
mod view;
mod watch;
mod workers;

pub use change::Change;
pub use engine::Engine;
pub use error::{Error, Lacking};
pub use new_image::Made;
pub use select::{Candidate, Platforms};
pub use view::{View, ViewLayer};
pub use watch::{Silent, Task, Watch};

pub use ply_rootfs::MountError;
pub use ply_store::{Container, ContainerId};

pub use ply_archive::{Format, Place, PlannedLayer};
pub use ply_image::{BlobError, ChainId, DiffId, DocumentError, Platform, PlatformError, Timestamp};
