//! Format, clippy and docs, without a warning.

use crate::{Outcome, shell};

/// Crates that people take alone, or the program, without their default features.
const ALONE: [&str; 3] = ["ply-digest", "ply-reference", "ply-cli"];

pub(crate) fn run(_: &[&str]) -> Outcome {
    shell::run_shown(&mut shell::cargo(["fmt", "--all", "--check"]))?;
    shell::run_shown(&mut shell::cargo([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ]))?;
    shell::run_shown(
        shell::cargo(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "--deny warnings"),
    )?;
    for package in ALONE {
        shell::run_shown(&mut shell::cargo(["check", "--package", package, "--no-default-features"]))?;
    }
    Ok(())
}
