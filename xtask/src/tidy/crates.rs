//! What a stranger finds when a crate is opened: its page, an example.

use crate::Outcome;
use crate::workspace::{Package, Workspace};
use std::fs;
use std::path::Path;

const MOST_CRATES: usize = 15;
const LONGEST_PAGE: usize = 150;
/// What a crate that is no test denies: each can be a panic on input.
const DENIED: [&str; 4] = ["indexing_slicing", "string_slice", "arithmetic_side_effects", "unreachable"];
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
        let root = |wanted: &str| {
            package.targets.iter().find(|target| target.kind.iter().any(|kind| kind == wanted))
        };
        let read = |path: &Path| {
            fs::read_to_string(path).map_err(|why| format!("reading {}: {why}", path.display()))
        };
        if let Some(program) = root("bin") {
            let faults_of = lint_faults(&read(&program.src_path)?);
            faults.extend(faults_of.into_iter().map(|fault| format!("{name}: main.rs {fault}")));
        }
        let Some(library) = root("lib") else { continue };
        if !package.has_target("example") {
            faults.push(format!("{name}: no example"));
        }
        let text = read(&library.src_path)?;
        let faults_of = page_faults(&text).into_iter().chain(lint_faults(&text));
        faults.extend(faults_of.map(|fault| format!("{name}: lib.rs {fault}")));
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

/// Where the lints that keep panics out are not denied for all of a crate but its tests.
fn lint_faults(text: &str) -> Option<String> {
    let bare: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let denied = bare.split_once("#![cfg_attr(not(test),deny(").and_then(|(_, rest)| rest.split_once(')'));
    let denied: Vec<&str> = denied.map_or("", |(lints, _)| lints).split(',').collect();
    let lacks = DENIED.iter().find(|lint| !denied.contains(&&*format!("clippy::{lint}")))?;
    Some(format!("does not deny clippy::{lacks} where it is not tested"))
}

#[cfg(test)]
mod tests {
    use super::{PAGE, lint_faults, page_faults};

    #[test]
    fn a_crate_denies_what_panics() {
        let check = |text: &str, expect: Option<&str>| {
            let found = lint_faults(text);
            assert_eq!(found.is_some(), expect.is_some(), "{text}");
            assert!(found.unwrap_or_default().contains(expect.unwrap_or_default()), "{text}");
        };
        let all = "clippy::indexing_slicing,\n clippy::string_slice, clippy::arithmetic_side_effects, clippy::unreachable";
        check(&format!("#![cfg_attr(\n    not(test),\n    deny({all})\n)]"), None);
        check(
            &format!("#![cfg_attr(not(test), deny({}))]", all.replace("string", "strong")),
            Some("string_slice"),
        );
        check(&format!("#![cfg_attr(test, deny({all}))]"), Some("indexing_slicing"));
        check("", Some("indexing_slicing"));
    }

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
