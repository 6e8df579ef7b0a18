//! Two command lines timed in turn, A B A B, after one of each that does not count.

use crate::{Outcome, shell};
use serde::Serialize;
use std::process::Command;
use std::time::{Duration, Instant};

/// One side of a comparison: command lines for `sh`.
#[derive(Clone, Debug, Default)]
pub(super) struct Side {
    /// Before the first round.
    pub(super) once: String,
    /// Before each round, not timed.
    pub(super) before: String,
    pub(super) timed: String,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) what: &'static str,
    pub(super) peer: &'static str,
    pub(super) ours: Side,
    pub(super) theirs: Side,
    pub(super) target: Target,
}

/// What is to be reached.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Target {
    /// Our time is at most this share of theirs.
    Share(f64),
    /// We are at least so many times faster: on a fast disk, on a slow one.
    Faster { fast_disk: f64, slow_disk: f64 },
}

#[derive(Debug, Serialize)]
pub(super) struct Compared {
    pub(super) what: &'static str,
    pub(super) peer: &'static str,
    target: Target,
    ours_seconds: Vec<f64>,
    theirs_seconds: Vec<f64>,
    /// The median of ours divided by theirs, pair by pair.
    ratio: f64,
    ours_line: String,
    theirs_line: String,
}

impl Row {
    pub(super) fn title(&self) -> String {
        format!("{}, against {}", self.what, self.peer)
    }
}

pub(super) fn compare(row: &Row, pairs: usize) -> Outcome<Compared> {
    for side in [&row.ours, &row.theirs] {
        sh(&side.once)?;
        round(side)?;
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..pairs.max(1) {
        ours.push(round(&row.ours)?.as_secs_f64());
        theirs.push(round(&row.theirs)?.as_secs_f64());
    }
    let ratio = crate::bench::median(ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs));
    Ok(Compared {
        what: row.what,
        peer: row.peer,
        target: row.target,
        ours_seconds: ours,
        theirs_seconds: theirs,
        ratio,
        ours_line: row.ours.timed.clone(),
        theirs_line: row.theirs.timed.clone(),
    })
}

/// What was there is gone and on disk before the clock starts, so that no round pays for another.
fn round(side: &Side) -> Outcome<Duration> {
    sh(&side.before)?;
    sh("sync")?;
    let start = Instant::now();
    sh(&side.timed)?;
    Ok(start.elapsed())
}

/// Runs a command line; what it prints is seen only if it fails.
pub(super) fn sh(line: &str) -> Outcome {
    if line.is_empty() {
        return Ok(());
    }
    shell::capture(Command::new("sh").args(["-c", line])).map(drop)
}

impl Compared {
    pub(super) fn times_faster(&self) -> f64 {
        1.0 / self.ratio
    }

    pub(super) fn their_median(&self) -> f64 {
        crate::bench::median(self.theirs_seconds.iter().copied())
    }

    pub(super) fn line(&self) -> String {
        let ours = crate::bench::median(self.ours_seconds.iter().copied());
        let (reached, word) = match self.target {
            Target::Share(most) => (format!("{:.2} of its time", self.ratio), {
                let word = if self.ratio <= most { "reached" } else { "not reached" };
                format!("at most {most}: {word}")
            }),
            Target::Faster { fast_disk, slow_disk } => (format!("{:.1} x faster", self.times_faster()), {
                let word = match self.times_faster() {
                    faster if faster >= fast_disk => "reached",
                    faster if faster >= slow_disk => "reached if the disk is slow",
                    _ => "not reached",
                };
                format!("at least {fast_disk} ({slow_disk}): {word}")
            }),
        };
        format!(
            "{:<36} {ours:>7.3} s   {:<22} {:>7.3} s   {reached:<18} {word}",
            self.what,
            self.peer,
            self.their_median()
        )
    }
}
