//! Streams dealt to the lanes of the SHA extensions, and how many lanes are best.

use std::{
    cmp::Reverse,
    sync::OnceLock,
    time::{Duration, Instant},
};

use sha2::block_api::compress256;

use crate::{
    Hasher,
    hasher::BLOCK,
    x86::{Lane, ShaNi},
};

/// More spill too many of the sixteen registers. Five are 4 % faster than four on a Zen 3, six slower again.
const MOST_LANES: usize = 4;

/// While streams wait for a lane, how many blocks are hashed before lanes are dealt again: 16 KiB.
const TURN: usize = 256;

/// The lanes of a processor with SHA extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interleave {
    sha: ShaNi,
    /// At `n`: how many lanes are best for `n` streams, for `MOST_LANES` or more at the end.
    best: [usize; MOST_LANES + 1],
}

impl Interleave {
    /// Finds out once a process which numbers of lanes are worth it.
    ///
    /// No number is best everywhere. Against one stream of `sha2`, two, three and four lanes are 1.85, 2.05 and
    /// 2.07 × as fast on a Zen 3 (`cargo bench -p ply-digest`); a Zen 5 was seen with 1.6, 1.35 and 1.75.
    pub(crate) fn detect() -> Option<Self> {
        static FOUND: OnceLock<Option<Interleave>> = OnceLock::new();
        *FOUND.get_or_init(|| {
            let sha = ShaNi::detect()?;
            Some(Self { sha, best: best(&try_out(sha)) })
        })
    }

    pub(crate) fn lanes(self) -> usize {
        self.best[MOST_LANES]
    }

    pub(crate) fn update_many(self, streams: &mut [(&mut Hasher, &[u8])]) {
        let mut lanes: Vec<Lane<'_, '_>> = streams
            .iter_mut()
            .map(|(hasher, bytes)| hasher.absorb(bytes))
            .map(|(state, blocks)| Lane { state, blocks })
            .collect();
        loop {
            // The longest first: what is left at the end, alone and slow, is then as short as can be.
            lanes.sort_unstable_by_key(|lane| Reverse(lane.blocks.len()));
            lanes.truncate(lanes.partition_point(|lane| !lane.blocks.is_empty()));
            let width = self.best.get(lanes.len()).copied().unwrap_or(self.lanes());
            let most = if lanes.len() > width { TURN } else { usize::MAX };
            if let (4.., Some(four)) = (width, lanes.first_chunk_mut::<4>()) {
                self.sha.advance(four, most);
            } else if let (3.., Some(three)) = (width, lanes.first_chunk_mut::<3>()) {
                self.sha.advance(three, most);
            } else if let Some(two) = lanes.first_chunk_mut::<2>() {
                self.sha.advance(two, most);
            } else {
                for last in lanes {
                    compress256(last.state, last.blocks);
                }
                return;
            }
        }
    }
}

/// For each number of streams the best number of lanes, from how long the same bytes take with two, three and four.
fn best(times: &[Duration; MOST_LANES - 1]) -> [usize; MOST_LANES + 1] {
    let mut best = [0, 1, 2, 2, 2];
    let mut fastest = times[0];
    for (lanes, &time) in (2..).zip(times) {
        // More lanes ask for more buffers and leave more to do alone: they must be worth it.
        if time.saturating_mul(25) < fastest.saturating_mul(24) {
            best.iter_mut().skip(lanes).for_each(|best| *best = lanes);
            fastest = time;
        }
    }
    best
}

/// How long a fixed number of blocks takes with two lanes, with three and with four: the shortest of some tries.
fn try_out(sha: ShaNi) -> [Duration; MOST_LANES - 1] {
    const TRIES: usize = 8;
    let mut shortest = [Duration::MAX; MOST_LANES - 1];
    for _ in 0..TRIES {
        let times = [time::<2>(sha), time::<3>(sha), time::<4>(sha)];
        for (shortest, time) in shortest.iter_mut().zip(times) {
            *shortest = time.min(*shortest);
        }
    }
    shortest
}

/// How long 24 KiB take, spread over `N` lanes.
fn time<const N: usize>(sha: ShaNi) -> Duration {
    static BLOCKS: [[u8; BLOCK]; 384] = [[0; BLOCK]; 384];
    let blocks = BLOCKS.get(..const { 384 / N }).unwrap_or_default();
    let mut states = [[0; 8]; N];
    let mut lanes = states.each_mut().map(|state| Lane { state, blocks });
    let start = Instant::now();
    sha.advance(&mut lanes, usize::MAX);
    start.elapsed()
}

#[cfg(test)]
mod tests {
    use super::{Interleave, best};
    use crate::{lanes::Engine, x86::ShaNi};
    use std::time::Duration;

    impl Interleave {
        /// Every choice of lanes a processor might lead to.
        pub(crate) fn all() -> impl Iterator<Item = Self> {
            let choices = [[0, 1, 2, 2, 2], [0, 1, 2, 3, 3], [0, 1, 2, 2, 4], [0, 1, 2, 3, 4]];
            ShaNi::detect().into_iter().flat_map(move |sha| choices.map(|best| Self { sha, best }))
        }
    }

    #[test]
    fn more_lanes_are_taken_only_if_faster() {
        let check = |nanoseconds: [u64; 3], expect| {
            assert_eq!(best(&nanoseconds.map(Duration::from_nanos)), expect, "{nanoseconds:?}");
        };
        check([1000, 1000, 1000], [0, 1, 2, 2, 2]);
        // 1.85, 2.05, 2.07 × one stream: Zen 3.
        check([541, 488, 483], [0, 1, 2, 3, 3]);
        // 1.6, 1.35, 1.75 ×: Zen 5.
        check([625, 741, 571], [0, 1, 2, 2, 4]);
        check([1000, 900, 800], [0, 1, 2, 3, 4]);
        check([1000, 970, 950], [0, 1, 2, 2, 4]);
        check([1000, 2000, 3000], [0, 1, 2, 2, 2]);
    }

    #[test]
    fn this_processor_has_two_to_four_lanes() {
        if let Engine::Interleaved(interleave) = Engine::detect() {
            assert!((2..=4).contains(&interleave.lanes()), "{interleave:?}");
        }
    }
}
