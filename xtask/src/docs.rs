//! The book, and the links between all pages.

use crate::{Outcome, shell};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) fn run(_: &[&str]) -> Outcome {
    let root = shell::root();
    let broken = broken_links(&root)?;
    for fault in &broken {
        println!("{fault}");
    }
    if !broken.is_empty() {
        return Err(format!("{} broken links", broken.len()));
    }
    if shell::found("mdbook").is_none() {
        println!("links are fine; mdbook is not installed (cargo install mdbook), so no book was built");
        return Ok(());
    }
    shell::run_shown(Command::new("mdbook").current_dir(&root).args(["build", "docs"]))?;
    println!("the book is in {}", root.join("target/book").display());
    Ok(())
}

/// Relative links of every page that lead nowhere, and pages that the book's summary does not list.
pub(crate) fn broken_links(root: &Path) -> Outcome<Vec<String>> {
    let mut faults = Vec::new();
    let mut listed = BTreeSet::new();
    let pages = pages(root)?;
    for page in &pages {
        let text = fs::read_to_string(page).map_err(|why| format!("reading {}: {why}", page.display()))?;
        let folder = page.parent().unwrap_or(root);
        let shown = page.strip_prefix(root).unwrap_or(page).display();
        for (line, link) in links(&text) {
            let target = folder.join(link);
            if !target.exists() {
                faults.push(format!("{shown}:{line}: {link} is not there"));
            }
            if page.ends_with("docs/SUMMARY.md") {
                listed.insert(target);
            }
        }
    }
    let book = root.join("docs");
    let unlisted = pages
        .iter()
        .filter(|page| page.starts_with(&book) && !page.ends_with("SUMMARY.md") && !listed.contains(*page));
    faults.extend(unlisted.map(|page| {
        format!("{} is not in docs/SUMMARY.md", page.strip_prefix(root).unwrap_or(page).display())
    }));
    Ok(faults)
}

/// The Markdown files at the top, in `docs/`, and each crate's README, sorted.
fn pages(root: &Path) -> Outcome<Vec<PathBuf>> {
    let mut pages = Vec::new();
    for folder in [root.to_path_buf(), root.join("docs")] {
        let files = entries(&folder)?.into_iter();
        pages.extend(files.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    let crates = entries(&root.join("crates"))?.into_iter().map(|folder| folder.join("README.md"));
    pages.extend(crates.filter(|readme| readme.is_file()));
    Ok(pages)
}

fn entries(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let fault = |why| format!("reading {}: {why}", folder.display());
    let entries = fs::read_dir(folder).map_err(fault)?;
    let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(fault)?;
    paths.sort();
    Ok(paths)
}

/// The relative links of a page without their anchors, with the number of their line.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut links = Vec::new();
    let mut fenced = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let prose = line.split('`').step_by(2);
        for (_, tail) in
            prose.flat_map(|part| part.match_indices("](").map(move |(at, _)| part.split_at(at + 2)))
        {
            let target = tail.split([')', ' ']).next().unwrap_or_default();
            let path = target.split('#').next().unwrap_or_default();
            let elsewhere = path.contains("://") || path.starts_with("mailto:");
            if !path.is_empty() && !elsewhere {
                links.push((number + 1, path));
            }
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::links;

    #[test]
    fn relative_links_are_found() {
        let check = |text: &str, expect: &[(usize, &str)]| assert_eq!(links(text), expect, "{text}");
        check("see [a](a.md) and\n[b](../b.md#part)", &[(1, "a.md"), (2, "../b.md")]);
        check("![plot](plot.svg \"a title\")", &[(1, "plot.svg")]);
        check("[x](https://example.org/x) [y](#here) [z](mailto:a@example.org)", &[]);
        check("```\n[a](a.md)\n```\n[b](b.md)", &[(4, "b.md")]);
        check("`[a](a.md)` [b](b.md)", &[(1, "b.md")]);
        check("[`code`](code.md)", &[(1, "code.md")]);
        check(
            "a list:\n- [Pages](pages.md)\n    - [Deeper](deeper.md)",
            &[(2, "pages.md"), (3, "deeper.md")],
        );
    }
}
