//! Documents that are not what documents are.

use ply_tests::{Guarded, Made, Tarball, hex, layer, listed, sha256};
use serde_json::{Value, json};

const LAYER: &str = "l.tar";

/// An archive of Docker's with these very documents.
fn archive(manifest: &str, config: &[u8], image: &Made) -> Vec<u8> {
    let tar = Tarball::new().file("manifest.json", manifest).file("c", config);
    tar.file(LAYER, &image.layers[0]).finish()
}

fn manifest(name: &str) -> String {
    json!([listed("c", &[name], &[LAYER.to_owned()])]).to_string()
}

#[test]
fn manifests() {
    let guarded = Guarded::new();
    let image = Made::of(&["one"]);
    let check = |title: &str, manifest: &str, words: &[&str]| {
        guarded.refuses(title, &archive(manifest, &image.config, &image), words);
    };
    check("no JSON", "hello", &["manifest.json", "line 1"]);
    check("cut off", &manifest("app:1")[..20], &["manifest.json"]);
    check("two documents", &format!("{}[]", manifest("app:1")), &["manifest.json"]);
    check("an object", "{}", &["manifest.json"]);
    check("numbers", r#"[{"Config":1,"Layers":[2]}]"#, &["manifest.json"]);
    check("a list for an object", r#"[["c",["app:1"],["l.tar"]]]"#, &["manifest.json", "not lists"]);
    check("no name of a layer", r#"[{"Config":"c","Layers":[""]}]"#, &["manifest.json"]);
    check("no images", "[]", &["no image"]);
    check("no config", r#"[{"Layers":["l.tar"]}]"#, &["manifest.json", "Config"]);
    check("no layers", r#"[{"Config":"c"}]"#, &["manifest.json", "0 layers", "1"]);
    check(
        "a layer too many",
        r#"[{"Config":"c","Layers":["l.tar","l.tar"]}]"#,
        &["manifest.json", "2 layers", "1"],
    );
    check("too deep", &"[".repeat(200_000), &["manifest.json"]);
    check(
        "too deep, in an unknown key",
        &format!(r#"[{{"Config":"c","Layers":["l.tar"],"x":{}{}}}]"#, "[".repeat(5000), "]".repeat(5000)),
        &["manifest.json"],
    );
    check("a key twice", r#"[{"Config":"c","Layers":[],"Layers":["l.tar"]}]"#, &["manifest.json", "Layers"]);
    check(
        "a key twice, in another case",
        r#"[{"Config":"c","layers":[],"Layers":["l.tar"]}]"#,
        &["manifest.json", "ayers"],
    );
    let long = format!("{}{}", " ".repeat(8 << 20), manifest("app:1"));
    check("more than 8 MiB", &long, &["manifest.json", "8388608"]);
}

#[test]
fn configs() {
    let guarded = Guarded::new();
    let image = Made::of(&["one"]);
    let refused = |title: &str, config: &[u8], words: &[&str]| {
        let mut all = vec!["c"];
        all.extend(words);
        guarded.refuses(title, &archive(&manifest("app:1"), config, &image), &all);
    };
    let with = |key: &str, value: Value| Made::of(&["one"]).with(key, value).config;
    let diff_id = sha256(&image.layers[0]);
    let rootfs = |ids: Value| with("rootfs", json!({"type": "layers", "diff_ids": ids}));
    refused("no JSON", b"hello", &["config"]);
    refused("a list", b"[]", &["config"]);
    refused(
        "a list for the rootfs",
        &with("rootfs", json!(["layers", [diff_id]])),
        &["rootfs", "not a list"],
    );
    refused("no rootfs", b"{}", &["rootfs"]);
    refused(
        "another type of rootfs",
        &with("rootfs", json!({"type": "windows", "diff_ids": [diff_id]})),
        &["windows"],
    );
    refused("fewer DiffIDs than layers", &rootfs(json!([])), &["1 layers", "0"]);
    refused("more DiffIDs than layers", &rootfs(json!([diff_id, diff_id])), &["1 layers", "2"]);
    refused("null for DiffIDs", &rootfs(Value::Null), &["1 layers", "0"]);
    let upper = diff_id.to_uppercase().replace("SHA256", "sha256");
    for (title, digest) in [
        ("upper case", upper.as_str()),
        ("too short", &diff_id[..70]),
        ("too long", &format!("{diff_id}0")),
        ("a path", "sha256:../../../../../../../../../../../../../../../../../../etc/passwd"),
        ("no digits", "sha256:"),
        ("no algorithm", &diff_id[7..]),
        ("nothing", ""),
        ("a colon", ":"),
        ("an algorithm nobody knows", &diff_id.replace("sha256", "sha257")),
        ("a line end", &format!("{diff_id}\n")),
    ] {
        refused(title, &rootfs(json!([digest])), &["digest"]);
    }
    refused(
        "a key twice",
        &[br#"{"rootfs":{"type":"layers","diff_ids":[]},"#, &image.config[1..]].concat(),
        &["rootfs"],
    );
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let text = String::from_utf8(image.config.clone()).unwrap();
    refused("too deep", text.replace(r#"["sh"]"#, &deep).as_bytes(), &[]);
    let history: Vec<Value> = vec![json!({"empty_layer": true}); 200_000];
    refused("a history without end", &with("history", json!(history)), &[]);
    refused(
        "more than 8 MiB",
        &[image.config.as_slice(), " ".repeat(8 << 20).as_bytes()].concat(),
        &["8388608"],
    );
}

#[test]
fn names() {
    let guarded = Guarded::new();
    let image = Made::of(&["one"]);
    let hex = hex(b"sixty-four hex digits");
    let long = "a/".repeat(130);
    for name in [
        "App:1",
        "app:",
        ":1",
        "app:-rf",
        "../app:1",
        "app:1\n",
        "app:\u{1b}[31m",
        "app: 1",
        "a//b:1",
        &hex,
        &long,
        "app@sha256:00",
        &format!("app@{}", sha256(b"another")),
        &format!("app:1@{}", sha256(b"another")),
        "app:\u{202e}1",
        "registry.example:port/app:1",
        "[::1/app:1",
        "app:1:2",
    ] {
        guarded.refuses(
            &format!("{name:?}"),
            &archive(&manifest(name), &image.config, &image),
            &["manifest.json"],
        );
    }
}

/// Small archives that would fill the memory.
#[test]
fn bombs() {
    let guarded = Guarded::new();
    let image = Made::of(&["one"]);
    let member = |n: usize| format!("{n}.tar");
    let large = image.clone().with("x", json!("x".repeat(7 << 20))).config;
    let images: Vec<Value> = (0..20).map(|n| listed("c", &[], &[member(n)])).collect();
    let tar = Tarball::new().file("manifest.json", json!(images).to_string()).file("c", &large);
    let tar = (0..20).fold(tar, |tar, n| tar.file(&member(n), &image.layers[0]));
    guarded.refuses("a large config many times", &tar.finish(), &["documents of the archive", "67108864"]);
    let tar = (0..200_001).fold(Tarball::new(), |tar, n: usize| tar.file(&n.to_string(), ""));
    guarded.refuses("members without end", &ply_tests::zstd(&tar.finish()), &["200000"]);
}

/// What the message says of a name, and of anything else from an archive, may end on a terminal.
#[test]
fn messages_hold_no_control_characters() {
    let ply = ply_tests::Ply::new();
    let image = Made::of(&["one"]);
    let evil = "a\u{1b}]8;;http://x\u{7}b\rc\u{9b}d\u{202e}e";
    let config = format!(r#"{{"{evil}":1,"{evil}":2}}"#).replace(['\u{1b}', '\u{7}', '\r'], "");
    for tar in [
        archive(&manifest(evil), &image.config, &image),
        archive(&manifest("app:1"), config.as_bytes(), &image),
        Tarball::new().file("manifest.json", json!([listed(evil, &[], &[])]).to_string()).finish(),
        Tarball::new().symlink("x", "y").file(&format!("../{}", &evil[..12]), "x").finish(),
    ] {
        let path = ply.write("archive", tar);
        for input in ply_tests::Input::BOTH {
            let ran = ply.load(input, &path, &[]);
            assert_eq!(ran.code, Some(1), "{input:?}");
            let hidden = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
            assert!(!ran.stderr.contains(hidden), "{input:?}: {:?}", ran.stderr);
        }
    }
}

/// Before 1.10 IDs were parts of paths (CVE-2014-9358).
#[test]
fn old_ids() {
    let guarded = Guarded::new();
    let id = hex(b"an ID");
    let archive = |given: &str, parent: &str| {
        let json = json!({"id": id, "parent": parent, "created": "2015-01-02T03:04:05Z"});
        let tar = Tarball::new().file(&format!("{id}/json"), json.to_string());
        let tar = tar
            .file(&format!("{id}/layer.tar"), layer("one"))
            .file("repositories", json!({"app": {"1": given}}).to_string());
        tar.finish()
    };
    for given in [
        "../../etc",
        "",
        "x",
        &id[..63],
        &format!("{id}0"),
        &id.to_uppercase(),
        &format!("../{id}"),
        &format!("{id}/"),
    ] {
        guarded.refuses(&format!("repositories {given:?}"), &archive(given, ""), &["repositories"]);
        if !given.is_empty() {
            guarded.refuses(&format!("parent {given:?}"), &archive(&id, given), &["json"]);
        }
    }
    guarded.refuses("its own parent", &archive(&id, &id), &["json"]);
    let absent = hex(b"another ID");
    guarded.refuses("a parent that is not there", &archive(&id, &absent), &[&absent]);
}
