//! The contracts of the store and of the reader, tried as hard as is asked; what was tried is told as a table.

use crate::{Outcome, shell};
use std::fs;
use std::time::Instant;

/// How hard the tests try.
const EFFORT: &str = "PLY_TRUST";
/// The file in which they leave their figures.
const REPORT: &str = "PLY_TRUST_REPORT";

pub(crate) fn run(args: &[&str]) -> Outcome {
    let effort = match args {
        [] => "full",
        ["--fast"] => "fast",
        ["--long"] => "long",
        _ => return Err(format!("takes --fast, --long or nothing, not {}", args.join(" "))),
    };
    shell::run_shown(&mut shell::cargo(["build", "--package", "ply-cli"]))?;
    shell::run_shown(&mut shell::cargo(["test", "--package", "ply-tests", "--test", "trust", "--no-run"]))?;
    let start = Instant::now();
    reported(effort, |settings| {
        let mut command = shell::cargo(["test", "--package", "ply-tests", "--test", "trust"]);
        shell::run_shown(command.envs(settings.iter().cloned()))
    })?;
    eprintln!("trust, {effort}: {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// Runs tests with these settings in their environment, and tells what they reported.
pub(crate) fn reported(effort: &str, tests: impl FnOnce(&[(&str, String)]) -> Outcome) -> Outcome {
    let report = shell::root().join("target/trust.tsv");
    match fs::remove_file(&report) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
            return Err(format!("removing {}: {why}", report.display()));
        }
        _ => {}
    }
    let result = tests(&[(EFFORT, effort.to_owned()), (REPORT, report.display().to_string())]);
    if let Ok(text) = fs::read_to_string(&report) {
        print!("{}", table(&text));
    }
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
