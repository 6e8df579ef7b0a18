//! SHA-256 of several streams at once with the SHA extensions of x86-64. The only file with `unsafe` in it.
//!
//! `sha256rnds2` gives its result after four cycles and can start every second one; each of the 32 a block takes
//! needs the one before. With several streams in turn the unit need not wait. The steps are those of FIPS 180-4,
//! 6.2.2, four rounds at a time; each helper is inlined for each lane, so that lanes mix within one block of code.
#![allow(unsafe_code)]

use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_loadu_si128, _mm_set_epi64x, _mm_setzero_si128,
    _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8, _mm_shuffle_epi32,
    _mm_storeu_si128,
};

use crate::hasher::BLOCK;

cpufeatures::new!(sha_ni, "sha", "ssse3", "sse2");

/// A stream's state, and the whole blocks it has yet to go through.
pub(crate) struct Lane<'s, 'b> {
    pub(crate) state: &'s mut [u32; 8],
    pub(crate) blocks: &'b [[u8; BLOCK]],
}

/// Proof that the processor has the SHA extensions: there is none without [`ShaNi::detect`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShaNi(());

impl ShaNi {
    pub(crate) fn detect() -> Option<Self> {
        sha_ni::get().then_some(Self(()))
    }

    /// Hashes as many blocks of each lane as all of them have, at most `most`; the lanes keep the rest.
    pub(crate) fn advance<const N: usize>(self, lanes: &mut [Lane<'_, '_>; N], most: usize) {
        let count = lanes.iter().map(|lane| lane.blocks.len()).fold(most, usize::min);
        // SAFETY: a `ShaNi` exists only where `sha_ni::get` found all the features `compress` enables.
        unsafe { compress(lanes, count) }
        for lane in lanes {
            // None has fewer.
            lane.blocks = lane.blocks.get(count..).unwrap_or_default();
        }
    }
}

/// Runs the first `count` blocks of each lane through its state.
#[expect(clippy::needless_range_loop, reason = "lanes and blocks by number, in step with each other")]
#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "`i` < `N`, `block` < `count` <= the blocks of every lane, `place` < 4, `group` + `place` < 16"
)]
#[target_feature(enable = "sha,ssse3,sse2")]
fn compress<const N: usize>(lanes: &mut [Lane<'_, '_>; N], count: usize) {
    let mut abef = [_mm_setzero_si128(); N];
    let mut cdgh = [_mm_setzero_si128(); N];
    let mut blocks: [&[[u8; BLOCK]]; N] = [&[]; N];
    for i in 0..N {
        (abef[i], cdgh[i]) = load_state(lanes[i].state);
        blocks[i] = &lanes[i].blocks[..count];
    }
    for block in 0..count {
        let (abef_before, cdgh_before) = (abef, cdgh);
        let mut w = [[_mm_setzero_si128(); 4]; N];
        macro_rules! sixteen_rounds {
            ($group:literal) => {
                for place in 0..4 {
                    for i in 0..N {
                        w[i][place] = four_words(&w[i], place);
                        four_rounds($group + place, &mut abef[i], &mut cdgh[i], w[i][place]);
                    }
                }
            };
        }
        for i in 0..N {
            w[i] = load_block(&blocks[i][block]);
        }
        for group in 0..4 {
            for i in 0..N {
                four_rounds(group, &mut abef[i], &mut cdgh[i], w[i][group]);
            }
        }
        // A loop over the three would stay a loop from four lanes on, and be slower: 1.97 × instead of 2.07.
        sixteen_rounds!(4);
        sixteen_rounds!(8);
        sixteen_rounds!(12);
        for i in 0..N {
            abef[i] = _mm_add_epi32(abef[i], abef_before[i]);
            cdgh[i] = _mm_add_epi32(cdgh[i], cdgh_before[i]);
        }
    }
    for i in 0..N {
        store_state(lanes[i].state, abef[i], cdgh[i]);
    }
}

/// Rounds 4 × `group` and the three after it, with the schedule's words for them.
#[expect(clippy::indexing_slicing, reason = "16 groups of four are the 64 rounds")]
#[inline]
#[target_feature(enable = "sha,sse2")]
fn four_rounds(group: usize, abef: &mut __m128i, cdgh: &mut __m128i, words: __m128i) {
    let first_two = _mm_add_epi32(words, load_words(&K[group]));
    let last_two = _mm_shuffle_epi32(first_two, 0b00_00_11_10);
    *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, first_two);
    *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, last_two);
}

/// The next four words of the message schedule: `w` is a ring of the last sixteen, the oldest at `place`.
#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "`place` < 4, and the others are taken modulo 4"
)]
#[inline]
#[target_feature(enable = "sha,ssse3,sse2")]
fn four_words(w: &[__m128i; 4], place: usize) -> __m128i {
    let [w0, w1, w2, w3] = [w[place], w[(place + 1) % 4], w[(place + 2) % 4], w[(place + 3) % 4]];
    let seven_back = _mm_alignr_epi8(w3, w2, 4);
    _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), seven_back), w3)
}

/// A block's sixteen big-endian words.
#[inline]
#[target_feature(enable = "ssse3,sse2")]
fn load_block(block: &[u8; BLOCK]) -> [__m128i; 4] {
    let swap = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    let mut words = [_mm_setzero_si128(); 4];
    for (words, bytes) in words.iter_mut().zip(block.as_chunks().0) {
        *words = _mm_shuffle_epi8(load_bytes(bytes), swap);
    }
    words
}

/// The state as the instructions want it: words A, B, E, F in one register and C, D, G, H in the other, A and C on top.
#[inline]
#[target_feature(enable = "sse2")]
fn load_state([a, b, c, d, e, f, g, h]: &[u32; 8]) -> (__m128i, __m128i) {
    (load_words(&[*f, *e, *b, *a]), load_words(&[*h, *g, *d, *c]))
}

#[inline]
#[target_feature(enable = "sse2")]
fn store_state(state: &mut [u32; 8], abef: __m128i, cdgh: __m128i) {
    let [f, e, b, a] = words_of(abef);
    let [h, g, d, c] = words_of(cdgh);
    *state = [a, b, c, d, e, f, g, h];
}

#[inline]
#[target_feature(enable = "sse2")]
fn load_bytes(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: 16 bytes may be read behind the reference; `loadu` asks for no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "sse2")]
fn load_words(words: &[u32; 4]) -> __m128i {
    // SAFETY: 16 bytes may be read behind the reference; `loadu` asks for no alignment.
    unsafe { _mm_loadu_si128(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "sse2")]
fn words_of(register: __m128i) -> [u32; 4] {
    let mut words = [0; 4];
    // SAFETY: 16 bytes may be written behind the reference; `storeu` asks for no alignment.
    unsafe { _mm_storeu_si128(words.as_mut_ptr().cast(), register) }
    words
}

/// FIPS 180-4, 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes.
const K: [[u32; 4]; 16] = [
    [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
    [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
    [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
    [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
    [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
    [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
    [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
    [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
    [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
    [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
    [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
    [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
    [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
    [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
    [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
    [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
];
