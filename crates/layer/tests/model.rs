//! What a layer comes to, against the simplest thing that could say so: a map from paths, and the words of `layer.md`.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

mod layers;

use std::collections::BTreeMap;

use layers::{Tar, read_all, tar, texts};
use ply_tree::{Directory, Kind, Last, Presence, Tree, find};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// Files and directories one after the other into a map from path to letter; `i` is an implied directory.
fn naive(entries: &[String]) -> BTreeMap<String, char> {
    let mut map = BTreeMap::new();
    for entry in entries {
        let (kind, path) = (entry.chars().next().unwrap(), &entry[2..]);
        for (at, _) in path.match_indices('/') {
            let parent = map.entry(path[..at].to_owned()).or_insert('i');
            if *parent == 'f' {
                *parent = 'i';
            }
        }
        let before = map.insert(path.to_owned(), kind);
        if kind == 'f' && before.is_some_and(|before| before != 'f') {
            map.retain(|other, _| !other.starts_with(&format!("{path}/")));
        }
    }
    map
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_last_entry_holds(
        entries in vec((any::<bool>(), vec(prop::sample::select(vec!["a", "b", "c"]), 1..4)), 0..20),
    ) {
        let line = |(is_file, path): &(bool, Vec<&str>)| format!("{} {}", if *is_file { 'f' } else { 'd' }, path.join("/"));
        let entries: Vec<String> = entries.iter().map(line).collect();
        let tar = tar(&entries.iter().map(String::as_str).collect::<Vec<_>>());
        let tree = read_all(&tar).unwrap().tree;
        let expect: Vec<String> = naive(&entries).iter().map(|(path, kind)| format!("{kind} {path}")).collect();
        prop_assert_eq!(texts(&tree, &Tar(&tar)), expect, "{:?}", entries);
    }

    /// A whiteout says nothing of its own layer, so it may stand anywhere in it.
    #[test]
    fn whiteouts_may_stand_anywhere(
        world in prop::sample::select(WORLDS.to_vec()),
        marks in prop::sample::subsequence(MARKS.to_vec(), 0..=MARKS.len()),
        places in vec(any::<Index>(), MARKS.len()),
    ) {
        let mut entries = world.to_vec();
        for (mark, place) in marks.iter().zip(&places) {
            entries.insert(place.index(entries.len() + 1), mark);
        }
        let tar = tar(&entries);
        let tree = read_all(&tar).unwrap().tree;
        for below in PROBES {
            prop_assert_eq!(hides(&tree, below), said_to_hide(&entries, below), "{} by {:?}", below, entries);
        }
        for real in world {
            let found = find(&tree, &real.as_bytes()[2..], Last::Keep).unwrap().unwrap();
            prop_assert_eq!(tree.get(found.id).unwrap().is_directory(), real.starts_with('d'));
        }
    }
}

/// Layers without whiteouts, in which nothing replaces anything.
const WORLDS: [&[&str]; 8] = [
    &[],
    &["f a"],
    &["d a"],
    &["f a/b/c"],
    &["d a", "f a/b"],
    &["f a/b/c", "d a/b"],
    &["f d/e", "f a/b/c"],
    &["f d", "d a/b"],
];
const MARKS: [&str; 7] =
    ["f .wh.a", "f a/.wh.b", "f a/b/.wh.c", "f a/.wh..wh..opq", "f a/b/.wh..wh..opq", "f .wh.d", "f d/.wh.e"];
/// Paths of a layer below.
const PROBES: [&str; 10] = ["x", "a", "a/x", "a/b", "a/b/x", "a/b/c", "a/b/c/x", "d", "d/e", "d/x"];

/// Whether nothing is left of what a layer below has at a path, its attributes included.
fn hides(tree: &Tree, below: &str) -> bool {
    let (mut here, mut hidden) = (Tree::ROOT, false);
    for name in below.split('/') {
        let directory = tree.get(here).unwrap();
        hidden |= matches!(directory.kind, Kind::Directory(Directory { opaque: true, .. }));
        let Some(next) = tree.child(here, name.as_bytes()) else { return hidden };
        here = next;
        if !tree.get(here).unwrap().is_directory() {
            return true;
        }
    }
    hidden
        || matches!(
            tree.get(here).unwrap().kind,
            Kind::Directory(Directory { presence: Presence::Explicit, .. })
        )
}

/// The same, from the words of `layer.md` alone.
fn said_to_hide(entries: &[&str], below: &str) -> bool {
    let at_or_above = |path: &str| below == path || below.starts_with(&format!("{path}/"));
    entries.iter().any(|entry| {
        let (kind, path) = entry.split_at(2);
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        let joined =
            |name: &str| if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
        match name.strip_prefix(".wh.") {
            Some(".wh..opq") => at_or_above(directory) && below != directory,
            Some(hidden) => at_or_above(&joined(hidden)),
            None if kind == "d " => below == path,
            None => at_or_above(path),
        }
    })
}
