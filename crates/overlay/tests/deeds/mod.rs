//! Random layers, by what may be done in one.

use std::collections::BTreeSet;

use ply_tree::{Tree, path};
use proptest::prelude::*;

use crate::naive::{Entry, Model, apply};
use crate::notation::layer;

/// What may be done to a layer; names and numbers are chosen later, by what there is.
#[derive(Debug, Clone)]
enum Deed {
    File { at: u8, content: u8, mode: u8 },
    Directory { at: u8, mode: u8 },
    Opaque { at: u8 },
    Symlink { at: u8, to: u8 },
    Link { at: u8, to: prop::sample::Index },
    Below { at: u8, to: prop::sample::Index },
    Astray { at: u8, to: u8 },
    Whiteout { at: u8 },
    Root { mode: u8 },
}

fn deed() -> impl Strategy<Value = Deed> {
    let at = || 0..PATHS;
    let index = any::<prop::sample::Index>;
    prop_oneof![
        6 => (at(), 0..3u8, 0..3u8).prop_map(|(at, content, mode)| Deed::File { at, content, mode }),
        3 => (at(), 0..3u8).prop_map(|(at, mode)| Deed::Directory { at, mode }),
        1 => at().prop_map(|at| Deed::Opaque { at }),
        1 => (at(), at()).prop_map(|(at, to)| Deed::Symlink { at, to }),
        2 => (at(), index()).prop_map(|(at, to)| Deed::Link { at, to }),
        2 => (at(), index()).prop_map(|(at, to)| Deed::Below { at, to }),
        4 => at().prop_map(|at| Deed::Whiteout { at }),
        1 => (0..3u8).prop_map(|mode| Deed::Root { mode }),
        // Seldom, since such a stack is mostly an error.
        1 => (at(), at(), 0..8u8).prop_map(|(at, to, rare)| {
            if rare == 0 { Deed::Astray { at, to } } else { Deed::Whiteout { at } }
        }),
    ]
}

/// Paths of one to three names out of three.
const PATHS: u8 = 3 + 9 + 27;

fn path_of(number: u8) -> String {
    let name = |digit: u8| char::from(b'a' + digit % 3).to_string();
    match number {
        0..3 => name(number),
        3..12 => [name(number), name((number - 3) / 3)].join("/"),
        _ => [name(number), name((number - 12) / 3), name((number - 12) / 9)].join("/"),
    }
}

pub(crate) fn layers() -> impl Strategy<Value = Vec<Tree>> {
    let deeds = prop::collection::vec(deed(), 0..9);
    prop::collection::vec(deeds, 0..6).prop_map(|layers| {
        let mut done: Vec<Tree> = Vec::new();
        for deeds in layers {
            let mut below = Model::new();
            for (number, layer) in done.iter().enumerate() {
                apply(&mut below, number, layer);
            }
            done.push(layer(&text(&deeds, &below)));
        }
        done
    })
}

/// The layer in the notation. A name once taken as a file is not a directory later in the same layer, nor the reverse.
fn text(deeds: &[Deed], below: &Model) -> String {
    let (mut leaves, mut directories) = (BTreeSet::<String>::new(), BTreeSet::<String>::new());
    let files: Vec<&Vec<u8>> = below
        .iter()
        .filter(|(_, entry)| matches!(entry, Entry::Leaf { file: Some(_), .. }))
        .map(|(path, _)| path)
        .collect();
    let mut linkable: Vec<String> = Vec::new();
    let mut text = String::new();
    for deed in deeds {
        let at = match deed {
            Deed::Root { mode } => {
                text += &format!(" /@{}", MODES[usize::from(*mode)]);
                continue;
            }
            Deed::File { at, .. }
            | Deed::Directory { at, .. }
            | Deed::Opaque { at }
            | Deed::Symlink { at, .. }
            | Deed::Link { at, .. }
            | Deed::Below { at, .. }
            | Deed::Astray { at, .. }
            | Deed::Whiteout { at } => path_of(*at),
        };
        let parents: Vec<String> = path::ancestors(at.as_bytes())
            .map(|path| String::from_utf8(path.to_vec()).unwrap())
            .filter(|path| *path != at)
            .collect();
        if leaves.contains(&at) || parents.iter().any(|parent| leaves.contains(parent)) {
            continue;
        }
        let is_directory = matches!(deed, Deed::Directory { .. } | Deed::Opaque { .. });
        if !is_directory && directories.contains(&at) {
            continue;
        }
        let entry = match deed {
            Deed::File { content, mode, .. } => {
                linkable.push(at.clone());
                format!("{at}={}@{}", ["", "1", "22"][usize::from(*content)], MODES[usize::from(*mode)])
            }
            Deed::Directory { mode, .. } => format!("{at}/@{}", MODES[usize::from(*mode)]),
            Deed::Opaque { .. } => format!("{at}/!"),
            Deed::Symlink { to, .. } => format!("{at}->{}", path_of(*to)),
            Deed::Link { to, .. } if !linkable.is_empty() => format!("{at}~{}", to.get(&linkable)),
            Deed::Below { to, .. } if !files.is_empty() => {
                format!("{at}^{}", to.get(&files))
            }
            Deed::Astray { to, .. } => format!("{at}^{}", path_of(*to)),
            Deed::Whiteout { .. } => {
                let (before, last) = path::split(at.as_bytes()).unwrap();
                String::from_utf8(path::join(before, &[b".", last].concat())).unwrap()
            }
            Deed::Link { .. } | Deed::Below { .. } | Deed::Root { .. } => continue,
        };
        directories.extend(parents);
        if is_directory {
            directories.insert(at)
        } else {
            leaves.insert(at)
        };
        text = text + " " + &entry;
    }
    text
}

const MODES: [&str; 3] = ["644", "755", "700"];
