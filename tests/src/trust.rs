//! How hard the tests of trust try, and the figures they tell.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// `fast`, `full` or `long`; `cargo xtask trust` and `cargo xtask ci` set it.
const EFFORT: &str = "PLY_TRUST";
/// A file that gets a line for each figure.
const REPORT: &str = "PLY_TRUST_REPORT";

/// How hard a test tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Seconds: for every run of the tests. What is not told otherwise.
    Fast,
    /// Minutes: what a change must pass, and what `docs/reliability.md` counts.
    Full,
    /// On demand.
    Long,
}

impl Effort {
    /// What the environment asks for.
    pub fn asked() -> Self {
        match std::env::var(EFFORT).as_deref() {
            Err(_) | Ok("" | "fast") => Self::Fast,
            Ok("full") => Self::Full,
            Ok("long") => Self::Long,
            Ok(other) => panic!("{EFFORT} is fast, full or long, not {other}"),
        }
    }

    /// What goes with each.
    pub fn of<T>(self, fast: T, full: T, long: T) -> T {
        match self {
            Self::Fast => fast,
            Self::Full => full,
            Self::Long => long,
        }
    }
}

/// Tells what was tried, how often, and how it ended: a line of the report, and of the test's own output.
pub fn tried(what: &str, times: u64, ended: &str) {
    println!("{what}: {times}: {ended}");
    if let Some(report) = std::env::var_os(REPORT) {
        let mut file = OpenOptions::new().create(true).append(true).open(Path::new(&report)).unwrap();
        writeln!(file, "{what}\t{times}\t{ended}").unwrap();
    }
}
