//! What layers did, and what differs: history, hidden entries, usage, difference, changeset, squash, copy-up.
#![allow(clippy::unwrap_used, clippy::panic, reason = "functions that tests share count as no tests")]

mod notation;

use notation::{layer, print, root, views};
use ply_overlay::{
    Action, ChangeKind, DifferenceOptions, Differences, How, OverlayError, Removal, Stack, Times, Version,
    changeset, copy_up, difference, hidden, history, keep, merge, same_extents, squash, usage,
};
use ply_tree::{Node, Time, Tree, TreeView};

fn trees(layers: &[&str]) -> Vec<Tree> {
    layers.iter().map(|text| layer(text)).collect()
}

fn text(path: &[u8]) -> String {
    String::from_utf8(path.to_vec()).unwrap()
}

fn words(differences: Differences) -> String {
    let Differences { kind, content, mode, owner, time, xattrs } = differences;
    let all = [
        (kind, "kind"),
        (content, "content"),
        (mode, "mode"),
        (owner, "owner"),
        (time, "time"),
        (xattrs, "xattrs"),
    ];
    all.iter().filter(|(differs, _)| *differs).map(|(_, word)| format!(" {word}")).collect()
}

fn removed(removal: &Removal) -> String {
    let how = match removal.how {
        How::Whiteout => "whiteout",
        How::Opaque => "opaque",
        How::Replaced => "replaced",
    };
    format!("{how} /{}", text(&removal.at))
}

fn same(a: &Node, b: &Node) -> Result<bool, OverlayError> {
    Ok(same_extents(a, b))
}

#[test]
fn the_history_of_a_path() {
    let check = |layers: &[&str], path: &str, expect: &[&str]| {
        let trees = trees(layers);
        let same = |a: &Version, b: &Version| same(&a.node, &b.node);
        let events = history(&views(&trees), path.as_bytes(), same).unwrap();
        let got: Vec<String> = events
            .iter()
            .map(|event| {
                let action = match &event.action {
                    Action::Added => "added".to_owned(),
                    Action::Changed(differences) => format!("changed{}", words(*differences)),
                    Action::Replaced => "replaced".to_owned(),
                    Action::Deleted(removal) => format!("deleted: {}", removed(removal)),
                };
                let layer = |version: &Option<Version>| {
                    version.as_ref().map_or("-".to_owned(), |version| version.origin.layer.to_string())
                };
                format!("{} {action} ({} {})", event.layer, layer(&event.before), layer(&event.after))
            })
            .collect();
        assert_eq!(got, expect, "{path} in {layers:?}");
    };
    check(&["a=1"], "a", &["0 added (- 0)"]);
    check(&["a=1"], "/./a", &["0 added (- 0)"]);
    check(&["a=1"], "b", &[]);
    check(&["a=1"], "a/b", &[]);
    check(
        &["a=1", "b=", "a=2", "a=2@600", "a=2@600", ".a", "a->b"],
        "a",
        &[
            "6 added (- 6)",
            "5 deleted: whiteout /a (4 -)",
            "4 changed (3 4)",
            "3 changed mode (2 3)",
            "2 changed content (0 2)",
            "0 added (- 0)",
        ],
    );
    check(&["a=1", "a=12@600"], "a", &["1 changed content mode (0 1)", "0 added (- 0)"]);
    check(&["a=1", "a->b", "a->c"], "a", &["2 changed content (1 2)", "1 replaced (0 1)", "0 added (- 0)"]);
    check(&["d/ d/x=1", ".d"], "d/x", &["1 deleted: whiteout /d (0 -)", "0 added (- 0)"]);
    check(&["d/x=1", "d/!"], "d/x", &["1 deleted: opaque /d (0 -)", "0 added (- 0)"]);
    check(&["d/x=1", "!"], "d/x", &["1 deleted: opaque / (0 -)", "0 added (- 0)"]);
    check(&["d/x=1", "d=1"], "d/x", &["1 deleted: replaced /d (0 -)", "0 added (- 0)"]);
    check(&["d/x=1", "d/.x d/!"], "d/x", &["1 deleted: whiteout /d/x (0 -)", "0 added (- 0)"]);
    check(&["d/x=1", "d/! d/x=2"], "d/x", &["1 changed content (0 1)", "0 added (- 0)"]);
    // Directories: only what happened to them themselves.
    check(&["d/x=1", "d/y=1", "d/"], "d", &["0 added (- 0)"]);
    check(&["d/x=1", "d/ d/!"], "d", &["1 changed content (0 1)", "0 added (- 0)"]);
    check(&["d/", "d/!"], "d", &["0 added (- 0)"]);
    check(&["d/x=1", "d/.x", "d/!"], "d", &["0 added (- 0)"]);
    check(&["d/@700", "d/@711", "d=1"], "d", &["2 replaced (1 2)", "1 changed mode (0 1)", "0 added (- 0)"]);
    check(&["/@700", "", "/@711"], "", &["2 changed mode (0 2)", "0 added (- 0)"]);
    // Links into layers below bring an old inode to a new name.
    check(&["a=1", "b^a"], "b", &["1 added (- 0)"]);
    check(
        &["a=1", "a=2", "c^a", "a=3", "a^c"],
        "a",
        &["4 changed content (3 1)", "3 changed content (1 3)", "1 changed content (0 1)", "0 added (- 0)"],
    );
    check(&["a=1", "a^a"], "a", &["0 added (- 0)"]);
    // Names are taken as they stand.
    check(&["l->d d/x=1"], "l/x", &[]);
}

#[test]
fn what_a_union_does_not_show() {
    let check = |layers: &[&str], expect: &[&str]| {
        let trees = trees(layers);
        let got: Vec<String> = hidden(&views(&trees))
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                assert_eq!(
                    entry.is_shadowed(),
                    entry.removal.how == How::Replaced && entry.removal.at == entry.path
                );
                let how = removed(&entry.removal);
                format!("{}:{} by {} {how}", entry.origin.layer, text(&entry.path), entry.by)
            })
            .collect();
        assert_eq!(got, expect, "{layers:?}");
    };
    check(&["a=1 d/ d/x=1", "b=1 d/@700 d/y=1"], &[]);
    check(&["a=1", "a=2", "a=3"], &["1:a by 2 replaced /a", "0:a by 1 replaced /a"]);
    check(&["a=1", ".a", "a=3"], &["0:a by 1 whiteout /a"]);
    check(&[".a", "a=3"], &[]);
    check(
        &["d/ d/x=1 d/y/z=1", "d/x=2", ".d", "d/x=3"],
        &[
            "0:d by 2 whiteout /d",
            "1:d/x by 2 whiteout /d",
            "0:d/x by 1 replaced /d/x",
            "0:d/y/z by 2 whiteout /d",
        ],
    );
    check(&["d/ d/x=1 d/y/z=1", "d/ d/! d/x=2"], &["0:d/x by 1 replaced /d/x", "0:d/y/z by 1 opaque /d"]);
    check(&["d/e/ d/e/x=1", "d/! d/e/"], &["0:d/e by 1 opaque /d", "0:d/e/x by 1 opaque /d"]);
    check(&["d/ d/x=1", "d=1"], &["0:d by 1 replaced /d", "0:d/x by 1 replaced /d"]);
    check(&["d=1", "d/x=1"], &["0:d by 1 replaced /d"]);
    check(&["a=1", "! b=1", "b=2"], &["0:a by 1 opaque /", "1:b by 2 replaced /b"]);
    check(&["a=1", "b^a .a", "b=2"], &["0:a by 1 whiteout /a", "1:b by 2 replaced /b"]);
}

#[test]
fn bytes_that_layers_add_and_hide() {
    // Of each layer what it adds, what of that is hidden, what it hides.
    let check = |layers: &[&str], expect: &[[u64; 3]]| {
        let trees = trees(layers);
        let usage = usage(&views(&trees)).unwrap();
        let got: Vec<_> = usage.layers.iter().map(|layer| [layer.adds, layer.hidden, layer.hides]).collect();
        assert_eq!(got, expect, "{layers:?}");
        assert_eq!(usage.total(), expect.iter().map(|layer| layer[0]).sum::<u64>());
        assert_eq!(usage.hidden(), expect.iter().map(|layer| layer[2]).sum::<u64>());
        assert_eq!(usage.visible() + usage.hidden(), usage.total());
    };
    check(&["a=123 b=12", "a=1"], &[[5, 3, 0], [1, 0, 3]]);
    check(&["d/a=123 d/b=12", ".d"], &[[5, 5, 0], [0, 0, 5]]);
    // With several names it counts once, and is hidden with the last of them.
    check(&["a=123 b~a", ".a"], &[[3, 0, 0], [0, 0, 0]]);
    check(&["a=123 b~a", ".a", ".b"], &[[3, 3, 0], [0, 0, 0], [0, 0, 3]]);
    check(&["a=123", ".a b^a"], &[[3, 0, 0], [0, 0, 0]]);
    check(&["a=123", ".a b^a", "b=1"], &[[3, 3, 0], [0, 0, 0], [1, 0, 3]]);
    check(&["a->123"], &[[0, 0, 0]]);
    check(&["b^a", ".b"], &[[0, 0, 0], [0, 0, 0]]);
    assert!(usage(&views(&trees(&["b^a"]))).is_err());
}

/// What `dive/filetree/efficiency.go` computes of the same layers.
#[test]
fn efficiency_is_dives() {
    let check = |layers: &[&str], minimum: u64, cumulative: u64| {
        let trees = trees(layers);
        let efficiency = usage(&views(&trees)).unwrap().efficiency;
        assert_eq!((efficiency.minimum, efficiency.cumulative), (minimum, cumulative), "{layers:?}");
    };
    check(&["a=123 b=12"], 5, 5);
    check(&["a=123 b=12", "a=1"], 3, 6);
    check(&["a=123 b=12", ".a"], 2, 5);
    check(&["a=123", ".a", "a=1234"], 0, 7);
    // A deleted directory: the files, and the whiteout with the size of all of them.
    check(&["d/ d/a=123 d/b=12", ".d"], 10, 10);
    check(&["d/ d/a=123 d/b=12", ".d", "d=1"], 6, 11);
    check(&["d/ d/a=123 d/b=12", "d/a=1", ".d"], 6, 9);
    check(&["a=123", "a/"], 0, 3);
    check(&["a=123", "a/b=1"], 4, 4);
    check(&["a=123", "a/ a/! .b"], 0, 3);
    check(&["a=123 b~a"], 3, 3);
    check(&[], 0, 0);
    let score = |layers| usage(&views(&trees(layers))).unwrap().efficiency.score();
    assert!((score(&["a=123", "a=1"]) - 0.25).abs() < 1e-9);
    assert!((score(&[]) - 1.0).abs() < 1e-9);
}

fn differences(a: &dyn TreeView, b: &dyn TreeView, options: DifferenceOptions) -> Vec<String> {
    let changes = difference(a, b, options, same).unwrap();
    let line = |change: &ply_overlay::Change| {
        let kind = match change.kind {
            ChangeKind::Changed(differences) => words(differences),
            ChangeKind::Added | ChangeKind::Deleted => String::new(),
        };
        format!("{} /{}{kind}", change.kind.letter(), text(&change.path))
    };
    changes.iter().map(line).collect()
}

#[test]
fn what_differs_between_two_trees() {
    let check = |a: &str, b: &str, expect: &[&str]| {
        assert_eq!(differences(&root(a), &root(b), DifferenceOptions::default()), expect, "{a} | {b}");
    };
    check("a=1 d/x=1", "a=1 d/x=1", &[]);
    check("a=1", "a=2", &["C /a content"]);
    check("a=1", "a=12@600", &["C /a content mode"]);
    check("a=1", "a->1", &["C /a kind mode"]);
    check("l->a", "l->b", &["C /l content"]);
    // A parent is listed as changed, unless it is new or the root.
    check("d/e/x=1", "d/e/y=1 n/z=1", &["C /d", "C /d/e", "D /d/e/x", "A /d/e/y", "A /n", "A /n/z"]);
    check("/@700", "/@711", &["C / mode"]);
    check("d/x=1", "", &["D /d"]);
    check("d/x=1", "d=1", &["C /d kind mode"]);
    check("d=1", "d/x=1", &["C /d kind mode", "A /d/x"]);
    // Which names are links to each other is no difference.
    check("a=1 b~a", "a=1 b=1", &[]);
    check("a=1 b=1", "a=1 b~a", &[]);
    check("a=1 b~a", "a=2 b~a", &["C /a content", "C /b content"]);
}

#[test]
fn what_counts_can_be_chosen() {
    let below = DifferenceOptions { below_deleted: true, ..DifferenceOptions::default() };
    let all = differences(&root("d/e/x=1 f/g=1"), &root("f=1"), below);
    assert_eq!(all, ["D /d", "D /d/e", "D /d/e/x", "C /f kind mode", "D /f/g"]);
    let later = |text: &str| {
        let mut tree = root(text);
        for id in (0..tree.inodes() as u64).map(ply_tree::NodeId) {
            tree.get_mut(id).unwrap().metadata.mtime = Time { seconds: 1, nanoseconds: 0 };
        }
        tree
    };
    let check = |times: Times, expect: &[&str]| {
        let options = DifferenceOptions { times, ..DifferenceOptions::default() };
        assert_eq!(differences(&root("d/x=1"), &later("d/x=1"), options), expect);
    };
    check(Times::All, &["C / time", "C /d time", "C /d/x time"]);
    check(Times::NotOfDirectories, &["C /d", "C /d/x time"]);
    check(Times::Ignored, &[]);
}

#[test]
fn content_is_compared_once_an_inode_and_can_fail() {
    let (a, b) = (root("a=1 b~a c=1"), root("a=2 b~a c=1"));
    let mut asked = 0;
    let changes = difference(&a, &b, DifferenceOptions::default(), |_, _| {
        asked += 1;
        Ok::<_, OverlayError>(true)
    });
    assert_eq!((changes.unwrap().len(), asked), (0, 2));
    #[derive(Debug)]
    struct Unreadable;
    impl From<OverlayError> for Unreadable {
        fn from(_: OverlayError) -> Self {
            Self
        }
    }
    difference(&a, &b, DifferenceOptions::default(), |_, _| Err(Unreadable)).unwrap_err();
    changeset(&a, &b, |_, _| Err(Unreadable)).unwrap_err();
    history(&[&a, &b], b"a", |_, _| Err(Unreadable)).unwrap_err();
}

#[test]
fn the_layer_between_two_trees() {
    let check = |lower: &str, upper: &str, expect: &str| {
        let (lower, upper) = (root(lower), root(upper));
        let made = changeset(&lower, &upper, same).unwrap();
        assert_eq!(print(&made), expect);
        assert_eq!(print(&merge(&[&lower, &made], keep).unwrap().tree), print(&upper));
    };
    check("a=1 d/x=1", "a=1 d/x=1", "");
    check("a=1", "a=2 b=1", "a=2 b=1");
    check("a=1 d/x=1", "", ".a .d");
    // Directories above a change come along, with what they are.
    check("d/@700 d/e/ d/e/x=1 f/y=1", "d/@700 d/e/ f/y=1", "d/@700 d/e/ d/e/.x");
    check("d/@700 d/x=1", "d/@711 d/x=1", "d/@711");
    check("/@700 a=1", "/@711 a=1", "/@711");
    check("d/x=1", "d=1", "d=1");
    check("d=1", "d/x=1", "d/ d/x=1");
    check("l->a", "l=a", "l=a");
    // All names of what changed; none of what did not.
    check("a=1 b~a c=1", "a=2 b~a c=1", "a=2 b~a");
    check("a=1 b~a c=1", "a=1 b~a c=2", "c=2");
    check("a=1 b~a", "a=1 b=1", "a=1 b=1");
    check("a=1 b=1 c=1", "a=1 b~a c=1", "a=1 b~a");
    check("a=1 b~a", "a=1", "a=1 .b");
    check("a=1", "a=1 b~a", "a=1 b~a");
    check("a=1 b=2", "a=2 b=1", "a=2 b=1");
}

#[test]
fn several_layers_as_one() {
    let check = |layers: &[&str], expect: &str| {
        let trees = trees(layers);
        let got = squash(&views(&trees), keep);
        assert_eq!(got.map_or_else(|error| error.to_string(), |tree| print(&tree)), expect, "{layers:?}");
    };
    check(&["a=1", "b=1"], "a=1 b=1");
    check(&["a=1", ".a"], ".a");
    check(&[".a", "a=1"], "a=1");
    check(&["d/x=1", "d/y=1"], "d/x=1 d/y=1");
    check(&["d/x=1", "d/@700"], "d/@700 d/x=1");
    // A directory that comes back hides what lies below, and so needs no whiteouts, and has attributes of its own.
    check(&["d/x=1", ".d", "d/y=1"], "d/! d/ d/y=1");
    check(&["d=1", "d/y=1"], "d/! d/ d/y=1");
    check(&["d/x=1 d/e/z=1", "d/! d/.y d/e/w=1"], "d/! d/e/ d/e/w=1");
    check(&["d/! d/x=1 d/y=1", "d/.x"], "d/! d/y=1");
    check(&["! a=1", ".a b=1"], "! b=1");
    check(&["d/x=1", "d/.x"], "d/.x");
    check(&["f->t", ".f", "d/.f"], "d/.f .f");
    // Links to inside become links, to outside they stay.
    check(&["a=1", "b^a", "c^b"], "a=1 b~a c~a");
    check(&["a=1", ".a b^a"], ".a b=1");
    check(&["b^a", "c^b d^e/f"], "b^a c^a d^e/f");
    check(&["b^a", "a=1", "c^b d^a"], "a=1 b^a c^a d~a");
    let link = |target: &str, fault: &str| format!("layer 2: /b: hard link to /{target}, which {fault}");
    check(&[".a", "b^a"], &link("a", "is not in the layers below"));
    check(&["d/!", "b^d/x"], &link("d/x", "is not in the layers below"));
    check(&["d=1", "b^d/x"], &link("d/x", "is not in the layers below"));
    check(&["d/", "b^d"], &link("d", "is a directory"));
    check(&["d/", "b^d/x"], "b^d/x d/");
}

#[test]
fn what_the_first_change_needs() {
    let check = |layers: &[&str], path: &str, expect: Option<(&[&str], Option<usize>)>| {
        let trees = trees(layers);
        let views = views(&trees);
        let plan = copy_up(&Stack::new(&views).unwrap(), path.as_bytes()).unwrap();
        let got = plan.map(|plan| {
            let parents: Vec<String> = plan
                .parents
                .iter()
                .map(|(path, node)| format!("{}@{:o}", text(path), node.metadata.mode))
                .collect();
            (parents, plan.inode.map(|version| version.origin.layer))
        });
        let expect =
            expect.map(|(parents, inode)| (parents.iter().map(ToString::to_string).collect(), inode));
        assert_eq!(got, expect, "{path} in {layers:?}");
    };
    check(&["d/@700 d/e/ d/e/x=1", ""], "d/e/x", Some((&["d@700", "d/e@755"], Some(0))));
    check(&["d/@700 d/e/ d/e/x=1", "d/@700"], "/d/e/x", Some((&["d/e@755"], Some(0))));
    check(&["d/@700 d/e/ d/e/x=1", "d/@700 d/e/"], "d/e", Some((&[], None)));
    check(&["d/@700 d/e/", ""], "d/e", Some((&["d@700"], Some(0))));
    check(&["d/x=1", "d/x=2", "d/ d/x=3"], "d/x", Some((&[], None)));
    check(&["d/x=1", "d/x=2", "d/ d/.x"], "d/x", None);
    check(&["a=1", ""], "", Some((&[], None)));
    check(&["a=1", ""], "a/b", None);
}
