//! One thread: fills a buffer for each of its lanes, hashes them at once, and again.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use super::{Feed, Job, PumpError, Queue};
use crate::{Digest, Hasher, Progress, hasher::BLOCK, lanes::Engine};

/// What all threads of a pump share.
pub(super) struct Shared<'p, F> {
    pub(super) engine: Engine,
    pub(super) lanes: usize,
    pub(super) block: usize,
    pub(super) queue: Mutex<Queue<F>>,
    pub(super) stop: AtomicBool,
    pub(super) progress: &'p dyn Progress,
}

/// A feed at its end: its place, itself, its digest.
pub(super) type Done<F> = (usize, F, Digest);

/// What becomes of a thread.
pub(super) type Outcome<F> = Result<Vec<Done<F>>, PumpError<<F as Feed>::Error>>;

impl<F: Feed> Shared<'_, F> {
    pub(super) fn queue(&self) -> MutexGuard<'_, Queue<F>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What each thread does: hashes feeds until there are none left, or the pump stops.
    pub(super) fn work(&self) -> Outcome<F> {
        let _bell = Bell(&self.stop);
        let mut worker = Worker { shared: self, lanes: Vec::new(), spare: Vec::new(), done: Vec::new() };
        let outcome = worker.work();
        if outcome.is_err() {
            self.stop.store(true, Ordering::Relaxed);
        }
        outcome.map(|()| worker.done)
    }
}

/// If a feed panics, the other threads stop too.
struct Bell<'s>(&'s AtomicBool);

impl Drop for Bell<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

struct Worker<'s, F: Feed> {
    shared: &'s Shared<'s, F>,
    lanes: Vec<Lane<F>>,
    /// Buffers of lanes that have ended.
    spare: Vec<Vec<u8>>,
    done: Vec<Done<F>>,
}

/// A feed under way; the bytes of its buffer from `start` to `end` are not hashed yet.
struct Lane<F> {
    job: Job<F>,
    hasher: Hasher,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
}

impl<F: Feed> Worker<'_, F> {
    fn work(&mut self) -> Result<(), PumpError<F::Error>> {
        while self.refill()? {
            self.hash();
        }
        Ok(())
    }

    /// Gives every lane bytes to hash; false if there is nothing left to do.
    fn refill(&mut self) -> Result<bool, PumpError<F::Error>> {
        loop {
            self.take();
            for lane in &mut self.lanes {
                if self.shared.stop.load(Ordering::Relaxed) {
                    // Why is for the thread to say that set the flag.
                    return Ok(false);
                }
                lane.fill(self.shared.progress)?;
            }
            if !self.retire() {
                return Ok(!self.lanes.is_empty());
            }
        }
    }

    /// Takes feeds from the queue for lanes that stand empty.
    fn take(&mut self) {
        let mut queue = self.shared.queue();
        while self.lanes.len() < self.shared.lanes && !self.lanes.iter().any(|lane| lane.job.alone) {
            let job = if self.lanes.is_empty() { queue.first() } else { queue.another() };
            let Some(job) = job else { break };
            let buffer = self.spare.pop().unwrap_or_else(|| vec![0; self.shared.block]);
            self.lanes.push(Lane { job, hasher: Hasher::new(), buffer, start: 0, end: 0, ended: false });
        }
    }

    /// Puts feeds that have ended aside; whether there were any.
    fn retire(&mut self) -> bool {
        let before = self.lanes.len();
        for lane in self.lanes.extract_if(.., |lane| lane.ended) {
            self.spare.push(lane.buffer);
            self.done.push((lane.job.index, lane.job.feed, lane.hasher.finalize()));
        }
        if before > 0 && self.lanes.is_empty() {
            self.shared.queue().rest();
        }
        self.lanes.len() < before
    }

    /// Hashes as many blocks as every lane has, so that no lane works alone while another waits for bytes.
    fn hash(&mut self) {
        let least = self.lanes.iter().map(|lane| lane.end - lane.start).min().unwrap_or(0);
        let step = least - least % BLOCK;
        let mut streams: Vec<_> = self.lanes.iter_mut().map(|lane| lane.next(step)).collect();
        self.shared.engine.update_many(&mut streams);
    }
}

impl<F: Feed> Lane<F> {
    /// Asks the feed for bytes if all it gave are hashed.
    fn fill(&mut self, progress: &dyn Progress) -> Result<(), PumpError<F::Error>> {
        if self.start < self.end {
            return Ok(());
        }
        let index = self.job.index;
        let filled =
            self.job.feed.fill(&mut self.buffer).map_err(|source| PumpError::Feed { index, source })?;
        // A feed that claims more than there is room for gets no further than its buffer.
        (self.start, self.end) = (0, filled.min(self.buffer.len()));
        self.ended = filled == 0;
        if filled > 0 && progress.advance(self.end as u64).is_break() {
            return Err(PumpError::Stopped);
        }
        Ok(())
    }

    /// The next `step` bytes, and those after it too if they are less than a block: then the buffer is empty.
    fn next(&mut self, step: usize) -> (&mut Hasher, &[u8]) {
        let rest = self.end - self.start - step;
        let len = if rest < BLOCK { step + rest } else { step };
        let bytes = &self.buffer[self.start..][..len];
        self.start += len;
        (&mut self.hasher, bytes)
    }
}
