//! Attributes, and where content lies.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

mod layers;

use layers::{SOURCE, Tar, read_all, tar, tar_of};
use ply_layer::changeset::{Changeset, Counts, Reader};
use ply_tar::{Entry, Kind, Segment};
use ply_tree::{Extent, Last, Metadata, Node, Source, Time, Xattr, find};

fn layer(entries: &[Entry]) -> Changeset {
    let mut reader = Reader::new(SOURCE, 0);
    for (at, entry) in entries.iter().enumerate() {
        reader.push(&Entry { header_offset: at as u64 * 512, ..entry.clone() }).unwrap();
    }
    reader.finish().unwrap()
}

fn node(layer: &Changeset, path: &str) -> Node {
    let found = find(&layer.tree, path.as_bytes(), Last::Keep).unwrap().unwrap();
    layer.tree.get(found.id).unwrap().clone()
}

fn owned(uid: u64, mode: u32, entry: Entry) -> Entry {
    Entry { uid, mode, ..entry }
}

/// The owner and mode a path has in the end.
fn check(entries: &[Entry], path: &str, expect: (u32, u16)) {
    let metadata = node(&layer(entries), path).metadata;
    assert_eq!((metadata.uid, metadata.mode), expect, "{entries:?}");
}

#[test]
fn whose_attributes_hold() {
    let file = || owned(1, 0o644, Entry::file("a", 0));
    let link = |uid, path: &str, target: &str| owned(uid, 0o600, Entry::hard_link(path, target));
    // Of directories the entry's, whether it comes before or after the content, and the last one's.
    let directory = owned(1, 0o700, Entry::directory("d/"));
    check(&[Entry::file("d/f", 0), directory.clone()], "d", (1, 0o700));
    check(&[directory.clone(), Entry::file("d/f", 0)], "d", (1, 0o700));
    check(&[directory.clone(), owned(2, 0o711, Entry::directory("d"))], "d", (2, 0o711));
    check(&[Entry::file("d/f", 0)], "d", (0, 0o755));
    check(&[owned(3, 0o1777, Entry::directory("./"))], "", (3, 0o1777));
    // A directory beside its whiteout is a new one, and so not the one below with its attributes.
    check(&[Entry::file("d/f", 0), Entry::file(".wh.d", 0)], "d", (0, 0o755));
    // Of a file the last of its names' (all engines but umoci).
    check(&[file(), link(2, "b", "a")], "a", (2, 0o600));
    check(&[file(), link(2, "b", "a"), link(3, "c", "b")], "a", (3, 0o600));
    check(&[link(2, "b", "a"), file()], "b", (1, 0o644));
    check(&[link(2, "b", "a"), file(), link(3, "c", "b")], "a", (3, 0o600));
    check(&[link(2, "b", "a"), file(), link(3, "c", "b"), link(4, "d", "a")], "a", (4, 0o600));
    check(&[link(2, "b", "a"), file(), link(4, "d", "a"), link(3, "c", "b")], "a", (3, 0o600));
    check(&[link(3, "c", "b"), file(), link(2, "b", "a")], "a", (2, 0o600));
    // Of one below nothing is known.
    check(&[link(2, "b", "a")], "b", (0, 0));
    // A symbolic link has one mode, a file no type bits.
    check(&[owned(1, 0o644, Entry::symlink("a", "x")), link(2, "b", "a")], "a", (2, 0o777));
    check(&[owned(1, 0o104_755, Entry::file("a", 0))], "a", (1, 0o4755));
    // A whiteout none.
    check(&[owned(u64::MAX, 0o644, Entry::file(".wh.a", 0))], "a", (0, 0));
}

#[test]
fn times_stay_as_they_are() {
    // umoci keeps them, docker makes those before 1970 zero.
    for (seconds, nanoseconds) in [(0, 0), (-2, 500_000_000), (1_700_000_000, 1), (i64::MAX, 999_999_999)] {
        let mtime = ply_tar::Time { seconds, nanoseconds };
        let layer = layer(&[Entry { mtime, ..Entry::file("a", 0) }]);
        assert_eq!(node(&layer, "a").metadata.mtime, Time { seconds, nanoseconds });
    }
}

fn xattrs(names: &[&str]) -> Vec<(Vec<u8>, Vec<u8>)> {
    names.iter().map(|name| (name.as_bytes().to_vec(), b"v\0\n".to_vec())).collect()
}

#[test]
fn attributes_that_steer_an_overlay_are_dropped() {
    let all = [
        "security.capability",
        "security.selinux",
        "system.posix_acl_access",
        "trusted.overlay",
        "trusted.overlay.opaque",
        "trusted.overlay.overlay.redirect",
        "user.a",
        "user.fuseoverlayfs.opaque",
        "user.overlay.metacopy",
        "user.overlays",
    ];
    let kept = [all[0], all[1], all[2], all[3], all[6], all[9]];
    let layer = layer(&[Entry { xattrs: xattrs(&all), ..Entry::directory("d/") }]);
    let expect: Vec<_> = xattrs(&kept)
        .into_iter()
        .map(|(name, value)| Xattr { name: name.into(), value: value.into() })
        .collect();
    assert_eq!(node(&layer, "d").metadata.xattrs, expect);
    let told: Vec<_> = layer.warnings.iter().map(ToString::to_string).collect();
    let shown = "/d/ (trusted.overlay.opaque), /d/ (trusted.overlay.overlay.redirect), \
                 /d/ (user.fuseoverlayfs.opaque), and 1 more";
    assert_eq!(told, [format!("dropped 4 attributes for overlay mounts: {shown}")]);
}

#[test]
fn attributes_of_a_hard_link_are_not_the_files() {
    let with = |name, entry| Entry { xattrs: xattrs(&[name]), ..entry };
    for entries in [
        [with("user.file", Entry::file("a", 0)), with("user.link", Entry::hard_link("b", "a"))],
        [with("user.link", Entry::hard_link("b", "a")), with("user.file", Entry::file("a", 0))],
    ] {
        let metadata = node(&layer(&entries), "b").metadata;
        assert_eq!(metadata.xattrs.iter().map(|xattr| &*xattr.name).collect::<Vec<_>>(), [b"user.file"]);
    }
}

#[test]
fn content_stays_where_it_is() {
    let tar = tar(&["f a 12345", "f b", "f c 678"]);
    let layer = read_all(&tar).unwrap();
    let extents = |path| match node(&layer, path).kind {
        ply_tree::Kind::File { extents, .. } => extents,
        other => unreachable!("{other:?}"),
    };
    assert_eq!(extents("a"), [Extent { source: SOURCE, offset: 512, len: 5 }]);
    assert_eq!(extents("b"), []);
    assert_eq!(extents("c"), [Extent { source: SOURCE, offset: 2048, len: 3 }]);
    assert_eq!(layer.counts, Counts { entries: 3, files: 3, bytes: 8, whiteouts: 0 });
}

#[test]
fn a_tar_may_lie_in_an_archive_and_files_may_have_holes() {
    let data = |offset: u64, len| Extent { source: SOURCE, offset: 10_000 + offset, len };
    let hole = |len| Extent { source: Source::HOLE, offset: 0, len };
    let segment = |offset, len| Segment { offset, len };
    let check = |size, sparse: &[Segment], expect: &[Extent]| {
        let stored = sparse.iter().map(|segment| segment.len).sum();
        let sparse = Some(sparse.to_vec());
        let entry = Entry { data_offset: 512, size, stored, sparse, ..Entry::file("a", 0) };
        let mut reader = Reader::new(SOURCE, 10_000);
        reader.push(&entry).unwrap();
        let layer = reader.finish().unwrap();
        let kind = ply_tree::Kind::File { size, extents: expect.to_vec() };
        assert_eq!(node(&layer, "a").kind, kind);
        assert_eq!(expect.iter().map(|extent| extent.len).sum::<u64>(), size);
    };
    check(0, &[], &[]);
    check(9, &[], &[hole(9)]);
    check(9, &[segment(0, 9)], &[data(512, 9)]);
    check(9, &[segment(2, 3), segment(7, 1)], &[hole(2), data(512, 3), hole(2), data(515, 1), hole(1)]);
    check(9, &[segment(0, 3), segment(3, 6)], &[data(512, 3), data(515, 6)]);
}

#[test]
fn sizes_of_what_has_no_content_are_void() {
    // Go, and so Docker, reads no content after them.
    for kind in [Kind::Directory, Kind::Fifo] {
        let layer = layer(&[Entry { size: 5, stored: 5, ..Entry::new(kind, "a") }]);
        assert_eq!((node(&layer, "a").size(), layer.counts.bytes), (0, 0));
    }
}

#[test]
fn volume_labels_are_passed_over() {
    let mut tar = tar_of([(Entry::file("label", 0), &b""[..])]);
    // The type, and with it the checksum.
    tar[156] = b'V';
    let sum: u64 = tar[..512]
        .iter()
        .enumerate()
        .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) })
        .sum();
    tar[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let layer = read_all(&tar).unwrap();
    assert_eq!(layers::texts(&layer.tree, &Tar(&tar)), [""; 0]);
    assert_eq!(layer.warnings[0].to_string(), "passed over 1 volume label or directory dump");
    assert_eq!(layer.tree.get(ply_tree::Tree::ROOT).unwrap().metadata, Metadata::new(0o755));
}
