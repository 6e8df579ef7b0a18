//! Every engine against the `sha2` crate.

use sha2::Digest as _;

use super::Engine;
#[cfg(target_arch = "x86_64")]
use super::interleave::Interleave;
use crate::{Digest, Hasher};

/// The portable engine, the one of this processor, and every choice of lanes another might lead to.
pub(crate) fn engines() -> Vec<Engine> {
    let mut engines = vec![Engine::OneByOne];
    // What is found out by timing takes an interpreter minutes, and is one of those below.
    engines.extend((!cfg!(miri)).then(Engine::detect));
    #[cfg(target_arch = "x86_64")]
    engines.extend(Interleave::all().map(Engine::Interleaved));
    engines
}

/// `len` bytes that look random; other bytes for another `seed`.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut random = Random(seed);
    (0..len).map(|_| random.next().to_le_bytes()[0]).collect()
}

/// The `sha2` crate's opinion.
pub(crate) fn oracle(bytes: &[u8]) -> Digest {
    Digest::from_bytes(sha2::Sha256::digest(bytes).into())
}

/// SplitMix64: plain, repeatable.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }
}

/// Hashes `inputs` beside each other, cut into pieces by `cut`, and compares each with the oracle.
fn check(engine: Engine, inputs: &[&[u8]], mut cut: impl FnMut(&[u8]) -> usize) {
    let mut hashers = vec![Hasher::new(); inputs.len()];
    let mut rest = inputs.to_vec();
    while rest.iter().any(|rest| !rest.is_empty()) {
        let pieces = rest.iter_mut().map(|rest| {
            let (piece, later) = rest.split_at(cut(rest));
            *rest = later;
            piece
        });
        let mut streams: Vec<_> = hashers.iter_mut().zip(pieces).collect();
        engine.update_many(&mut streams);
    }
    for (place, (hasher, input)) in hashers.into_iter().zip(inputs).enumerate() {
        let lens: Vec<_> = inputs.iter().map(|input| input.len()).collect();
        assert_eq!(hasher.len(), input.len() as u64);
        assert_eq!(hasher.finalize(), oracle(input), "stream {place} of {lens:?} by {engine:?}");
    }
}

#[test]
fn every_length_in_every_place_beside_other_lengths() {
    let bytes: Vec<_> = (0..4).map(|seed| noise(seed, 1000)).collect();
    for engine in engines() {
        for streams in 1..=4 {
            for place in 0..streams {
                for len in 0..=300 {
                    for beside in [0, 63, 64, 65, 128, 191, 300, 1000] {
                        let inputs: Vec<_> = (0..streams)
                            .map(|i| &bytes[i][..if i == place { len } else { beside }])
                            .collect();
                        check(engine, &inputs, <[u8]>::len);
                    }
                }
            }
        }
    }
}

#[test]
fn any_number_of_streams_of_any_length_in_any_pieces() {
    let mut random = Random(8);
    for engine in engines() {
        for round in 0..60 {
            let inputs: Vec<_> = (0..round % 12)
                .map(|_| {
                    let most = [1, 64, 700, 5000, 70_000][random.below(5)];
                    noise(random.next(), random.below(most + 1))
                })
                .collect();
            let inputs: Vec<_> = inputs.iter().map(Vec::as_slice).collect();
            let most = [3, 64, 200, 33_000][random.below(4)];
            // At least one byte, so that it ends.
            check(engine, &inputs, |rest| rest.len().min(1 + random.below(most)));
        }
    }
}

#[test]
fn streams_that_wait_for_a_lane_are_hashed_too() {
    // More streams than lanes, each longer than a turn of 16 KiB; one much longer than the rest.
    let mut bytes: Vec<_> = (0..7).map(|seed| noise(seed, 50_000)).collect();
    bytes.push(noise(9, 300_000));
    let inputs: Vec<_> = bytes.iter().map(Vec::as_slice).collect();
    for engine in engines() {
        check(engine, &inputs, <[u8]>::len);
        check(engine, &inputs, |rest| rest.len().min(40_001));
    }
}

/// Each stream has memory of its own, which ends where it does: what would be read beside it, AddressSanitizer and Miri see.
#[test]
fn nothing_is_read_beside_a_stream() {
    let inputs: Vec<_> = (0..).zip([192, 64, 129, 63, 256]).map(|(seed, len)| noise(seed, len)).collect();
    let inputs: Vec<Box<[u8]>> = inputs.into_iter().map(Vec::into_boxed_slice).collect();
    let inputs: Vec<&[u8]> = inputs.iter().map(|input| &**input).collect();
    for engine in engines() {
        for streams in 1..=inputs.len() {
            check(engine, &inputs[..streams], <[u8]>::len);
            check(engine, &inputs[..streams], |rest| rest.len().min(65));
        }
    }
}

#[test]
fn alignment_in_memory_does_not_matter() {
    let bytes = noise(1, 2000);
    for engine in engines() {
        for offset in 0..=64 {
            check(engine, &[&bytes[offset..], &bytes[1..], &bytes[offset / 2..], &bytes[3..]], <[u8]>::len);
        }
    }
}
