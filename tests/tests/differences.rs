//! `ply diff` beside GNU diff and patch, and `ply tree` beside what lies on disk.

use std::process::Command;

use ply_tests::{Layout, Made, Ply, Tarball, archive_of, gzip, made, named, output};
use serde_json::Value;

const NAME: &str = "org.opencontainers.image.ref.name";

/// A store with an image of each of these stacks of layers, called `i0:1`, `i1:1`, ….
fn with(images: &[&Made]) -> Ply {
    let ply = Ply::new();
    for (at, image) in images.iter().enumerate() {
        let archive = ply.write("archive", archive_of(image, &format!("i{at}:1")).finish());
        ply.ok(["load", "-i", archive.to_str().unwrap()]);
    }
    ply
}

fn check(layers: [Tarball; 2], args: &[&str], expect: &str) {
    let [before, after] = layers.map(|layer| made(vec![layer.finish()]));
    let ply = with(&[&before, &after]);
    assert_eq!(ply.ok(["diff", "i0:1", "i1:1"].iter().chain(args)), expect);
}

#[test]
fn bytes_count_and_not_sizes() {
    let tar = || Tarball::new().folder("a/");
    check([tar().file("a/f", "one"), tar().file("a/f", "two")], &[], "C /a\nC /a/f");
    // The same bytes at another place of another layer.
    check(
        [tar().file("a/f", "one"), Tarball::new().folder("b/").folder("a/").file("a/f", "one")],
        &[],
        "A /b",
    );
    let large = "x".repeat(300_000);
    check(
        [tar().file("a/f", format!("{large}1")), tar().file("a/f", format!("{large}2"))],
        &[],
        "C /a\nC /a/f",
    );
    check([tar().file("a/f", ""), tar().file("a/f", "")], &[], "");
    // Another kind of thing; a link's target; what lay in a directory that went.
    check([tar().file("a/f", "1"), tar().symlink("a/f", "1")], &[], "C /a\nC /a/f");
    check(
        [tar().symlink("a/f", "1"), tar().symlink("a/f", "2")],
        &["--stat"],
        " C a/f   → 2\n0 added, 1 changed, 0 deleted; +0B -0B",
    );
    check([tar().file("a/f", "12"), Tarball::new()], &[], "D /a");
    check(
        [tar().file("a/f", "12"), Tarball::new()],
        &["--stat"],
        " D a/   1 file   -2B\n0 added, 0 changed, 1 deleted; +0B -2B",
    );
    // A hard link to the same bytes is no other file.
    check([tar().file("a/f", "1").file("a/g", "1"), tar().file("a/f", "1").hard_link("a/g", "a/f")], &[], "");
}

/// Names and text that a terminal would obey.
#[test]
fn hostile_text_is_spelled_out() {
    let tar = |text: &str| Tarball::new().file("e\x1b[31m\nvil", text);
    check([tar("1\n"), tar("2\n")], &[], "C /e\\x1b[31m\\nvil");
    check(
        [tar("1\n"), tar("2\n")],
        &["--stat"],
        " C e\\x1b[31m\\nvil   +1 -1 lines\n0 added, 1 changed, 0 deleted; +0B -0B",
    );
    let names = "--- a/e\\u{1b}[31m\\nvil\n+++ b/e\\u{1b}[31m\\nvil\n";
    check([tar("1\n"), tar("2\n")], &["-p"], &format!("C /e\\x1b[31m\\nvil\n{names}@@ -1 +1 @@\n-1\n+2"));
    check(
        [tar("\0"), tar("\0\0")],
        &["-p"],
        "C /e\\x1b[31m\\nvil\nBinary files a/e\\x1b[31m\\nvil and b/e\\x1b[31m\\nvil differ",
    );
    let config = serde_json::json!({"Env": ["A=\x1b]0;x\x07\n"]});
    let image = Made::of(&["one"]);
    let ply = with(&[&image, &image.clone().with("config", config)]);
    let lines = ply.ok(["diff", "i0:1", "i1:1"]);
    assert!(lines.contains("C config Env: + A=\\x1b]0;x\\x07\\n"), "{lines}");
}

/// Our patch is what `diff -u` writes, but for the times behind its names; and `patch` makes the second of the first.
#[test]
fn patches_as_gnu_diff_has_them() {
    let numbers = |skip: u32, more: &str| {
        (1..400).filter(|n| n % skip != 0).map(|n| format!("line {n}{more}\n")).collect::<String>()
    };
    let texts = [
        ("one", "a\nb\nc\n".to_owned(), "a\nc\n".to_owned()),
        ("end", "a\nb".to_owned(), "a\nb\n".to_owned()),
        ("new", String::new(), "a\n".to_owned()),
        ("latin", "caf\u{e9}\r\n".to_owned(), "caf\u{e9}\n".to_owned()),
        ("many", numbers(1000, ""), numbers(50, "")),
    ];
    let tar = |side: usize| {
        texts.iter().fold(Tarball::new(), |tar, (name, before, after)| tar.file(name, [before, after][side]))
    };
    let (before, after) = (made(vec![tar(0).finish()]), made(vec![tar(1).finish()]));
    let ply = with(&[&before, &after]);
    for (side, folder) in ["a", "b"].iter().enumerate() {
        std::fs::create_dir(ply.file(folder)).unwrap();
        for (name, before, after) in &texts {
            ply.write(&format!("{folder}/{name}"), [before, after][side]);
        }
    }
    let patch = ply.ok(["diff", "-p", "i0:1", "i1:1"]) + "\n";
    for (name, ..) in &texts {
        let mut theirs = Command::new("diff");
        theirs.args(["-u", &format!("a/{name}"), &format!("b/{name}")]).current_dir(ply.folder());
        let theirs = String::from_utf8(theirs.output().unwrap().stdout).unwrap();
        let hunks = theirs.splitn(3, '\n').nth(2).unwrap();
        assert!(
            patch.contains(&format!("--- a/{name}\n+++ b/{name}\n{hunks}")),
            "{name}:\n{theirs}\n{patch}"
        );
    }
    if Command::new("patch").arg("--version").output().is_ok() {
        ply.write("patch", &patch);
        output(
            Command::new("patch").args(["-s", "-p1", "-d", "a", "-i", "../patch"]).current_dir(ply.folder()),
        );
        output(Command::new("diff").args(["-r", "a", "b"]).current_dir(ply.folder()));
    }
}

/// The paths are those that two listings of GNU tar do not share.
#[test]
fn added_paths_as_tar_lists_them() {
    let ply = Ply::with_family();
    let digest = ply.ok(["layers", "-q", "lang:3"]);
    let digest = digest.lines().last().unwrap().strip_prefix("sha256:").unwrap();
    let listed = output(Command::new("tar").arg("-tf").arg(ply.store().join("blobs/sha256").join(digest)));
    let mut listed: Vec<String> =
        listed.lines().map(|path| format!("A /{}", path.trim_end_matches('/'))).collect();
    listed.sort();
    let mut ours: Vec<String> =
        ply.ok(["diff", "--layers", "1..2", "lang:3"]).lines().map(str::to_owned).collect();
    ours.sort();
    assert_eq!(ours, listed);
}

/// Compressed or not, in the store or not, with one thread or many: the same.
#[test]
fn from_everywhere_the_same() {
    let (one, two) = (Made::of(&["base", "one"]), Made::of(&["base", "two"]));
    let mut layout = Layout::default();
    let mut listed = Vec::new();
    for (image, name) in [(&one, "one:1"), (&two, "two:1")] {
        let layers = image.layers.iter().map(|layer| gzip(layer)).collect();
        listed.push(named(
            layout.image(image, "application/vnd.oci.image.layer.v1.tar+gzip", layers),
            NAME,
            name,
        ));
    }
    let layout = listed.into_iter().fold(layout, Layout::list);
    let ply = with(&[&one, &two]);
    layout.write(&ply.file("layout"));
    let expect = ply.ok(["diff", "-p", "i0:1", "i1:1"]);
    assert!(expect.contains("C /etc/noise") && expect.contains("+two 1 "), "{expect}");
    for [a, b] in [["oci:layout:one:1", "oci:layout:two:1"], ["i0:1", "oci:layout:two:1"]] {
        assert_eq!(ply.ok(["diff", "-p", a, b]), expect, "{a} {b}");
        assert_eq!(ply.ok(["--threads", "1", "diff", "-p", a, b]), expect, "{a} {b}");
    }
    assert_eq!(ply.ok(["diff", "i0:1", "oci:layout:one:1"]), "");
}

/// Own sizes add up to what lies on disk, to the byte; own and shared to what each image has.
#[test]
fn the_tree_is_what_lies_on_disk() {
    let shared = |texts: &[&str]| Made::of(texts);
    let base = shared(&["base"]);
    let again = base.clone().with("author", Value::from("another"));
    let scratch = made(vec![]);
    let images = [
        &base,
        &again,
        &shared(&["base", "x", "one"]),
        &shared(&["base", "x", "two"]),
        &shared(&["y", "one"]),
        &scratch,
    ];
    let ply = with(&images);
    let mut layout = Layout::default();
    let zipped = shared(&["base", "x", "zipped"]);
    let layers = zipped.layers.iter().map(|layer| gzip(layer)).collect();
    let plain = layout.plain(&shared(&["arm"]).with("architecture", Value::from("riscv64")));
    let mine = layout.image(&zipped, "application/vnd.oci.image.layer.v1.tar+gzip", layers);
    let index = layout.index(&[mine, plain]);
    layout.list(named(index, NAME, "both:1")).write(&ply.file("layout"));
    ply.ok(["load", "-i", "layout", "--platform", "all"]);
    ply.ok(["tag", "i0:1", "again:1"]);

    let tree: Value = serde_json::from_str(&ply.ok(["tree", "--json"])).unwrap();
    let drawn = tree["tree"].as_array().unwrap();
    let on_disk: u64 = std::fs::read_dir(ply.store().join("blobs/sha256"))
        .unwrap()
        .map(|blob| blob.unwrap().metadata().unwrap().len())
        .sum();
    let number = |value: &Value| value.as_u64().unwrap();
    assert_eq!(number(&tree["onDisk"]), on_disk);
    assert_eq!(drawn.iter().map(|node| number(&node["own"])).sum::<u64>(), on_disk);
    let images: Vec<&Value> = drawn.iter().filter(|node| !node["id"].is_null()).collect();
    assert_eq!(images.len(), 8, "{tree:#}");
    let alone = images.iter().map(|node| number(&node["own"]) + number(&node["shared"])).sum::<u64>();
    assert_eq!(number(&tree["withoutSharing"]), alone);
    assert_eq!(ply.ok(["tree"]).lines().count(), drawn.len() + 2);

    // One image alone takes what its archive's blobs take.
    let one: Value = serde_json::from_str(&ply.ok(["tree", "--json", "i4:1"])).unwrap();
    let blobs = ply.save("oci", &["i4:1"]);
    let members: u64 = tar::Archive::new(&blobs[..])
        .entries()
        .unwrap()
        .map(Result::unwrap)
        .filter(|member| {
            member.path().unwrap().starts_with("blobs") && member.header().entry_type().is_file()
        })
        .map(|member| member.size())
        .sum();
    assert_eq!(number(&one["onDisk"]), members);
}
