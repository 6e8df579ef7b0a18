//! Bits flipped, files cut, pages zeroed, blobs swapped: found, never handed out, healed.

mod blobs;
mod private;
mod questions;
mod whole;
mod wounds;

use ply_tests::Effort;

use wounds::Kind;

/// What is done to a store in turn: so many of each kind.
fn kinds(effort: Effort) -> Vec<Kind> {
    let counts = [
        (Kind::Flip, effort.of(24, 300, 3000)),
        (Kind::Cut, effort.of(4, 60, 600)),
        (Kind::Zero, effort.of(4, 60, 600)),
        (Kind::Swap, effort.of(2, 30, 300)),
    ];
    counts.iter().flat_map(|(kind, count)| std::iter::repeat_n(*kind, *count)).collect()
}
