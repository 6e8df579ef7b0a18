//! Stacks of layers with whiteouts, opaque directories and links: the union is what the naive model says, and all that
//! follows from it holds.
#![no_main]

#[path = "../../crates/overlay/tests/deeds/mod.rs"]
mod deeds;
#[path = "../../crates/overlay/tests/holds/mod.rs"]
mod holds;
#[path = "../../crates/overlay/tests/naive/mod.rs"]
mod naive;
#[path = "../../crates/overlay/tests/notation/mod.rs"]
mod notation;

use deeds::{Deed, PATHS, layers};
use libfuzzer_sys::fuzz_target;
use ply_tree::Tree;

/// The model takes time with the square of them.
const DEEDS: usize = 48;
const LAYERS: usize = 6;

fuzz_target!(|bytes: &[u8]| {
    let mut stacks = [vec![Vec::new()], vec![Vec::new()]];
    let mut which = 0;
    for told in bytes.as_chunks().0.iter().take(DEEDS) {
        match deed(*told) {
            Some(deed) => stacks[which].last_mut().expect("there is one").push(deed),
            None if told[1] & 1 == 1 => which = 1,
            None if stacks[which].len() < LAYERS => stacks[which].push(Vec::new()),
            None => {}
        }
    }
    let [stack, other] = stacks.map(|stack| trees(&layers(&stack)));
    holds::what_holds(&stack, &other);
});

fn trees(texts: &[String]) -> Vec<Tree> {
    texts.iter().map(|text| notation::layer(text)).collect()
}

/// What four bytes tell to do; none begins another layer.
fn deed([kind, at, to, mode]: [u8; 4]) -> Option<Deed> {
    let (at, path, mode) = (at % PATHS, to % PATHS, mode % 3);
    Some(match kind % 10 {
        0 => return None,
        1 => Deed::File { at, content: to % 3, mode },
        2 => Deed::Directory { at, mode },
        3 => Deed::Opaque { at },
        4 => Deed::Symlink { at, to: path },
        5 => Deed::Link { at, to },
        6 => Deed::Below { at, to },
        7 => Deed::Astray { at, to: path },
        8 => Deed::Root { mode },
        _ => Deed::Whiteout { at },
    })
}
