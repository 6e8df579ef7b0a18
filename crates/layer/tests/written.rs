//! What a tree becomes as a tar, and what it cannot become.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

mod layers;

use std::io::{self, Write};

use layers::{SOURCE, Tar, chain, read_all, round_trip, tar, tar_of, texts, written};
use ply_layer::changeset::{Options, WriteError, plan, write};
use ply_tar::{Entry, Limits};
use ply_tree::{Device, Directory, Extent, Kind, Metadata, Node, NodeId, Source, Time, Tree, Xattr};

/// The names in a tar, each with its type, and of a link its target.
fn names(tar: &[u8]) -> Vec<String> {
    let mut entries = ply_tar::Entries::new(tar, Limits::default());
    let mut names = Vec::new();
    while let Some(entry) = entries.next_entry().unwrap() {
        let target =
            if entry.link.is_empty() { String::new() } else { format!(" {}", entry.link.escape_ascii()) };
        names.push(format!("{:?} {}{target}", entry.kind, entry.path.escape_ascii()));
    }
    names
}

/// These entries, read and written, become those.
fn check(entries: &[&str], expect: &[&str]) {
    let tar = tar(entries);
    let layer = read_all(&tar).unwrap();
    assert_eq!(names(&written(&layer.tree, &Tar(&tar))), expect, "{entries:?}");
}

#[test]
fn a_layer_is_sorted_and_says_nothing_twice() {
    check(&[], &[]);
    check(&["f b", "f a", "d a-"], &["File a", "Directory a-/", "File b"]);
    check(&["f d/e/f"], &["File d/e/f"]);
    check(&["f d/f", "d d"], &["Directory d/", "File d/f"]);
    check(&["d ./", "f .wh..wh..opq"], &["Directory ./", "File .wh..wh..opq"]);
    // The marker comes first of what the directory holds (layer.md), before names that sort before it.
    check(&["f d/-", "f d/.wh..wh..opq"], &["File d/.wh..wh..opq", "File d/-"]);
    check(&["d d", "f d/-", "f d/.wh..wh..opq"], &["Directory d/", "File d/.wh..wh..opq", "File d/-"]);
    check(&["f d/.wh.z", "f d/a"], &["File d/a", "File d/.wh.z"]);
    check(&["f b", "h a => b"], &["File a", "HardLink b a"]);
    check(&["h b => z", "h a => b"], &["HardLink a z", "HardLink b a"]);
    check(
        &["l b -> /x", "h a => b", "p c", "h d => c"],
        &["Symlink a /x", "HardLink b a", "Fifo c", "HardLink d c"],
    );
}

#[test]
fn the_same_tree_gives_the_same_bytes() {
    let one = ["d d", "f d/a 1", "f d/b 2", "h c => d/a", "f .wh.x", "l l -> d"];
    let mut other = one;
    other.reverse();
    let bytes = |lines: &[&str]| {
        let tar = tar(lines);
        written(&read_all(&tar).unwrap().tree, &Tar(&tar))
    };
    // The file's name that came first is another, and where its bytes lay.
    assert_eq!(bytes(&one), bytes(&other));
    assert_eq!(bytes(&one), bytes(&one));
}

fn tree_of(name: &[u8], kind: Kind) -> Tree {
    let mut tree = Tree::new(Directory::default(), Metadata::new(0o755));
    let id = tree.add(Node::new(kind, Metadata::new(0o644)));
    tree.link(Tree::ROOT, name, id);
    tree
}

#[test]
fn all_there_is_to_an_inode_is_written() {
    let xattr = |name: &str, value: &[u8]| Xattr { name: name.as_bytes().into(), value: value.into() };
    let kinds = [
        Kind::File { size: 0, extents: Vec::new() },
        Kind::Directory(Directory::default()),
        Kind::CharDevice(Device { major: 4095, minor: 1_048_575 }),
        Kind::BlockDevice(Device { major: 0, minor: 0 }),
        Kind::Fifo,
        Kind::Symlink { target: [b'x'; 4095].into() },
    ];
    for kind in kinds {
        for name in [&b"a"[..], "größe".as_bytes(), b"not\xffutf\n", &[b'x'; 255]] {
            let mut tree = tree_of(name, kind.clone());
            let mode = if matches!(kind, Kind::Symlink { .. }) { 0o777 } else { 0o6751 };
            tree.get_mut(NodeId(1)).unwrap().metadata = Metadata {
                mode,
                uid: u32::MAX - 1,
                gid: 1 << 21,
                mtime: Time { seconds: -5, nanoseconds: 123_456_789 },
                xattrs: vec![
                    xattr("security.capability", b"\x01\0\n="),
                    xattr("user.a=b", b""),
                    xattr("user.ä", b"1"),
                ],
            };
            if !matches!(kind, Kind::Directory(_)) {
                tree.link(Tree::ROOT, b"second", NodeId(1));
            }
            round_trip(&tree, &Tar(b""));
        }
    }
}

/// A file of so many bytes that lies in three stretches, the middle one a hole, and ends in one.
fn scattered(stretch: u64) -> Tree {
    let extent = |source, offset| Extent { source, offset, len: stretch };
    let extents = vec![extent(SOURCE, stretch), extent(Source::HOLE, 99), extent(SOURCE, 0)];
    tree_of(b"a", Kind::File { size: stretch * 3 + 5, extents })
}

#[test]
fn content_comes_from_wherever_it_lies() {
    for stretch in [0_usize, 1, 511, 512, 100_000, 262_144, 300_000] {
        let bytes: Vec<u8> = (0..stretch * 2).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let tar = round_trip(&scattered(stretch as u64), &Tar(&bytes));
        let expect = [&bytes[stretch..], &vec![0; stretch], &bytes[..stretch], &[0; 5]].concat();
        assert_eq!(tar[1024..1024 + expect.len()], expect, "{stretch}");
    }
}

#[test]
fn the_root_can_be_left_out() {
    let tar = tar(&["d ./", "f .wh..wh..opq", "f a"]);
    let layer = read_all(&tar).unwrap();
    let mut out = Vec::new();
    let options = Options { root: false };
    let summary = write(&layer.tree, &Tar(&tar), &mut out, options).unwrap();
    assert_eq!(names(&out), ["File .wh..wh..opq", "File a"]);
    assert_eq!((summary.entries, summary.bytes), (2, out.len() as u64));
}

#[test]
fn sockets_are_left_out() {
    let tree = tree_of(b"s", Kind::Socket);
    let mut out = Vec::new();
    let summary = write(&tree, &Tar(b""), &mut out, Options::default()).unwrap();
    assert_eq!(names(&out), ["Directory ./"]);
    assert_eq!(
        summary.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["left out 1 socket: /s"]
    );
}

fn refusal(tree: &Tree) -> String {
    chain(&write(tree, &Tar(b""), Vec::new(), Options::default()).unwrap_err())
}

#[test]
fn what_no_tar_can_say_is_refused() {
    let check = |name: &[u8], expect: &str| {
        assert_eq!(refusal(&tree_of(name, Kind::Fifo)), expect);
        assert_eq!(refusal(&tree_of(name, Kind::Whiteout)), expect);
    };
    check(b".wh.a", "writing /.wh.a: in a layer, names that begin with `.wh.` are whiteouts");
    check(b".wh..wh..opq", "writing /.wh..wh..opq: in a layer, names that begin with `.wh.` are whiteouts");
    for (name, shown) in
        [(&b".."[..], ".."), (b".", "."), (b"", ""), (b"a/../../b", "a/../../b"), (b"a\0b", "a\\0b")]
    {
        check(name, &format!("writing /{shown}: it is no name of a file"));
    }
    check(
        &[b'x'; 256],
        &format!("writing /{}…{}: its name is over 255 bytes", "x".repeat(99), "x".repeat(100)),
    );
    for target in [&b""[..], b"/a", b"../a", b"a/../../b", b"a/"] {
        let tree = tree_of(b"a", Kind::LinkBelow { target: target.into() });
        assert_eq!(refusal(&tree), "writing /a: a hard link below whose target is no clean path");
    }
}

#[test]
fn a_directory_that_lies_in_itself_comes_to_an_end() {
    let mut tree = tree_of(b"d", Kind::Directory(Directory::default()));
    tree.link(NodeId(1), b"e", NodeId(1));
    assert_eq!(refusal(&tree), "writing /d/e: a directory with two names, one of which may lie in itself");
    tree.link(NodeId(1), b"e", Tree::ROOT);
    assert_eq!(refusal(&tree), "writing /d/e: a directory with two names, one of which may lie in itself");
}

#[test]
fn errors_name_the_file() {
    let short = refusal(&scattered(9));
    assert_eq!(short, "reading the content of /a: unexpected end of file");
    let elsewhere = vec![Extent { source: Source(3), offset: 0, len: 1 }];
    let error = refusal(&tree_of(b"a", Kind::File { size: 1, extents: elsewhere }));
    assert_eq!(error, "reading the content of /a: entity not found");

    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let error = write(&tree_of(b"a", Kind::Fifo), &Tar(b""), Full, Options::default()).unwrap_err();
    assert!(chain(&error).starts_with("writing a layer's tar: writing the archive at byte "), "{error}");
    assert!(matches!(error, WriteError::Tar { .. }));
}

#[test]
fn a_plan_tells_the_size_before_anything_is_read() {
    let tree = scattered(100_000);
    let members = plan(&tree, Options::default()).unwrap().map(Result::unwrap);
    let size = |entry: &Entry| {
        ply_tar::header_bytes(entry).unwrap().len() as u64 + entry.size + ply_tar::padding(entry.size)
    };
    let size = members.map(|member| size(&member.entry)).sum::<u64>() + ply_tar::TRAILER.len() as u64;
    assert_eq!(size, written(&tree, &Tar(&[1; 200_000])).len() as u64);
}

#[test]
fn a_nest_as_deep_as_it_may_be() {
    let deep = |depth: usize| {
        let path = vec!["d"; depth].join("/");
        tar_of((0..50).map(|n| (Entry::file(format!("{path}/{n}"), 0), &b""[..])))
    };
    let layer = read_all(&deep(4095)).unwrap();
    let tar = round_trip(&layer.tree, &Tar(b""));
    assert_eq!(texts(&read_all(&tar).unwrap().tree, &Tar(&tar)).len(), 4095 + 50);

    let (mut tree, mut at) = (layer.tree, Tree::ROOT);
    while let Some(below) = tree.child(at, b"d") {
        at = below;
    }
    let directory = tree.add(Node::new(Kind::Directory(Directory::default()), Metadata::new(0o755)));
    tree.link(at, b"d", directory);
    let file = tree.add(Node::new(Kind::Fifo, Metadata::new(0o644)));
    tree.link(directory, b"f", file);
    assert!(refusal(&tree).ends_with(": its path has over 4096 names"));
}
