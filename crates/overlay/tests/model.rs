//! Random stacks against a naive model, which applies the layers to a map of paths, one after the other.
#![allow(clippy::unwrap_used, clippy::panic, reason = "functions that tests share count as no tests")]

mod deeds;
mod holds;
mod naive;
mod notation;

use deeds::{Deed, PATHS, layers};
use holds::what_holds;
use notation::layer;
use proptest::prelude::*;

fn deed() -> impl Strategy<Value = Deed> {
    let at = || 0..PATHS;
    let which = any::<u8>;
    prop_oneof![
        6 => (at(), 0..3u8, 0..3u8).prop_map(|(at, content, mode)| Deed::File { at, content, mode }),
        3 => (at(), 0..3u8).prop_map(|(at, mode)| Deed::Directory { at, mode }),
        1 => at().prop_map(|at| Deed::Opaque { at }),
        1 => (at(), at()).prop_map(|(at, to)| Deed::Symlink { at, to }),
        2 => (at(), which()).prop_map(|(at, to)| Deed::Link { at, to }),
        2 => (at(), which()).prop_map(|(at, to)| Deed::Below { at, to }),
        4 => at().prop_map(|at| Deed::Whiteout { at }),
        1 => (0..3u8).prop_map(|mode| Deed::Root { mode }),
        // Seldom, since such a stack is mostly an error.
        1 => (at(), at(), 0..8u8).prop_map(|(at, to, rare)| {
            if rare == 0 { Deed::Astray { at, to } } else { Deed::Whiteout { at } }
        }),
    ]
}

/// Layers, bottom first, in the notation.
fn stack() -> impl Strategy<Value = Vec<String>> {
    let deeds = prop::collection::vec(deed(), 0..9);
    prop::collection::vec(deeds, 0..6).prop_map(|deeds| layers(&deeds))
}

/// `PROPTEST_CASES=200000 cargo test -p ply-overlay --test model` for more.
fn cases() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases.max(2_000), ..config }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..cases() })]

    #[test]
    fn any_stack(layers in stack(), other in stack()) {
        let trees = |texts: &[String]| texts.iter().map(|text| layer(text)).collect::<Vec<_>>();
        what_holds(&trees(&layers), &trees(&other));
    }
}
