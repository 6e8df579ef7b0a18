//! Layers of hostile names, told by bytes: four an entry.

use std::io::Cursor;

use ply_layer::changeset::{Reader, read};
use ply_tar::{Entry, Kind, Limits, Writer};
use ply_tree::{Source, Tree};

/// Names that lead up, out, nowhere, through links, and to markers; as entries and as targets.
const NAMES: [&[u8]; 48] = [
    b"a",
    b"b",
    b"c",
    b"a/a",
    b"a/b",
    b"a/c",
    b"b/a",
    b"b/b",
    b"c/a",
    b"a/b/c",
    b"a/b/a",
    b"b/a/c",
    b"canary",
    b"a/canary",
    b"b/canary",
    b"c/canary/file",
    b"./a",
    b"/a",
    b"a/",
    b"a//b",
    b"a/./b",
    b"a/../b",
    b"..",
    b"../b",
    b"../canary",
    b"../canary/file",
    b"../../canary",
    b"a/../../canary",
    b"/../canary",
    b"/",
    b".",
    b"./",
    b"",
    b"a/..",
    b".wh.a",
    b"a/.wh.b",
    b"b/.wh.canary",
    b".wh..wh..opq",
    b"a/.wh..wh..opq",
    b".wh.",
    b".wh..",
    b".wh...",
    b"../.wh.canary",
    b".wh..wh.plnk/1",
    b"a/new\nline",
    b"\xff\xfe",
    b"/proc/self/root",
    b"a/b/c/d/e/f/g",
];

/// At most so many layers, and entries in all of them.
const LAYERS: usize = 5;
const ENTRIES: usize = 200;

/// The plain tars of some layers, bottom first.
#[must_use]
pub fn tars(told: &[u8]) -> Vec<Vec<u8>> {
    let mut tars = Vec::new();
    let mut writer = Writer::new(Vec::new());
    for &[kind, name, target, more] in told.as_chunks().0.iter().take(ENTRIES) {
        if kind == u8::MAX && tars.len() + 1 < LAYERS {
            let full = std::mem::replace(&mut writer, Writer::new(Vec::new()));
            tars.extend(full.finish());
            continue;
        }
        let (entry, content) = entry(kind, named(name), named(target), more);
        // Refused before a byte of it is written: no tar can say it.
        _ = writer.append(&entry, &content[..]);
    }
    tars.extend(writer.finish());
    tars
}

fn named(number: u8) -> &'static [u8] {
    NAMES[usize::from(number) % NAMES.len()]
}

fn entry(kind: u8, name: &[u8], target: &[u8], more: u8) -> (Entry, Vec<u8>) {
    let mut content = Vec::new();
    let mut entry = match kind % 10 {
        0 | 1 => {
            content = vec![b'0' + more % 8; usize::from(more) * 3];
            Entry::file(name, content.len() as u64)
        }
        2 | 3 => Entry::directory(name),
        4 | 5 => Entry::symlink(name, target),
        6 => Entry::hard_link(name, target),
        7 => Entry::new(Kind::Fifo, name),
        8 => Entry::file(hidden(name), 0),
        _ => Entry::file([name, b"/.wh..wh..opq"].concat(), 0),
    };
    if more & 1 == 1 {
        entry.mode = [0o000, 0o4755, 0o1777, 0o600, 0o2700, 0o111, 0o644, 0o755][usize::from(more >> 1) % 8];
        entry.mtime.seconds = i64::from(more);
    }
    if more & 0x82 == 0x82 {
        let name =
            [&b"user.a"[..], b"trusted.overlay.opaque", b"user.overlay.redirect", b"security.capability"];
        entry.xattrs = vec![(name[usize::from(more >> 2) % name.len()].to_vec(), target.to_vec())];
    }
    (entry, content)
}

/// The whiteout of a name.
fn hidden(name: &[u8]) -> Vec<u8> {
    let at = name.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let (before, last) = name.split_at(at);
    [before, b".wh.", last].concat()
}

/// Their trees, each with the number of its tar as source; none if one is refused.
#[must_use]
pub fn trees(tars: &[Vec<u8>]) -> Option<Vec<Tree>> {
    let tree = |(number, tar): (u32, &Vec<u8>)| {
        let reader = Reader::new(Source(number), 0);
        read(Cursor::new(tar), reader, Limits::default()).ok().map(|layer| layer.tree)
    };
    (0..).zip(tars).map(tree).collect()
}
