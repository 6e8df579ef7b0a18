//! Layouts that contradict themselves, or never end.

use ply_tests::{Guarded, Layout, Made, hex, named};
use serde_json::{Value, json};

const NAME: &str = "io.containerd.image.name";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn app(descriptor: Value) -> Value {
    named(descriptor, NAME, "docker.io/library/app:1")
}

/// A layout of one image, its manifest changed.
fn with_manifest(image: &Made, change: impl Fn(&mut Value)) -> Vec<u8> {
    let mut layout = Layout::default();
    let descriptor = layout.plain(image);
    let mut manifest: Value =
        serde_json::from_slice(&layout.blobs[&descriptor["digest"].as_str().unwrap()[7..]]).unwrap();
    change(&mut manifest);
    let descriptor = layout.blob(MANIFEST, manifest.to_string());
    layout.list(app(descriptor)).tar().finish()
}

#[test]
fn manifests() {
    let guarded = Guarded::new();
    let image = Made::of(&["one"]);
    let check = |title: &str, words: &[&str], change: &dyn Fn(&mut Value)| {
        guarded.refuses(title, &with_manifest(&image, change), words);
    };
    // CVE-2021-41190.
    check("manifest and index at once", &["manifests"], &|m| m["manifests"] = json!([]));
    check("another type than it is listed as", &[], &|m| {
        m["mediaType"] = json!("application/vnd.oci.image.index.v1+json")
    });
    check("another schema", &["schemaVersion 1"], &|m| m["schemaVersion"] = json!(1));
    check("no config", &["config"], &|m| drop(m.as_object_mut().unwrap().remove("config")));
    check("no layers", &["layers"], &|m| m["layers"] = json!([]));
    check("a layer too many", &["layers"], &|m| {
        let layer = m["layers"][0].clone();
        m["layers"] = json!([layer, layer]);
    });
    let name = image.layer_hex(0);
    check("a size too small", &[&name, "descriptor"], &|m| m["layers"][0]["size"] = json!(1));
    check("a size too large", &[&name, "descriptor"], &|m| m["layers"][0]["size"] = json!(1_u64 << 40));
    check("a size below zero", &[], &|m| m["layers"][0]["size"] = json!(-1));
    check("half a byte", &[], &|m| m["layers"][0]["size"] = json!(0.5));
    for digest in ["sha256:../../x", "sha256:", "", "sha512:00", "md5:d41d8cd98f00b204e9800998ecf8427e"] {
        check(&format!("layer {digest:?}"), &["digest"], &|m| m["layers"][0]["digest"] = json!(digest));
        check(&format!("config {digest:?}"), &["digest"], &|m| m["config"]["digest"] = json!(digest));
    }
    let upper = format!("sha256:{}", image.layer_hex(0).to_uppercase());
    check("upper case", &["digest"], &|m| m["layers"][0]["digest"] = json!(upper));
    check("the layer of another image", &["lacks one layer", "not here"], &|m| {
        m["layers"][0]["digest"] = json!(format!("sha256:{}", hex(b"another")));
    });
}

/// A size in `index.json`, and of the config, that lies.
#[test]
fn sizes_of_documents() {
    let guarded = Guarded::new();
    let image = Made::of(&["one"]);
    for size in [json!(1), json!(1 << 30), json!(-1), json!("5")] {
        let mut layout = Layout::default();
        let mut manifest = layout.plain(&image);
        manifest["size"] = size.clone();
        guarded.refuses(&format!("manifest of {size}"), &layout.list(app(manifest)).tar().finish(), &[]);
        let lie = with_manifest(&image, |m| m["config"]["size"] = size.clone());
        guarded.refuses(&format!("config of {size}"), &lie, &[]);
    }
}

#[test]
fn manifest_json_that_contradicts_index_json() {
    let guarded = Guarded::new();
    let (one, two) = (Made::of(&["one"]), Made::of(&["two"]));
    let mut layout = Layout::default();
    let manifest = layout.plain(&one);
    layout.plain(&two);
    let layout = layout.list(app(manifest));
    let blob = |hex: String| format!("blobs/sha256/{hex}");
    let listed = json!([ply_tests::listed(&blob(two.hex()), &["app:1"], &[blob(two.layer_hex(0))])]);
    let tar = layout.tar().file("manifest.json", listed.to_string());
    guarded.refuses("two images called app:1", &tar.finish(), &["manifest.json", "index.json", "app:1"]);
    for (title, layers) in [("the layers of another", vec![blob(two.layer_hex(0))]), ("no layers", vec![])] {
        let listed = json!([ply_tests::listed(&blob(one.hex()), &["app:1"], &layers)]);
        let tar = layout.tar().file("manifest.json", listed.to_string());
        guarded.refuses(title, &tar.finish(), &["manifest.json", "index.json", "layers", &one.hex()]);
    }
}

#[test]
fn indexes_without_end() {
    let guarded = Guarded::new();
    let image = Made::of(&["one"]);
    let mut layout = Layout::default();
    let mut next = layout.plain(&image);
    for _ in 0..500 {
        next = layout.index(&[next]);
    }
    guarded.refuses("500 deep", &layout.list(app(next)).tar().finish(), &[]);

    // Forty levels of two entries each: 2^40 ways down.
    let mut layout = Layout::default();
    let mut next = layout.plain(&image);
    for level in 0..40 {
        let other = named(next.clone(), "level", &level.to_string());
        next = layout.index(&[next, other]);
    }
    guarded.refuses("2^40 ways", &layout.list(app(next)).tar().finish(), &[]);
}

#[test]
fn versions_of_the_layout() {
    let guarded = Guarded::new();
    let image = Made::of(&["one"]);
    let mut layout = Layout::default();
    let manifest = layout.plain(&image);
    let layout = layout.list(app(manifest));
    for said in [r#"{"imageLayoutVersion":"9.0.0"}"#, "garbage"] {
        // Of two members with one name the last wins.
        let tar = layout.tar().file("oci-layout", said);
        guarded.refuses(said, &tar.finish(), &["oci-layout"]);
        let folder = tempfile::tempdir().unwrap();
        layout.write(folder.path());
        std::fs::write(folder.path().join("oci-layout"), said).unwrap();
        guarded.refuses_folder(said, folder.path(), &["oci-layout"]);
    }
}

#[test]
fn index_json() {
    let guarded = Guarded::new();
    let image = Made::of(&["one"]);
    let mut layout = Layout::default();
    let manifest = layout.plain(&image);
    let check = |title: &str, index: &str, words: &[&str]| {
        let mut tar = ply_tests::Tarball::new().file("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
        for (name, blob) in &layout.blobs {
            tar = tar.file(&format!("blobs/sha256/{name}"), blob);
        }
        let mut all = vec!["index.json"];
        all.extend(words);
        guarded.refuses(title, &tar.file("index.json", index).finish(), &all);
    };
    check("no JSON", "hello", &[]);
    check("too deep", &"[".repeat(200_000), &[]);
    let twice = format!(r#"{{"schemaVersion":2,"manifests":[],"manifests":[{manifest}]}}"#);
    check("a key twice", &twice, &["manifests"]);
    // CVE-2021-41190.
    let with = |key: &str, value: Value| {
        let mut index = json!({"schemaVersion": 2, "manifests": [manifest]});
        index[key] = value;
        index.to_string()
    };
    check("index and manifest at once", &with("layers", json!([])), &["manifests and layers both"]);
    check("a manifest's type", &with("mediaType", json!(MANIFEST)), &["calls itself"]);
    check("another schema", &with("schemaVersion", json!(1)), &["schemaVersion 1"]);
    check("a list for an object", &json!([2, null, [manifest], {}]).to_string(), &["not a list"]);
    check("no images", &with("manifests", json!([])), &["lists no image"]);
    let other = format!("docker.io/library/app:1@sha256:{}", hex(b"another"));
    check(
        "the digest of another",
        &with("manifests", json!([named(manifest.clone(), NAME, &other)])),
        &[&other],
    );
    let name = named(manifest.clone(), NAME, "../../x");
    check(
        "a name outside the grammar",
        &json!({"schemaVersion": 2, "manifests": [name]}).to_string(),
        &["../../x"],
    );
}
