//! What fuzz targets share: inputs made whole again after they were mutated, trees made of bytes and shown, seeds.

pub mod image;
pub mod layers;
pub mod scratch;
pub mod seeds;
pub mod sums;
pub mod tree;
