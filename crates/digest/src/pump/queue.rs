//! The streams no thread has taken yet.

use std::collections::VecDeque;

/// A feed that waits, and its place among those the caller gave.
pub(super) struct Job<F> {
    pub(super) index: usize,
    pub(super) feed: F,
    /// Its thread takes no other beside it.
    pub(super) alone: bool,
}

/// What waits, in the order it is to be begun, and how many threads have nothing to do.
pub(super) struct Queue<F> {
    jobs: VecDeque<Job<F>>,
    idle: usize,
}

impl<F> Queue<F> {
    /// A queue for `threads` threads that have nothing yet.
    pub(super) fn new(jobs: VecDeque<Job<F>>, threads: usize) -> Self {
        Self { jobs, idle: threads }
    }

    /// The next job for a thread that has none.
    pub(super) fn first(&mut self) -> Option<Job<F>> {
        let job = self.jobs.pop_front()?;
        self.idle = self.idle.saturating_sub(1);
        Some(job)
    }

    /// Another job for a thread that has one; each thread that has none comes first.
    pub(super) fn another(&mut self) -> Option<Job<F>> {
        // A job that wants to be alone is for a thread with nothing else.
        if self.jobs.len() <= self.idle || self.jobs.front()?.alone {
            return None;
        }
        self.jobs.pop_front()
    }

    /// A thread has ended its last job.
    pub(super) fn rest(&mut self) {
        self.idle += 1;
    }

    /// A thread will not come after all.
    pub(super) fn leave(&mut self) {
        self.idle = self.idle.saturating_sub(1);
    }
}
