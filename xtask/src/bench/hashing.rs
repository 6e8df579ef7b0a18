//! Throughput of hashing: streams, threads and block sizes against `sha2` and OpenSSL.

use super::machine::Machine;
use super::plot::{Bar, Plot};
use crate::workspace::Workspace;
use crate::{Outcome, shell};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// The block that OpenSSL is measured with.
const BLOCK: &str = "131072";

#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    figures: Vec<Figure>,
}

#[derive(Debug, Serialize)]
struct Figure {
    /// `one-thread/STREAMS/BLOCK`, `threads/N`, `pump/THREADS/STREAMS/BLOCK`, `sha2/BLOCK` or `openssl/BLOCK`.
    name: String,
    /// Decimal: 10⁹ bytes.
    gigabytes_per_second: f64,
    /// How many times as much as that one.
    against: Option<String>,
    ratio: Option<f64>,
}

pub(super) fn run() -> Outcome {
    let target = Workspace::read()?.target_directory;
    let start = SystemTime::now();
    shell::run_shown(&mut shell::cargo(["bench", "--package", "ply-digest", "--bench", "hashing"]))?;
    let mut rates = criterion_rates(&target.join("criterion"), start)?;
    if rates.is_empty() {
        return Err("the benchmark measured nothing".to_owned());
    }
    match openssl() {
        Ok(Some(rate)) => drop(rates.insert(format!("openssl/{BLOCK}"), rate)),
        Ok(None) => println!("openssl was not found, so it is not measured (apt-get install openssl)"),
        Err(why) => println!("openssl is not measured: {why}"),
    }

    let report = Report { machine: Machine::here(), figures: figures(&rates) };
    println!("\n{:<28} {:>7} {:>8}", report.machine.named(), "GB/s", "ratio");
    for Figure { name, gigabytes_per_second, against, ratio } in &report.figures {
        let ratio = ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        let against = against.as_deref().map_or_else(String::new, |other| format!("  of {other}"));
        println!("{name:<28} {gigabytes_per_second:>7.2} {ratio:>8}{against}");
    }
    super::write(&target.join("bench"), "hashing", &report, &plot(&report).svg())
}

/// The bytes per second of each benchmark that ran since `start`, by Criterion's own records.
fn criterion_rates(folder: &Path, start: SystemTime) -> Outcome<BTreeMap<String, f64>> {
    let mut rates = BTreeMap::new();
    for folder in finished(folder)? {
        let fresh = fs::metadata(folder.join("estimates.json")).and_then(|meta| meta.modified());
        if !fresh.is_ok_and(|time| time >= start) {
            continue;
        }
        let benchmark: Benchmark = read(&folder.join("benchmark.json"))?;
        let estimates: Estimates = read(&folder.join("estimates.json"))?;
        if let Some(Throughput { bytes: Some(bytes) }) = benchmark.throughput {
            rates.insert(benchmark.full_id, bytes * 1e9 / estimates.median.point_estimate);
        }
    }
    Ok(rates)
}

/// The folders `…/new` below, where Criterion keeps the last run.
fn finished(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let fault = |why| format!("reading {}: {why}", folder.display());
        for entry in fs::read_dir(&folder).map_err(fault)? {
            let path = entry.map_err(fault)?.path();
            if path.join("benchmark.json").is_file() && path.ends_with("new") {
                found.push(path);
            } else if path.is_dir() {
                folders.push(path);
            }
        }
    }
    Ok(found)
}

/// Criterion's `benchmark.json`, as far as we read it.
#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
    throughput: Option<Throughput>,
}

#[derive(Deserialize)]
struct Throughput {
    #[serde(rename = "Bytes")]
    bytes: Option<f64>,
}

/// Criterion's `estimates.json`: nanoseconds an iteration.
#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Outcome<T> {
    let text = fs::read_to_string(path).map_err(|why| format!("reading {}: {why}", path.display()))?;
    serde_json::from_str(&text).map_err(|why| format!("reading {}: {why}", path.display()))
}

/// Bytes per second of `openssl speed`; None where it is not installed.
fn openssl() -> Outcome<Option<f64>> {
    if shell::found("openssl").is_none() {
        return Ok(None);
    }
    let mut command = Command::new("openssl");
    command.args(["speed", "-mr", "-seconds", "3", "-evp", "sha256", "-bytes", BLOCK]);
    let text = shell::capture(&mut command)?;
    openssl_rate(&text).map(Some).ok_or_else(|| format!("no rate in {text:?}"))
}

/// The rate in the machine-readable line `+F:NUMBER:sha256:RATE`.
fn openssl_rate(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("+F:"))?;
    line.rsplit(':').next()?.trim().parse().ok()
}

/// Each rate with what it is a multiple of: `sha2` on the same block; for several threads, one thread.
fn figures(rates: &BTreeMap<String, f64>) -> Vec<Figure> {
    let figure = |(name, rate): (&String, &f64)| {
        let base = match name.split('/').collect::<Vec<_>>()[..] {
            ["one-thread", _, block] | ["pump", "1", _, block] | ["openssl", block] => {
                Some(format!("sha2/{block}"))
            }
            ["pump", _, streams, block] => Some(format!("pump/1/{streams}/{block}")),
            ["threads", threads] if threads != "1" => Some("threads/1".to_owned()),
            _ => None,
        };
        let against = base.filter(|base| rates.contains_key(base));
        let ratio = against.as_ref().and_then(|base| rates.get(base)).map(|base| rate / base);
        Figure { name: name.clone(), gigabytes_per_second: rate / 1e9, against, ratio }
    };
    let mut figures: Vec<Figure> = rates.iter().map(figure).collect();
    figures.sort_by_cached_key(|figure| order(&figure.name));
    figures
}

/// Others first, then numbers as numbers.
fn order(name: &str) -> (usize, Vec<u64>) {
    let mut parts = name.split('/');
    let group = parts.next().unwrap_or_default();
    let groups = ["openssl", "sha2", "one-thread", "threads", "pump"];
    let place = groups.iter().position(|own| *own == group).unwrap_or(groups.len());
    (place, parts.filter_map(|part| part.parse().ok()).collect())
}

/// A figure's name in words.
fn label(name: &str) -> String {
    let block = |bytes: &str| match bytes.parse::<u64>() {
        Ok(bytes) => format!("{} KiB", bytes / 1024),
        Err(_) => bytes.to_owned(),
    };
    match name.split('/').collect::<Vec<_>>()[..] {
        ["one-thread", streams, bytes] => format!("one thread, streams: {streams}, {}", block(bytes)),
        ["threads", threads] => format!("24 streams, threads: {threads}"),
        [group @ ("sha2" | "openssl"), bytes] => format!("{group}, {}", block(bytes)),
        _ => name.to_owned(),
    }
}

fn plot(report: &Report) -> Plot<'static> {
    let bar = |figure: &Figure| Bar {
        label: label(&figure.name),
        value: figure.gigabytes_per_second,
        text: match figure.ratio {
            Some(ratio) => format!("{:.2} ({ratio:.2} ×)", figure.gigabytes_per_second),
            None => format!("{:.2}", figure.gigabytes_per_second),
        },
        ours: !figure.name.starts_with("sha2") && !figure.name.starts_with("openssl"),
    };
    Plot {
        title: "SHA-256, gigabytes a second",
        notes: vec![
            "in brackets: against sha2 on blocks of that size; several threads against one".to_owned(),
            report.machine.named(),
        ],
        // Every combination is in the table; here they would hide what matters.
        bars: report.figures.iter().filter(|figure| !figure.name.starts_with("pump/")).map(bar).collect(),
        logarithmic: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_multiple_of_the_right_one() {
        let rates = [
            ("one-thread/2/131072", 3e9),
            ("one-thread/2/4096", 2e9),
            ("sha2/131072", 1.5e9),
            ("openssl/131072", 1.5e9),
            ("threads/1", 2e9),
            ("threads/2", 3.9e9),
            ("pump/1/2/131072", 3e9),
            ("pump/2/2/131072", 6e9),
        ];
        let rates = rates.map(|(name, rate)| (name.to_owned(), rate)).into();
        let figures = figures(&rates);
        let check = |name: &str, expect: Option<(&str, f64)>| {
            let figure = figures.iter().find(|figure| figure.name == name).expect("measured");
            let found = figure.against.as_deref().zip(figure.ratio);
            assert_eq!(found, expect, "{name}");
        };
        check("one-thread/2/131072", Some(("sha2/131072", 2.0)));
        check("one-thread/2/4096", None);
        check("sha2/131072", None);
        check("openssl/131072", Some(("sha2/131072", 1.0)));
        check("threads/1", None);
        check("pump/1/2/131072", Some(("sha2/131072", 2.0)));
        check("pump/2/2/131072", Some(("pump/1/2/131072", 2.0)));
        check("threads/2", Some(("threads/1", 1.95)));
    }

    #[test]
    fn figures_stand_in_order() {
        let mut names =
            ["threads/2", "one-thread/8/65536", "sha2/131072", "sha2/65536", "one-thread/10/4096"];
        names.sort_by_cached_key(|name| order(name));
        assert_eq!(
            names,
            ["sha2/65536", "sha2/131072", "one-thread/8/65536", "one-thread/10/4096", "threads/2"]
        );
    }

    #[test]
    fn openssl_is_understood() {
        let check = |text, expect| assert_eq!(openssl_rate(text), expect, "{text}");
        check("+H:131072\n+F:25:sha256:1530719310.77\n", Some(1_530_719_310.77));
        check("+H:131072\n", None);
    }
}
