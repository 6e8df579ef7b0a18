//! Every changeset survives being written and read; the `tar` crate reads what was written as it was meant; and no list of
//! entries makes a tree that does not.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

mod layers;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;

use layers::{SOURCE, Tar, lines, read_all, round_trip, tar};
use ply_tree::{
    Device, Directory, Extent, Kind, Metadata, Node, NodeId, Presence, Source, Time, Tree, Xattr, walk,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// What the files of made-up trees are cut from.
const BYTES: &[u8] = include_bytes!("properties.rs");

/// A name to be put into some directory.
#[derive(Debug, Clone)]
struct Sketch {
    directory: Index,
    name: Vec<u8>,
    what: What,
    metadata: Metadata,
}

#[derive(Debug, Clone)]
enum What {
    New(Kind),
    /// One more name of some inode there is.
    Again(Index),
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let odd = prop::sample::select(vec!["-", "...", ".wh", "ä", "a b\n", "=", "x.wh.y"]);
    prop_oneof![
        6 => prop::sample::select(vec!["a", "b", "c", "d", "e"]).prop_map(|name| name.as_bytes().to_vec()),
        2 => odd.prop_map(|name| name.as_bytes().to_vec()),
        1 => vec(prop_oneof![1..=b'.', b'0'..=255], 90..=255).prop_filter("a mark", |name| !name.starts_with(b".wh.")),
    ]
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let xattr = (vec(1_u8..=255, 1..9), vec(any::<u8>(), 0..9));
    let xattrs = prop_oneof![3 => Just(BTreeMap::new()), 1 => vec(xattr, 0..4).prop_map(|all| all.into_iter().collect())];
    let time =
        prop_oneof![Just((0, 0)), (any::<i64>(), 0..1_000_000_000_u32), (-9..9_i64, 0..1_000_000_000_u32)];
    (0..=0o7777_u16, 0..u32::MAX, 0..u32::MAX, time, xattrs).prop_map(|(mode, uid, gid, time, xattrs)| {
        let xattr = |(name, value): (Vec<u8>, Vec<u8>)| Xattr { name: name.into(), value: value.into() };
        let mtime = Time { seconds: time.0, nanoseconds: time.1 };
        Metadata { mode, uid, gid, mtime, xattrs: xattrs.into_iter().map(xattr).collect() }
    })
}

fn file() -> impl Strategy<Value = Kind> {
    let length = BYTES.len() as u64;
    let extent = (any::<bool>(), 0..length, 0..1500_u64).prop_map(move |(hole, offset, len)| Extent {
        source: if hole { Source::HOLE } else { SOURCE },
        offset,
        len: len.min(length - offset),
    });
    (vec(extent, 0..4), 0..600_u64).prop_map(|(extents, more)| {
        let size = extents.iter().map(|extent| extent.len).sum::<u64>() + more;
        Kind::File { size, extents }
    })
}

fn kind() -> impl Strategy<Value = Kind> {
    let presence = prop_oneof![Just(Presence::Explicit), Just(Presence::Implied)];
    let directory = (presence, any::<bool>()).prop_map(|(presence, opaque)| Directory { presence, opaque });
    let numbers = (0..4096_u32, 0..1_u32 << 20).prop_map(|(major, minor)| Device { major, minor });
    let target =
        vec(prop_oneof![1..=255_u8], 1..300).prop_map(|target| Kind::Symlink { target: target.into() });
    // Never a path of the same tree: that would be no link below.
    let below = prop::sample::select(vec!["below", "below/a", "a/below"]);
    prop_oneof![
        4 => directory.prop_map(Kind::Directory),
        3 => file(),
        1 => target,
        1 => numbers.clone().prop_filter("a whiteout in disguise", |device| *device != Device { major: 0, minor: 0 })
            .prop_map(Kind::CharDevice),
        1 => numbers.prop_map(Kind::BlockDevice),
        1 => Just(Kind::Fifo),
        2 => Just(Kind::Whiteout),
        1 => below.prop_map(|target| Kind::LinkBelow { target: target.as_bytes().into() }),
    ]
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let what = prop_oneof![5 => kind().prop_map(What::New), 1 => any::<Index>().prop_map(What::Again)];
    (any::<Index>(), name(), what, metadata()).prop_map(|(directory, name, what, metadata)| Sketch {
        directory,
        name,
        what,
        metadata,
    })
}

/// Attributes as a changeset has them: those that nothing says are none.
fn node(kind: Kind, metadata: Metadata) -> Node {
    let metadata = match &kind {
        Kind::Directory(Directory { presence: Presence::Implied, .. }) => Metadata::new(0o755),
        Kind::Whiteout | Kind::LinkBelow { .. } => Metadata::new(0),
        Kind::Symlink { .. } => Metadata { mode: 0o777, ..metadata },
        _ => metadata,
    };
    Node::new(kind, metadata)
}

fn tree(root: Option<Metadata>, opaque: bool, sketches: Vec<Sketch>) -> Tree {
    let presence = if root.is_some() { Presence::Explicit } else { Presence::Implied };
    let mut tree = Tree::new(Directory { presence, opaque }, root.unwrap_or(Metadata::new(0o755)));
    let (mut directories, mut others): (Vec<NodeId>, Vec<NodeId>) = (vec![Tree::ROOT], Vec::new());
    for sketch in sketches {
        let directory = *sketch.directory.get(&directories);
        if tree.child(directory, &sketch.name).is_some() {
            continue;
        }
        let id = match sketch.what {
            What::Again(_) if others.is_empty() => continue,
            What::Again(which) => *which.get(&others),
            What::New(kind) => {
                let (is_directory, is_whiteout) =
                    (matches!(kind, Kind::Directory(_)), kind == Kind::Whiteout);
                let id = tree.add(node(kind, sketch.metadata));
                if is_directory {
                    directories.push(id);
                } else if !is_whiteout {
                    others.push(id);
                }
                id
            }
        };
        tree.link(directory, &sketch.name, id);
    }
    // What nothing implies has to be said.
    for id in directories {
        if tree.children(id).next().is_none()
            && let Some(Node { kind: Kind::Directory(directory), .. }) = tree.get_mut(id)
            && id != Tree::ROOT
        {
            directory.presence = Presence::Explicit;
        }
    }
    tree
}

fn changeset() -> impl Strategy<Value = Tree> {
    (prop::option::of(metadata()), any::<bool>(), vec(sketch(), 0..40))
        .prop_map(|(root, opaque, sketches)| tree(root, opaque, sketches))
}

/// What the `tar` crate makes of an entry: path, type, mode, owners, seconds, target, content.
type Opinion = (Vec<u8>, u8, u32, u64, u64, u64, Vec<u8>, Vec<u8>);

fn theirs(tar: &[u8]) -> Vec<Opinion> {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        // It reads owner and time from the header alone.
        let record = |entry: &mut tar::Entry<'_, &[u8]>, key: &[u8]| {
            let value =
                entry.pax_extensions().unwrap()?.map(Result::unwrap).find(|record| record.key_bytes() == key);
            value.map(|record| record.value().unwrap().to_owned())
        };
        let (uid, gid, mtime) =
            (record(&mut entry, b"uid"), record(&mut entry, b"gid"), record(&mut entry, b"mtime"));
        let number = |text: Option<String>, header: u64| text.map_or(header, |text| text.parse().unwrap());
        let seconds = |text: Option<String>, header: u64| match text {
            // Rounded down, and as it would lie in 64 bits.
            Some(text) => {
                let whole: i64 = text.split('.').next().unwrap().parse().unwrap();
                let down = text.starts_with('-') && text.contains('.');
                u64::from_ne_bytes((whole - i64::from(down)).to_ne_bytes())
            }
            None => header,
        };
        let link = entry.link_name_bytes().map(Cow::into_owned).unwrap_or_default();
        let header = entry.header().clone();
        let mut content = Vec::new();
        let path = entry.path_bytes().into_owned();
        entry.read_to_end(&mut content).unwrap();
        let (uid, gid) = (number(uid, header.uid().unwrap()), number(gid, header.gid().unwrap()));
        let mtime = seconds(mtime, header.mtime().unwrap());
        (path, header.entry_type().as_byte(), header.mode().unwrap(), uid, gid, mtime, link, content)
    });
    entries.collect()
}

fn ours(tar: &[u8]) -> Vec<Opinion> {
    let mut entries = ply_tar::Entries::new(tar, ply_tar::Limits::default());
    let mut all = Vec::new();
    while let Some(entry) = entries.next_entry().unwrap() {
        let mut content = Vec::new();
        entries.read_to_end(&mut content).unwrap();
        let letter = match entry.kind {
            ply_tar::Kind::File => b'0',
            ply_tar::Kind::HardLink => b'1',
            ply_tar::Kind::Symlink => b'2',
            ply_tar::Kind::CharDevice => b'3',
            ply_tar::Kind::BlockDevice => b'4',
            ply_tar::Kind::Directory => b'5',
            ply_tar::Kind::Fifo => b'6',
        };
        let seconds = u64::from_ne_bytes(entry.mtime.seconds.to_ne_bytes());
        all.push((entry.path, letter, entry.mode, entry.uid, entry.gid, seconds, entry.link, content));
    }
    all
}

/// The `tar` crate (0.4.46) ends a PAX record at the first newline, whatever length it says.
fn has_newlines(tar: &[u8]) -> bool {
    let mut entries = ply_tar::Entries::new(tar, ply_tar::Limits::default());
    let mut found = false;
    while let Some(entry) = entries.next_entry().unwrap() {
        let values = entry.xattrs.iter().flat_map(|(name, value)| [name, value]);
        found |= values.chain([&entry.path, &entry.link]).any(|text| text.contains(&b'\n'));
    }
    found
}

/// An entry of few names, so that they meet.
fn line() -> impl Strategy<Value = String> {
    let name = || prop::sample::select(vec!["a", "b", "c", ".", ".."]);
    let path = move || vec(name(), 1..4).prop_map(|names| names.join("/"));
    let aufs = || prop::sample::select(vec!["", "", "", ".wh..wh.plnk/"]);
    prop_oneof![
        (aufs(), path()).prop_map(|(before, path)| format!("f {before}{path} x")),
        path().prop_map(|path| format!("d {path}")),
        path().prop_map(|path| format!("l {path} -> b")),
        (path(), aufs(), path()).prop_map(|(path, before, target)| format!("h {path} => {before}{target}")),
        (path(), prop::sample::select(vec!["a", "b", "c"]))
            .prop_map(|(path, name)| format!("f {path}/.wh.{name}")),
        path().prop_map(|path| format!("f {path}/.wh..wh..opq")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_the_same(tree in changeset()) {
        let tar = round_trip(&tree, &Tar(BYTES));
        if !has_newlines(&tar) {
            prop_assert_eq!(theirs(&tar), ours(&tar));
        }
    }

    /// Whatever the entries: names are counted right, and the tree is one that can be written and read.
    #[test]
    fn what_is_read_is_written_the_same(entries in vec(line(), 0..12)) {
        let tar = tar(&entries.iter().map(String::as_str).collect::<Vec<_>>());
        let Ok(layer) = read_all(&tar) else { return Ok(()) };
        let all = lines(&layer.tree, &Tar(&tar));
        let mut names: BTreeMap<NodeId, u32> = BTreeMap::from([(Tree::ROOT, 1)]);
        for step in walk(&layer.tree, Tree::ROOT).unwrap() {
            *names.entry(step.unwrap().id).or_default() += 1;
        }
        for (id, count) in names {
            prop_assert_eq!(layer.tree.get(id).unwrap().links, count, "{:?}", all);
        }
        round_trip(&layer.tree, &Tar(&tar));
    }
}
