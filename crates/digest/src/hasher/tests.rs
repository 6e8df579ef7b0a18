use super::*;
use crate::lanes::tests::{noise, oracle};

#[test]
fn every_length_and_every_split_around_block_edges() {
    let bytes = noise(3, 300);
    for len in 0..=300 {
        assert_eq!(Digest::of(&bytes[..len]), oracle(&bytes[..len]), "{len} bytes");
    }
    for first in 0..=130 {
        for second in [0, 1, 55, 56, 63, 64, 65, 127, 128, 170] {
            let mut hasher = Hasher::new();
            hasher.update(&bytes[..first]);
            hasher.update(&bytes[first..first + second]);
            assert_eq!(hasher.len(), (first + second) as u64);
            assert_eq!(hasher.finalize(), oracle(&bytes[..first + second]), "{first} + {second} bytes");
        }
    }
}

#[test]
fn a_clone_goes_its_own_way() {
    let mut hasher = Hasher::default();
    assert!(hasher.is_empty());
    hasher.update(b"a");
    let mut other = hasher.clone();
    hasher.update(b"b");
    other.update(b"c");
    assert_eq!((hasher.finalize(), other.finalize()), (oracle(b"ab"), oracle(b"ac")));
}
