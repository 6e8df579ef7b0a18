//! As each writer's source says that it writes.

use ply_tests::{Expected, Made, Tarball, gzip, layer, listed, made, round_trip};
use serde_json::{Value, json};

fn manifest(listed: &[Value]) -> String {
    Value::from(listed.to_vec()).to_string()
}

/// kaniko `--tar-path`: go-containerregistry's tarball. The config is called by its digest with the algorithm in
/// front, layers are gzip and called by the digest of the blob; `manifest.json` comes last.
#[test]
fn kaniko() {
    let image = Made::of(&["one", "two"]);
    let blobs: Vec<Vec<u8>> = image.layers.iter().map(|layer| gzip(layer)).collect();
    let paths: Vec<String> = blobs.iter().map(|blob| format!("{}.tar.gz", ply_tests::hex(blob))).collect();
    let tar = Tarball::new()
        .file(&image.id(), &image.config)
        .file(&paths[0], &blobs[0])
        .file(&paths[1], &blobs[1])
        .file("manifest.json", manifest(&[listed(&image.id(), &["registry.example/team/app:1"], &paths)]));
    round_trip("kaniko", &tar.finish(), &[Expected::new(&["registry.example/team/app:1"], &image)]);
}

/// bazel's rules_docker: layers by the path of their target, config by its hex, plain or gzip.
#[test]
fn bazel() {
    let image = Made::of(&["one", "two"]);
    for (kind, blobs) in
        [("plain", image.layers.clone()), ("gzip", image.layers.iter().map(|l| gzip(l)).collect())]
    {
        let paths: Vec<String> =
            blobs.iter().map(|blob| format!("{}/layer.tar", ply_tests::hex(blob))).collect();
        let config = format!("{}.json", image.hex());
        let listed = listed(&config, &["bazel/app:app"], &paths);
        let tar = Tarball::new()
            .folder("./")
            .file(&format!("./{config}"), &image.config)
            .file(&format!("./{}", paths[0]), &blobs[0])
            .file(&format!("./{}", paths[1]), &blobs[1])
            .file("./manifest.json", manifest(&[listed]))
            .file("./repositories", json!({"bazel/app": {"app": image.hex()}}).to_string());
        round_trip(&format!("bazel {kind}"), &tar.finish(), &[Expected::new(&["bazel/app:app"], &image)]);
    }
}

/// jib `buildTar`: `config.json`, gzip layers by the digest of the blob.
#[test]
fn jib() {
    let image = Made::of(&["dependencies", "classes"]);
    let blobs: Vec<Vec<u8>> = image.layers.iter().map(|layer| gzip(layer)).collect();
    let paths: Vec<String> = blobs.iter().map(|blob| format!("{}.tar.gz", ply_tests::hex(blob))).collect();
    let tar = Tarball::new()
        .file(&paths[0], &blobs[0])
        .file(&paths[1], &blobs[1])
        .file("config.json", &image.config)
        .file("manifest.json", manifest(&[listed("config.json", &["app:1"], &paths)]));
    round_trip("jib", &tar.finish(), &[Expected::new(&["app:1"], &image)]);
}

/// podman and skopeo `docker-archive:`: layers by DiffID, and for each a folder of the old format with a link.
#[test]
fn podman() {
    let image = Made::of(&["one", "two"]);
    let paths: Vec<String> = (0..2).map(|at| format!("{}.tar", image.layer_hex(at))).collect();
    let config = format!("{}.json", image.hex());
    let mut tar = Tarball::new();
    for (at, path) in paths.iter().enumerate() {
        let id = ply_tests::hex(format!("old ID {at}").as_bytes());
        tar = tar
            .file(path, &image.layers[at])
            .file(&format!("{id}/VERSION"), "1.0")
            .symlink(&format!("{id}/layer.tar"), &format!("../{path}"))
            .file(&format!("{id}/json"), json!({"id": id}).to_string());
    }
    let tar = tar
        .file(&config, &image.config)
        .file("repositories", json!({"localhost/app": {"1": "x"}}).to_string())
        .file("manifest.json", manifest(&[listed(&config, &["localhost/app:1"], &paths)]));
    round_trip("podman", &tar.finish(), &[Expected::new(&["localhost/app:1"], &image)]);
}

/// Docker 1.10 to 24: a folder for each layer, which `manifest.json` names; a layer that stands twice is a link to
/// the first, and the link may come before what it points to.
#[test]
fn docker_before_25() {
    let image = made(vec![layer("one"), layer("two"), layer("one")]);
    let ids: Vec<String> = (0..3).map(|at| ply_tests::hex(format!("old ID {at}").as_bytes())).collect();
    let paths: Vec<String> = ids.iter().map(|id| format!("{id}/layer.tar")).collect();
    let config = format!("{}.json", image.hex());
    let listed = listed(&config, &["app:1"], &paths);
    let tar = Tarball::new()
        .file(&config, &image.config)
        .folder(&format!("{}/", ids[2]))
        .symlink(&paths[2], &format!("../{}", paths[0]))
        .folder(&format!("{}/", ids[0]))
        .file(&format!("{}/VERSION", ids[0]), "1.0")
        .file(&format!("{}/json", ids[0]), json!({"id": ids[0]}).to_string())
        .file(&paths[0], &image.layers[0])
        .file(&paths[1], &image.layers[1])
        .file("manifest.json", manifest(&[listed]))
        .file("repositories", json!({"app": {"1": ids[2]}}).to_string());
    round_trip("Docker 1.10", &tar.finish(), &[Expected::new(&["app:1"], &image)]);
}
