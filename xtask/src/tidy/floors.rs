//! A crate depends only on crates of lower floors.

use crate::workspace::Workspace;
use std::collections::{BTreeMap, BTreeSet};

/// They stand beside the house and may look into every floor.
pub(super) const OUTSIDE: [&str; 2] = ["xtask", "ply-tests"];

type Arrows<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

pub(super) fn check(workspace: &Workspace, arrows: &Arrows) -> Vec<String> {
    let places = places(workspace);
    let homeless = workspace
        .members()
        .map(|package| package.name.as_str())
        .filter(|name| !OUTSIDE.contains(name) && !places.contains_key(name))
        .map(|name| format!("{name}: no floor in [package.metadata.ply]"));
    homeless.chain(climbing(&places, arrows)).collect()
}

/// The crates that state their floor.
pub(super) fn places(workspace: &Workspace) -> BTreeMap<&str, u32> {
    workspace.members().filter_map(|package| Some((package.name.as_str(), package.ply()?.floor))).collect()
}

/// The arrows between our own crates.
pub(super) fn own_arrows<'a>(workspace: &'a Workspace, arrows: &Arrows<'a>) -> Vec<(&'a str, &'a str)> {
    let places = places(workspace);
    let own = arrows.iter().filter(|(from, _)| places.contains_key(*from));
    own.flat_map(|(from, to)| to.iter().map(move |to| (*from, *to)))
        .filter(|(_, to)| places.contains_key(to))
        .collect()
}

fn climbing(places: &BTreeMap<&str, u32>, arrows: &Arrows) -> Vec<String> {
    let mut faults = Vec::new();
    for (from, floor) in places {
        for to in arrows.get(from).into_iter().flatten() {
            let fault = match places.get(to) {
                Some(other) if other > floor => "climbs",
                Some(other) if other == floor => "goes sideways",
                None if OUTSIDE.contains(to) => "leaves the house",
                Some(_) | None => continue,
            };
            let other = places.get(to).map_or_else(|| "outside".to_owned(), |floor| format!("floor {floor}"));
            faults.push(format!("{from} (floor {floor}) -> {to} ({other}): the arrow {fault}"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_go_down() {
        let places = BTreeMap::from([("digest", 1), ("tar", 2), ("name", 2), ("store", 4)]);
        let check = |from, to, expect: &[&str]| {
            let arrows = BTreeMap::from([(from, BTreeSet::from([to]))]);
            assert_eq!(climbing(&places, &arrows), expect, "{from} -> {to}");
        };
        check("tar", "digest", &[]);
        check("store", "digest", &[]);
        check("store", "libc", &[]);
        check("tar", "name", &["tar (floor 2) -> name (floor 2): the arrow goes sideways"]);
        check("digest", "store", &["digest (floor 1) -> store (floor 4): the arrow climbs"]);
        check("store", "xtask", &["store (floor 4) -> xtask (outside): the arrow leaves the house"]);
        check("xtask", "store", &[]);
    }
}
