//! Format, clippy and docs, without a warning.

use crate::{Outcome, fuzz, shell};

/// Crates that people take alone, or the program, without their default features.
const ALONE: [&str; 3] = ["ply-digest", "ply-reference", "ply-cli"];

pub(crate) fn run(_: &[&str]) -> Outcome {
    shell::run_shown(&mut shell::cargo(["fmt", "--all", "--check"]))?;
    shell::run_shown(&mut shell::cargo([
        "clippy",
        "--workspace",
        "--all-targets",
        // Not among all, since it does not run with all.
        "--test",
        "trust",
        "--",
        "--deny",
        "warnings",
    ]))?;
    shell::run_shown(
        shell::cargo(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "--deny warnings"),
    )?;
    fuzz::lint()?;
    for package in ALONE {
        shell::run_shown(&mut shell::cargo(["check", "--package", package, "--no-default-features"]))?;
    }
    without_network()
}

/// The program without the feature `registry` has no HTTP and no TLS in it.
fn without_network() -> Outcome {
    let tree = shell::capture(&mut shell::cargo([
        "tree",
        "--package",
        "ply-cli",
        "--no-default-features",
        "--edges",
        "normal,build",
        "--prefix",
        "none",
    ]))?;
    match tree.lines().find(|line| ["ureq ", "rustls ", "ring "].iter().any(|name| line.starts_with(name))) {
        Some(line) => Err(format!("ply-cli without its features still depends on {line}")),
        None => Ok(()),
    }
}
