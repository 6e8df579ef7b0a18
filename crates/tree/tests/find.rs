//! What paths mean in a tree, judged by what `chroot` and `stat` make of them.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

use std::io::{self, Read};

use ply_tree::{
    Content, Directory, Extent, Kind, Last, Metadata, Node, NodeId, ReadAt, Source, Sources, Tree, TreeError,
    find, path, walk,
};

/// Directories end in a slash, links are `name -> target`, all else is a file.
fn tree(names: &[&str]) -> Tree {
    let mut tree = Tree::new(Directory::default(), Metadata::new(0o755));
    for name in names {
        let (name, kind) = match (name.split_once(" -> "), name.strip_suffix('/')) {
            (Some((name, target)), _) => (name, Kind::Symlink { target: target.as_bytes().into() }),
            (None, Some(name)) => (name, Kind::Directory(Directory::default())),
            (None, None) => (*name, Kind::File { size: 0, extents: Vec::new() }),
        };
        let (before, last) = path::split(name.as_bytes()).unwrap();
        let directory = find(&tree, before, Last::Keep).unwrap().unwrap().id;
        let node = tree.add(Node::new(kind, Metadata::new(0o644)));
        tree.link(directory, last, node);
    }
    tree
}

fn outcome(tree: &Tree, wanted: &str, last: Last) -> String {
    match find(tree, wanted.as_bytes(), last) {
        Ok(Some(found)) => format!("/{}", String::from_utf8(found.path).unwrap()),
        Ok(None) => "none".to_owned(),
        Err(
            error @ (TreeError::NotADirectory { .. }
            | TreeError::TooManyLinks { .. }
            | TreeError::View { .. }),
        ) => error.to_string(),
    }
}

#[test]
fn paths_stay_inside() {
    let tree = tree(&[
        "etc/",
        "etc/passwd",
        "usr/",
        "usr/bin/",
        "usr/bin/sh",
        "bin -> usr/bin",
        "abs -> /usr/bin/sh",
        "out -> ../../../../etc",
        "usr/up -> ../..",
        "loop -> loop",
        "one -> two",
        "two -> /one",
        "gone -> nowhere/at/all",
        "dot -> .",
        "root -> /",
    ]);
    let check = |wanted: &str, follow: &str, keep: &str| {
        assert_eq!(outcome(&tree, wanted, Last::Follow), follow, "{wanted}, followed");
        assert_eq!(outcome(&tree, wanted, Last::Keep), keep, "{wanted}, kept");
    };
    check("", "/", "/");
    check("/", "/", "/");
    check("..", "/", "/");
    check("/../../etc/passwd", "/etc/passwd", "/etc/passwd");
    check("bin", "/usr/bin", "/bin");
    check("bin/", "/usr/bin", "/usr/bin");
    check("bin/sh", "/usr/bin/sh", "/usr/bin/sh");
    check("bin/..", "/usr", "/usr");
    check("abs", "/usr/bin/sh", "/abs");
    check("out/passwd", "/etc/passwd", "/etc/passwd");
    check("usr/up/up", "none", "none");
    check("usr/up/usr/bin", "/usr/bin", "/usr/bin");
    check("loop", "/loop: too many levels of symbolic links", "/loop");
    check("one/x", "/one/x: too many levels of symbolic links", "/one/x: too many levels of symbolic links");
    check("gone", "none", "/gone");
    check("gone/more", "none", "none");
    check("dot/dot/dot/etc", "/etc", "/etc");
    check("root/root/..", "/", "/");
    check("etc/passwd/x", "/etc/passwd is not a directory", "/etc/passwd is not a directory");
    check("etc/passwd/..", "/etc/passwd is not a directory", "/etc/passwd is not a directory");
    check("etc/passwd/", "/etc/passwd is not a directory", "/etc/passwd is not a directory");
    check("nothing/x", "none", "none");
}

/// Forty links are followed, one more is not (`MAXSYMLINKS`, linux/namei.h).
#[test]
fn forty_links() {
    let names: Vec<String> = (0..41).map(|n| format!("{n} -> {}", n + 1)).chain(["41".to_owned()]).collect();
    let tree = tree(&names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(outcome(&tree, "1", Last::Follow), "/41");
    assert_eq!(outcome(&tree, "0", Last::Follow), "/0: too many levels of symbolic links");
}

#[test]
fn a_walk_is_sorted_and_as_deep_as_the_tree() {
    let mut tree = tree(&["b/", "b/z", "b/a/", "b/a/1", "a-", "a"]);
    let steps = |tree: &Tree| -> Vec<String> {
        walk(tree, Tree::ROOT).unwrap().map(|step| String::from_utf8(step.unwrap().path).unwrap()).collect()
    };
    assert_eq!(steps(&tree), ["a", "a-", "b", "b/a", "b/a/1", "b/z"]);
    let mut directory = Tree::ROOT;
    for _ in 0..4_000 {
        let below = tree.add(Node::new(Kind::Directory(Directory::default()), Metadata::new(0o755)));
        tree.link(directory, b"d", below);
        directory = below;
    }
    assert_eq!(steps(&tree).len(), 4_006);
    let mut passing = walk(&tree, Tree::ROOT).unwrap();
    let mut seen = Vec::new();
    while let Some(step) = passing.next() {
        seen.push(step.unwrap().path);
        passing.pass_over();
    }
    assert_eq!(seen, [&b"a"[..], b"a-", b"b", b"d"]);
}

#[test]
fn names_are_counted() {
    let mut tree = tree(&["a", "b/"]);
    let (a, b) = (tree.child(Tree::ROOT, b"a").unwrap(), tree.child(Tree::ROOT, b"b").unwrap());
    let links = |tree: &Tree, id: NodeId| tree.get(id).unwrap().links;
    assert_eq!(tree.link(b, b"again", a), None);
    assert_eq!(links(&tree, a), 2);
    assert_eq!(tree.link(a, b"below a file", b), None);
    assert_eq!(tree.link(b, b"again", a), Some(a));
    assert_eq!(links(&tree, a), 2);
    assert_eq!(tree.unlink(Tree::ROOT, b"a"), Some(a));
    assert_eq!(links(&tree, a), 1);
    tree.clear(b);
    assert_eq!(links(&tree, a), 0);
    tree.link(b, b"old", a);
    let name = |name: &[u8], id| (name.into(), id);
    let c = tree.add(Node::new(Kind::Fifo, Metadata::new(0o644)));
    tree.fill(b, [name(b"z", a), name(b"x", a), name(b"y", a), name(b"y", c)]);
    let names: Vec<_> = tree.children(b).collect();
    assert_eq!(names, [(&b"x"[..], a), (b"y", c), (b"z", a)]);
    assert_eq!((links(&tree, a), links(&tree, c)), (2, 1));
    tree.fill(a, [name(b"below a file", c)]);
    assert_eq!(links(&tree, c), 1);
    tree.fill(b, []);
    assert_eq!((links(&tree, a), tree.children(b).count()), (0, 0));
}

struct Bytes(&'static [u8]);

impl ReadAt for Bytes {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        // At most three at once, as a pipe might.
        let rest = self.0.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        let n = rest.len().min(buffer.len()).min(3);
        buffer[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }
}

impl Sources for Bytes {
    fn source(&self, source: Source) -> io::Result<&dyn ReadAt> {
        if source == Source(7) { Ok(self) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

#[test]
fn content_is_read_through_extents() {
    let bytes = Bytes(b"0123456789");
    let at = |offset, len| Extent { source: Source(7), offset, len };
    let hole = |len| Extent { source: Source::HOLE, offset: 0, len };
    let check = |extents: &[Extent], size: u64, expect: Option<&[u8]>| {
        let mut read = Vec::new();
        let result = Content::new(&bytes, extents, size).read_to_end(&mut read);
        assert_eq!(result.is_ok().then_some(&read[..]), expect, "{extents:?}");
    };
    check(&[], 0, Some(b""));
    check(&[], 3, Some(b"\0\0\0"));
    check(&[at(2, 5)], 5, Some(b"23456"));
    check(&[at(2, 5)], 3, Some(b"234"));
    check(&[at(0, 2), hole(2), at(8, 2)], 7, Some(b"01\0\089\0"));
    check(&[at(2, 0), at(9, 1)], 1, Some(b"9"));
    // The source ends before the file does.
    check(&[at(8, 5)], 5, None);
    check(&[Extent { source: Source(1), offset: 0, len: 1 }], 1, None);
}
