//! What a stranger finds when a crate is opened: its page, an example.

use crate::Outcome;
use crate::workspace::{Package, Workspace};
use std::fs;

const MOST_CRATES: usize = 15;
const LONGEST_PAGE: usize = 150;
const PAGE: &str = r#"#![doc = include_str!("../README.md")]"#;

pub(super) fn check(workspace: &Workspace) -> Outcome<Vec<String>> {
    let crates: Vec<&Package> = workspace
        .members()
        .filter(|package| !super::floors::OUTSIDE.contains(&package.name.as_str()))
        .collect();
    let mut faults = Vec::new();
    if crates.len() > MOST_CRATES {
        faults.push(format!("{} crates: at most {MOST_CRATES}", crates.len()));
    }
    for package in crates {
        let name = &package.name;
        if !package.folder().join("README.md").is_file() {
            faults.push(format!("{name}: no README.md"));
        }
        let Some(library) =
            package.targets.iter().find(|target| target.kind.iter().any(|kind| kind == "lib"))
        else {
            continue;
        };
        if !package.has_target("example") {
            faults.push(format!("{name}: no example"));
        }
        let text = fs::read_to_string(&library.src_path)
            .map_err(|why| format!("reading {}: {why}", library.src_path.display()))?;
        faults.extend(page_faults(&text).into_iter().map(|fault| format!("{name}: lib.rs {fault}")));
    }
    Ok(faults)
}

fn page_faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if text.lines().next() != Some(PAGE) {
        faults.push(format!("does not open with {PAGE}"));
    }
    let lines = text.lines().count();
    if lines > LONGEST_PAGE {
        faults.push(format!("has {lines} lines: at most {LONGEST_PAGE}"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{PAGE, page_faults};

    #[test]
    fn a_page_is_the_readme_and_short() {
        let check = |text: &str, expect: usize| assert_eq!(page_faults(text).len(), expect, "{text}");
        check(&format!("{PAGE}\n\nmod a;\n"), 0);
        check(&format!("{PAGE}{}", "\n".repeat(150)), 0);
        check(&format!("{PAGE}{}", "\n".repeat(151)), 1);
        check("//! A crate.\n", 1);
        check("", 1);
    }
}
