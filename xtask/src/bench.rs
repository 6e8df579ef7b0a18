//! What is measured, and how it is written down.

mod hashing;
mod machine;
mod peers;
mod plot;

use crate::Outcome;
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};

const USAGE: &str = "takes nothing, or --peers [DIR] [--pairs N] [--only WORD]";

pub(crate) fn run(args: &[&str]) -> Outcome {
    match args {
        [] => hashing::run(),
        ["--peers", rest @ ..] => peers::run(&choices(rest)?),
        _ => Err(USAGE.to_owned()),
    }
}

fn choices(mut args: &[&str]) -> Outcome<peers::Choices> {
    let mut choices = peers::Choices::default();
    if let [folder, rest @ ..] = args
        && !folder.starts_with('-')
    {
        choices.archives = Some(PathBuf::from(folder));
        args = rest;
    }
    loop {
        args = match args {
            [] => return Ok(choices),
            ["--pairs", number, rest @ ..] => {
                choices.pairs = number.parse().map_err(|why| format!("--pairs {number}: {why}"))?;
                rest
            }
            ["--only", word, rest @ ..] => {
                choices.only = Some((*word).to_owned());
                rest
            }
            _ => return Err(USAGE.to_owned()),
        };
    }
}

/// Writes `NAME.json` and `NAME.svg` into the folder and says so.
fn write(folder: &Path, name: &str, report: &impl Serialize, plot: &str) -> Outcome {
    let json = serde_json::to_string_pretty(report).map_err(|why| format!("writing {name}.json: {why}"))?;
    fs::create_dir_all(folder).map_err(|why| format!("making {}: {why}", folder.display()))?;
    for (extension, text) in [("json", json.as_str()), ("svg", plot)] {
        let path = folder.join(name).with_extension(extension);
        fs::write(&path, text).map_err(|why| format!("writing {}: {why}", path.display()))?;
        println!("written: {}", path.display());
    }
    Ok(())
}

/// The middle one; of an even number, the mean of the two in the middle. 0 of nothing.
fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::{choices, median};

    #[test]
    fn the_median_is_in_the_middle() {
        let check = |values: &[f64], expect: f64| {
            let found = median(values.iter().copied());
            assert!((found - expect).abs() < 1e-9, "{values:?}: {found}");
        };
        check(&[], 0.0);
        check(&[3.0], 3.0);
        check(&[9.0, 1.0, 2.0], 2.0);
        check(&[4.0, 1.0, 2.0, 9.0], 3.0);
    }

    #[test]
    fn choices_are_read() {
        let check = |args: &[&str], expect: Option<(Option<&str>, usize, Option<&str>)>| {
            let found = choices(args).ok();
            let found = found.as_ref().map(|found| {
                (
                    found.archives.as_deref().and_then(|folder| folder.to_str()),
                    found.pairs,
                    found.only.as_deref(),
                )
            });
            assert_eq!(found, expect, "{args:?}");
        };
        check(&[], Some((None, 5, None)));
        check(&["there", "--pairs", "3"], Some((Some("there"), 3, None)));
        check(&["--only", "save", "--pairs", "1"], Some((None, 1, Some("save"))));
        check(&["--pairs", "many"], None);
        check(&["--pairs"], None);
        check(&["--other"], None);
    }
}
