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

mod digest;
mod hasher;
mod lanes;
mod progress;
#[cfg(feature = "parallel")]
mod pump;
#[cfg(feature = "serde")]
mod serde;
mod stream;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use digest::{Digest, DigestError};
pub use hasher::Hasher;
pub use lanes::{lanes, update_many};
pub use progress::Progress;
#[cfg(feature = "parallel")]
pub use pump::{Feed, Pump, PumpError, pump};
pub use stream::{HashingReader, HashingWriter};
