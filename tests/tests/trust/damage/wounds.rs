//! What can happen to a file, by a seed.

use std::fs;
use std::path::Path;

/// A kind of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One bit is another.
    Flip,
    /// The end is missing.
    Cut,
    /// A page of zeros.
    Zero,
    /// Two files changed places.
    Swap,
}

/// Numbers by a seed (splitmix64).
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) % most.max(1) as u64) as usize
    }
}

const PAGE: usize = 4096;

/// Damages a file of `store`, or two; says what was done where.
pub fn wound(store: &Path, kind: Kind, file: &str, other: &str, random: &mut Random) -> String {
    let path = store.join(file);
    let whole = fs::read(&path).unwrap();
    if kind == Kind::Swap {
        fs::write(&path, fs::read(store.join(other)).unwrap()).unwrap();
        fs::write(store.join(other), whole).unwrap();
        return format!("{file} and {other} swapped");
    }
    // Nothing can be zeroed where all is zeros already.
    let kind = if kind == Kind::Zero && whole.iter().all(|byte| *byte == 0) { Kind::Flip } else { kind };
    for _ in 0..1000 {
        let (mut bytes, place) = (whole.clone(), random.below(whole.len()));
        let done = match kind {
            _ if bytes.is_empty() => {
                bytes.push(random.below(256) as u8);
                "a byte added".to_owned()
            }
            Kind::Flip | Kind::Swap => {
                let bit = random.below(8);
                bytes[place] ^= 1 << bit;
                format!("bit {bit} of byte {place} flipped")
            }
            Kind::Cut => {
                bytes.truncate(place);
                format!("cut at {place}")
            }
            Kind::Zero => {
                let (start, end) = (place / PAGE * PAGE, (place / PAGE * PAGE + PAGE).min(bytes.len()));
                bytes[start..end].fill(0);
                format!("zeros from {start} to {end}")
            }
        };
        if bytes != whole {
            fs::write(&path, &bytes).unwrap();
            return format!("{file} of {} bytes: {done}", whole.len());
        }
    }
    panic!("{file} cannot be damaged so");
}
