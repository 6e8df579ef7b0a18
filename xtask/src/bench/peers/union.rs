//! The union of 200,000 files in 12 layers, as `crates/overlay/benches/union.rs` measures it: once their trees are read.

use super::Choices;
use super::absolute::Absolute;
use crate::workspace::Workspace;
use crate::{Outcome, shell};
use std::fs;

const GROUP: &str = "200,000 files in 12 layers";

pub(super) fn all(choices: &Choices) -> Vec<Outcome<Absolute>> {
    let figures = [("merge", "their union, built", "ms", 100.0), ("resolve", "one path of it", "µs", 1000.0)];
    let titled = figures.map(|(name, what, unit, limit)| (name, format!("{GROUP}: {what}"), unit, limit));
    let wanted = titled.into_iter().filter(|(_, what, ..)| choices.wants(what));
    let figures = wanted.map(|(name, what, unit, limit)| {
        let scale = if unit == "ms" { 1e6 } else { 1e3 };
        Ok(Absolute { what, unit, value: nanoseconds(name)? / scale, limit: Some(limit) })
    });
    figures.collect()
}

/// What criterion estimates the median to be.
fn nanoseconds(name: &str) -> Outcome<f64> {
    let wanted = format!("{GROUP}/{name}");
    let mut command = shell::cargo(["bench", "--quiet", "--package", "ply-overlay", "--bench", "union"]);
    shell::capture(command.args(["--", "--exact", &wanted]))?;
    // criterion makes a folder's name of a group's: a comma stays, and so does a space.
    let folder = Workspace::read()?.target_directory.join("criterion").join(GROUP).join(name);
    let path = folder.join("new/estimates.json");
    let failed = |why: &dyn std::fmt::Display| format!("reading {}: {why}", path.display());
    let text = fs::read_to_string(&path).map_err(|why| failed(&why))?;
    let estimates: serde_json::Value = serde_json::from_str(&text).map_err(|why| failed(&why))?;
    estimates["median"]["point_estimate"].as_f64().ok_or_else(|| failed(&"it has no median"))
}
