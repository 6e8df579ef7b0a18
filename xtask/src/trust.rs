//! The contracts of the store and of the reader, tried as hard as is asked; what was tried is told as a table.

use crate::{Outcome, shell};
use std::fs;
use std::path::Path;
use std::time::Instant;

/// How hard the tests try.
const EFFORT: &str = "PLY_TRUST";
/// The file in which they leave their figures.
const REPORT: &str = "PLY_TRUST_REPORT";
/// Where their stores lie, unless told: thousands of them, and on a disk most of the time would be its syncs. What is about
/// disks looks for one.
const MEMORY: (&str, &str) = ("TMPDIR", "/dev/shm");
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
    for (name, value) in [MEMORY, AT_ONCE] {
        let is_told = std::env::var_os(name).is_some();
        if !is_told && (name != MEMORY.0 || Path::new(value).is_dir()) {
            command.env(name, value);
        }
    }
    let start = Instant::now();
    let result = shell::run_shown(&mut command);
    if let Ok(text) = fs::read_to_string(&report) {
        print!("{}", table(&text));
    }
    eprintln!("trust, {effort}: {:.0} s", start.elapsed().as_secs_f64());
    result
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
