//! How long work tells how far it is, and is told to stop.

use std::ops::ControlFlow;

/// Told about bytes as they are worked on, from any thread; says whether to go on.
///
/// `()` is for work nobody watches.
pub trait Progress: Sync {
    /// So many bytes more are done. `Break` ends the work soon, with an error that says it was stopped.
    fn advance(&self, bytes: u64) -> ControlFlow<()>;
}

impl Progress for () {
    fn advance(&self, _bytes: u64) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl<F: Fn(u64) -> ControlFlow<()> + Sync> Progress for F {
    fn advance(&self, bytes: u64) -> ControlFlow<()> {
        self(bytes)
    }
}
