#![doc = include_str!("../README.md")]

pub mod compression;

pub use compression::*;
