//! What an OCI layout allows: names, nesting, attestations.

use ply_tests::{Expected, Input, Layout, Made, Ply, members, named, round_trip, round_trip_folder};
use serde_json::{Value, json};

const CONTAINERD: &str = "io.containerd.image.name";
const REF_NAME: &str = "org.opencontainers.image.ref.name";

#[test]
fn names_from_either_annotation() {
    let image = Made::of(&["one"]);
    let check = |annotations: &[(&str, &str)], names: &[&str]| {
        let mut layout = Layout::default();
        let manifest = layout.plain(&image);
        let listed = annotations.iter().fold(manifest, |listed, (key, name)| named(listed, key, name));
        let tar = layout.list(listed).tar().finish();
        round_trip(&format!("{annotations:?}"), &tar, &[Expected::new(names, &image)]);
    };
    check(&[(CONTAINERD, "docker.io/library/app:1")], &["app:1"]);
    check(&[(CONTAINERD, "docker.io/library/app:1"), (REF_NAME, "1")], &["app:1"]);
    check(&[(REF_NAME, "registry.example:5000/team/app:1")], &["registry.example:5000/team/app:1"]);
    check(&[(REF_NAME, "app:1")], &["app:1"]);
    // A bare word may be a tag as well as a name.
    check(&[(REF_NAME, "latest")], &[]);
    check(&[], &[]);
    check(&[(CONTAINERD, "")], &[]);
    // What was pulled by digest: its name is that of a digest, which is none to give.
    let digest = Layout::default().plain(&image)["digest"].as_str().unwrap().to_owned();
    check(&[(CONTAINERD, &format!("docker.io/library/app@{digest}"))], &[]);
    check(&[(CONTAINERD, &format!("docker.io/library/app:1@{digest}"))], &["app:1"]);
}

/// A Helm chart and a signature, listed beside an image: they are no images, and no reason to refuse it.
#[test]
fn what_is_no_image_is_passed_over() {
    let image = Made::of(&["one"]);
    let mut layout = Layout::default();
    let manifest = layout.plain(&image);
    let listed = |layout: &mut Layout, config: &str, layer: &str, name: &str| {
        let (config, layer) = (layout.blob(config, "{}"), layout.blob(layer, "chart"));
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": [layer]});
        let manifest = layout.blob("application/vnd.oci.image.manifest.v1+json", manifest.to_string());
        named(manifest, CONTAINERD, name)
    };
    let helm = "application/vnd.cncf.helm.config.v1+json";
    let chart =
        listed(&mut layout, helm, "application/vnd.cncf.helm.chart.content.v1", "docker.io/library/chart:1");
    let config = "application/vnd.oci.image.config.v1+json";
    let signature = "application/vnd.dev.cosign.simplesigning.v1+json";
    let signature = listed(&mut layout, config, signature, "docker.io/library/app:1.sig");
    let app = named(manifest, CONTAINERD, "docker.io/library/app:1");
    let layout = layout.list(chart).list(app).list(signature);
    let archive = layout.tar().finish();
    round_trip("beside a chart", &archive, &[Expected::new(&["app:1"], &image)]);
    let ply = Ply::new();
    let path = ply.write("archive", archive);
    let said = ply.load(Input::File, &path, &[]).stderr;
    for name in ["chart:1", "app:1.sig", helm] {
        assert!(said.contains(name), "{name}: {said}");
    }
}

#[test]
fn several_names_and_images() {
    let (base, app) = (Made::of(&["base"]), Made::of(&["base", "app"]));
    let mut layout = Layout::default();
    let (of_base, of_app) = (layout.plain(&base), layout.plain(&app));
    let name = |of: &Value, name: &str| named(of.clone(), CONTAINERD, &format!("docker.io/library/{name}"));
    let layout =
        layout.list(name(&of_base, "base:1")).list(name(&of_app, "app:1")).list(name(&of_app, "app:latest"));
    let expected = [Expected::new(&["base:1"], &base), Expected::new(&["app:1", "app:latest"], &app)];
    round_trip("two images, three names", &layout.tar().finish(), &expected);
    let folder = tempfile::tempdir().unwrap();
    layout.write(folder.path());
    round_trip_folder("the same in a folder", folder.path(), &expected);
}

#[test]
fn indexes_in_indexes() {
    let image = Made::of(&["one"]);
    let mut layout = Layout::default();
    let manifest = layout.plain(&image);
    let inner = layout.index(&[manifest]);
    let middle = layout.index(&[inner]);
    let outer = layout.index(&[middle]);
    let layout = layout.list(named(outer, CONTAINERD, "docker.io/library/app:1"));
    round_trip("three indexes deep", &layout.tar().finish(), &[Expected::new(&["app:1"], &image)]);
}

/// BuildKit's: an index of the image and of a manifest that says how it was made. Chosen is the image; kept are both.
#[test]
fn attestations_stay_with_their_index() {
    let image = Made::of(&["one"]);
    let statement = br#"{"_type":"https://in-toto.io/Statement/v0.1"}"#.to_vec();
    let mut layout = Layout::default();
    let manifest = layout.plain(&image);
    let said = Made { layers: Vec::new(), config: br#"{"architecture":"unknown","os":"unknown","config":{},"rootfs":{"type":"layers","diff_ids":[]}}"#.to_vec() };
    let attestation = layout.image(&said, "application/vnd.in-toto+json", vec![statement.clone()]);
    let mut attestation = named(attestation, "vnd.docker.reference.type", "attestation-manifest");
    attestation["annotations"]["vnd.docker.reference.digest"] = manifest["digest"].clone();
    attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    let mut manifest = manifest;
    manifest["platform"] = json!({"os": "linux", "architecture": ply_tests::host_architecture()});
    let index = layout.index(&[manifest, attestation.clone()]);
    let layout = layout.list(named(index.clone(), CONTAINERD, "docker.io/library/app:1"));
    let tar = layout.tar().finish();
    round_trip("attestation", &tar, &[Expected::new(&["app:1"], &image)]);

    for input in Input::BOTH {
        let ply = Ply::new();
        let path = ply.write("archive", &tar);
        assert_eq!(ply.load(input, &path, &[]).code, Some(0));
        let saved = members(&ply.save("oci", &["app:1"]));
        let index_json: Value = serde_json::from_slice(&saved["index.json"]).unwrap();
        assert_eq!(index_json["manifests"][0]["digest"], index["digest"], "{input:?}: another index");
        for (name, blob) in &layout.blobs {
            assert_eq!(saved.get(&format!("blobs/sha256/{name}")), Some(blob), "{input:?}: {name}");
        }
    }
}

/// Since Docker 25 both stand in one archive. Either may hold what the other does not know.
#[test]
fn manifest_json_beside_index_json() {
    let image = Made::of(&["one", "two"]);
    let mut layout = Layout::default();
    let manifest = layout.plain(&image);
    let layout = layout.list(named(named(manifest, CONTAINERD, "docker.io/library/app:1"), REF_NAME, "1"));
    let blob = |hex: String| format!("blobs/sha256/{hex}");
    let paths = [blob(image.layer_hex(0)), blob(image.layer_hex(1))];
    let listed = json!([ply_tests::listed(&blob(image.hex()), &["app:1", "app:also"], &paths)]);
    let tar = layout.tar().file("manifest.json", listed.to_string()).file("repositories", "{}");
    round_trip("Docker 25", &tar.finish(), &[Expected::new(&["app:1", "app:also"], &image)]);
}
