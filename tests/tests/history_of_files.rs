//! `ply log` and `ply du` on layers that no family has: opaque directories, links, hostile names, files stored twice.

use ply_tests::{Made, Ply, Ran, Tarball, archive_of, made};

/// An image of these layers, in an archive that is not loaded.
fn image(ply: &Ply, layers: Vec<Tarball>) -> Made {
    let image = made(layers.into_iter().map(Tarball::finish).collect());
    ply.write("image.tar", archive_of(&image, "image:1").finish());
    image
}

fn run(ply: &Ply, verb: &[&str], path: &[&str]) -> Ran {
    ply.run([verb, &["docker-archive:image.tar"], path].concat())
}

/// What each line says between the time and the command, newest first.
fn told(text: &str) -> Vec<String> {
    let line = |line: &str| {
        let (layer, rest) = line.split_at(7);
        let (_, rest) = rest.split_once(" ago ").unwrap();
        let (rest, _) = rest.rsplit_once("COPY ").unwrap();
        let words: Vec<&str> = rest.split_whitespace().collect();
        format!("{layer}: {}", words.join(" "))
    };
    text.lines().map(line).collect()
}

#[test]
fn each_layer_that_did_something_is_told() {
    let ply = Ply::new();
    let image = image(
        &ply,
        vec![
            Tarball::new()
                .folder("etc/")
                .file("etc/same", "as it was\n")
                .file("etc/kept", "one\n")
                .file("etc/dir", "file")
                .folder("opt/")
                .file("opt/old", "12345"),
            Tarball::new().file("etc/same", "as it was\n").file("etc/kept", "two\n"),
            Tarball::new()
                .folder("etc/dir/")
                .file("opt/.wh..wh..opq", "")
                .file("opt/new", "6")
                .hard_link("etc/twin", "etc/kept")
                .file("etc/kept", "three\n"),
            Tarball::new().symlink("opt", "etc").file(".wh.etc", ""),
        ],
    );
    let check = |path: &str, expect: &[&str]| {
        let ran = run(&ply, &["log"], &[path]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{path}");
        assert_eq!(told(ran.text()), expect, "{path}");
    };
    assert_eq!(image.layers.len(), 4);
    let gone = "layer 4: deleted by whiteout of /etc";
    check(
        "/etc/same",
        &[
            &format!("{gone}; 10 bytes stay in layer 2"),
            "layer 2: stored again as it was, 10 bytes",
            "layer 1: added 10 bytes, 0644 0:0",
        ],
    );
    check(
        "etc/kept/",
        &[
            &format!("{gone}; 6 bytes stay in layer 3"),
            "layer 3: changed 4 → 6 bytes",
            "layer 2: changed 4 bytes, other content",
            "layer 1: added 4 bytes, 0644 0:0",
        ],
    );
    check(
        "/etc/dir",
        &[
            gone,
            "layer 3: replaced file of 4 bytes → directory, 0755 0:0",
            "layer 1: added 4 bytes, 0644 0:0",
        ],
    );
    check(
        "/opt/old",
        &[
            "layer 3: hidden by opaque directory /opt; 5 bytes stay in layer 1",
            "layer 1: added 5 bytes, 0644 0:0",
        ],
    );
    check(
        "/opt/new",
        &[
            "layer 4: hidden by what replaced /opt; 1 byte stays in layer 3",
            "layer 3: added 1 byte, 0644 0:0",
        ],
    );
    check(
        "/opt",
        &[
            "layer 4: replaced directory → link to etc",
            "layer 3: emptied all that it held is hidden",
            "layer 1: added directory, 0755 0:0",
        ],
    );
}

/// By names; only where no layer has the name, by what its links lead to.
#[test]
fn links_are_followed_where_no_layer_has_the_name() {
    let ply = Ply::new();
    image(
        &ply,
        vec![
            Tarball::new()
                .symlink("bin", "usr/bin")
                .folder("usr/")
                .folder("usr/bin/")
                .file("usr/bin/sh", "#!"),
            Tarball::new().file("usr/bin/.wh.sh", ""),
            Tarball::new().symlink("loop", "loop"),
        ],
    );
    let ran = run(&ply, &["log"], &["/bin/sh"]);
    assert_eq!(
        told(ran.text()),
        ["layer 2: deleted by whiteout; 2 bytes stay in layer 1", "layer 1: added 2 bytes, 0644 0:0"]
    );
    assert_eq!(ran.stderr, "ply: /bin/sh: no layer has that name; links lead to /usr/bin/sh\n");
    let ran = run(&ply, &["log"], &["/bin"]);
    assert_eq!(
        (told(ran.text()).as_slice(), ran.stderr.as_str()),
        (&["layer 1: added link to usr/bin".to_owned()][..], "")
    );
    for path in ["/bin/nothing", "/loop/x", "/usr/bin/sh/x"] {
        let ran = run(&ply, &["log"], &[path]);
        assert_eq!((ran.code, ran.text()), (Some(1), ""));
        assert_eq!(ran.stderr, format!("ply: {path}: no layer of docker-archive:image.tar has it\n"));
    }
}

#[test]
fn only_text_of_some_length_has_a_diff() {
    let ply = Ply::new();
    let long = |line: &str| line.repeat((4 << 20) / line.len() + 1);
    image(
        &ply,
        vec![
            Tarball::new()
                .file("binary", "a\0b")
                .file("long", long("a\n"))
                .symlink("link", "x")
                .folder("dir/"),
            Tarball::new()
                .file("binary", "text\n")
                .file("long", long("b\n"))
                .file("link", "x\n")
                .file("dir", "d\n"),
        ],
    );
    let check = |path: &str, expect: &str| {
        let ran = run(&ply, &["log", "-p"], &[path]);
        let shown: String = ran
            .text()
            .lines()
            .filter(|line| !line.starts_with("layer"))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!((ran.code, shown.as_str()), (Some(0), expect), "{path}");
    };
    check("binary", "binary files differ\n\nbinary files differ\n");
    let limit = "no diff: a file is longer than 4.19MB or 100,000 lines\n";
    check("long", &format!("{limit}\n{limit}"));
    check(
        "link",
        "--- a/link\n+++ b/link\n@@ -1 +1 @@\n-x\n\\ No newline at end of file\n+x\n\n\
         --- /dev/null\n+++ b/link\n@@ -0,0 +1 @@\n+x\n\\ No newline at end of file\n",
    );
    check("dir", "--- /dev/null\n+++ b/dir\n@@ -0,0 +1 @@\n+d\n\n");
}

#[test]
fn hostile_names_are_escaped() {
    let ply = Ply::new();
    let name = "a\x1b[31m\u{202e}\nb";
    let created = serde_json::json!([
        {"created": "2026-01-02T03:04:05Z", "created_by": "COPY \x1b[2J\n /"},
        {"created": "no time", "created_by": "RUN\x07"},
    ]);
    let layers = vec![
        Tarball::new().file(name, "\x1b").symlink("link", "\x1b]0;x\x07").finish(),
        Tarball::new().file(&format!(".wh.{name}"), "").finish(),
    ];
    let image = made(layers).with("history", created);
    ply.write("image.tar", archive_of(&image, "image:1").finish());
    for (verb, path) in [(&["log"][..], &[name][..]), (&["log"], &["link"]), (&["du"], &[])] {
        let ran = run(&ply, verb, path);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{verb:?}");
        let harmful = |letter: char| letter != '\n' && (letter.is_control() || letter == '\u{202e}');
        assert!(!ran.text().contains(harmful), "{:?}", ran.text());
        assert!(ran.text().contains("\\x1b"), "{:?}", ran.text());
    }
    let ran = run(&ply, &["log"], &["nope\x1b"]);
    assert_eq!(ran.stderr, "ply: /nope\\u{1b}: no layer of docker-archive:image.tar has it\n");
}

/// Bytes are hidden only when no name shows them, one that a layer above gave included. Dive's efficiency goes by paths:
/// of 18 bytes it takes only the 1 of the last `c` to have been needed.
#[test]
fn a_name_that_is_left_keeps_the_bytes_visible() {
    let ply = Ply::new();
    image(
        &ply,
        vec![
            Tarball::new()
                .file("a", "12345")
                .hard_link("a2", "a")
                .file("b", "123")
                .file("c", "1234567")
                .file("d", "12"),
            Tarball::new().hard_link("b2", "b").file(".wh.a", "").file(".wh.b", "").file(".wh.d", ""),
            Tarball::new().file("c", "x"),
        ],
    );
    let ran = run(&ply, &["du", "--bytes"], &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(
        ran.text(),
        "LAYER     ADDS      HIDES     CREATED BY\n\
         3         1         7         COPY 3 /\n\
         2         0         2         COPY 2 /\n\
         1         17        0         COPY 1 /\n\
         18 bytes stored, 9 visible, 9 hidden: efficiency 5.5 %\n\
         Largest hidden:\n\
         \x20 7       /c        added in 1, replaced in 3\n\
         \x20 2       /d        added in 1, deleted in 2\n"
    );
}

/// The boundary counts as reached.
#[test]
fn efficiency_can_fail_a_build() {
    let ply = Ply::new();
    image(
        &ply,
        vec![Tarball::new().file("a", "1").file("b", "12"), Tarball::new().file("a", "2").file("empty", "")],
    );
    let check = |limit: &str, code: i32, expect: &str| {
        let ran = run(&ply, &["du", "--fail-under", limit], &[]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(code), expect), "{limit}");
        assert!(ran.text().contains("efficiency 75.0 %"), "{}", ran.text());
    };
    check("75", 0, "");
    check("75%", 0, "");
    check("0", 0, "");
    check("75.1", 1, "ply: efficiency 75.0 % is under 75.1 %\n");
    check("100", 1, "ply: efficiency 75.0 % is under 100 %\n");
    for limit in ["101", "-1", "NaN", "x", ""] {
        let limit = format!("--fail-under={limit}");
        assert_eq!(run(&ply, &["du", &limit], &[]).code, Some(2), "{limit}");
    }
}

/// The layer of a container has no ID yet, and nobody made it at a time.
#[test]
fn a_container_is_no_numbered_layer() {
    let ply = Ply::with_family();
    ply.write("motd", "mine\n");
    ply.ok(["create", "--name", "try", "base:1"]);
    ply.ok(["cp", "motd", "try:/etc/motd"]);
    let log = ply.ok(["log", "try", "/etc/motd"]);
    let lines: Vec<Vec<&str>> = log.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..2], ["container", "changed"], "{log}");
    assert_eq!((lines[1][..2].join(" "), lines.len()), ("layer 1".to_owned(), 2), "{log}");
    ply.write("new", "");
    ply.ok(["cp", "new", "try:/new"]);
    let log = ply.ok(["log", "try", "/new"]);
    assert!(log.starts_with("container  added   0 bytes, 0644 ") && !log.contains("N/A"), "{log}");
    let stat = ply.ok(["stat", "try", "/new"]);
    assert!(stat.trim_end().ends_with("Layer    2 of 2, container"), "{stat}");
    let du = ply.ok(["du", "try"]);
    assert!(du.lines().nth(1).unwrap().ends_with("   container try"), "{du}");
}
