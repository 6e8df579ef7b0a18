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

mod build;
mod changeset;
mod compare;
mod difference;
mod efficiency;
mod error;
mod hidden;
mod history;
mod join;
mod merge;
mod numbers;
mod origin;
mod pairs;
mod rows;
mod squash;
mod stack;
mod union;
mod upper;
mod usage;

pub use changeset::changeset;
pub use compare::{Differences, same_extents};
pub use difference::{Change, ChangeKind, DifferenceOptions, Times, difference};
pub use efficiency::Efficiency;
pub use error::{LinkFault, OverlayError};
pub use hidden::{Hidden, HiddenEntries, How, Removal, hidden};
pub use history::{Action, Event, history, same_place};
pub use merge::{Merged, merge};
pub use origin::{Origin, SourceMap, Version, by_layer, keep};
pub use squash::squash;
pub use stack::Stack;
pub use upper::{CopyUp, copy_up};
pub use usage::{LayerUsage, Usage, usage};
