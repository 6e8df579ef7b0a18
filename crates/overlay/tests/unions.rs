//! Layers and the filesystem they make, with rows from the OCI image specification (`layer.md`), the kernel's
//! `overlayfs.rst`, and what real engines do where they disagree.
#![allow(clippy::unwrap_used, clippy::panic, reason = "functions that tests share count as no tests")]

mod notation;

use notation::{layer, print, root, views};
use ply_overlay::{Origin, Stack, by_layer, keep, merge, squash};
use ply_tree::{Extent, Kind, Last, Metadata, Node, Source, Tree, TreeView, find};

/// Both doors give the same, and so does one layer made of all.
fn check(layers: &[&str], expect: &str) {
    let trees: Vec<Tree> = layers.iter().map(|text| layer(text)).collect();
    let merged = merge(&views(&trees), keep).map(|merged| merged.tree);
    let got = merged.as_ref().map_or_else(ToString::to_string, |tree| print(tree));
    assert_eq!(got, expect, "{layers:?}");
    if let Ok(tree) = &merged {
        let views = views(&trees);
        assert_eq!(print(&Stack::new(&views).unwrap()), expect, "{layers:?}, looked at");
        for id in (0..tree.inodes() as u64).map(ply_tree::NodeId) {
            let node = tree.get(id).unwrap();
            assert!(!matches!(node.kind, Kind::Whiteout | Kind::LinkBelow { .. }), "{layers:?}");
        }
    }
}

#[test]
fn whiteouts() {
    check(&["a=1 b=2", ".a"], "b=2");
    // layer.md: "Whiteout files MUST only apply to resources in lower/parent layers."
    check(
        &["bin/ bin/my-app-binary=app", "bin/.my-app-binary bin/my-app-tools=t"],
        "bin/ bin/my-app-tools=t",
    );
    check(&["a/ a/b/ a/b/c/ a/b/c/bar=1", "a/!  a/b/ a/b/c/ a/b/c/foo=2"], "a/ a/b/ a/b/c/ a/b/c/foo=2");
    check(&["a/b/c/bar=1", ".a", "a/b/c/foo=2"], "a/ a/b/ a/b/c/ a/b/c/foo=2");
    // Of what is not there.
    check(&["a=1", ".b"], "a=1");
    check(&["a=1", "c/.b"], "a=1 c/");
    check(&["a=1", "a/.b"], "a/");
    check(&[".a .b", "b=1"], "b=1");
    check(&[".a"], "");
    // What comes back has nothing of what it was.
    check(&["d/ d/x=1", ".d", "d/@700"], "d/@700");
    check(&["d/@700 d/x=1", ".d", "d/y=1"], "d/ d/y=1");
    check(&["f=1@600", ".f", "f=2"], "f=2");
}

#[test]
fn opaque_directories() {
    check(&["d/ d/x=1 d/y/ d/y/z=1", "d/ d/! d/n=2"], "d/ d/n=2");
    check(&["d/ d/x=1", "d/ d/!"], "d/");
    check(&["d/ d/x=1", "d/ d/!", "d/y=1"], "d/ d/y=1");
    check(&["d/ d/x=1", "d/ d/!  d/s/ d/s/t=1"], "d/ d/s/ d/s/t=1");
    // Only layers below are hidden, and only what is in it: its attributes are those of the one below.
    check(&["d/@700 d/x=1", "d/! d/y=2"], "d/@700 d/y=2");
    check(&["d/s/@700 d/s/x=1", "d/! d/s/y=2"], "d/ d/s/ d/s/y=2");
    check(&["d/@700 d/x=1", ".d", "d/! d/y=2"], "d/ d/y=2");
    check(&["d/!"], "d/");
    // Of the root, as the specification has it; only umoci does the same.
    check(&["a=1 d/ d/x=1", "! b=2"], "b=2");
    check(&["/@700 a=1", "! b=2"], "/@700 b=2");
    check(&["/@700", "/@711", "a="], "/@711 a=");
}

#[test]
fn one_thing_over_another() {
    check(&["f=1", "f=2"], "f=2");
    check(&["d/ d/x=1 d/y/ d/y/z=1", "d=1"], "d=1");
    check(&["d=1", "d/ d/x=1"], "d/ d/x=1");
    check(&["d/ d/x=1", "d=1", "d/ d/y=1"], "d/ d/y=1");
    check(&["d/ d/x=1", "d->e"], "d->e");
    check(&["d->e e/ e/x=1", "d/ d/y=1"], "d/ d/y=1 e/ e/x=1");
    // `bin/new` over `bin -> usr/bin` without an entry for `bin`: overlay engines replace the link, umoci writes through.
    check(&["bin->usr/bin usr/bin/sh=1", "bin/new=2"], "bin/ bin/new=2 usr/ usr/bin/ usr/bin/sh=1");
    check(&["p|", "p=1"], "p=1");
    check(&["f=1", "f|"], "f|");
}

#[test]
fn attributes_of_directories() {
    check(&["d/@700 d/x=1", "d/@711"], "d/@711 d/x=1");
    check(&["d/@700", "d/@711", "d/x=1"], "d/@711 d/x=1");
    check(&["d/@700", "d/x=1"], "d/@700 d/x=1");
    check(&["d/x=1", "d/y=1"], "d/ d/x=1 d/y=1");
    check(&["d=1", "d/y=1", "d/@700"], "d/@700 d/y=1");
    check(&["d/@700", "d=1", "d/y=1"], "d/ d/y=1");
    // Nobody says what an implied directory is: the topmost layer that has it.
    let implied = |mode| {
        let mut tree = layer("d/x=1");
        let id = tree.child(Tree::ROOT, b"d").unwrap();
        tree.get_mut(id).unwrap().metadata = Metadata::new(mode);
        tree
    };
    let trees = [implied(0o700), implied(0o711)];
    assert_eq!(print(&merge(&views(&trees), keep).unwrap().tree), "d/@711 d/x=1");
}

#[test]
fn hard_links() {
    check(&["a=1 b~a c~a"], "a=1 b~a c~a");
    check(&["a=1 b~a c~a", ".a"], "b=1 c~b");
    check(&["a=1 b~a c~a", "b=2"], "a=1 b=2 c~a");
    check(&["a=1 b~a", "a=2 b~a"], "a=2 b~a");
    // Equal content makes no link.
    check(&["a=1 b=1"], "a=1 b=1");
    check(&["a=1", "b^a"], "a=1 b~a");
    check(&["a=1@600 b~a", "c^b@777"], "a=1@600 b~a c~a");
    // The target is looked for below: before this layer's whiteouts, and not among what it brings.
    check(&["a=1", ".a b^a"], "b=1");
    check(&["a=1", "a=2 b^a"], "a=2 b=1");
    check(&["a=1", "b^a a=2", "c^b d^a"], "a=2 b=1 c~b d~a");
    check(&["d/x=1", "d/! e^d/x"], "d/ e=1");
    check(&["a=1", "a=2", "a^a b^a"], "a=2 b~a");
    check(&["a=1", "b^a", "c^b", ".a .b", "e^c"], "c=1 e~c");
    check(&["l->f f=1", "h^l"], "f=1 h->f l~h");
    // One that nothing shows does no harm.
    check(&["a=1", "b^nothing", ".b"], "a=1");
    let missing = |layer, entry: &str, target: &str| {
        format!("layer {layer}: /{entry}: hard link to /{target}, which is not in the layers below")
    };
    check(&["b^a"], &missing(1, "b", "a"));
    check(&["b=1", "a=1 d/b^a"], &missing(2, "d/b", "a"));
    check(&["a=1", ".a", "b^a"], &missing(3, "b", "a"));
    check(&["a=1", "b^nothing", "c^b", ".b"], &missing(2, "b", "nothing"));
    check(&["d/x=1", "d=1", "b^d/x"], &missing(3, "b", "d/x"));
    check(&["d/x=1 l->d", "b^l/x"], &missing(2, "b", "l/x"));
    check(&["d/x=1", "b^d"], "layer 2: /b: hard link to /d, which is a directory");
}

#[test]
fn names_are_counted_in_the_union() {
    let trees = [layer("a=1 b~a c~a"), layer(".b d/x^c")];
    let merged = merge(&views(&trees), keep).unwrap();
    let found = find(&merged.tree, b"d/x", Last::Keep).unwrap().unwrap();
    assert_eq!(merged.tree.get(found.id).unwrap().links, 3);
    assert_eq!(merged.tree.get(Tree::ROOT).unwrap().links, 1);
}

#[test]
fn it_is_known_where_things_come_from() {
    let trees = [layer("d/@700 d/x=1 e/y=1"), layer("d/x=2 d/y=1"), layer("z^e/y e/w= d/@711")];
    let views = views(&trees);
    let merged = merge(&views, keep).unwrap();
    let stack = Stack::new(&views).unwrap();
    let check = |path: &str, layer: usize, all: &[usize]| {
        let id = find(&merged.tree, path.as_bytes(), Last::Keep).unwrap().unwrap().id;
        let seen = find(&stack, path.as_bytes(), Last::Keep).unwrap().unwrap().id;
        let origin = merged.origin(id).unwrap();
        assert_eq!(origin.layer, layer, "{path}");
        assert_eq!(stack.origin(seen), Some(origin), "{path}");
        let contributors: Vec<usize> = stack.contributors(seen).iter().map(|origin| origin.layer).collect();
        assert_eq!(contributors, all, "{path}");
    };
    check("d", 2, &[2, 1, 0]);
    check("d/x", 1, &[1]);
    check("e", 2, &[2, 0]);
    check("e/y", 0, &[0]);
    check("z", 0, &[0]);
    assert_eq!(stack.origin(ply_tree::NodeId(1_000)), None);
}

#[test]
fn no_layers_are_an_empty_root() {
    let merged = merge(&[], keep).unwrap();
    assert_eq!((print(&merged.tree), merged.origin(Tree::ROOT)), (String::new(), None));
    let stack = Stack::new(&[]).unwrap();
    assert_eq!((print(&stack), stack.layers(), stack.origin(stack.root())), (String::new(), 0, None));
    assert_eq!(print(&squash(&[], keep).unwrap()), "");
}

#[test]
fn sources_are_numbered_as_the_caller_wants() {
    let sparse = |source| {
        let mut tree = layer("");
        let extent = |source| Extent { source, offset: 0, len: 1 };
        let extents = vec![extent(source), extent(Source::HOLE)];
        let id = tree.add(Node::new(Kind::File { size: 2, extents }, Metadata::new(0o644)));
        (tree, id)
    };
    let ((mut a, x), (mut b, y)) = (sparse(Source(0)), sparse(Source(3)));
    a.link(Tree::ROOT, b"x", x);
    b.link(Tree::ROOT, b"y", y);
    let sources = |view: &dyn TreeView, name: &[u8]| {
        let id = view.lookup(view.root(), name).unwrap().unwrap();
        let Kind::File { extents, .. } = view.node(id).unwrap().into_owned().kind else { panic!() };
        extents.into_iter().map(|extent| extent.source).collect::<Vec<_>>()
    };
    let views: [&dyn TreeView; 2] = [&a, &b];
    let kept = merge(&views, keep).unwrap().tree;
    assert_eq!(sources(&kept, b"x"), [Source(0), Source::HOLE]);
    assert_eq!(sources(&kept, b"y"), [Source(3), Source::HOLE]);
    let numbered = merge(&views, by_layer).unwrap().tree;
    assert_eq!(sources(&numbered, b"y"), [Source(1), Source::HOLE]);
    let stack = Stack::new(&views).unwrap().with_sources(|layer, source| Source(source.0 + [0, 10][layer]));
    assert_eq!(sources(&stack, b"y"), [Source(13), Source::HOLE]);
    assert_eq!(sources(&stack, b"x"), [Source(0), Source::HOLE]);
}

#[test]
fn a_union_is_a_layer_again() {
    let trees = [layer("d/x=1 d/y=1"), layer("h^d/x")];
    let views = views(&trees);
    let (stack, top) = (Stack::new(&views).unwrap(), layer("d/.x"));
    let merged = merge(&[&stack, &top], keep).unwrap();
    assert_eq!(print(&merged.tree), "d/ d/y=1 h=1");
    let merged = merge(&[&stack], keep).unwrap();
    assert_eq!(print(&merged.tree), "d/ d/x=1 d/y=1 h~d/x");
    // A root filesystem over layers hides nothing; it is a changeset like any other.
    assert_eq!(print(&merge(&[&root("a=1"), &stack], keep).unwrap().tree), "a=1 d/ d/x=1 d/y=1 h~d/x");
}

#[test]
fn depth_is_no_matter() {
    let path = vec!["d"; 20_000].join("/");
    let trees = [layer(&format!("{path}/x=1")), layer(&format!("{path}/.x {path}/y=2"))];
    let views = views(&trees);
    let found = find(&Stack::new(&views).unwrap(), format!("{path}/y").as_bytes(), Last::Keep).unwrap();
    assert!(found.is_some());
    assert!(merge(&views, keep).unwrap().tree.inodes() > 20_000);
}

/// A view that cannot be read, but for its root.
struct Broken;

impl TreeView for Broken {
    fn root(&self) -> ply_tree::NodeId {
        ply_tree::NodeId(0)
    }

    fn node(&self, id: ply_tree::NodeId) -> Result<std::borrow::Cow<'_, Node>, ply_tree::TreeError> {
        match id.0 {
            0 => Ok(std::borrow::Cow::Owned(layer("").get(Tree::ROOT).unwrap().clone())),
            _ => Err(failure()),
        }
    }

    fn lookup(&self, _: ply_tree::NodeId, _: &[u8]) -> Result<Option<ply_tree::NodeId>, ply_tree::TreeError> {
        Err(failure())
    }

    fn entries(&self, _: ply_tree::NodeId) -> Result<ply_tree::Entries<'_>, ply_tree::TreeError> {
        Ok(Box::new([Err(failure())].into_iter()))
    }
}

fn failure() -> ply_tree::TreeError {
    ply_tree::TreeError::View { what: "the index".to_owned(), source: "bad checksum".into() }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[test]
fn a_layer_that_fails_is_named() {
    let good = layer("a=1");
    let views: [&dyn TreeView; 2] = [&good, &Broken];
    let expect = "layer 2: the index: bad checksum";
    assert_eq!(chain(&merge(&views, keep).unwrap_err()), expect);
    let stack = Stack::new(&views).unwrap();
    assert_eq!(chain(&find(&stack, b"a", Last::Keep).unwrap_err()), expect);
    let failed = stack.entries(stack.root()).map(|_| ()).unwrap_err();
    assert_eq!(chain(&failed), expect);
    let trees = [layer(""), layer("d/b^a")];
    let views = notation::views(&trees);
    let stack = Stack::new(&views).unwrap();
    assert_eq!(
        chain(&find(&stack, b"d/b", Last::Keep).unwrap_err()),
        "the union of the layers: layer 2: /d/b: hard link to /a, which is not in the layers below"
    );
    assert_eq!(stack.origin(stack.root()), Some(Origin { layer: 1, id: Tree::ROOT }));
}
