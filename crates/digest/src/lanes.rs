//! Several independent streams hashed by one thread at once.

#[cfg(target_arch = "x86_64")]
mod interleave;

use crate::Hasher;
#[cfg(target_arch = "x86_64")]
use interleave::Interleave;

/// Appends to each hasher the bytes beside it: the same as [`Hasher::update`] on one after the other, but faster.
///
/// One SHA-256 stream is bound by the latency of the processor's SHA instructions; independent streams fill
/// the gaps of each other. Any number of streams, any lengths and any splits give the same digests;
/// it pays from about a KiB a stream on, and most where all are about equally long.
pub fn update_many(streams: &mut [(&mut Hasher, &[u8])]) {
    Engine::detect().update_many(streams);
}

/// How many streams one thread should hash at once on this processor: 1 without the SHA extensions of x86-64, else 2 to 4.
///
/// The first call, or the first of [`update_many`], finds out by trying: a third of a millisecond.
pub fn lanes() -> usize {
    Engine::detect().lanes()
}

/// What blocks are hashed with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Engine {
    /// One stream after the other, by the `sha2` crate.
    OneByOne,
    #[cfg(target_arch = "x86_64")]
    Interleaved(Interleave),
}

impl Engine {
    pub(crate) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(interleave) = Interleave::detect() {
            return Self::Interleaved(interleave);
        }
        Self::OneByOne
    }

    pub(crate) fn lanes(self) -> usize {
        match self {
            Self::OneByOne => 1,
            #[cfg(target_arch = "x86_64")]
            Self::Interleaved(interleave) => interleave.lanes(),
        }
    }

    pub(crate) fn update_many(self, streams: &mut [(&mut Hasher, &[u8])]) {
        match self {
            Self::OneByOne => {
                for (hasher, bytes) in streams {
                    hasher.update(bytes);
                }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Interleaved(interleave) => interleave.update_many(streams),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
