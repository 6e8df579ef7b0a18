//! A bar for each layer on a terminal's stderr; elsewhere nothing.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use plywood::{Task, Watch};

use crate::context::stopped;

/// More bars than this are no help: the rest is counted in the last line.
const MOST: usize = 12;

#[derive(Debug)]
pub(crate) struct Bars {
    shown: AtomicBool,
    interrupted: Arc<AtomicBool>,
    drawn: Mutex<Option<Drawn>>,
}

#[derive(Debug)]
struct Drawn {
    all: MultiProgress,
    bars: Vec<Option<ProgressBar>>,
    total: ProgressBar,
    done: AtomicUsize,
}

impl Bars {
    pub(crate) fn new(interrupted: Arc<AtomicBool>) -> Self {
        let shown = AtomicBool::new(std::io::stderr().is_terminal());
        Self { shown, interrupted, drawn: Mutex::new(None) }
    }

    pub(crate) fn hide(&self) {
        self.shown.store(false, Ordering::Relaxed);
    }

    /// Whether somebody asked to stop.
    pub(crate) fn interrupted(&self) -> bool {
        stopped(&self.interrupted)
    }

    fn drawn(&self) -> std::sync::MutexGuard<'_, Option<Drawn>> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸ ")
}

impl Drawn {
    fn new(tasks: &[Task]) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        let bar = |total: Option<u64>| total.map_or_else(ProgressBar::no_length, ProgressBar::new);
        let mut bars = Vec::new();
        for (at, task) in tasks.iter().enumerate() {
            if at >= MOST {
                bars.push(None);
                continue;
            }
            let line = match task.total {
                Some(_) => {
                    "{prefix}  {bar:30}  {decimal_bytes} of {decimal_total_bytes}  {decimal_bytes_per_sec}  {msg}"
                }
                None => "{prefix}  {spinner}  {decimal_bytes}  {decimal_bytes_per_sec}",
            };
            let bar = all.add(bar(task.total)).with_style(style(line));
            bar.set_prefix(task.label.clone());
            bars.push(Some(bar));
        }
        let total: Option<u64> =
            tasks.iter().try_fold(0, |all: u64, task| Some(all.saturating_add(task.total?)));
        let line = match (tasks.len(), total) {
            // Its one bar says it all.
            (1, _) => "",
            (_, Some(_)) => {
                "{msg}{decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left"
            }
            (_, None) => "{msg}{decimal_bytes}, {decimal_bytes_per_sec}",
        };
        let total = all.add(bar(total)).with_style(style(line));
        total.set_message(format!("0 of {} layers, ", tasks.len()));
        Self { all, bars, total, done: AtomicUsize::new(0) }
    }
}

impl Watch for Bars {
    fn plan(&self, tasks: &[Task]) {
        if self.shown.load(Ordering::Relaxed) && !tasks.is_empty() {
            *self.drawn() = Some(Drawn::new(tasks));
        }
    }

    fn advance(&self, task: usize, bytes: u64) -> ControlFlow<()> {
        if stopped(&self.interrupted) {
            return ControlFlow::Break(());
        }
        if self.shown.load(Ordering::Relaxed)
            && let Some(drawn) = &*self.drawn()
        {
            drawn.total.inc(bytes);
            if let Some(Some(bar)) = drawn.bars.get(task) {
                bar.inc(bytes);
            }
        }
        ControlFlow::Continue(())
    }

    fn done(&self, task: usize) {
        if let Some(drawn) = &*self.drawn() {
            let done = drawn.done.fetch_add(1, Ordering::Relaxed).saturating_add(1);
            drawn.total.set_message(format!("{done} of {} layers, ", drawn.bars.len()));
            if let Some(Some(bar)) = drawn.bars.get(task) {
                bar.finish_with_message("verified");
            }
        }
    }

    fn finish(&self) {
        if let Some(drawn) = self.drawn().take() {
            let _ = drawn.all.clear();
        }
    }

    fn note(&self, text: &str) {
        crate::report::note(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_registry_says_of_sizes_need_not_fit_in_64_bits() {
        let task = |total| Task { label: "layer".to_owned(), total };
        let total = |tasks: &[Task]| Drawn::new(tasks).total.length();
        assert_eq!(total(&[task(Some(1)), task(Some(2))]), Some(3));
        assert_eq!(total(&[task(Some(u64::MAX)), task(Some(2))]), Some(u64::MAX));
        assert_eq!(total(&[task(Some(1)), task(None)]), None);
    }
}
