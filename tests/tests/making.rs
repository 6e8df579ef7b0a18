//! New images out of old ones: `import` and `squash`.

use std::collections::BTreeMap;

use ply_tests::{
    Input, Layout, Made, Ply, Ran, Tarball, archive_of, bzip2, descriptor, family, gzip, hex, listing, made,
    named, sha256, xz, zstd,
};
use serde_json::Value;

fn root() -> Tarball {
    Tarball::new()
        .folder("etc/")
        .file("etc/motd", "hello\n")
        .hard_link("etc/issue", "etc/motd")
        .symlink("bin", "usr/bin")
}

fn json(ply: &Ply, format: &str, image: &str) -> Value {
    serde_json::from_str(&ply.ok(["inspect", "-f", format, image])).unwrap()
}

/// With a time that does not go on.
fn at(ply: &Ply, seconds: &str, args: &[&str]) -> Ran {
    ply.command(args).env("SOURCE_DATE_EPOCH", seconds).output().unwrap().into()
}

/// The DiffID is the plain tar's digest, whatever it came in; so is the ID the same.
#[test]
fn a_tar_in_any_dress_is_the_same_image() {
    let plain = root().finish();
    let ply = Ply::new();
    let mut ids = Vec::new();
    for (name, bytes) in [
        ("plain", plain.clone()),
        ("gzip", gzip(&plain)),
        ("zstd", zstd(&plain)),
        ("xz", xz(&plain)),
        ("bzip2", bzip2(&plain)),
    ] {
        let path = ply.write(name, &bytes);
        let ran = at(&ply, "1700000000", &["import", name, &format!("{name}:1")]);
        assert_eq!(ran.code, Some(0), "{name}: {}", ran.stderr);
        ids.push(ran.text().trim_end().to_owned());
        let mut piped = ply.command(["import", "-", "piped:1"]);
        let ran: Ran = ply_tests::feed(piped.env("SOURCE_DATE_EPOCH", "1700000000"), &path).into();
        assert_eq!(ran.code, Some(0), "{name}: {}", ran.stderr);
        ids.push(ran.text().trim_end().to_owned());
        assert_eq!(ply.ok(["layers", "-q", &format!("{name}:1")]), sha256(&plain), "{name}");
    }
    ids.dedup();
    assert_eq!(ids, [ply.id("piped:1")], "{ids:?}");
    assert_eq!(ply.ok(["cat", "plain:1", "/etc/issue"]), "hello");
    assert_eq!(
        ply.ok(["inspect", "-f", "{{.Created}} {{.Comment}}", "plain:1"]),
        "2023-11-14T22:13:20Z Imported from -"
    );
    assert_eq!(ply.run(["check"]).code, Some(0));
}

#[test]
fn what_is_said_of_it_is_in_the_config() {
    let ply = Ply::new();
    ply.write("root.tar", root().finish());
    let id = ply.ok([
        "image",
        "import",
        "root.tar",
        "app:1",
        "-m",
        "by hand",
        "--platform",
        "linux/arm64",
        "-c",
        "ENV A=1 B=\"two words\"",
        "-c",
        "ENV A=$A$A",
        "--change",
        "CMD [\"sh\"]",
        "-c",
        "WORKDIR srv",
    ]);
    assert_eq!(id, ply.id("app:1"));
    assert_eq!(
        json(&ply, "{{json .Config}}", "app:1"),
        serde_json::json!({"Env": ["A=11", "B=two words"], "Cmd": ["sh"], "WorkingDir": "/srv"})
    );
    assert_eq!(
        ply.ok(["inspect", "-f", "{{.Os}}/{{.Architecture}} {{.Comment}}", "app:1"]),
        "linux/arm64 by hand"
    );
    assert_eq!(
        ply.ok(["history", "--format", "{{.Comment}}|{{.CreatedBy}}|{{.Size}}", "app:1"]),
        "by hand||13B"
    );
    // What we make is loaded again, by the same strict reader as all else.
    let other = Ply::new();
    other.write("saved.tar", ply.save("docker", &["app:1"]));
    other.ok(["load", "-i", "saved.tar"]);
    assert_eq!(other.id("app:1"), id);
}

#[test]
fn a_name_moves_and_no_name_is_no_reason_to_lose_an_image() {
    let ply = Ply::new();
    ply.write("root.tar", root().finish());
    let first = ply.ok(["import", "root.tar", "app"]);
    let second = ply.ok(["import", "root.tar", "app:latest", "-m", "another"]);
    let third = ply.ok(["import", "root.tar"]);
    assert_eq!(ply.id("app"), second);
    let dangling = ply.ok(["images", "-q", "--no-trunc", "-f", "dangling=true"]);
    let mut dangling: Vec<&str> = dangling.lines().collect();
    dangling.sort_unstable();
    let mut expected = [first.as_str(), third.as_str()];
    expected.sort_unstable();
    assert_eq!(dangling, expected);
}

/// Each refusal names what is wrong, and the store is as it was, to the byte.
#[test]
fn what_is_refused_leaves_no_trace() {
    let ply = Ply::with_family();
    let before = listing(&ply.store());
    let check = |args: &[&str], code: i32, words: &[&str]| {
        let ran = ply.run(args);
        assert_eq!((ran.code, ran.text()), (Some(code), ""), "{args:?}: {}", ran.stderr);
        for word in words {
            assert!(ran.stderr.contains(word), "{args:?}: no {word:?} in: {}", ran.stderr);
        }
        assert!(
            ran.stderr.starts_with("ply: ") && ran.stderr.lines().count() == 1,
            "{args:?}: {}",
            ran.stderr
        );
        assert_eq!(listing(&ply.store()), before, "{args:?}: the store has changed");
    };
    let tar = |name: &str, bytes: Vec<u8>| ply.write(name, bytes);
    tar("whiteout", root().file("etc/.wh.passwd", "").finish());
    tar("opaque", root().file("./etc/.wh..wh..opq", "").finish());
    tar("below", root().folder(".wh.x/").finish());
    tar("link", root().hard_link("etc/x", "etc/gone").finish());
    tar("circle", root().hard_link("a", "b").hard_link("b", "a").finish());
    tar("cut", root().file("big", vec![7; 100_000]).finish()[..60_000].to_vec());
    tar("cut.gz", gzip(&root().file("big", noise()).finish())[..60_000].to_vec());
    tar("text", b"no tar at all".to_vec());
    tar("empty", Vec::new());
    tar("good", root().finish());
    check(&["import", "whiteout", "x"], 1, &["whiteout", "etc/.wh.passwd"]);
    check(&["import", "opaque", "x"], 1, &["etc/.wh..wh..opq"]);
    check(&["import", "below", "x"], 1, &[".wh.x/"]);
    check(&["import", "link", "x"], 1, &["etc/x", "etc/gone"]);
    check(&["import", "circle", "x"], 1, &["circle"]);
    check(&["import", "cut", "x"], 1, &["cut", "ends"]);
    check(&["import", "cut.gz", "x"], 1, &["cut.gz", "gzip"]);
    check(&["import", "text", "x"], 1, &["text", "13"]);
    check(&["import", "empty", "x"], 1, &["empty", "nothing to read"]);
    check(&["import", "-", "x"], 1, &["nothing to read"]);
    check(&["import", "gone", "x"], 1, &["gone", "No such file"]);
    check(&["import", ".", "x"], 2, &["folder"]);
    check(&["import", "https://example.com/root.tar", "x"], 2, &["https://example.com/root.tar", "ownload"]);
    check(&["import", "good", "UPPER"], 1, &["must be lowercase"]);
    check(&["import", "good", "x", "-c", "RUN true"], 2, &["run is not a valid change command"]);
    check(&["import", "good", "x", "-c", "ENV a=${b?gone}"], 2, &["b: gone"]);
    check(&["import", "good", "x", "--platform", "toaster"], 2, &["toaster"]);
    check(&["squash", "no-such", "-t", "x"], 1, &["No such image: no-such"]);
    check(&["squash", "app:1.1~1", "-t", "x"], 2, &["app:1.1~1: layers alone have files, but no config"]);
    check(&["squash", "app:1.1", "-t", "x", "--from", "99"], 2, &["no layer 99"]);
    check(&["squash", "app:1.1", "-t", "UPPER"], 1, &["must be lowercase"]);
    check(&["squash", "app:1.1", "-t", "x", "--platform", "linux/s390x"], 1, &["linux/s390x"]);
    std::fs::copy(family(), ply.file("family.tar")).unwrap();
    check(&["squash", "docker-archive:family.tar:app:1.1", "-t", "x"], 2, &["not in the store", "load it"]);
    let ran = at(&ply, "soon", &["import", "good", "x"]);
    assert_eq!((ran.code, ran.text()), (Some(2), ""));
    assert!(ran.stderr.contains("SOURCE_DATE_EPOCH is soon"), "{}", ran.stderr);
    assert_eq!(listing(&ply.store()), before);
}

/// What does not compress.
fn noise() -> Vec<u8> {
    (0..100_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).rotate_left(n % 31).to_le_bytes()).collect()
}

/// A layer that is damaged is noticed before an image is made of it; the lowest ones stay, and are not read.
#[test]
fn a_damaged_layer_is_not_squashed() {
    let image = Made::of(&["one", "two"]);
    let gzipped: Vec<Vec<u8>> = image.layers.iter().map(|plain| gzip(plain)).collect();
    for (kind, blobs) in [("tar+gzip", gzipped), ("tar", image.layers.clone())] {
        let digest = hex(&blobs[1]);
        let mut damaged = blobs[1].clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        let mut layout = Layout::default();
        let manifest = layout.image(&image, &format!("application/vnd.oci.image.layer.v1.{kind}"), blobs);
        let archive =
            layout.list(named(manifest, "io.containerd.image.name", "docker.io/library/app:1")).tar();
        let ply = Ply::new();
        let path = ply.write("app.tar", archive.finish());
        assert_eq!(ply.load(Input::File, &path, &[]).code, Some(0));
        std::fs::write(ply.store().join("blobs/sha256").join(&digest), damaged).unwrap();
        for from in ["0", "1"] {
            let ran = ply.run(["squash", "app:1", "-t", "flat:1", "--from", from]);
            assert_eq!((ran.code, ran.text()), (Some(1), ""), "{kind}: {}", ran.stderr);
            assert!(ran.stderr.contains(&image.layer_hex(1)[..12]), "{kind}: {}", ran.stderr);
            assert_eq!(ply.run(["inspect", "flat:1"]).code, Some(1), "{kind}");
        }
    }
}

/// Three layers: what is there, what comes, what goes.
fn layered() -> Made {
    made(vec![
        Tarball::new().folder("a/").file("a/stays", "1").file("a/goes", "2").file("low", "3").finish(),
        Tarball::new()
            .folder("a/")
            .file("a/secret", "key")
            .file("high", "4")
            .folder("o/")
            .file("o/in", "5")
            .finish(),
        Tarball::new()
            .folder("a/")
            .file("a/.wh.secret", "")
            .file("a/.wh.goes", "")
            .file("high", "6")
            .folder("o/")
            .file("o/.wh..wh..opq", "")
            .file("o/new", "7")
            .finish(),
    ])
}

#[test]
fn what_came_and_went_leaves_no_trace() {
    let ply = Ply::new();
    let archive = ply.write("archive", archive_of(&layered(), "app:1").finish());
    assert_eq!(ply.load(Input::File, &archive, &[]).code, Some(0));
    let check = |from: &[&str], layers: &str, top: &[&str]| {
        let id = ply.ok([&["squash", "app:1", "-t", "flat:1", "-t", "flat:also"], from].concat());
        assert_eq!((ply.id("flat:1"), ply.id("flat:also")), (id.clone(), id), "{from:?}");
        assert_eq!(ply.ok(["layers", "-q", "flat:1"]).lines().count().to_string(), layers, "{from:?}");
        assert_eq!(ply.run(["export", "flat:1"]).stdout, ply.run(["export", "app:1"]).stdout, "{from:?}");
        let listed = ply.ok(["ls", "-R", "--layer", layers, "flat:1"]);
        assert_eq!(listed.lines().collect::<Vec<_>>(), top, "{from:?}");
        assert_eq!(ply.run(["check", "flat:1"]).code, Some(0), "{from:?}");
    };
    check(&[], "1", &["/a", "/a/stays", "/high", "/low", "/o", "/o/new"]);
    check(&["--from", "0"], "1", &["/a", "/a/stays", "/high", "/low", "/o", "/o/new"]);
    check(&["--from", "1"], "2", &["/a", "/a/goes (whiteout)", "/high", "/o", "/o/new"]);
    let second = ply.ok(["layers", "-q", "app:1"]);
    let second = second.lines().find(|id| *id == sha256(&layered().layers[1])).unwrap().to_owned();
    check(
        &["--from", &second],
        "3",
        &["/a", "/a/goes (whiteout)", "/a/secret (whiteout)", "/high", "/o", "/o/new"],
    );
    // The secret's bytes are in no blob of the image.
    ply.ok(["squash", "app:1", "-t", "flat:1", "--from", "1"]);
    let saved = ply.save("docker", &["flat:1"]);
    assert!(!saved.windows(8).any(|bytes| bytes == b"a/secret"));
}

/// The steps stay, without their layers; a new one has the layer, and the config is what it was.
#[test]
fn config_and_history_stay() {
    let ply = Ply::new();
    let odd = serde_json::json!({"deep": [1.5, null], "Upper": "case"});
    let image = layered().with("x.unknown", odd.clone()).with("container", "0123".into());
    let archive = ply.write("archive", archive_of(&image, "app:1").finish());
    assert_eq!(ply.load(Input::File, &archive, &[]).code, Some(0));
    let id = ply.id("app:1");
    ply.ok(["squash", "app:1", "--from", "1", "-t", "flat:1"]);
    assert_eq!(json(&ply, "{{json .Config}}", "flat:1"), json(&ply, "{{json .Config}}", "app:1"));
    let lines =
        ply.ok(["history", "--no-trunc", "--format", "{{.CreatedBy}}|{{.Comment}}|{{.Size}}", "flat:1"]);
    let below = ply_chain(&ply, "app:1", 1);
    assert_eq!(
        lines.lines().collect::<Vec<_>>(),
        [format!("|merge {id} to {below}|2B").as_str(), "COPY 3 /||0B", "COPY 2 /||0B", "COPY 1 /||3B",]
    );
    let config = std::fs::read(ply.store().join("blobs/sha256").join(&ply.id("flat:1")[7..])).unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    assert_eq!((&config["x.unknown"], config.get("container")), (&odd, None));

    ply.ok(["squash", "app:1", "-t", "flat:2", "-m", "made small"]);
    assert_eq!(ply.ok(["history", "--format", "{{.Comment}}", "flat:2"]).lines().next(), Some("made small"));
    ply.ok(["squash", "app:1", "-t", "flat:3"]);
    let first = ply.ok(["history", "--no-trunc", "--format", "{{.Comment}}", "flat:3"]);
    assert_eq!(first.lines().next(), Some(format!("create new from {id}").as_str()));
}

fn ply_chain(ply: &Ply, image: &str, layer: usize) -> String {
    let layers: Vec<Value> = serde_json::from_str(&ply.ok(["layers", "--json", image])).unwrap();
    let chains: BTreeMap<u64, String> = layers
        .iter()
        .map(|layer| (layer["layer"].as_u64().unwrap(), layer["chainId"].as_str().unwrap().to_owned()))
        .collect();
    chains[&(layer as u64)].clone()
}

/// Nothing to squash is the same image; one layer is written anew, and then no more.
#[test]
fn little_to_squash() {
    let ply = Ply::new();
    let archive = ply.write("archive", archive_of(&layered(), "app:1").finish());
    assert_eq!(ply.load(Input::File, &archive, &[]).code, Some(0));
    assert_eq!(ply.ok(["squash", "app:1", "--from", "3", "-t", "same:1"]), ply.id("app:1"));
    assert_eq!(ply.ok(["inspect", "-f", "{{.RepoTags}}", "app:1"]), "[app:1 same:1]");
    let ran = at(&ply, "1", &["squash", "app:1", "-t", "one:1"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let again = at(&ply, "1", &["squash", "one:1", "-t", "one:2"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(
        ply.ok(["layers", "-q", "one:2"]),
        ply.ok(["layers", "-q", "one:1"]),
        "the same layer, the same bytes"
    );
    ply.write("none.tar", archive_of(&made(Vec::new()), "none:1").finish());
    ply.ok(["load", "-i", "none.tar"]);
    assert_eq!(ply.ok(["squash", "none:1", "-t", "none:2"]), ply.id("none:1"));
}

/// Compressed layers that stay are the blobs they were; with any number of threads the new one is the same.
#[test]
fn layers_that_stay_are_not_touched() {
    let image = layered();
    let mut layout = Layout::default();
    let blobs: Vec<Vec<u8>> = image.layers.iter().map(|plain| gzip(plain)).collect();
    let bottom = descriptor("application/vnd.oci.image.layer.v1.tar+gzip", &blobs[0]);
    // In Docker's words, which become OCI's in a manifest that is.
    let manifest = layout.image(&image, "application/vnd.docker.image.rootfs.diff.tar.gzip", blobs);
    let archive = layout.list(named(manifest, "io.containerd.image.name", "docker.io/library/app:1")).tar();
    let archive = archive.finish();
    let mut ids = Vec::new();
    for threads in [0, 1] {
        let ply = Ply::with_threads(threads);
        let path = ply.write("app.tar", &archive);
        assert_eq!(ply.load(Input::File, &path, &[]).code, Some(0));
        let ran = at(&ply, "1", &["squash", "app:1", "--from", "1", "-t", "flat:1"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ids.push(ran.stdout);
        let layers: Vec<Value> = serde_json::from_str(&ply.ok(["layers", "--json", "flat:1"])).unwrap();
        let lowest = layers.iter().find(|layer| layer["layer"] == 1).unwrap();
        assert_eq!(lowest["digest"], bottom["digest"]);
        assert_eq!(lowest["mediaType"], bottom["mediaType"]);
        assert_eq!(ply.run(["export", "flat:1"]).stdout, ply.run(["export", "app:1"]).stdout);
    }
    assert_eq!(ids[0], ids[1]);
}
