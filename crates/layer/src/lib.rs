#![doc = include_str!("../README.md")]

pub mod changeset;
pub mod compression;

pub use compression::*;
