//! A source file reads in one sitting, and has nothing left to do.

use crate::Outcome;
use std::fs;
use std::path::{Path, PathBuf};

const LONGEST: usize = 600;
/// A longer file says in its first line why it is one subject, with these words.
const EXCUSE: &str = "one subject";
const FOLDERS: [&str; 4] = ["crates", "fuzz", "tests", "xtask"];
const UNFINISHED: [&str; 3] = ["todo", "unimplemented", "dbg"];

pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// Every Rust file of the workspace and of the fuzz targets, sorted.
pub(super) fn read(root: &Path) -> Outcome<Vec<Source>> {
    let mut sources = Vec::new();
    let mut folders: Vec<PathBuf> = FOLDERS.map(|folder| root.join(folder)).to_vec();
    while let Some(folder) = folders.pop() {
        let fault = |why| format!("reading {}: {why}", folder.display());
        for entry in fs::read_dir(&folder).map_err(fault)? {
            let path = entry.map_err(fault)?.path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text =
                    fs::read_to_string(&path).map_err(|why| format!("reading {}: {why}", path.display()))?;
                sources.push(Source { path: path.strip_prefix(root).unwrap_or(&path).to_path_buf(), text });
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

pub(super) fn check(sources: &[Source]) -> Vec<String> {
    let all = sources.iter().flat_map(|source| {
        faults(&source.text).into_iter().map(|fault| format!("{}{fault}", source.path.display()))
    });
    all.collect()
}

fn faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let lines = text.lines().count();
    let first = text.lines().next().unwrap_or_default();
    if lines > LONGEST && !(first.starts_with("//") && first.contains(EXCUSE)) {
        faults.push(format!(": {lines} lines, and the first does not say why they are {EXCUSE}"));
    }
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or(line);
        for word in UNFINISHED {
            if calls(code, word) {
                faults.push(format!(":{}: {word}!", number + 1));
            }
        }
    }
    faults
}

/// Whether a line calls this macro: the name is a whole word, a bang follows.
fn calls(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let whole = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        whole && code[at + word.len()..].starts_with("!(")
    })
}

#[cfg(test)]
mod tests {
    use super::faults;

    #[test]
    fn files_are_short_and_finished() {
        let long = "\n".repeat(601);
        let check = |text: &str, expect: &[&str]| assert_eq!(faults(text), expect, "{text}");
        check("fn main() {}\n", &[]);
        check(&"\n".repeat(600), &[]);
        check(&long, &[": 601 lines, and the first does not say why they are one subject"]);
        check(&format!("//! Is one subject: a table.{long}"), &[]);
        check(
            &format!("let one = \"one subject\";{long}"),
            &[": 601 lines, and the first does not say why they are one subject"],
        );
        // Taken apart, so that this file passes its own rule.
        check(&["a();\n    let x = to", "do!();"].concat(), &[":2: todo!"]);
        check(&["db", "g!(x)"].concat(), &[":1: dbg!"]);
        check(&["// to", "do!()"].concat(), &[]);
        check(&["my_to", "do!()"].concat(), &[]);
        check("unimplemented!", &[]);
    }
}
