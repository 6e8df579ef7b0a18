use std::{
    fmt, iter,
    ops::ControlFlow,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use super::*;
use crate::lanes::tests::{Random, engines, noise, oracle};

/// Gives its bytes in pieces of at most `most`; fails before the byte at `fails_at`.
struct Source {
    bytes: Vec<u8>,
    at: usize,
    most: usize,
    hint: u64,
    fails_at: Option<usize>,
}

#[derive(Debug, PartialEq)]
struct Broken(usize);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "broken at {}", self.0)
    }
}

impl std::error::Error for Broken {}

impl Source {
    fn new(bytes: Vec<u8>) -> Self {
        Self { hint: bytes.len() as u64, bytes, at: 0, most: usize::MAX, fails_at: None }
    }
}

impl Feed for Source {
    type Error = Broken;

    fn size_hint(&self) -> u64 {
        self.hint
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Broken> {
        if self.fails_at.is_some_and(|at| self.at >= at) {
            return Err(Broken(self.at));
        }
        let len = buffer.len().min(self.most).min(self.bytes.len() - self.at);
        buffer[..len].copy_from_slice(&self.bytes[self.at..][..len]);
        self.at += len;
        Ok(len)
    }
}

fn ways() -> impl Iterator<Item = Pump> {
    let threads = [1, 2, 3, 9].into_iter();
    threads.flat_map(|threads| {
        let lanes = [0, 1, 2, 3, 5].into_iter();
        lanes.flat_map(move |lanes| [1, 64, 1000, 0].map(|block| Pump { threads, lanes, block }))
    })
}

/// Pumps sources made of `lens` in every way; digests, order and what progress was told must be right.
fn check(lens: &[usize], change: impl Fn(usize, &mut Source)) {
    let inputs: Vec<_> = lens.iter().zip(0..).map(|(&len, seed)| noise(seed, len)).collect();
    let expect: Vec<_> = inputs.iter().map(|input| oracle(input)).collect();
    for engine in engines() {
        for how in ways() {
            if how.block == 1 && lens.iter().sum::<usize>() > 10_000 {
                continue;
            }
            let sources = inputs.iter().enumerate().map(|(index, input)| {
                let mut source = Source::new(input.clone());
                change(index, &mut source);
                source
            });
            let told = AtomicU64::new(0);
            let progress = |bytes| {
                told.fetch_add(bytes, Ordering::Relaxed);
                ControlFlow::Continue(())
            };
            let done = pump_with(engine, sources.collect(), &how, &progress).unwrap();
            let digests: Vec<_> = done.iter().map(|(_, digest)| *digest).collect();
            assert_eq!(digests, expect, "{lens:?}, {how:?}, {engine:?}");
            assert!(done.iter().zip(&inputs).all(|((source, _), input)| source.bytes == *input));
            assert_eq!(told.into_inner(), lens.iter().sum::<usize>() as u64);
        }
    }
}

#[test]
fn digests_come_in_the_order_of_the_feeds() {
    for lens in [
        &[][..],
        &[0],
        &[0, 0, 0],
        &[1],
        &[63, 64, 65],
        &[1000; 7],
        &[5, 0, 3000, 64, 0, 1, 128],
        &[400_000, 10, 0, 150_000, 70_000, 3],
        &[200_000, 200_000, 1000, 131_072, 262_144],
    ] {
        check(lens, |_, _| ());
    }
}

#[test]
fn short_reads_are_hashed_like_long_ones() {
    check(&[3000, 2999, 2000, 1, 500], |index, source| source.most = [1, 7, 64, 100, 1000][index]);
    let random = |index: usize, source: &mut Source| source.most = 1 + Random(index as u64).below(3000);
    check(&[150_000, 100_000, 64_000, 30_000], random);
}

#[test]
fn wrong_hints_do_no_harm() {
    check(&[3000, 10, 0, 2000], |_, source| source.hint = 0);
    check(&[3000, 10, 0, 2000], |_, source| source.hint = u64::MAX);
    check(&[3000, 10, 0, 2000], |index, source| source.hint = [0, 5000, 70, u64::MAX][index]);
}

#[test]
fn an_error_stops_the_others_and_says_which() {
    for engine in engines() {
        for how in ways().filter(|how| how.block == 64) {
            for bad in 0..5 {
                let mut sources: Vec<_> = (0..5).map(|seed| Source::new(noise(seed, 5000))).collect();
                sources[bad].fails_at = Some(2048);
                let error = pump_with(engine, sources, &how, &()).err();
                assert_eq!(error, Some(PumpError::Feed { index: bad, source: Broken(2048) }), "{how:?}");
            }
        }
    }
}

/// Never ends.
struct Endless;

impl Feed for Endless {
    type Error = Broken;

    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Broken> {
        Ok(buffer.len())
    }
}

#[test]
fn progress_stops_what_would_never_end() {
    for engine in engines() {
        for threads in [1, 2, 3] {
            let how = Pump { threads, ..Pump::default() };
            let left = AtomicUsize::new(20);
            let progress = |_| match left.fetch_sub(1, Ordering::Relaxed) {
                1 => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            };
            let feeds = iter::repeat_with(|| Endless).take(5).collect();
            assert_eq!(pump_with(engine, feeds, &how, &progress).err(), Some(PumpError::Stopped));
        }
    }
}

#[test]
fn an_error_ends_what_would_never_end() {
    enum Mixed {
        Endless,
        Bad,
    }
    impl Feed for Mixed {
        type Error = Broken;
        fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Broken> {
            match self {
                Self::Endless => Ok(buffer.len()),
                Self::Bad => Err(Broken(0)),
            }
        }
    }
    let feeds = vec![Mixed::Endless, Mixed::Bad];
    let error = pump(feeds, &Pump { threads: 2, ..Pump::default() }, &()).err();
    assert_eq!(error, Some(PumpError::Feed { index: 1, source: Broken(0) }));
}

#[test]
fn a_panic_ends_what_would_never_end() {
    enum Mixed {
        Endless,
        Panics,
    }
    impl Feed for Mixed {
        type Error = Broken;
        fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Broken> {
            match self {
                Self::Endless => Ok(buffer.len()),
                Self::Panics => panic!("a feed at fault"),
            }
        }
    }
    let pumping = thread::spawn(|| {
        let _ = pump(vec![Mixed::Endless, Mixed::Panics], &Pump { threads: 2, ..Pump::default() }, &());
    });
    assert_eq!(pumping.join().unwrap_err().downcast_ref(), Some(&"a feed at fault"));
}

#[test]
fn a_feed_that_claims_more_than_there_is_room_for_stays_in_its_buffer() {
    struct Liar(bool);
    impl Feed for Liar {
        type Error = Broken;
        fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Broken> {
            let claim = if self.0 { 0 } else { buffer.len() + 1 };
            self.0 = true;
            Ok(claim)
        }
    }
    let done = pump(vec![Liar(false)], &Pump { block: 100, ..Pump::default() }, &()).unwrap();
    assert_eq!(done[0].1, oracle(&[0; 100]));
}

#[test]
fn buffers_are_as_many_and_as_large_as_said() {
    /// Remembers the largest buffer it was offered.
    struct Watcher(usize, usize);
    impl Feed for Watcher {
        type Error = Broken;
        fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Broken> {
            self.0 = self.0.max(buffer.len());
            self.1 = self.1.saturating_sub(1);
            Ok(if self.1 == 0 { 0 } else { buffer.len() })
        }
    }
    for (block, expect) in [(0, 128 * 1024), (1, 1), (100, 100), (4096, 4096)] {
        let feeds = (0..4).map(|_| Watcher(0, 3)).collect();
        let done = pump(feeds, &Pump { block, ..Pump::default() }, &()).unwrap();
        assert!(done.iter().all(|(watcher, _)| watcher.0 == expect));
    }
}

#[test]
fn the_largest_are_begun_first() {
    let check = |sizes: &[u64], expect: &[usize], expect_alone: &[usize]| {
        let sources = sizes.iter().map(|&hint| Source { hint, ..Source::new(Vec::new()) }).collect();
        let jobs = largest_first(sources, 2, 2);
        let alone: Vec<_> = jobs.iter().filter(|job| job.alone).map(|job| job.index).collect();
        assert_eq!(jobs.iter().map(|job| job.index).collect::<Vec<_>>(), expect);
        assert_eq!(alone, expect_alone);
    };
    check(&[3, 9, 5, 9, 7], &[1, 3, 4, 2, 0], &[]);
    check(&[10, 43, 20, 15, 12], &[1, 2, 3, 4, 0], &[1]);
}

#[test]
fn a_thread_that_is_done_takes_over_what_another_has_begun() {
    #[derive(Clone, Copy, PartialEq)]
    enum Is {
        Waiting,
        On(thread::ThreadId),
        Over,
    }
    /// Ends once all three have begun and no other is on its thread.
    struct Loner<'t> {
        index: usize,
        all: &'t Mutex<[Is; 3]>,
        patience: usize,
    }
    impl Feed for Loner<'_> {
        type Error = Broken;
        fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Broken> {
            let me = Is::On(thread::current().id());
            let mut all = self.all.lock().unwrap();
            all[self.index] = me;
            if !all.contains(&Is::Waiting) && all.iter().filter(|&&it| it == me).count() == 1 {
                all[self.index] = Is::Over;
                return Ok(0);
            }
            drop(all);
            thread::sleep(Duration::from_millis(1));
            self.patience = self.patience.checked_sub(1).ok_or(Broken(self.index))?;
            Ok(buffer.len())
        }
    }
    for lanes in [2, 4] {
        let all = Mutex::new([Is::Waiting; 3]);
        let feeds = (0..3).map(|index| Loner { index, all: &all, patience: 5000 }).collect();
        // Of three on two threads one is alone and ends. The other two end only if its thread takes one of them.
        assert!(pump(feeds, &Pump { threads: 2, lanes, block: 64 }, &()).is_ok());
    }
}
