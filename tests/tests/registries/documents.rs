//! Documents that are well told by their digest and are wrong all the same.

use ply_tests::{Made, descriptor, host_architecture, layer, made, sha256};
use serde_json::{Value, json};

use super::Journey;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// A manifest of an image whose blobs the registry has.
fn manifest_of(journey: &Journey, image: &Made) -> Value {
    for blob in image.layers.iter().chain([&image.config]) {
        journey.liar.blob(blob.clone());
    }
    let layers: Vec<Value> = image.layers.iter().map(|layer| descriptor(LAYER, layer)).collect();
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(CONFIG, &image.config),
        "layers": layers,
    })
}

fn index_of(manifests: &[Value]) -> Value {
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})
}

/// The manifest with some keys set, some of them to nothing.
fn with(mut document: Value, keys: &[(&str, Value)]) -> Value {
    for (key, value) in keys {
        match value {
            Value::Null => drop(document.as_object_mut().unwrap().remove(*key)),
            value => document[*key] = value.clone(),
        }
    }
    document
}

/// What is served as what, and the words that say what is wrong.
#[test]
fn manifests() {
    let journey = Journey::new();
    let image = Made::of(&["a", "b"]);
    let good = manifest_of(&journey, &image);
    let raw = good.to_string();
    let listed = descriptor(MANIFEST, raw.as_bytes());
    journey.liar.manifest("app", None, MANIFEST, raw);
    let index = index_of(std::slice::from_ref(&listed));
    let check = |kind: &str, document: &Value, words: &[&str]| {
        journey.liar.manifest("app", "1", kind, document.to_string());
        journey.liar.clear_log();
        journey.fails("app:1", words);
        for layer in &image.layers {
            assert_eq!(journey.asked(&sha256(layer)).len(), 0, "{document}: layers were fetched");
        }
    };
    // Both kinds in one (CVE-2021-41190).
    let listing = ("manifests", json!([listed]));
    let two = with(good.clone(), std::slice::from_ref(&listing));
    for kind in [MANIFEST, INDEX, "application/json", ""] {
        check(kind, &two, &["both, and so is neither"]);
        check(kind, &with(two.clone(), &[("mediaType", Value::Null)]), &["both, and so is neither"]);
        check(kind, &with(two.clone(), &[("mediaType", json!(INDEX))]), &["both, and so is neither"]);
    }
    // What is said outside contradicts what is said inside.
    check(INDEX, &good, &["index sha256:", "is not a valid document"]);
    check(DOCKER_LIST, &good, &["index sha256:", "is not a valid document"]);
    check(MANIFEST, &index, &["manifest sha256:", "is not a valid document"]);
    check(MANIFEST, &with(good.clone(), &[("mediaType", json!(INDEX))]), &["calls itself"]);
    check(INDEX, &with(index.clone(), &[("mediaType", json!(MANIFEST))]), &["calls itself"]);
    check("", &with(good.clone(), &[("mediaType", json!(DOCKER_LIST))]), &["calls itself"]);
    // Older ones, and no documents at all.
    let schema1 = json!({
        "schemaVersion": 1, "name": "app", "tag": "1", "architecture": "amd64",
        "fsLayers": [{"blobSum": sha256(b"x")}], "history": [{"v1Compatibility": "{}"}],
    });
    check(
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        &schema1,
        &["is not a valid document"],
    );
    check(MANIFEST, &schema1, &["is not a valid document"]);
    check(MANIFEST, &json!({}), &["is not a valid document"]);
    check(MANIFEST, &json!([]), &["is not a valid document"]);
    check("text/html", &json!("<html>"), &["is not a valid document"]);
    check(MANIFEST, &with(good.clone(), &[("schemaVersion", json!(3))]), &["schemaVersion 3"]);
    // What is no image.
    let mut artifact = good.clone();
    artifact["config"]["mediaType"] = json!("application/vnd.example.chart.config.v1+json");
    check(MANIFEST, &artifact, &["is no image", "vnd.example.chart.config"]);
    let empty = with(good.clone(), &[("config", descriptor("application/vnd.oci.empty.v1+json", b"{}"))]);
    check(MANIFEST, &empty, &["is no image"]);
    // Descriptors that lie.
    let mut large = good.clone();
    large["config"]["size"] = json!(100 << 20);
    check(MANIFEST, &large, &["config"]);
    let mut long = good.clone();
    long["config"]["size"] = json!(image.config.len() + 1);
    check(MANIFEST, &long, &["promises"]);
    let mut digestless = good.clone();
    digestless["config"]["digest"] = json!("sha256:../../../../etc/passwd");
    check(MANIFEST, &digestless, &["reading a digest"]);
    // A config that is another.
    let layers = |layers: Value| with(good.clone(), &[("layers", layers)]);
    let [a, b] = [0, 1].map(|at| good["layers"][at].clone());
    check(MANIFEST, &layers(json!([a])), &["has 1 layers, but its config names 2"]);
    check(MANIFEST, &layers(json!([a, b, b])), &["has 3 layers"]);
    check(MANIFEST, &layers(json!([])), &["has 0 layers"]);

    journey.liar.manifest("app", "1", MANIFEST, good.to_string());
    journey.ok(["pull", &journey.liar.name("app:1")]);
}

/// A config whose DiffIDs are not the layers': found when they have come.
#[test]
fn layers_that_are_not_the_configs() {
    let journey = Journey::new();
    let right = Made::of(&["a", "b"]);
    for diff_ids in [
        vec![sha256(&right.layers[1]), sha256(&right.layers[0])],
        vec![sha256(&right.layers[0]), sha256(b"another")],
    ] {
        let image = right.clone().with("rootfs", json!({"type": "layers", "diff_ids": diff_ids}));
        let manifest = manifest_of(&journey, &image);
        journey.liar.manifest("app", "1", MANIFEST, manifest.to_string());
        journey.fails("app:1", &["layer "]);
        // Also when the layers are here by then.
        let good = manifest_of(&journey, &right);
        journey.liar.manifest("app", "good", MANIFEST, good.to_string());
        journey.ok(["pull", &journey.liar.name("app:good")]);
        journey.fails("app:1", &["layer "]);
    }
}

/// Layers that are no layers.
#[test]
fn layers_that_are_none() {
    let journey = Journey::new();
    for bytes in
        [vec![b'x'; 5000], b"\x1f\x8b\x08 and no more".to_vec(), b"\x28\xb5\x2f\xfd but not".to_vec()]
    {
        let image = made(vec![bytes]);
        let manifest = manifest_of(&journey, &image);
        journey.liar.manifest("app", "1", MANIFEST, manifest.to_string());
        journey.fails("app:1", &["layer 1 of 1"]);
    }
}

/// Indexes.
#[test]
fn indexes() {
    let journey = Journey::new();
    let image = Made::of(&["a"]);
    let raw = manifest_of(&journey, &image).to_string();
    journey.liar.manifest("app", None, MANIFEST, raw.clone());
    let platform = json!({"os": "linux", "architecture": host_architecture()});
    let listed = with(descriptor(MANIFEST, raw.as_bytes()), &[("platform", platform.clone())]);
    let check = |index: &Value, words: &[&str]| {
        journey.liar.manifest("app", "1", INDEX, index.to_string());
        journey.liar.clear_log();
        journey.fails("app:1", words);
        assert_eq!(journey.asked(&sha256(&image.layers[0])).len(), 0);
    };
    // Nothing for this host, and what there is.
    let other = json!({"os": "linux", "architecture": "mips64le"});
    let elsewhere = with(listed.clone(), &[("platform", other)]);
    check(&index_of(std::slice::from_ref(&elsewhere)), &["linux/mips64le"]);
    check(&index_of(&[]), &["no manifest for platform linux/"]);
    // A size that is another, and a document that is not there.
    let longer = with(listed.clone(), &[("size", json!(raw.len() + 1))]);
    check(&index_of(&[longer]), &["bytes, and its index says"]);
    let absent = with(listed.clone(), &[("digest", json!(sha256(b"absent")))]);
    check(&index_of(&[absent]), &["has no manifest app@"]);
    // A kind that is another.
    let disguised = with(listed.clone(), &[("mediaType", json!(INDEX))]);
    check(&index_of(&[disguised]), &["is not a valid document"]);

    // What is for others need not be right, or there.
    let broken = with(elsewhere, &[("digest", json!(sha256(b"absent")))]);
    journey.liar.manifest("app", "1", INDEX, index_of(&[broken, listed]).to_string());
    journey.ok(["pull", &journey.liar.name("app:1")]);
    journey.is_sound();
    // For another platform than the host's there is none.
    let name = journey.liar.name("app:1");
    let ran = journey.run(["pull", "--platform", "linux/s390x", &name]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("linux/s390x"), "{}", ran.stderr);
}

/// An index that an index lists, and another in that, and so on.
#[test]
fn indexes_in_indexes() {
    let journey = Journey::new();
    let raw = manifest_of(&journey, &made(vec![layer("a")])).to_string();
    journey.liar.manifest("app", None, MANIFEST, raw.clone());
    let mut below = descriptor(MANIFEST, raw.as_bytes());
    for _ in 0..100 {
        let index = index_of(std::slice::from_ref(&below)).to_string();
        journey.liar.manifest("app", "1", INDEX, index.clone());
        below = descriptor(INDEX, index.as_bytes());
    }
    journey.fails("app:1", &["nested more than"]);
    assert!(journey.liar.log().len() < 20, "{}", journey.liar.log().len());
}

/// A blob that is two layers of an image comes once; one that is said to be two different layers does not.
#[test]
fn a_blob_named_twice() {
    let journey = Journey::new();
    let image = made(["a", "b", "a"].map(layer).to_vec());
    let manifest = manifest_of(&journey, &image);
    journey.liar.manifest("app", "1", MANIFEST, manifest.to_string());
    let name = journey.liar.name("app:1");
    journey.ok(["pull", &name]);
    journey.is_sound();
    assert_eq!(journey.ok(["inspect", "-f", "{{.Id}}", &name]), image.id());
    for layer in &image.layers {
        assert_eq!(journey.asked(&sha256(layer)).len(), 1);
    }
    let lying = with(
        manifest,
        &[("config", {
            let diff_ids = [0, 1, 1].map(|at| sha256(&image.layers[at]));
            let other = image.with("rootfs", json!({"type": "layers", "diff_ids": diff_ids}));
            journey.liar.blob(other.config.clone());
            descriptor(CONFIG, &other.config)
        })],
    );
    journey.liar.manifest("app", "1", MANIFEST, lying.to_string());
    journey.fails("app:1", &["layer 3 of 3", "is both"]);
}

/// Sizes that cannot be.
#[test]
fn sizes_of_layers() {
    let journey = Journey::new();
    let image = Made::of(&["a"]);
    let good = manifest_of(&journey, &image);
    for size in
        [json!(0), json!(1_u64 << 62), json!(i64::MAX), json!(u64::MAX), json!(-1), json!(1.5), json!("1")]
    {
        let mut manifest = good.clone();
        manifest["layers"][0]["size"] = size.clone();
        journey.liar.manifest("app", "1", MANIFEST, manifest.to_string());
        journey.liar.clear_log();
        journey.fails("app:1", &[]);
        assert_eq!(journey.asked(&sha256(&image.layers[0])).len(), 0, "{size}");
    }
}
