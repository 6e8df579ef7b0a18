//! The streams no thread holds, and how many a thread may hold.

use std::collections::VecDeque;

use crate::Hasher;

/// A feed, its place among those the caller gave, and the hash of what it gave so far.
pub(super) struct Job<F> {
    pub(super) index: usize,
    pub(super) feed: F,
    pub(super) hasher: Hasher,
    /// Its thread takes no other beside it.
    pub(super) alone: bool,
}

/// What waits, and what the threads are at. Without the lock around it, a plain state machine.
pub(super) struct Queue<F> {
    /// In the order they are to be begun; each for a thread of its own.
    alone: VecDeque<Job<F>>,
    /// In the order they are to be begun.
    shared: VecDeque<Job<F>>,
    threads: usize,
    /// Threads that hold nothing.
    idle: usize,
    /// Threads that do not hold a job that is alone.
    sharing: usize,
    /// Jobs that are not alone and in a thread's hands.
    held: usize,
}

#[expect(
    clippy::arithmetic_side_effects,
    reason = "at most as many as there are threads or jobs; what is taken off a number was put on it before"
)]
impl<F> Queue<F> {
    /// A queue for `threads` threads that hold nothing yet.
    pub(super) fn new(jobs: impl IntoIterator<Item = Job<F>>, threads: usize) -> Self {
        let (alone, shared) = jobs.into_iter().partition(|job| job.alone);
        Self { alone, shared, threads, idle: threads, sharing: threads, held: 0 }
    }

    /// A job for a thread that holds none.
    pub(super) fn first(&mut self) -> Option<Job<F>> {
        if let Some(job) = self.alone.pop_front() {
            self.idle -= 1;
            self.sharing -= 1;
            return Some(job);
        }
        let job = self.shared.pop_front()?;
        self.idle -= 1;
        self.held += 1;
        Some(job)
    }

    /// A job more for a thread that shares and holds `mine`, if that is less than its part.
    pub(super) fn another(&mut self, mine: usize) -> Option<Job<F>> {
        if mine >= self.part() {
            return None;
        }
        let job = self.shared.pop_front()?;
        self.held += 1;
        Some(job)
    }

    /// How many a thread that shares and holds `mine` should give back, since another holds nothing.
    pub(super) fn excess(&self, mine: usize) -> usize {
        if self.idle > 0 && self.shared.is_empty() { mine.saturating_sub(self.part()) } else { 0 }
    }

    /// Gives back a job that is under way.
    pub(super) fn give(&mut self, job: Job<F>) {
        self.held -= 1;
        self.shared.push_front(job);
    }

    /// A thread has come to the end of a job.
    pub(super) fn end(&mut self, alone: bool) {
        if alone {
            self.sharing += 1;
        } else {
            self.held -= 1;
        }
    }

    /// A thread holds nothing any more.
    pub(super) fn rest(&mut self) {
        self.idle += 1;
    }

    /// A thread that has held nothing will not come after all.
    pub(super) fn leave(&mut self) {
        self.threads -= 1;
        self.idle -= 1;
        self.sharing -= 1;
    }

    /// Nothing waits, and nobody has anything to give back.
    pub(super) fn is_over(&self) -> bool {
        self.alone.is_empty() && self.shared.is_empty() && self.idle == self.threads
    }

    /// How many jobs each thread has if all that are not alone are spread evenly.
    fn part(&self) -> usize {
        (self.shared.len() + self.held).div_ceil(self.sharing.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::{Job, Queue};
    use crate::Hasher;

    fn queue(alone: usize, shared: usize, threads: usize) -> Queue<()> {
        let job = |index| Job { index, feed: (), hasher: Hasher::new(), alone: index < alone };
        Queue::new((0..alone + shared).map(job), threads)
    }

    fn index(job: Option<Job<()>>) -> Option<usize> {
        job.map(|job| job.index)
    }

    #[test]
    fn nobody_takes_more_than_a_part() {
        let mut queue = queue(0, 5, 2);
        assert_eq!(index(queue.first()), Some(0));
        assert_eq!(index(queue.another(1)), Some(1));
        assert_eq!(index(queue.another(2)), Some(2));
        assert_eq!(index(queue.another(3)), None, "two are for the other thread");
        assert_eq!(index(queue.first()), Some(3));
        assert_eq!(index(queue.another(1)), Some(4));
        assert_eq!(index(queue.another(2)), None);
    }

    #[test]
    fn who_holds_many_gives_to_who_holds_none() {
        let mut queue = queue(0, 4, 2);
        let mut jobs: Vec<_> = [queue.first(), queue.another(1), queue.first(), queue.another(1)].into();
        assert_eq!(queue.excess(2), 0, "nobody is idle");
        for _ in 0..2 {
            jobs.pop();
            queue.end(false);
        }
        queue.rest();
        assert_eq!(queue.excess(2), 1);
        assert!(!queue.is_over());
        let given = jobs.pop().flatten();
        queue.give(given.unwrap());
        assert_eq!(index(queue.another(1)), None, "given is given");
        assert_eq!(index(queue.first()), Some(1));
        assert_eq!(queue.excess(1), 0);
        for _ in 0..2 {
            queue.end(false);
            queue.rest();
        }
        assert!(queue.is_over());
    }

    #[test]
    fn what_is_alone_takes_a_thread_from_the_rest() {
        let mut queue = queue(1, 3, 2);
        assert_eq!(index(queue.first()), Some(0));
        assert_eq!(index(queue.first()), Some(1));
        assert_eq!(index(queue.another(1)), Some(2));
        assert_eq!(index(queue.another(2)), Some(3));
        assert_eq!(queue.excess(3), 0);
        queue.end(true);
        queue.rest();
        assert_eq!(queue.excess(3), 1);
    }

    #[test]
    fn a_thread_that_does_not_come_leaves_its_part() {
        let mut queue = queue(0, 2, 2);
        queue.leave();
        assert_eq!(index(queue.first()), Some(0));
        assert_eq!(index(queue.another(1)), Some(1));
        queue.end(false);
        queue.end(false);
        queue.rest();
        assert!(queue.is_over());
    }
}
