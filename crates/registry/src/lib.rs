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

mod addresses;
mod answer;
mod authentication;
mod blob;
mod certificates;
mod challenge;
mod client;
pub mod credentials;
pub mod daemon;
mod download;
mod error;
mod host;
mod origin;
mod places;
mod proxy;
mod repository;
mod retry;
mod stoppable;
mod transport;
mod upload;
mod ways;

pub use blob::BlobReader;
pub use client::{Client, Settings};
pub use download::{Behind, Bytes, Download, Place, download};
pub use error::RegistryError;
pub use repository::{RawManifest, Repository, Wanted};
pub use retry::Patience;
pub use upload::{Begun, Upload};
