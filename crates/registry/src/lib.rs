#![doc = include_str!("../README.md")]

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
