//! What may not be among a crate's dependencies, however far away, and what may not be there twice.

use crate::workspace::Workspace;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Crates that may not come in by any way, tests included, and why.
const BANNED: [(&str, &str); 6] = [
    ("tokio", "one thread waits for one answer; no event loop"),
    ("async-std", "one thread waits for one answer; no event loop"),
    ("openssl-sys", "TLS is rustls'; a C library of the system makes no static binary"),
    ("native-tls", "TLS is rustls'; a C library of the system makes no static binary"),
    ("libgit2-sys", "nothing here needs git"),
    ("chrono", "time is jiff's"),
];
/// Where every crate that is not ours comes from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Crates that are there at two incompatible versions, and why we live with that.
const ACCEPTED_TWICE: [(&str, &str); 4] = [
    ("getrandom", "ring 0.17 stands on 0.2, tempfile on 0.4; a few lines around one system call"),
    ("syn", "some derives stand on 2, some on 3; at build time only"),
    ("thiserror", "gtmpl-ng stands on 1; nothing but derives"),
    ("thiserror-impl", "comes with thiserror"),
];

/// Each forbidden crate that is among the normal dependencies, with the shortest path to it.
pub(super) fn forbidden(workspace: &Workspace, arrows: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<String> {
    let mut faults = Vec::new();
    for package in workspace.members() {
        for forbidden in package.ply().into_iter().flat_map(|ply| &ply.forbid) {
            if let Some(path) = path(arrows, &package.name, forbidden) {
                faults.push(format!("{} must not know {forbidden}: {}", package.name, path.join(" -> ")));
            }
        }
    }
    faults
}

/// Banned crates, and those that come from elsewhere than the one registry.
pub(super) fn banned(workspace: &Workspace) -> Vec<String> {
    let packages = workspace.packages.iter();
    packages.filter_map(|package| judge_banned(&package.name, package.source.as_deref())).collect()
}

fn judge_banned(name: &str, source: Option<&str>) -> Option<String> {
    if let Some((_, why)) = BANNED.iter().find(|(banned, _)| *banned == name) {
        return Some(format!("{name} is banned: {why}"));
    }
    let strange = source.filter(|source| *source != REGISTRY)?;
    Some(format!("{name} comes from {strange}, not from the registry"))
}

/// The shortest way from one crate to another, breadth first.
fn path<'a>(arrows: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &'a str, to: &str) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([from]);
    while let Some(here) = queue.pop_front() {
        if here == to && here != from {
            let mut path = vec![here];
            let mut at = here;
            while let Some(&before) = came_from.get(at) {
                path.push(before);
                at = before;
                if at == from {
                    break;
                }
            }
            path.reverse();
            return Some(path);
        }
        for &next in arrows.get(here).into_iter().flatten() {
            if next != from && !came_from.contains_key(next) {
                came_from.insert(next, here);
                queue.push_back(next);
            }
        }
    }
    None
}

/// Crates at two incompatible versions, less the accepted ones; and what is accepted in vain.
pub(super) fn twice(workspace: &Workspace) -> Vec<String> {
    let versions = workspace.packages.iter().map(|package| (package.name.as_str(), package.version.as_str()));
    judge_twice(versions, &ACCEPTED_TWICE)
}

fn judge_twice<'a>(
    versions: impl Iterator<Item = (&'a str, &'a str)>,
    accepted: &[(&str, &str)],
) -> Vec<String> {
    let mut seen: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, version) in versions {
        seen.entry(name).or_default().insert(compatibility(version));
    }
    seen.retain(|_, versions| versions.len() > 1);
    let is_accepted = |name: &str| accepted.iter().any(|(own, _)| *own == name);
    let new = seen.iter().filter(|(name, _)| !is_accepted(name)).map(|(name, versions)| {
        let versions: Vec<&str> = versions.iter().copied().collect();
        format!("{name} is there at {}: `cargo tree --duplicates` says why", versions.join(" and "))
    });
    let stale = accepted.iter().filter(|(name, _)| !seen.contains_key(name));
    let stale = stale.map(|(name, _)| format!("{name} is there once only: take it from the accepted ones"));
    new.chain(stale).collect()
}

/// The part of a version that says what it is compatible with: up to the first number that is not 0
/// (Cargo's caret rule).
fn compatibility(version: &str) -> &str {
    let core = version.split(['-', '+']).next().unwrap_or(version);
    let mut end = 0;
    for number in core.split('.') {
        end += number.len();
        if number != "0" {
            return &version[..end];
        }
        end += 1;
    }
    core
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_path_is_found() {
        let arrows = BTreeMap::from([
            ("a", BTreeSet::from(["b", "c"])),
            ("b", BTreeSet::from(["c", "a"])),
            ("c", BTreeSet::from(["d"])),
        ]);
        let check = |from, to, expect: Option<&[&str]>| {
            assert_eq!(path(&arrows, from, to).as_deref(), expect, "{from} {to}");
        };
        check("a", "d", Some(&["a", "c", "d"]));
        check("b", "a", Some(&["b", "a"]));
        check("a", "a", None);
        check("d", "a", None);
        check("a", "e", None);
    }

    #[test]
    fn what_is_banned_and_what_comes_from_elsewhere() {
        let check = |name, source, fine: bool| {
            assert_eq!(judge_banned(name, source).is_none(), fine, "{name} {source:?}");
        };
        check("serde", Some(REGISTRY), true);
        check("ply-tree", None, true);
        check("tokio", Some(REGISTRY), false);
        check("serde", Some("git+https://example.invalid/serde"), false);
    }

    #[test]
    fn versions_are_compatible_up_to_the_first_number_that_counts() {
        let check = |version, expect| assert_eq!(compatibility(version), expect, "{version}");
        check("1.2.3", "1");
        check("0.8.3", "0.8");
        check("0.0.7", "0.0.7");
        check("10.0.1+zstd.1.5.7", "10");
        check("0.4.0-rc.1", "0.4");
        check("0.0.0", "0.0.0");
    }

    #[test]
    fn two_versions_need_a_reason_and_a_reason_two_versions() {
        let check = |versions: &[(&'static str, &'static str)], expect: &[&str]| {
            let faults = judge_twice(versions.iter().copied(), &[("syn", "")]);
            assert_eq!(faults, expect, "{versions:?}");
        };
        check(&[("syn", "2.0.1"), ("syn", "3.0.0"), ("a", "1.2.3"), ("a", "1.3.0")], &[]);
        check(
            &[("syn", "2.0.1"), ("syn", "2.1.0")],
            &["syn is there once only: take it from the accepted ones"],
        );
        check(
            &[("syn", "2.0.1"), ("syn", "3.0.0"), ("a", "0.1.3"), ("a", "0.2.0")],
            &["a is there at 0.1 and 0.2: `cargo tree --duplicates` says why"],
        );
    }
}
