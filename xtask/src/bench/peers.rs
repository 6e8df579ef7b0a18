//! Load, save and an image's files against every engine that is installed: the same work, the same run, in pairs.

mod absolute;
mod commit;
mod engines;
mod files;
mod large;
mod mount;
mod pairs;
mod primed;
mod registry;
mod rows;
mod union;

use super::machine::Machine;
use super::plot::{Bar, Plot};
use crate::scratch::Scratch;
use crate::workspace::Workspace;
use crate::{Outcome, peers, shell, test};
use absolute::Absolute;
use pairs::Compared;
use serde::Serialize;
use std::path::PathBuf;

/// Under this, `cp` and `sync` are waiting for a slow disk, and so is everybody: bytes a second.
const SLOW_DISK: f64 = 1e9;

pub(super) struct Choices {
    /// Where the large archives are; None: `target/real-images`, built where missing.
    pub(super) archives: Option<PathBuf>,
    pub(super) pairs: usize,
    /// Only rows whose text has this word.
    pub(super) only: Option<String>,
}

impl Default for Choices {
    fn default() -> Self {
        Self { archives: None, pairs: 5, only: None }
    }
}

impl Choices {
    fn wants(&self, row: &str) -> bool {
        self.only.as_ref().is_none_or(|word| row.contains(word.as_str()))
    }
}

#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    disk_bytes_per_second: Option<f64>,
    versions: Vec<String>,
    not_found: Option<String>,
    pairs: usize,
    compared: Vec<Compared>,
    absolute: Vec<Absolute>,
}

pub(super) fn run(choices: &Choices) -> Outcome {
    let target = Workspace::read()?.target_directory;
    let default = target.join("real-images");
    let archives = test::real_images(choices.archives.as_ref().unwrap_or(&default))?;
    shell::run_shown(&mut shell::cargo(["build", "--release", "--package", "ply-cli"]))?;
    let ply = target.join("release/ply");
    let not_found = peers::missing();
    if let Some(missing) = &not_found {
        println!("{missing}");
    }
    let machine = Machine::here();
    println!("{}; {} pairs a row", machine.named(), choices.pairs);

    let disk = Scratch::new(&target.join("bench"), "work")?;
    let memory = Scratch::new("/dev/shm".as_ref(), "ply-bench")?;
    let engines = engines::Engines::start(disk.path())?;
    let place = rows::Place { ply: &ply, archives: &archives, disk: disk.path(), memory: memory.path() };
    let _unmounted = mount::Unmounted(disk.path());
    let _primed = primed::Primed::new();
    let mut compared = Vec::new();
    let mut failed = Vec::new();
    let registries = registry::Registries::start(disk.path())?;
    let mut rows = rows::all(&place, &engines);
    rows.extend(registries.iter().flat_map(|registries| registries.rows(&place, &engines)));
    for row in rows {
        if !choices.wants(&row.title()) {
            continue;
        }
        match pairs::compare(&row, choices.pairs) {
            Ok(result) => {
                println!("{}", result.line());
                compared.push(result);
            }
            Err(why) => {
                println!("{}: failed: {why}", row.title());
                failed.push(row.title());
            }
        }
    }
    let mut absolute = Vec::new();
    let mut figures = absolute::all(&place, &engines, choices);
    figures.extend(registries.iter().flat_map(|registries| registries.absolute(&place, &engines, choices)));
    for measured in figures {
        match measured {
            Ok(figure) => {
                println!("{}", figure.line());
                absolute.push(figure);
            }
            Err(why) => {
                println!("failed: {why}");
                failed.push(why);
            }
        }
    }

    let versions = engines.versions();
    drop(engines);
    let disk_rate = rows::copy_rate(&place, &compared);
    if let Some(rate) = disk_rate {
        let word = if rate < SLOW_DISK { "slow: the targets in brackets hold" } else { "fast" };
        println!("cp and sync: {:.2} GB/s, a {word} disk", rate / 1e9);
    }
    let report = Report {
        machine,
        disk_bytes_per_second: disk_rate,
        versions,
        not_found,
        pairs: choices.pairs,
        compared,
        absolute,
    };
    // Some rows alone would replace a report that has them all.
    if choices.only.is_none() {
        super::write(&target.join("bench"), "peers", &report, &plot(&report).svg())?;
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join("; "))) }
}

fn plot(report: &Report) -> Plot<'static> {
    let bar = |row: &Compared| Bar {
        label: format!("{}, against {}", row.what, row.peer),
        value: row.times_faster(),
        text: format!("{:.1} ×", row.times_faster()),
        ours: true,
    };
    Plot {
        title: "ply, times faster than others (medians of pairs)",
        notes: vec![
            "the dashed line is 1: as fast; a logarithmic scale".to_owned(),
            report.versions.join(", "),
            report.machine.named(),
        ],
        bars: report.compared.iter().map(bar).collect(),
        logarithmic: true,
    }
}
