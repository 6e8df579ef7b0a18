//! Builds, checks and measures the project: `cargo xtask` alone says what there is.
// Printing is what this program is for.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod ci;
mod demo;
mod dist;
mod docs;
mod folder;
mod fuzz;
mod lint;
mod peers;
mod sanitize;
mod scratch;
mod shell;
mod test;
mod tidy;
mod trust;
mod workspace;

use std::process::ExitCode;

/// What a command ends with; the text says what was being done and what is wrong.
type Outcome<T = ()> = Result<T, String>;

struct Task {
    name: &'static str,
    takes: &'static str,
    does: &'static str,
    run: fn(&[&str]) -> Outcome,
}

const TASKS: [Task; 11] = [
    Task {
        name: "ci",
        takes: "",
        does: "lint, tidy, sanitize, test with no peer missing, fuzz for a moment",
        run: ci::run,
    },
    Task { name: "lint", takes: "", does: "format, clippy and docs without a warning", run: lint::run },
    Task { name: "tidy", takes: "", does: "the house rules: floors, dependencies, files", run: tidy::run },
    Task {
        name: "test",
        takes: "[--real]",
        does: "every test; --real also on the 1.2 GB image family",
        run: test::run,
    },
    Task {
        name: "bench",
        takes: "[--peers [DIR] [--pairs N] [--only WORD]]",
        does: "hashing throughput; --peers: load and save against other engines",
        run: bench::run,
    },
    Task {
        name: "trust",
        takes: "[--fast|--long]",
        does: "crashes, power loss, full disks, many at once, damage, hostile images; figures",
        run: trust::run,
    },
    Task {
        name: "fuzz",
        takes: "[--seconds N] [--only TARGET] [--jobs N] [--keep] [--input FILE]",
        does: "the fuzz targets, each for a while; --keep: what they find, for the next; --input: one input again",
        run: fuzz::run,
    },
    Task {
        name: "sanitize",
        takes: "[--miri]",
        does: "hashing lanes under AddressSanitizer; --miri: in Miri",
        run: sanitize::run,
    },
    Task { name: "demo", takes: "", does: "the main job on a small real archive", run: demo::run },
    Task {
        name: "dist",
        takes: "[--no-crates]",
        does: "static binary, man pages, completions, a Debian package, crates, checksums",
        run: dist::run,
    },
    Task { name: "docs", takes: "", does: "builds the book, checks every link", run: docs::run },
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Some((&name, rest)) = words.split_first() else {
        print!("{}", overview());
        return ExitCode::SUCCESS;
    };
    if matches!(name, "-h" | "--help" | "help") {
        print!("{}", overview());
        return ExitCode::SUCCESS;
    }
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
        eprintln!("xtask: no task {name}\n\n{}", overview());
        return ExitCode::from(2);
    };
    if task.takes.is_empty() && !rest.is_empty() {
        eprintln!("xtask: {name} takes no arguments");
        return ExitCode::from(2);
    }
    match (task.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask {name}: {why}");
            ExitCode::FAILURE
        }
    }
}

fn overview() -> String {
    let mut text = String::from("cargo xtask TASK\n\n");
    for task in &TASKS {
        text.push_str(&format!("  {:<8} {}\n", task.name, task.does));
        if !task.takes.is_empty() {
            text.push_str(&format!("  {:<8} {}\n", "", task.takes));
        }
    }
    text
}
