//! Layers, by what may be done in one.

use std::collections::BTreeSet;

use ply_tree::path;

use crate::naive::{Entry, Model, apply};
use crate::notation::layer;

/// What may be done to a layer; names and numbers are chosen later, by what there is.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    File { at: u8, content: u8, mode: u8 },
    Directory { at: u8, mode: u8 },
    Opaque { at: u8 },
    Symlink { at: u8, to: u8 },
    Link { at: u8, to: u8 },
    Below { at: u8, to: u8 },
    Astray { at: u8, to: u8 },
    Whiteout { at: u8 },
    Root { mode: u8 },
}

/// Paths of one to three names out of three.
pub(crate) const PATHS: u8 = 3 + 9 + 27;

fn path_of(number: u8) -> String {
    let name = |digit: u8| char::from(b'a' + digit % 3).to_string();
    match number {
        0..3 => name(number),
        3..12 => [name(number), name((number - 3) / 3)].join("/"),
        _ => [name(number), name((number - 12) / 3), name((number - 12) / 9)].join("/"),
    }
}

/// Layers, bottom first, in the notation.
pub(crate) fn layers(layers: &[Vec<Deed>]) -> Vec<String> {
    let (mut texts, mut below) = (Vec::new(), Model::new());
    for (number, deeds) in layers.iter().enumerate() {
        let text = text(deeds, &below);
        apply(&mut below, number, &layer(&text));
        texts.push(text);
    }
    texts
}

/// The layer in the notation. A name once taken as a file is not a directory later in the same layer, nor the reverse.
fn text(deeds: &[Deed], below: &Model) -> String {
    let (mut leaves, mut directories) = (BTreeSet::<String>::new(), BTreeSet::<String>::new());
    let files = below.iter().filter(|(_, entry)| matches!(entry, Entry::Leaf { file: Some(_), .. }));
    let files: Vec<String> = files.map(|(path, _)| String::from_utf8(path.clone()).unwrap()).collect();
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
            Deed::Link { to, .. } if !linkable.is_empty() => format!("{at}~{}", chosen(&linkable, *to)),
            Deed::Below { to, .. } if !files.is_empty() => {
                format!("{at}^{}", chosen(&files, *to))
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
    text.trim_start().to_owned()
}

fn chosen(names: &[String], number: u8) -> &str {
    &names[usize::from(number) % names.len()]
}

const MODES: [&str; 3] = ["644", "755", "700"];
