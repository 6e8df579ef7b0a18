//! What is not unpacked, and that nothing of it stays.
#![allow(clippy::unwrap_used, clippy::panic, reason = "functions that tests share count as no tests")]

mod common;

use std::borrow::Cow;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{Made, Mount, chain, everything, go_on, is_root, listing, meta, owned};
use ply_rootfs::{Options, Owners, RootfsError, unpack};
use ply_tree::{
    Entries, Extent, Kind, Metadata, Node, NodeId, ReadAt, Source, Sources, Tree, TreeError, TreeView,
};

/// A view of something damaged: a root, and these names in it.
struct Hostile(Vec<(&'static [u8], u64)>, Vec<Node>);

impl TreeView for Hostile {
    fn root(&self) -> NodeId {
        NodeId(0)
    }

    fn node(&self, id: NodeId) -> Result<Cow<'_, Node>, TreeError> {
        let node = self.1.get(usize::try_from(id.0).unwrap());
        node.map(Cow::Borrowed)
            .ok_or_else(|| TreeError::View { what: "inode".to_owned(), source: "there is none".into() })
    }

    fn lookup(&self, _: NodeId, name: &[u8]) -> Result<Option<NodeId>, TreeError> {
        Ok(self.0.iter().find(|entry| entry.0 == name).map(|entry| NodeId(entry.1)))
    }

    fn entries(&self, directory: NodeId) -> Result<Entries<'_>, TreeError> {
        let entries = if directory.0 == 0 { &self.0[..] } else { &[] };
        Ok(Box::new(entries.iter().map(|(name, id)| Ok((Cow::Borrowed(*name), NodeId(*id))))))
    }
}

/// A folder with a file beside and one outside, which must not change.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("canary"), "sings").unwrap();
        std::fs::create_dir(folder.path().join("beside")).unwrap();
        std::fs::write(folder.path().join("beside/canary"), "sings").unwrap();
        Self(folder)
    }

    /// Unpacks to `beside/x`, which must fail.
    fn fails(&self, view: &dyn TreeView, sources: &dyn Sources, options: &Options) -> RootfsError {
        let before = listing(self.0.path());
        let error = unpack(view, sources, &self.0.path().join("beside/x"), options, &go_on).unwrap_err();
        let mut after = listing(self.0.path());
        // A directory that was built and taken away leaves a time.
        let key = b"beside".to_vec();
        after.insert(key.clone(), before[&key].clone());
        assert_eq!(after, before);
        error
    }
}

fn node(kind: Kind) -> Node {
    Node { links: 1, ..Node::new(kind, meta(0o755)) }
}

#[test]
fn names_and_kinds_that_cannot_be() {
    let check = |entries: &[(&'static [u8], u64)], kind: Kind, expect: &str| {
        let directory = || node(Kind::Directory(ply_tree::Directory::default()));
        let hostile = Hostile(entries.to_vec(), vec![directory(), directory(), node(kind)]);
        let error = Place::new().fails(&hostile, &common::Memory::default(), &Options::default());
        assert!(chain(&error).contains(expect), "{entries:?}: {}", chain(&error));
    };
    let file = || Kind::File { size: 0, extents: Vec::new() };
    for name in [&b""[..], b".", b"..", b"a/b", b"/", b"../canary", b"a\0b"] {
        check(&[(name, 2)], file(), "/x: holds a name that cannot be one");
        check(&[(name, 1)], file(), "/x: holds a name that cannot be one");
    }
    check(&[(b"a", 0)], file(), "/x/a: a directory cannot have two names");
    check(&[(b"a", 1), (b"b", 1)], file(), "a directory cannot have two names");
    check(&[(b"a", 2), (b"a", 2)], file(), "/x/a and ");
    check(&[(b"a", 1), (b"a", 1)], file(), "are one name to this filesystem");
    check(&[(b"a", 9)], file(), "inode: there is none");
    check(&[(b"a", 2)], Kind::Whiteout, "/x/a: a whiteout is not in a filesystem");
    check(&[(b"a", 2)], Kind::LinkBelow { target: (*b"b").into() }, "a link to a layer below");
    check(&[(b"a", 2)], Kind::Symlink { target: Box::new([]) }, "cannot make /");
    check(&[(b"a", 2)], Kind::Symlink { target: (*b"a\0b").into() }, "cannot make /");
    check(&[(b"a", 2)], Kind::Symlink { target: vec![b'x'; 5000].into() }, "name too long");
    check(&[(&[b'x'; 256], 2)], file(), "name too long");
}

#[test]
fn nothing_is_written_through_a_link() {
    // What an archive does with `d -> ../..` and then `d/canary`, a tree can only say as two names that are one.
    let place = Place::new();
    let link = Kind::Symlink { target: (*b"../../beside").into() };
    let directory = || node(Kind::Directory(ply_tree::Directory::default()));
    let hostile = Hostile(vec![(b"d", 2), (b"d", 1)], vec![directory(), directory(), node(link)]);
    for workers in [1, 2, 8] {
        let options = Options { workers: std::num::NonZeroUsize::new(workers), ..Options::default() };
        place.fails(&hostile, &common::Memory::default(), &options);
    }
    // Links that lead out are written as they are, and stay links.
    let mut made = Made::default();
    made.symlink("up", b"../canary", meta(0o777));
    made.symlink("etc", b"/etc", meta(0o777));
    made.symlink("self", b"/proc/self/root", meta(0o777));
    made.unpack(&place.0.path().join("x")).unwrap();
    assert_eq!(std::fs::read(place.0.path().join("canary")).unwrap(), b"sings");
}

#[test]
fn owners_that_are_none() {
    let options = Options { owners: Owners::Real, ..Options::default() };
    for (uid, gid) in [(u32::MAX, 0), (0, u32::MAX)] {
        let mut made = Made::default();
        made.file("a", "", owned(0o644, uid, gid));
        let error = Place::new().fails(&made.tree, &made.memory, &options);
        assert!(chain(&error).ends_with("/x/a: 4294967295 is no owner"), "{error}");
    }
}

#[test]
fn content_that_is_not_there() {
    let check = |extents: Vec<Extent>, size: u64, expect: &str| {
        let mut made = Made::default();
        made.file("first", "x", meta(0o644));
        made.dir("d", meta(0o0));
        made.add("d/a", Kind::File { size, extents }, meta(0o644));
        let error = Place::new().fails(&made.tree, &made.memory, &Options::default());
        assert!(chain(&error).contains("/x/d/a: ") && chain(&error).contains(expect), "{}", chain(&error));
    };
    let extent = |source, offset, len| Extent { source: Source(source), offset, len };
    check(vec![extent(0, 0, 2)], 2, "end of file");
    check(vec![extent(7, 0, 2)], 2, "no such source");
    check(vec![extent(0, 1 << 40, 2)], 2, "end of file");
    check(vec![extent(0, u64::MAX, u64::MAX)], u64::MAX, "end of file");
    check(Vec::new(), u64::MAX, "");
    check(vec![extent(0, 0, 2 << 20)], 2 << 20, "end of file");
}

#[test]
fn where_something_is() {
    let made = everything();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("full")).unwrap();
    std::fs::write(at("full/file"), "x").unwrap();
    std::fs::write(at("file"), "x").unwrap();
    std::os::unix::fs::symlink("nowhere", at("dangling")).unwrap();
    std::os::unix::fs::symlink("empty", at("link")).unwrap();
    std::fs::create_dir(at("empty")).unwrap();
    let check = |name: &str, expect: &str| {
        let error = made.unpack(&at(name)).unwrap_err();
        assert!(chain(&error).contains(expect), "{name}: {}", chain(&error));
    };
    let before = listing(folder.path());
    check("full", "/full is not empty");
    check("file", "cannot open");
    check("dangling", "No such file");
    check("absent/below", "No such file");
    check("full/file/x", "Not a directory");
    assert_eq!(listing(folder.path()), before);
    // A link to an empty directory is one.
    made.unpack(&at("link")).unwrap();
    assert!(at("link").symlink_metadata().unwrap().is_symlink());
    assert_eq!(std::fs::read(at("empty/etc/motd")).unwrap(), b"hello\n");
    // A name so long that none beside it could be longer.
    made.unpack(&at(&"n".repeat(255))).unwrap();
}

#[test]
fn the_caller_stops_it() {
    let made = everything();
    for after in [0, 1, 7, 5000, 1 << 20, 4 << 20] {
        let place = Place::new();
        let done = AtomicU64::new(0);
        let progress = |bytes| {
            let sum = done.fetch_add(bytes, Ordering::Relaxed) + bytes;
            if sum >= after { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let into = place.0.path().join("beside/x");
        let error = unpack(&made.tree, &made.memory, &into, &Options::default(), &progress).unwrap_err();
        assert!(matches!(error, RootfsError::Stopped), "{error}");
        assert_eq!(std::fs::read_dir(place.0.path().join("beside")).unwrap().count(), 1);
    }
}

#[test]
fn a_mount_point_is_filled_in_place_and_emptied_on_failure() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let _mount = Mount::new(&["-t", "tmpfs", "-o", "size=16m,mode=0750", "none"], folder.path());
    let made = everything();
    made.unpack(folder.path()).unwrap();
    assert_eq!(listing(folder.path()), made.told());
    assert!(matches!(made.unpack(folder.path()).unwrap_err(), RootfsError::NotEmpty { .. }));

    // The same filesystem mounted elsewhere has the same device number.
    let (outer, bound) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let _bind = Mount::new(&["--bind", &outer.path().to_string_lossy()], bound.path());
    made.unpack(bound.path()).unwrap();
    assert_eq!(listing(outer.path()), made.told());

    let small = tempfile::tempdir().unwrap();
    let _mount = Mount::new(&["-t", "tmpfs", "-o", "size=2m,mode=0750", "none"], small.path());
    let error = made.unpack(small.path()).unwrap_err();
    assert!(chain(&error).contains("No space left"), "{}", chain(&error));
    let after = listing(small.path());
    assert_eq!(after.len(), 1);
    assert!(after[&Vec::new()].starts_with("directory 0750 0:0"), "{after:?}");
    // Beside what it was to be, as well.
    for name in ["x", "x/../y"] {
        let error = made.unpack(&small.path().join(name)).unwrap_err();
        assert!(matches!(error, RootfsError::Io { .. }), "{}", chain(&error));
        assert_eq!(listing(small.path()).len(), 1);
    }
    // As many inodes as there are.
    let few = tempfile::tempdir().unwrap();
    let _mount = Mount::new(&["-t", "tmpfs", "-o", "nr_inodes=20", "none"], few.path());
    let error = made.unpack(&few.path().join("x")).unwrap_err();
    assert!(chain(&error).contains("No space left"), "{}", chain(&error));
    assert_eq!(listing(few.path()).len(), 1);
}

#[test]
fn attributes_a_filesystem_cannot_hold_are_left_out() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let _mount = Mount::new(&["-t", "ramfs", "none"], folder.path());
    let mut made = Made::default();
    made.file("a", "x", common::with(meta(0o644), &[("user.a", b"1")]));
    made.file("b", "x", common::with(meta(0o644), &[("user.a", b"1")]));
    let done = made.unpack(&folder.path().join("x")).unwrap();
    assert_eq!(done.warnings.len(), 1);
    let text = done.warnings[0].to_string();
    assert!(text.starts_with("user.a left out: Operation not supported"), "{text}");
    assert_eq!(done.warnings[0].count, 2);
    // Too long a value for ext4, or whatever the folder lies on: no failure.
    let long = vec![7; 60 << 10];
    let mut made = Made::default();
    made.file("a", "x", common::with(meta(0o644), &[("user.long", &long)]));
    let here = tempfile::tempdir().unwrap();
    let done = made.unpack(&here.path().join("x")).unwrap();
    assert!(done.warnings.len() <= 1);
}

/// One source that fails after a while: a disk that breaks.
struct Breaks(AtomicU64);

impl ReadAt for Breaks {
    fn read_at(&self, buffer: &mut [u8], _: u64) -> io::Result<usize> {
        if self.0.fetch_sub(1, Ordering::Relaxed) == 0 {
            return Err(io::Error::from_raw_os_error(5));
        }
        buffer.fill(1);
        Ok(buffer.len())
    }
}

impl Sources for Breaks {
    fn source(&self, _: Source) -> io::Result<&dyn ReadAt> {
        Ok(self)
    }
}

#[test]
fn whichever_read_fails_nothing_stays() {
    let mut made = Made::default();
    for number in 0..10 {
        made.dir(format!("d{number}"), Metadata::new(0o555));
        made.file(format!("d{number}/small"), [1; 100], Metadata::new(0o400));
        made.file(format!("d{number}/large"), vec![1; 1 << 20], Metadata::new(0o400));
    }
    let reads = 10 + 10 * 8;
    for fails in 0..reads {
        let place = Place::new();
        let error = place.fails(&made.tree, &Breaks(AtomicU64::new(fails)), &Options::default());
        assert!(chain(&error).starts_with("cannot read the content of /"), "{}", chain(&error));
    }
    let folder = tempfile::tempdir().unwrap();
    let sources = Breaks(AtomicU64::new(reads));
    unpack(&made.tree, &sources, &folder.path().join("x"), &Options::default(), &go_on).unwrap();
}

#[test]
fn a_tree_without_anything() {
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::new(ply_tree::Directory::default(), meta(0o711));
    let into: &Path = &folder.path().join("x");
    unpack(&tree, &common::Memory::default(), into, &Options::default(), &go_on).unwrap();
    assert_eq!(listing(into)[&Vec::new()].split(' ').nth(1), Some("0711"));
}
