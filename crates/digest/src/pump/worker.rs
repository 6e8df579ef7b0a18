//! One thread: fills a buffer for each of its lanes, hashes them at once, and again.

use std::{
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
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
    /// Rung when a thread that holds nothing should look at the queue again.
    pub(super) bell: Condvar,
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
        let _on_panic = StopOnPanic(self);
        let mut worker = Worker { shared: self, lanes: Vec::new(), spare: Vec::new(), done: Vec::new() };
        let outcome = worker.work();
        if outcome.is_err() {
            self.stop();
        }
        outcome.map(|()| worker.done)
    }

    fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        // With the lock held no thread is between looking at `stop` and waiting for the bell.
        let _queue = self.queue();
        self.bell.notify_all();
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// If a feed panics, the other threads stop too.
struct StopOnPanic<'s, 'p, F: Feed>(&'s Shared<'p, F>);

impl<F: Feed> Drop for StopOnPanic<'_, '_, F> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop();
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
            self.share();
            for lane in &mut self.lanes {
                if self.shared.stopped() {
                    // Why is for the thread to say that stopped all.
                    return Ok(false);
                }
                lane.fill(self.shared.progress)?;
            }
            if !self.retire() {
                return Ok(!self.lanes.is_empty());
            }
        }
    }

    /// Gives jobs to a thread that has none, or takes some for lanes that stand empty.
    fn share(&mut self) {
        let mut queue = self.shared.queue();
        while self.lanes.is_empty() {
            if self.shared.stopped() || queue.is_over() {
                self.shared.bell.notify_all();
                return;
            }
            queue = match queue.first() {
                Some(job) => {
                    self.begin(job);
                    queue
                }
                // Another thread may still give some of its own back.
                None => self.shared.bell.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
        if self.lanes.iter().any(|lane| lane.job.alone) {
            return;
        }
        let excess = queue.excess(self.lanes.len());
        for lane in self.lanes.extract_if(.., |lane| lane.is_empty()).take(excess) {
            self.spare.push(lane.buffer);
            queue.give(lane.job);
            self.shared.bell.notify_one();
        }
        while self.lanes.len() < self.shared.lanes {
            let Some(job) = queue.another(self.lanes.len()) else { break };
            self.begin(job);
        }
    }

    fn begin(&mut self, job: Job<F>) {
        let buffer = self.spare.pop().unwrap_or_else(|| vec![0; self.shared.block]);
        self.lanes.push(Lane { job, buffer, start: 0, end: 0, ended: false });
    }

    /// Puts feeds that have ended aside; whether there were any.
    fn retire(&mut self) -> bool {
        let before = self.lanes.len();
        for Lane { mut job, buffer, .. } in self.lanes.extract_if(.., |lane| lane.ended) {
            self.shared.queue().end(job.alone);
            self.spare.push(buffer);
            let digest = job.hasher.finalize();
            job.feed.hashed(&digest);
            self.done.push((job.index, job.feed, digest));
        }
        if before > 0 && self.lanes.is_empty() {
            self.shared.queue().rest();
        }
        self.lanes.len() < before
    }

    #[expect(
        clippy::arithmetic_side_effects,
        reason = "`start` <= `end`, and `least` is at least what it is not a multiple by"
    )]
    /// Hashes as many blocks as every lane has, so that no lane works alone while another waits for bytes.
    fn hash(&mut self) {
        let least = self.lanes.iter().map(|lane| lane.end - lane.start).min().unwrap_or(0);
        let step = least - least % BLOCK;
        let mut streams: Vec<_> = self.lanes.iter_mut().map(|lane| lane.next(step)).collect();
        self.shared.engine.update_many(&mut streams);
    }
}

impl<F: Feed> Lane<F> {
    /// All bytes the feed gave are hashed.
    fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Asks the feed for bytes if all it gave are hashed.
    fn fill(&mut self, progress: &dyn Progress) -> Result<(), PumpError<F::Error>> {
        if !self.is_empty() {
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

    #[expect(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "no lane has less than `step` from `start` to `end`, and the buffer no less than `end`"
    )]
    /// The next `step` bytes, and those after it too if they are less than a block: then the buffer is empty.
    fn next(&mut self, step: usize) -> (&mut Hasher, &[u8]) {
        let rest = self.end - self.start - step;
        let len = if rest < BLOCK { step + rest } else { step };
        let bytes = &self.buffer[self.start..][..len];
        self.start += len;
        (&mut self.job.hasher, bytes)
    }
}
