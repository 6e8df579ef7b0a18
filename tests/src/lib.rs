//! What the journeys of the real binary share: a runner with a store of its own, archives made by description,
//! transcripts, and the peers we are compared with.
//!
//! The crate is test support through and through: what fails here fails the test, with a message.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_errors_doc,
    reason = "all of it runs in tests, where a panic is the way to fail"
)]

mod cost;
mod dice;
mod disagreement;
mod disk;
mod docker;
mod engines;
mod filesystem;
pub mod headers;
mod image;
mod listing;
mod lying;
mod mount;
mod oci;
mod oracle;
mod peer;
mod pipe;
mod ply;
mod raw;
mod recording;
mod refusal;
mod registry;
mod roundtrip;
mod scene;
mod small_disk;
mod tarball;
mod transcript;
mod trust;
mod under;

pub use cost::{peak, processor};
pub use dice::Dice;
pub use disagreement::{DISAGREEMENTS, Disagreement, Verdict};
pub use docker::Docker;

pub use disk::{Disk, Loss};
pub use engines::Engines;
pub use filesystem::{Difference, Entry, Field, Filesystem, Kind};
pub use image::{Made, archive_of, hex, host_architecture, layer, listed, made, sha256};
pub use listing::{Listing, listing};
pub use lying::{Liar, Lie, Packing, Request, Rule, Served};
pub use mount::{Mounted, Overlay, mounts_images};
pub use oci::{Layout, descriptor, named};
pub use oracle::{Oracle, World};
pub use peer::{edge, needs, others, output, run, skipped};
pub use pipe::{Input, feed};
pub use ply::{Ply, Ran, binary, family};
pub use recording::{CHANGING, HARMLESS, Recording, Step};
pub use refusal::Guarded;
pub use registry::{Access, Registry};
pub use roundtrip::{Expected, members, round_trip, round_trip_folder};
pub use scene::Scene;
pub use small_disk::SmallDisk;
pub use tarball::{Tarball, bzip2, gzip, xz, zstd};
pub use transcript::transcript;
pub use trust::{Effort, tried};
pub use under::{strace, strace_into, under};
