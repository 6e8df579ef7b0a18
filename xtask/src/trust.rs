//! The contracts of the store and of the reader, tried as hard as is asked; what was tried is told as a table.

use crate::{Outcome, shell};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// How hard the tests try.
const EFFORT: &str = "PLY_TRUST";
/// The file in which they leave their figures.
const REPORT: &str = "PLY_TRUST_REPORT";
/// Where their stores lie, unless told: thousands of them, and on a disk most of the time would be its syncs. What is about
/// disks looks for one, as does what is too large.
const MEMORY: (&str, &str) = ("TMPDIR", "/dev/shm");
/// What must be free there: in a container it is often 64 MiB.
const ROOM: u64 = 4 << 30;
/// Tests at once, unless told: of two cores a third would be idle with one each, since they wait for processes, locks and delays.
const AT_ONCE: (&str, &str) = ("RUST_TEST_THREADS", "4");

pub(crate) fn run(args: &[&str]) -> Outcome {
    let effort = match args {
        [] => "full",
        ["--fast"] => "fast",
        ["--long"] => "long",
        _ => return Err(format!("takes --fast, --long or nothing, not {}", args.join(" "))),
    };
    tests(effort, &[])
}

/// Runs them, and tells what they reported and how long it took.
pub(crate) fn tests(effort: &str, more: &[(&str, &str)]) -> Outcome {
    let report = shell::root().join("target/trust.tsv");
    match fs::remove_file(&report) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
            return Err(format!("removing {}: {why}", report.display()));
        }
        _ => {}
    }
    shell::run_shown(&mut shell::cargo(["build", "--package", "ply-cli"]))?;
    shell::run_shown(&mut shell::cargo(["test", "--workspace", "--test", "trust", "--no-run"]))?;
    let mut command = shell::cargo(["test", "--workspace", "--test", "trust"]);
    command.env(EFFORT, effort).env(REPORT, &report).envs(more.iter().copied());
    let is_told = |name| std::env::var_os(name).is_some();
    if !is_told(AT_ONCE.0) {
        command.env(AT_ONCE.0, AT_ONCE.1);
    }
    if !is_told(MEMORY.0) && free(Path::new(MEMORY.1)).is_some_and(|free| free >= ROOM) {
        command.env(MEMORY.0, MEMORY.1);
    }
    let start = Instant::now();
    let result = shell::run_shown(&mut command);
    if let Ok(text) = fs::read_to_string(&report) {
        print!("{}", table(&text));
    }
    eprintln!("trust, {effort}: {:.0} s", start.elapsed().as_secs_f64());
    result
}

/// The bytes that may still be written there, where that can be told.
fn free(folder: &Path) -> Option<u64> {
    let said =
        shell::capture(Command::new("df").args(["--block-size=1", "--output=avail"]).arg(folder)).ok()?;
    said.lines().last()?.trim().parse().ok()
}

/// The report as a table of Markdown, in the order of what was tried.
fn table(report: &str) -> String {
    let mut lines: Vec<&str> = report.lines().collect();
    lines.sort_unstable();
    let mut table = String::from("| tried | times | ended |\n|---|--:|---|\n");
    for line in lines {
        table.push_str(&format!("| {} |\n", line.replace('|', "\\|").replace('\t', " | ")));
    }
    table
}
