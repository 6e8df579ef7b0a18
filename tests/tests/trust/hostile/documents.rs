//! Images whose documents lie. More of each kind, from files and pipes, with one thread and with many, are in `refused`.

use ply_tests::{Layout, Made, Tarball, archive_of, gzip, hex, layer, listed, named, sha256};
use serde_json::{Value, json};

use super::Case;
use super::Verdict::{Contained, Refused};

const NAME: &str = "io.containerd.image.name";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// An image of one small file.
fn image() -> Made {
    ply_tests::made(vec![Tarball::new().file("a", "1").finish()])
}

/// Its archive, with this `manifest.json`.
fn with_manifest(manifest: &str) -> Vec<u8> {
    let image = image();
    Tarball::new()
        .file("manifest.json", manifest)
        .file("c", &image.config)
        .file("l.tar", &image.layers[0])
        .finish()
}

/// With this config, which is called `c`.
fn with_config(config: &[u8]) -> Vec<u8> {
    let manifest = plain("image:1");
    Tarball::new()
        .file("manifest.json", manifest)
        .file("c", config)
        .file("l.tar", &image().layers[0])
        .finish()
}

fn plain(name: &str) -> String {
    json!([listed("c", &[name], &["l.tar".to_owned()])]).to_string()
}

fn diff_ids(ids: Value) -> Vec<u8> {
    with_config(&image().with("rootfs", json!({"type": "layers", "diff_ids": ids})).config)
}

/// A layout of the image, its manifest changed.
fn layout(change: impl Fn(&mut Value)) -> Vec<u8> {
    let mut layout = Layout::default();
    let descriptor = layout.plain(&image());
    let manifest = &layout.blobs[&descriptor["digest"].as_str().unwrap()[7..]];
    let mut manifest: Value = serde_json::from_slice(manifest).unwrap();
    change(&mut manifest);
    let descriptor = layout.blob(MANIFEST, manifest.to_string());
    layout.list(named(descriptor, NAME, "docker.io/library/image:1")).tar().finish()
}

/// A layout of an index of indexes, each level made of the one below.
fn nested(levels: usize, refs: usize) -> Vec<u8> {
    let mut layout = Layout::default();
    let mut next = layout.plain(&image());
    for level in 0..levels {
        let all: Vec<Value> = (0..refs).map(|n| named(next.clone(), "at", &format!("{level}.{n}"))).collect();
        next = layout.index(&all);
    }
    layout.list(named(next, NAME, "docker.io/library/image:1")).tar().finish()
}

/// From before Docker 1.10.
fn legacy(given: &str, parent: &str) -> Vec<u8> {
    let id = hex(b"an ID");
    let json = json!({"id": id, "parent": parent, "created": "2015-01-02T03:04:05Z"}).to_string();
    let tar = Tarball::new().file(&format!("{id}/json"), json).file(&format!("{id}/layer.tar"), layer("one"));
    tar.file("repositories", json!({"image": {"1": given}}).to_string()).finish()
}

/// An image with these members around the layer `1/layer.tar`.
fn linked(add: impl Fn(Tarball) -> Tarball) -> Vec<u8> {
    let image = image();
    let manifest = json!([listed("c", &["image:1"], &["1/layer.tar".to_owned()])]).to_string();
    add(Tarball::new().file("manifest.json", manifest).file("c", &image.config)).finish()
}

fn hybrid(layers: &[&str]) -> Vec<u8> {
    let (image, mut layout) = (image(), Layout::default());
    let manifest = layout.plain(&image);
    let layout = layout.list(named(manifest, NAME, "docker.io/library/image:1"));
    let layers: Vec<String> = layers.iter().map(|layer| (*layer).to_owned()).collect();
    let config = format!("blobs/sha256/{}", image.hex());
    layout.tar().file("manifest.json", json!([listed(&config, &["image:1"], &layers)]).to_string()).finish()
}

pub(crate) const CASES: &[Case] = &[
    Case::archive(
        "CVE-2014-9358",
        "an ID that climbs",
        |_| legacy("../../etc", ""),
        Refused(&["repositories"]),
    ),
    Case::archive(
        "CVE-2014-9358",
        "a parent that climbs",
        |_| legacy(&hex(b"an ID"), "../../etc"),
        Refused(&["json"]),
    ),
    Case::archive(
        "manifest.json paths",
        "a config outside",
        |o| {
            with_manifest(
                &json!([listed(&format!("{o}/victim"), &["image:1"], &["l.tar".to_owned()])]).to_string(),
            )
        },
        Refused(&["victim"]),
    ),
    Case::archive(
        "manifest.json paths",
        "a layer outside",
        |_| with_manifest(&json!([listed("c", &["image:1"], &["../../victim".to_owned()])]).to_string()),
        Refused(&["../../victim"]),
    ),
    Case::archive(
        "manifest.json paths",
        "by way of /proc",
        |_| {
            with_manifest(
                &json!([listed("/proc/self/root/etc/passwd", &["image:1"], &["l.tar".to_owned()])])
                    .to_string(),
            )
        },
        Refused(&["/proc/self/root/etc/passwd"]),
    ),
    Case::archive(
        "symlinked layer.tar",
        "to another layer, which comes later",
        |_| {
            linked(|tar| tar.symlink("1/layer.tar", "../0/layer.tar").file("0/layer.tar", &image().layers[0]))
        },
        Contained("a=1"),
    ),
    Case::archive(
        "symlinked layer.tar",
        "to a file of the host",
        |o| linked(|tar| tar.symlink("1/layer.tar", &format!("{o}/victim"))),
        Refused(&["1/layer.tar", "victim", "outside"]),
    ),
    Case::archive(
        "symlinked layer.tar",
        "a hard link to a file of the host",
        |o| linked(|tar| tar.hard_link("1/layer.tar", &format!("{o}/victim"))),
        Refused(&["1/layer.tar", "victim", "outside"]),
    ),
    Case::archive(
        "containerd #12890",
        "a link that leads to nothing",
        |_| linked(|tar| tar.symlink("1/layer.tar", "../0/layer.tar")),
        Refused(&["layer.tar"]),
    ),
    Case::archive(
        "CVE-2014-8179",
        "a layer that is not its DiffID",
        |_| diff_ids(json!([sha256(b"another")])),
        Refused(&["l.tar", "hashes to"]),
    ),
    Case::archive(
        "CVE-2014-8179",
        "a layer that is another, once the image is known",
        |_| {
            // A second image of the same ChainID, whose bytes are others.
            let image = image();
            let manifest = json!([
                listed("c", &["image:1"], &["l.tar".to_owned()]),
                listed("c", &["image:2"], &["m.tar".to_owned()])
            ]);
            let tar = Tarball::new().file("manifest.json", manifest.to_string()).file("c", &image.config);
            tar.file("l.tar", &image.layers[0]).file("m.tar", layer("evil")).finish()
        },
        Refused(&["m.tar"]),
    ),
    Case::archive(
        "CVE-2014-8179",
        "a blob that is not its digest",
        |_| {
            let mut layout = Layout::default();
            let manifest = layout.plain(&image());
            layout.blobs.insert(image().layer_hex(0), layer("evil"));
            layout.list(named(manifest, NAME, "docker.io/library/image:1")).tar().finish()
        },
        Refused(&[]),
    ),
    Case::archive(
        "CVE-2014-8178",
        "a config that is called by another digest",
        |_| {
            let manifest =
                json!([listed(&format!("{}.json", hex(b"another")), &["image:1"], &["l.tar".to_owned()])])
                    .to_string();
            let tar = Tarball::new()
                .file("manifest.json", manifest)
                .file(&format!("{}.json", hex(b"another")), &image().config);
            tar.file("l.tar", &image().layers[0]).finish()
        },
        Contained("a=1"),
    ),
    Case::archive(
        "CVE-2024-3727",
        "a digest that climbs",
        |_| layout(|m| m["layers"][0]["digest"] = json!("sha256:../../x")),
        Refused(&["digest"]),
    ),
    Case::archive(
        "CVE-2024-3727",
        "a DiffID in capitals",
        |_| diff_ids(json!([image().layer_hex(0).to_uppercase()])),
        Refused(&["digest"]),
    ),
    Case::archive(
        "CVE-2024-3727",
        "a digest of nothing",
        |_| layout(|m| m["config"]["digest"] = json!(":")),
        Refused(&["digest"]),
    ),
    Case::archive(
        "ggcr #2304",
        "fewer DiffIDs than layers",
        |_| diff_ids(json!([])),
        Refused(&["1 layers", "0"]),
    ),
    Case::archive(
        "ggcr #2304",
        "more DiffIDs than layers",
        |_| diff_ids(json!([sha256(b""), sha256(b"")])),
        Refused(&["1 layers", "2"]),
    ),
    Case::archive(
        "ggcr #2304",
        "null for a rootfs",
        |_| with_config(&image().with("rootfs", Value::Null).config),
        Refused(&["rootfs"]),
    ),
    Case::archive(
        "CVE-2021-41190",
        "manifest and index at once",
        |_| layout(|m| m["manifests"] = json!([])),
        Refused(&["manifests"]),
    ),
    Case::archive(
        "CVE-2021-41190",
        "another type than it is listed as",
        |_| layout(|m| m["mediaType"] = json!("application/vnd.oci.image.index.v1+json")),
        Refused(&["calls itself"]),
    ),
    Case::archive(
        "size lies",
        "too small",
        |_| layout(|m| m["layers"][0]["size"] = json!(1)),
        Refused(&["descriptor"]),
    ),
    Case::archive(
        "size lies",
        "too large",
        |_| layout(|m| m["layers"][0]["size"] = json!(1_u64 << 50)),
        Refused(&["descriptor"]),
    ),
    Case::archive("size lies", "below 0", |_| layout(|m| m["layers"][0]["size"] = json!(-1)), Refused(&[])),
    Case::archive(
        "size lies",
        "half a byte",
        |_| layout(|m| m["layers"][0]["size"] = json!(0.5)),
        Refused(&[]),
    ),
    Case::archive(
        "JSON keys twice",
        "once more",
        |_| with_manifest(r#"[{"Config":"c","Layers":["l.tar"],"Layers":[]}]"#),
        Refused(&["Layers"]),
    ),
    Case::archive(
        "JSON keys twice",
        "in another case",
        |_| with_manifest(r#"[{"Config":"c","Layers":["l.tar"],"layers":[]}]"#),
        Refused(&["ayers"]),
    ),
    Case::archive(
        "CVE-2020-1702",
        "200,000 deep",
        |_| with_manifest(&"[".repeat(200_000)),
        Refused(&["manifest.json"]),
    ),
    Case::archive(
        "CVE-2020-1702",
        "96 MiB of white space, packed",
        |_| gzip(&with_manifest(&(" ".repeat(96 << 20) + &plain("image:1")))),
        Refused(&["manifest.json", "8388608"]),
    ),
    Case::archive(
        "CVE-2020-1702",
        "200,000 steps",
        |_| with_config(&image().with("history", json!(vec![json!({"empty_layer": true}); 200_000])).config),
        Refused(&["16384"]),
    ),
    Case::archive("index fan-out", "2^40 ways", |_| nested(40, 2), Refused(&[])),
    Case::archive("index fan-out", "500 deep", |_| nested(500, 1), Refused(&[])),
    Case::archive("index fan-out", "5 deep, to one image", |_| nested(5, 1), Contained("a=1")),
    Case::archive(
        "hybrid archives",
        "index.json and manifest.json agree",
        |_| hybrid(&[&format!("blobs/sha256/{}", image().layer_hex(0))]),
        Contained("a=1"),
    ),
    Case::archive(
        "hybrid archives",
        "they do not",
        |_| hybrid(&[]),
        Refused(&["manifest.json", "index.json"]),
    ),
    Case::archive(
        "tag grammar",
        "that climbs",
        |_| with_manifest(&plain("../image:1")),
        Refused(&["manifest.json"]),
    ),
    Case::archive(
        "tag grammar",
        "a line end",
        |_| with_manifest(&plain("image:1\n")),
        Refused(&["manifest.json"]),
    ),
    Case::archive(
        "tag grammar",
        "an escape",
        |_| with_manifest(&plain("image:\u{1b}[31m")),
        Refused(&["manifest.json", "\\u{1b}"]),
    ),
    Case::archive("tag grammar", "an ID", |_| with_manifest(&plain(&hex(b"x"))), Refused(&["manifest.json"])),
    Case::archive(
        "tag grammar",
        "a switch",
        |_| with_manifest(&plain("image:-rf")),
        Refused(&["manifest.json"]),
    ),
    Case::archive(
        "tag grammar",
        "a NUL",
        |_| with_manifest(&plain("image\0:1")),
        Refused(&["manifest.json"]),
    ),
    Case::archive(
        "tag grammar",
        "right to left",
        |_| with_manifest(&plain("image:\u{202e}1")),
        Refused(&["manifest.json"]),
    ),
    Case::archive(
        "tag grammar",
        "256 bytes",
        |_| with_manifest(&plain(&"a".repeat(256))),
        Refused(&["manifest.json"]),
    ),
    Case::archive(
        "time ranges",
        "a year of -1",
        |_| with_config(&image().with("created", json!("-0001-01-01T00:00:00Z")).config),
        Contained("a=1"),
    ),
    Case::archive(
        "time ranges",
        "a year of 9999999",
        |_| with_config(&image().with("created", json!("9999999-01-01T00:00:00Z")).config),
        Contained("a=1"),
    ),
    Case::archive(
        "CVE-2026-53488",
        "labels like commands and templates",
        |_| {
            with_config(
                &image()
                    .with(
                        "config",
                        json!({"Labels": {"$(touch x)": "{{range .}}", "-rf": "`touch /victim`"}}),
                    )
                    .config,
            )
        },
        Contained("a=1"),
    ),
];

#[test]
fn documents_that_lie() {
    super::check(CASES);
}

/// CVE-2026-50195: a name that moves is told, or kept.
#[test]
pub(crate) fn a_name_that_is_taken() {
    let ply = ply_tests::Ply::new();
    ply.write("one.tar", archive_of(&Made::of(&["one"]), "image:1").finish());
    ply.write("two.tar", archive_of(&Made::of(&["two"]), "image:1").finish());
    ply.ok(["load", "-q", "-i", "one.tar"]);
    let id = ply.id("image:1");
    let kept = ply.run(["load", "-q", "--no-clobber", "-i", "two.tar"]);
    assert_eq!((kept.code, ply.id("image:1")), (Some(1), id.clone()));
    let told = ply.ok(["load", "-q", "-i", "two.tar"]);
    assert!(told.contains("already exists") && told.contains(&id), "{told}");
}

/// A template's text comes from the user; what an image says is never read as one, and a loop has an end.
#[test]
pub(crate) fn templates_have_an_end() {
    let ply = ply_tests::Ply::new();
    let label = "{{range .}}".repeat(20_000);
    ply.write(
        "a.tar",
        archive_of(&image().with("config", json!({"Labels": {"a": label}})), "image:1").finish(),
    );
    ply.write(
        "b.tar",
        archive_of(&image().with("config", json!({"Labels": {"a": "", "b": ""}})), "wide:1").finish(),
    );
    ply.ok(["load", "-q", "-i", "a.tar"]);
    ply.ok(["load", "-q", "-i", "b.tar"]);
    assert_eq!(ply.ok(["inspect", "-f", "{{.Config.Labels.a}}", "image:1"]), label);
    let refused = |template: &str, image: &str, words: &str| {
        let ran = ply.run(["inspect", "-f", template, image]);
        assert_eq!(ran.code, Some(1), "{}", &ran.stderr[..ran.stderr.len().min(300)]);
        assert!(ran.stderr.contains(words) && ran.stderr.len() < 1000, "{}", ran.stderr);
    };
    refused(&"{{.Config.Labels.a}}".repeat(100), "image:1", "16777216");
    // 2^40 steps.
    let wide = "{{range $.Config.Labels}}".repeat(40) + "x" + &"{{end}}".repeat(40);
    refused(&wide, "wide:1", "1000000");
}
