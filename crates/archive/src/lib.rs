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

mod contents;
mod error;
mod go_json;
mod members;
mod open;
mod place;
mod plan;

pub use contents::{Contents, Packed, PackedImage, PackedLayer};
pub use error::ArchiveError;
pub use members::{Folder, Member, MemberMap, Members, TarFile, tar_limits};
pub use open::{Archive, Container, open};
pub use place::{Place, Transport};
pub use plan::{Entry, Format, Plan, PlannedImage, PlannedLayer, PlannedPlatform, Source};
