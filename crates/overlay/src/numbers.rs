//! A map by numbers of inodes, for the loops that ask it about every entry.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map whose keys are numbers that this process gave: nobody outside can choose them so that they collide. The standard
/// hasher, made against that, costs 5 % of a merge and a fifth of a changeset (`cargo bench -p ply-overlay`).
pub(crate) type Numbers<K, V> = HashMap<K, V, BuildHasherDefault<Folded>>;

/// Multiplies, and folds the upper half of the product onto the lower.
#[derive(Default)]
pub(crate) struct Folded(u64);

/// Odd, and with no pattern in its bits: the golden ratio's.
const FACTOR: u128 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let product = u128::from(self.0 ^ number).wrapping_mul(FACTOR);
        let (upper, lower) = (product >> u64::BITS, product & u128::from(u64::MAX));
        // Less than 2^64 after the fold, so that nothing is lost.
        self.0 = u64::try_from(upper ^ lower).unwrap_or_default();
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}
