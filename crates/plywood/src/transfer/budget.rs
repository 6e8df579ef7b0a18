use std::sync::{Condvar, Mutex, PoisonError};

use ply_layer::Compression;

use super::{inflate, lock};

/// Memory for all that are inflating at once: their buffers and windows.
const INFLATING: u64 = 24 << 20;

/// Memory, or something else that is counted, that workers share: each takes what it needs and waits until there is as much.
pub(crate) struct Budget {
    total: u64,
    left: Mutex<u64>,
    bell: Condvar,
}

/// What a worker took; given back when dropped.
pub(crate) struct Share<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Budget {
    /// For all that inflate at once.
    pub(crate) const fn inflating() -> Self {
        Self::new(INFLATING)
    }

    /// So much of something.
    pub(crate) const fn new(total: u64) -> Self {
        Self { total, left: Mutex::new(total), bell: Condvar::new() }
    }

    /// What inflating a stream takes that begins so.
    pub(crate) fn take_for(&self, head: &[u8]) -> Share<'_> {
        self.take(inflate::BUFFERED.saturating_add(Compression::detect(head).memory(head)))
    }

    /// Waits until there are so many bytes. Who needs more than there is at all gets it alone.
    pub(crate) fn take(&self, bytes: u64) -> Share<'_> {
        let bytes = bytes.min(self.total);
        let mut left = lock(&self.left);
        while *left < bytes {
            left = self.bell.wait(left).unwrap_or_else(PoisonError::into_inner);
        }
        *left = (*left).saturating_sub(bytes);
        Share { budget: self, bytes }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let mut left = lock(&self.budget.left);
        *left = left.saturating_add(self.bytes);
        self.budget.bell.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn no_more_is_taken_than_there_is() {
        let (budget, taken, most) = (Budget::new(10), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for need in [4, 4, 4, 25, 1, 10, 7, 3] {
                let (budget, taken, most) = (&budget, &taken, &most);
                scope.spawn(move || {
                    for _ in 0..200 {
                        let share = budget.take(need);
                        most.fetch_max(
                            taken.fetch_add(share.bytes, Ordering::SeqCst) + share.bytes,
                            Ordering::SeqCst,
                        );
                        std::thread::yield_now();
                        taken.fetch_sub(share.bytes, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!((1..=10).contains(&most.load(Ordering::SeqCst)), "{most:?}");
        assert_eq!(*super::lock(&budget.left), 10);
    }
}
