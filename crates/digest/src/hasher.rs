//! One SHA-256 stream: its state, and the part of a block that waits for more bytes.

use std::{fmt, slice};

use sha2::block_api::compress256;

use crate::Digest;

/// SHA-256 works on blocks of this many bytes.
pub(crate) const BLOCK: usize = 64;

/// Hashes one stream, piece by piece.
///
/// For several streams at once see [`update_many`](crate::update_many).
#[derive(Clone)]
pub struct Hasher {
    state: [u32; 8],
    /// The first `filled` bytes of the block under way; `filled` < `BLOCK` between calls.
    partial: [u8; BLOCK],
    filled: usize,
    len: u64,
}

/// FIPS 180-4, 5.3.3.
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

impl Hasher {
    /// A stream without bytes so far.
    pub const fn new() -> Self {
        Self { state: INITIAL, partial: [0; BLOCK], filled: 0, len: 0 }
    }

    /// Appends `bytes` to the stream.
    pub fn update(&mut self, bytes: &[u8]) {
        let (state, blocks) = self.absorb(bytes);
        if !blocks.is_empty() {
            compress256(state, blocks);
        }
    }

    /// How many bytes the stream has had.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether the stream has had no bytes yet.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The digest of all bytes of the stream.
    #[expect(clippy::indexing_slicing, reason = "`filled` < `BLOCK`, which is the length of `partial`")]
    pub fn finalize(mut self) -> Digest {
        // FIPS 180-4, 5.1.1: a one bit, zeros, and the length in bits at the end of a block.
        const LENGTH_AT: usize = BLOCK - 8;
        let bits = self.len.wrapping_mul(8);
        let end = self.filled;
        self.partial[end..].fill(0);
        self.partial[end] = 0x80;
        if end >= LENGTH_AT {
            compress256(&mut self.state, slice::from_ref(&self.partial));
            self.partial.fill(0);
        }
        self.partial[LENGTH_AT..].copy_from_slice(&bits.to_be_bytes());
        compress256(&mut self.state, slice::from_ref(&self.partial));

        let mut bytes = [0; 32];
        for (word, bytes) in self.state.iter().zip(bytes.as_chunks_mut().0) {
            *bytes = word.to_be_bytes();
        }
        Digest::from_bytes(bytes)
    }

    /// Takes in `bytes` but for their whole blocks, which the caller must run through the state it gets.
    #[expect(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "`filled` < `BLOCK`; `head` is no longer than the room for it, `tail` shorter than a block"
    )]
    pub(crate) fn absorb<'b>(&mut self, mut bytes: &'b [u8]) -> (&mut [u32; 8], &'b [[u8; BLOCK]]) {
        self.len = self.len.wrapping_add(bytes.len() as u64);
        if self.filled > 0 {
            let (head, rest) = bytes.split_at(bytes.len().min(BLOCK - self.filled));
            self.partial[self.filled..][..head.len()].copy_from_slice(head);
            self.filled += head.len();
            if self.filled < BLOCK {
                return (&mut self.state, &[]);
            }
            compress256(&mut self.state, slice::from_ref(&self.partial));
            bytes = rest;
        }
        let (blocks, tail) = bytes.as_chunks();
        self.partial[..tail.len()].copy_from_slice(tail);
        self.filled = tail.len();
        (&mut self.state, blocks)
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
