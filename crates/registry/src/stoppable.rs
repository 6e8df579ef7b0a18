//! Waiting for a server that is silent, until somebody says stop.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::host::Host;

/// How often it is asked whether to go on.
const STEP: Duration = Duration::from_millis(50);

/// Whether the work is over, and the bell that says so.
#[derive(Default)]
struct Over {
    is_over: Mutex<bool>,
    bell: Condvar,
}

/// Ends the watch, however the work ends.
struct Ending<'a>(&'a Over);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        *self.0.is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.bell.notify_all();
    }
}

impl Host<'_> {
    /// Does work that may wait for the registry, or for another host that it names. If somebody says stop meanwhile the
    /// connections end, and with them the waiting: whoever tries again hears of it then.
    pub(crate) fn stoppable<T>(&self, work: impl FnOnce() -> T) -> T {
        let over = Over::default();
        std::thread::scope(|scope| {
            // A system without threads waits as long as connections may be silent.
            let _ =
                std::thread::Builder::new().name("stop".to_owned()).spawn_scoped(scope, || self.watch(&over));
            let _ending = Ending(&over);
            work()
        })
    }

    fn watch(&self, over: &Over) {
        let mut is_over = over.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        while !*is_over {
            is_over = over.bell.wait_timeout(is_over, STEP).unwrap_or_else(PoisonError::into_inner).0;
            // Again and again, as what was about to be asked may be asked after that.
            if !*is_over && self.stop.advance(0).is_break() {
                self.transport.end();
            }
        }
    }
}
