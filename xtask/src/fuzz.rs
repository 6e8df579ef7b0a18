//! Fuzzing: builds the targets of `fuzz/` as cargo-fuzz would, with the stable toolchain, and runs each for a while.

mod settings;
mod target;

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::{Outcome, shell};
use settings::Settings;
use target::{TARGETS, Target};

/// What cargo-fuzz gives the compiler: counters of edges, their addresses, comparisons, and the address sanitizer.
const FLAGS: [&str; 8] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
    "-Zsanitizer=address",
    "--cfg=fuzzing",
];

pub(crate) fn run(args: &[&str]) -> Outcome {
    let settings = Settings::parse(args)?;
    let chosen: Vec<&Target> =
        TARGETS.iter().filter(|target| settings.only.is_none_or(|only| only == target.name)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        return Err(format!("no target of this name: there are {}", names.join(", ")));
    }
    let programs = build(&chosen)?;
    if let Some(input) = settings.input {
        return match chosen[..] {
            [target] => target.reproduce(&programs.join(target.name), input),
            _ => Err("--input wants --only as well: which target it is for".to_owned()),
        };
    }
    for target in &chosen {
        target.plant(&programs.join("seeds"))?;
    }
    let results = run_all(&chosen, &programs, &settings);
    println!("| target | s | runs | a second | edges | inputs kept | MiB |\n|---|--:|--:|--:|--:|--:|--:|");
    let mut faults = Vec::new();
    for (target, result) in chosen.iter().zip(results) {
        match result {
            Ok(figures) => println!("| {} | {} | {figures} |", target.name, settings.seconds),
            Err(why) => faults.push(why),
        }
    }
    if !faults.is_empty() {
        return Err(faults.join("\n"));
    }
    if settings.keep {
        chosen.iter().try_for_each(|target| target.keep(&programs.join(target.name)))?;
    }
    Ok(())
}

/// Builds the targets; gives the folder they are in.
fn build(targets: &[&Target]) -> Outcome<PathBuf> {
    let host = host()?;
    let into = target::home().join("build");
    let mut command = shell::cargo(["build", "--release", "--manifest-path", "fuzz/Cargo.toml"]);
    // A target that is named keeps the flags from what runs in the build: macros, scripts.
    command.args(["--target", &host, "--bin", "seeds"]);
    command.args(targets.iter().flat_map(|target| ["--bin", target.name]));
    command.env("RUSTFLAGS", FLAGS.join(" ")).env("CARGO_TARGET_DIR", &into);
    // The flags are not stable; the compiler is.
    shell::run_shown(command.env("RUSTC_BOOTSTRAP", "1"))?;
    Ok(into.join(host).join("release"))
}

fn host() -> Outcome<String> {
    let told = shell::capture(std::process::Command::new("rustc").arg("-vV"))?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc -vV does not say for which host it is".to_owned())
}

/// Runs them, some at a time; results in their order.
fn run_all(targets: &[&Target], programs: &std::path::Path, settings: &Settings<'_>) -> Vec<Outcome<String>> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, Outcome<String>)>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..settings.jobs {
            scope.spawn(|| {
                while let Some((at, target)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    targets.get(at).map(|target| (at, target))
                } {
                    let result = target.run(&programs.join(target.name), settings.seconds);
                    if let Ok(mut results) = results.lock() {
                        results.push((at, result));
                    }
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_default();
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

/// The manifest of the targets, where it is formatted and linted.
pub(crate) const MANIFEST: &str = "fuzz/Cargo.toml";

/// Formats and lints them; built without their flags, since nothing is run.
pub(crate) fn lint() -> Outcome {
    let manifest = shell::root().join(MANIFEST);
    if !fs::exists(&manifest).unwrap_or(false) {
        return Err(format!("{} is gone", manifest.display()));
    }
    shell::run_shown(&mut shell::cargo(["fmt", "--manifest-path", MANIFEST, "--check"]))?;
    let clippy = ["clippy", "--manifest-path", MANIFEST, "--all-targets", "--", "--deny", "warnings"];
    // Where the workspace's are, since most of what is looked at is the same.
    shell::run_shown(shell::cargo(clippy).env("CARGO_TARGET_DIR", shell::root().join("target")))
}
