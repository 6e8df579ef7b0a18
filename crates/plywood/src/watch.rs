use std::ops::ControlFlow;

use ply_digest::Progress;

/// A piece of long work: a layer on its way.
#[derive(Debug, Clone)]
pub struct Task {
    /// What it is called: twelve digits of a digest.
    pub label: String,
    /// Bytes it has, where that is known.
    pub total: Option<u64>,
}

/// Watches long work, from any thread, and can stop it.
pub trait Watch: Sync {
    /// The work is about to begin: so many tasks.
    fn plan(&self, tasks: &[Task]) {
        let _ = tasks;
    }

    /// A task, numbered as planned, has come so many bytes further. `Break` stops all.
    fn advance(&self, task: usize, bytes: u64) -> ControlFlow<()>;

    /// A task is done.
    fn done(&self, task: usize) {
        let _ = task;
    }

    /// All is done, or has failed: whatever was shown goes away.
    fn finish(&self) {}

    /// Something a user should know, that is no error.
    fn note(&self, text: &str) {
        let _ = text;
    }
}

/// Watches nothing and never stops anything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Watch for Silent {
    fn advance(&self, _: usize, _: u64) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// One task of a watch, as progress of bytes.
#[derive(Clone, Copy)]
pub(crate) struct TaskProgress<'a> {
    pub(crate) watch: &'a dyn Watch,
    pub(crate) task: usize,
}

impl Progress for TaskProgress<'_> {
    fn advance(&self, bytes: u64) -> ControlFlow<()> {
        self.watch.advance(self.task, bytes)
    }
}

/// Work of a single task, which is over when this is dropped, however it ends.
pub(crate) struct Alone<'a>(TaskProgress<'a>);

impl<'a> TaskProgress<'a> {
    pub(crate) fn alone(watch: &'a dyn Watch, label: &str, total: Option<u64>) -> Alone<'a> {
        watch.plan(&[Task { label: label.to_owned(), total }]);
        Alone(Self { watch, task: 0 })
    }
}

impl Progress for Alone<'_> {
    fn advance(&self, bytes: u64) -> ControlFlow<()> {
        self.0.advance(bytes)
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.0.watch.finish();
    }
}
