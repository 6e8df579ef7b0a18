use std::sync::{Condvar, Mutex, PoisonError};

use super::lock;

/// Memory that workers share: each takes what it needs and waits until there is as much.
pub(super) struct Budget {
    total: u64,
    left: Mutex<u64>,
    bell: Condvar,
}

/// What a worker took; given back when dropped.
pub(super) struct Share<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Budget {
    pub(super) const fn new(total: u64) -> Self {
        Self { total, left: Mutex::new(total), bell: Condvar::new() }
    }

    /// Waits until there are so many bytes. Who needs more than there is at all gets it alone.
    pub(super) fn take(&self, bytes: u64) -> Share<'_> {
        let bytes = bytes.min(self.total);
        let mut left = lock(&self.left);
        while *left < bytes {
            left = self.bell.wait(left).unwrap_or_else(PoisonError::into_inner);
        }
        *left -= bytes;
        Share { budget: self, bytes }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *lock(&self.budget.left) += self.bytes;
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
