//! A tree, its image, and what is read from that: the same tree.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

mod trees;

use ply_digest::Digest;
use ply_erofs::{ErofsError, Form, Image, Slot, encode};
use ply_tree::{Device, Directory, Extent, Kind, Node, NodeId, Source, Tree, TreeView, Xattr, path};
use proptest::prelude::*;
use trees::{
    Made, Memory, SLOTS, Shown, changesets, extent, find, hole, meta, roots, show, small_changeset,
    small_root, with,
};

fn image(tree: &Tree, form: Form) -> Image<Memory> {
    Image::open(Memory(encode(tree, form, &SLOTS).unwrap())).unwrap()
}

fn same(tree: &Tree, form: Form, expect: &Shown) -> Result<(), TestCaseError> {
    let image = image(tree, form);
    image.check().unwrap();
    prop_assert_eq!(&show(&image).unwrap(), expect);
    for (path, _, node) in expect {
        let found = find(&image, path).unwrap();
        prop_assert_eq!(found.as_ref(), Some(node));
        for name in [&b"no such name"[..], b"\xff", b"\x01"] {
            let below = path::join(path, name);
            prop_assert_eq!(find(&image, &below).unwrap().is_some(), find(tree, &below).unwrap().is_some());
        }
    }
    for name in [&b"."[..], b"..", b""] {
        prop_assert_eq!(image.lookup(image.root(), name).unwrap(), None);
    }
    Ok(())
}

/// What of a root filesystem a kernel cannot be told apart: extents as they go on, the mode of a symbolic link.
fn as_mounted(mut shown: Shown) -> Shown {
    for (_, _, node) in &mut shown {
        match &mut node.kind {
            Kind::Symlink { .. } => node.metadata.mode = 0o777,
            Kind::File { extents, .. } => join(extents),
            _ => {}
        }
    }
    shown
}

fn join(extents: &mut Vec<Extent>) {
    let mut joined: Vec<Extent> = Vec::new();
    for extent in extents.drain(..).filter(|extent| extent.len > 0) {
        match joined.last_mut() {
            Some(last)
                if last.source == extent.source
                    && (extent.source == Source::HOLE || last.offset + last.len == extent.offset) =>
            {
                last.len += extent.len;
            }
            _ => joined.push(extent),
        }
    }
    *extents = joined;
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_changeset(tree in changesets()) {
        same(&tree, Form::Index, &show(&tree).unwrap())?;
    }

    #[test]
    fn any_root_filesystem(tree in roots()) {
        same(&tree, Form::Root, &as_mounted(show(&tree).unwrap()))?;
        same(&tree, Form::Index, &show(&tree).unwrap())?;
    }
}

#[test]
fn each_kind_is_read_as_it_was_written() {
    for (tree, form) in
        [(small_root(), Form::Root), (small_root(), Form::Index), (small_changeset(), Form::Index)]
    {
        same(&tree, form, &show(&tree).unwrap()).unwrap();
        assert_eq!(image(&tree, form).form(), form);
    }
}

#[test]
fn large_directories_and_deep_ones() {
    let mut made = Made::default();
    made.dir("many", meta(0o755));
    for number in 0..5_000 {
        made.file(format!("many/{number}"), &[extent(0, 512, 1)], meta(0o644));
    }
    let mut path = Vec::new();
    for _ in 0..1_000 {
        path.extend(b"/d");
        made.dir(&path, meta(0o755));
    }
    same(&made.0, Form::Root, &show(&made.0).unwrap()).unwrap();
}

#[test]
fn attributes_of_any_size() {
    let big = vec![b'x'; 100_000];
    let long = format!("user.{}", "n".repeat(400));
    let many: Vec<(String, Vec<u8>)> =
        (0..3_000).map(|number| (format!("user.{number}"), vec![1; 20])).collect();
    let many: Vec<(&str, &[u8])> =
        many.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    let mut made = Made::default();
    made.file("big", &[extent(0, 0, 9)], with(meta(0o644), &[("user.big", &big), ("user.small", b"x")]));
    made.file("long", &[], with(meta(0o644), &[(&long, b"x")]));
    made.dir("many", with(meta(0o755), &many));
    made.add("link", Kind::Symlink { target: vec![b'l'; 600].into() }, with(meta(0o777), &many[..30]));
    same(&made.0, Form::Root, &show(&made.0).unwrap()).unwrap();
}

#[test]
fn an_image_says_where_its_data_lies() {
    let slots: Vec<Slot> = (0..1000)
        .map(|number: u64| Slot { digest: Some(Digest::of(&number.to_le_bytes())), size: 1024 + number })
        .collect();
    let mut made = Made::default();
    made.file("file", &[extent(999, 512, 700)], meta(0o644));
    let image = Image::open(Memory(encode(&made.0, Form::Root, &slots).unwrap())).unwrap();
    image.check().unwrap();
    let rounded = |slot: &Slot| Slot { size: slot.size.next_multiple_of(512), ..*slot };
    assert_eq!(image.slots(), slots.iter().map(rounded).collect::<Vec<_>>());
    assert_eq!(image.inodes(), 2);
    assert_eq!(show(&image).unwrap(), show(&made.0).unwrap());
}

/// The order in which inodes came into a tree says nothing.
#[test]
fn the_same_tree_gives_the_same_bytes() {
    let tree = small_changeset();
    let mut other = Made(Tree::new(Directory::default(), tree.get(Tree::ROOT).unwrap().metadata.clone()));
    let mut shown = show(&tree).unwrap();
    shown.sort_by_key(|(path, _, _)| {
        (path.iter().filter(|byte| **byte == b'/').count(), std::cmp::Reverse(path.clone()))
    });
    for (path, first, node) in shown.into_iter().filter(|(path, _, _)| !path.is_empty()) {
        if path == first {
            other.add(&path, node.kind, node.metadata);
        }
    }
    other.link("etc/empty", other.id(b"again"));
    assert_eq!(show(&other.0).unwrap(), show(&tree).unwrap());
    assert!(encode(&other.0, Form::Index, &SLOTS).unwrap() == encode(&tree, Form::Index, &SLOTS).unwrap());
}

#[test]
fn what_an_image_cannot_say_is_told_with_its_path() {
    fn check(form: Form, add: impl FnOnce(&mut Made), expect: &str) {
        let mut made = Made::default();
        made.dir("d", meta(0o755));
        add(&mut made);
        match encode(&made.0, form, &SLOTS) {
            Err(why @ ErofsError::Unfit { .. }) => {
                assert!(why.to_string().contains(expect), "{why}, not {expect}")
            }
            given => panic!("{:?}, not {expect}", given.map(|image| image.len())),
        }
    }
    let root = Form::Root;
    check(root, |made| _ = made.add("d/x", Kind::Whiteout, meta(0)), "/d/x: it is of a changeset");
    check(
        root,
        |made| _ = made.add("d/x", Kind::LinkBelow { target: (*b"y").into() }, meta(0)),
        "/d/x: it is of",
    );
    let opaque = Directory { opaque: true, ..Directory::default() };
    check(root, |made| _ = made.add("d/x", Kind::Directory(opaque), meta(0)), "/d/x: it is of a changeset");
    check(root, |made| _ = made.file("d/x", &[extent(0, 100, 1)], meta(0)), "/d/x: its bytes begin inside");
    check(root, |made| _ = made.file("d/x", &[extent(0, 1 << 20, 1)], meta(0)), "/d/x: its bytes end beyond");
    check(root, |made| _ = made.file("d/x", &[extent(2, 0, 1)], meta(0)), "/d/x: its bytes lie in source 2");
    check(root, |made| _ = made.file("d/x", &[extent(0, 0, 1), hole(9)], meta(0)), "/d/x: a stretch");
    check(
        root,
        |made| _ = made.file("d/x", &[hole(512), extent(0, 0, 9), hole(1 << 50)], meta(0)),
        "/d/x: a stretch",
    );
    check(
        root,
        |made| _ = made.file("d/x", &[hole(512), extent(0, 0, 512), hole(1 << 50)], meta(0)),
        "chunks",
    );
    check(root, |made| _ = made.symlink("d/x", &[b'x'; 5000]), "/d/x: a symbolic link to 5000 bytes");
    for form in [Form::Root, Form::Index] {
        check(form, |made| _ = made.add([b'x'; 256], Kind::Fifo, meta(0)), "x: its name has over 255 bytes");
        let link = |name: &'static [u8]| {
            move |made: &mut Made| {
                let id = made.0.add(Node::new(Kind::Fifo, meta(0)));
                made.0.link(Tree::ROOT, name, id);
            }
        };
        check(form, link(b".."), "/..: no name");
        check(form, link(b""), "no name");
        check(form, link(b"a/b"), "a slash or a NUL");
        check(form, link(b"a\0b"), "a slash or a NUL");
        let device = Device { major: 5000, minor: 0 };
        check(form, |made| _ = made.add("d/x", Kind::CharDevice(device), meta(0)), "/d/x: a device 5000:0");
        check(form, |made| made.link("e", made.id(b"d")), "/e: a directory with a second name");
        check(form, |made| made.link("d/e", made.id(b"d")), "/d/e: a directory with a second name");
        check(form, |made| made.link("d/e", Tree::ROOT), "/d/e: a directory with a second name");
        let huge = Xattr { name: (*b"user.x").into(), value: vec![0; 300_000].into() };
        check(form, |made| made.0.get_mut(NodeId(1)).unwrap().metadata.xattrs.push(huge), "/d: its extended");
    }
}
