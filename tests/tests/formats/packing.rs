//! Layers that are packed otherwise than they are stored: `save --format oci --compress-layers`, and `copy`.

use std::collections::BTreeMap;
use std::path::Path;

use ply_tests::{Layout, Made, Ply, host_architecture, layer, made, members, named, sha256, zstd};
use serde_json::{Value, json};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// An image for this host and one for another, the first plain, the second zstd; and an attestation of the first.
struct Index {
    host: Made,
    other: Made,
    tar: Vec<u8>,
}

fn index() -> Index {
    let mut layout = Layout::default();
    let host = made(vec![layer("shared"), layer("host")]);
    let other = made(vec![layer("shared"), layer("other")]).with("architecture", json!("s390x"));
    let mut manifest = layout.plain(&host);
    manifest["platform"] = json!({"os": "linux", "architecture": host_architecture()});
    let zstd_type = format!("{LAYER}+zstd");
    let packed = other.layers.iter().map(|layer| zstd(layer)).collect();
    let mut second = layout.image(&other, &zstd_type, packed);
    second["platform"] = json!({"os": "linux", "architecture": "s390x"});
    let statement = br#"{"_type":"https://in-toto.io/Statement/v0.1"}"#.to_vec();
    let said = made(vec![statement.clone()]);
    let attestation = layout.image(&said, "application/vnd.in-toto+json", vec![statement]);
    let mut attestation = named(attestation, "vnd.docker.reference.type", "attestation-manifest");
    attestation["annotations"]["vnd.docker.reference.digest"] = manifest["digest"].clone();
    attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    let index = layout.index(&[manifest, second, attestation]);
    let tar = layout.list(named(index, "io.containerd.image.name", "docker.io/library/app:1")).tar().finish();
    Index { host, other, tar }
}

fn loaded(index: &Index) -> Ply {
    let ply = Ply::new();
    ply.write("app.tar", &index.tar);
    ply.ok(["load", "-q", "--platform", "all", "-i", "app.tar"]);
    ply
}

type Members = BTreeMap<String, Vec<u8>>;

fn blob<'m>(members: &'m Members, descriptor: &Value) -> &'m [u8] {
    let digest = descriptor["digest"].as_str().unwrap();
    let blob = &members[&format!("blobs/{}", digest.replace(':', "/"))];
    assert_eq!(sha256(blob), digest);
    assert_eq!(blob.len(), usize::try_from(descriptor["size"].as_u64().unwrap()).unwrap());
    blob
}

fn document(members: &Members, descriptor: &Value) -> Value {
    serde_json::from_slice(blob(members, descriptor)).unwrap()
}

/// All that `index.json` leads to; every blob is what names it, and there is none that nobody names.
fn manifests(members: &Members) -> Vec<Value> {
    let root: Value = serde_json::from_slice(&members["index.json"]).unwrap();
    let [listed] = root["manifests"].as_array().unwrap().as_slice() else { panic!("{root}") };
    let index = document(members, listed);
    let descriptors = index["manifests"].as_array().unwrap();
    let manifests: Vec<Value> = descriptors.iter().map(|listed| document(members, listed)).collect();
    let named = manifests.iter().flat_map(|manifest| manifest["layers"].as_array().unwrap()).chain([listed]);
    let named = named.chain(descriptors).chain(manifests.iter().map(|manifest| &manifest["config"]));
    let mut digests: Vec<&str> = named
        .map(|named| {
            blob(members, named);
            named["digest"].as_str().unwrap()
        })
        .collect();
    digests.sort_unstable();
    digests.dedup();
    let blobs = members.keys().filter(|name| name.starts_with("blobs/sha256/") && !name.ends_with('/'));
    assert_eq!(blobs.count(), digests.len());
    assert_eq!(descriptors[2]["annotations"]["vnd.docker.reference.digest"], descriptors[0]["digest"]);
    manifests
}

#[test]
fn every_layer_is_packed_as_is_wanted() {
    let index = index();
    let ply = loaded(&index);
    let plain: Vec<&Vec<u8>> = index.host.layers.iter().chain(&index.other.layers).collect();
    for (kind, suffix, magic) in [
        ("gzip", "+gzip", &[0x1f, 0x8b][..]),
        ("zstd:3", "+zstd", &[0x28, 0xb5, 0x2f, 0xfd]),
        ("none", "", &[]),
    ] {
        let save = |more: &[&str]| {
            let words = ["save", "--format", "oci", "--compress-layers", kind, "app:1"];
            let ran = ply.run(words.iter().chain(more));
            assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{kind}");
            ran.stdout
        };
        let saved = save(&[]);
        assert!(saved == save(&["--threads", "1"]), "{kind}: other bytes with one thread");
        let members = members(&saved);
        let manifests = manifests(&members);
        let layers = manifests[..2].iter().flat_map(|manifest| manifest["layers"].as_array().unwrap());
        for (named, plain) in layers.zip(&plain) {
            assert_eq!(named["mediaType"], format!("{LAYER}{suffix}"), "{kind}");
            let blob = blob(&members, named);
            assert!(blob.starts_with(magic), "{kind}: {named}");
            assert!(suffix.is_empty() == (blob == plain.as_slice()), "{kind}: {named}");
        }
        // The file is what the stream is, and what was saved is the same images.
        ply.ok(["save", "--format", "oci", "--compress-layers", kind, "-o", "file.tar", "app:1"]);
        assert!(std::fs::read(ply.file("file.tar")).unwrap() == saved, "{kind}");
        let again = Ply::new();
        again.write("again.tar", &saved);
        again.ok(["load", "-q", "--platform", "all", "-i", "again.tar"]);
        assert_eq!(again.id("app:1"), index.host.id(), "{kind}");
        let other = again.ok(["inspect", "-f", "{{.Id}}", "--platform", "linux/s390x", "app:1"]);
        assert_eq!(other, index.other.id(), "{kind}");
        assert_eq!(again.run(["check"]).code, Some(0), "{kind}");
        // What is packed so already is not touched.
        let words = ["save", "--format", "oci", "--compress-layers", kind, "app:1"];
        assert!(again.run(words).stdout == saved, "{kind}: packed once more");
    }
}

/// An image of Docker's archive goes into a layout without being loaded.
#[test]
fn copied_into_a_layout() {
    let ply = Ply::new();
    let source = format!("docker-archive:{}:app:1.1", ply_tests::family().display());
    ply.ok(["copy", "-q", "--compress-layers", "zstd", &source, "oci:layout:v1"]);
    ply.ok(["copy", "-q", "--compress-layers", "zstd", &source, "oci-archive:layout.tar:app:1.1"]);
    let media = |from: &str| {
        let text = ply.ok(["inspect", "--raw", from]);
        let manifest: Value = serde_json::from_str(&text).unwrap();
        let layers = manifest["layers"].as_array().unwrap();
        layers.iter().map(|layer| layer["mediaType"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for from in ["oci:layout:v1", "oci-archive:layout.tar:app:1.1"] {
        let found = media(from);
        assert!(!found.is_empty() && found.iter().all(|kind| kind == &format!("{LAYER}+zstd")), "{found:?}");
        ply.ok(["load", "-q", "-i", if from.starts_with("oci:") { "layout" } else { "layout.tar" }]);
    }
    assert_eq!(ply.id("app:1.1"), Ply::with_family().id("app:1.1"));
    assert!(Path::new(&ply.file("layout/oci-layout")).exists());
}

/// What cannot be done says why, and leaves nothing.
#[test]
fn refused() {
    let ply = loaded(&index());
    let cases: [(&[&str], i32, &str); 5] = [
        (&["save", "--compress-layers", "gzip", "-o", "out", "app:1"], 2, "plain layers"),
        (&["save", "--format", "oci", "--compress-layers", "lzma", "-o", "out", "app:1"], 2, "lzma"),
        (&["copy", "--compress-layers", "gzip", "store:app:1", "docker-archive:out"], 2, "plain layers"),
        (&["copy", "--compress-layers", "gzip", "store:app:1", "store:app:2"], 2, "--compress-layers"),
        (
            &[
                "copy",
                "--all",
                "--preserve-digests",
                "--compress-layers",
                "gzip",
                "store:app:1",
                "oci-archive:out",
            ],
            2,
            "--preserve-digests",
        ),
    ];
    for (words, code, why) in cases {
        let ran = ply.run(words);
        assert_eq!((ran.code, ran.text()), (Some(code), ""), "{words:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(why), "{words:?}: {}", ran.stderr);
        assert!(!ply.file("out").exists(), "{words:?}");
    }
    // A damaged blob is not packed.
    let id = ply.ok(["layers", "--no-trunc", "-q", "app:1"]);
    let digest = id.lines().next().unwrap().trim_start_matches("sha256:").to_owned();
    let path = ply.store().join("blobs/sha256").join(digest);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[600] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, bytes).unwrap();
    let ran = ply.run(["save", "--format", "oci", "--compress-layers", "gzip", "-o", "out", "app:1"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("sha256:") && !ply.file("out").exists(), "{}", ran.stderr);
}
