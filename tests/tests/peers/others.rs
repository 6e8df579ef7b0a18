//! Archives by engines that are not here: newer ones, and the oldest format. They need no peer but the last test.

use std::path::PathBuf;

use ply_tests::{Docker, Input, Ply, needs, others};
use serde_json::Value;

use crate::DOCKER;

fn path(name: &str) -> PathBuf {
    others().join(name)
}

fn inspected(name: &str) -> Value {
    let all: Value = serde_json::from_slice(&std::fs::read(path(name)).unwrap()).unwrap();
    all[0].clone()
}

/// Name by name what each says it holds, from a file and from a pipe, with a thread a core and with one.
#[test]
fn all_load() {
    let check = |file: &str, names: &[&str]| {
        let mut saved = Vec::new();
        for input in Input::BOTH {
            for threads in [0, 1] {
                let what = format!("{file}, from a {input:?} with {threads} threads");
                let ply = Ply::with_threads(threads);
                let ran = ply.load(input, &path(file), &["--platform", "all"]);
                assert_eq!(ran.code, Some(0), "{what}: {}", ran.stderr);
                let loaded: Vec<&str> = ran.text().lines().collect();
                let expected: Vec<String> = names
                    .iter()
                    .map(|name| match name.strip_prefix("sha256:") {
                        Some(_) => format!("Loaded image ID: {name}"),
                        None => format!("Loaded image: {name}"),
                    })
                    .collect();
                assert_eq!(loaded, expected, "{what}");
                assert_eq!(ply.run(["check"]).code, Some(0), "{what}");
                saved.push([ply.save("docker", names), ply.save("oci", names)]);
            }
        }
        assert!(saved.windows(2).all(|pair| pair[0] == pair[1]), "{file}: saved, it differs");
    };
    check("docker26c-plain.tar", &["bx:plain"]);
    check("docker26c-att.tar", &["bx:att"]);
    check("docker26c-multi.tar", &["corpus/busybox:1", "bx:att", "bx:plain"]);
    check("docker-exporter.tar", &["bx:dk"]);
    check("oci-gzip.tar", &["bx:gzip"]);
    check("oci-zstd.tar", &["bx:zstd"]);
    check("oci-estargz.tar", &["bx:estargz"]);
    // Its only name is the word "multi", which may be a tag as well.
    check("oci-index.tar", &["sha256:2132965d409a707a5537d177b4e76a2a6c9fcc3e45f0ebd531a0819e0cf4d48a"]);
    check("legacy-v1.tar", &["dup-layers:1"]);
}

/// What Engine 26.1 says of its own archives. Its image store calls an image by its manifest or index, and counts
/// blobs and unpacked files as its size; it shows every field a config may have, where we show those it has.
#[test]
fn as_newer_docker_says() {
    for (archive, image, said) in [
        ("docker26c-plain.tar", "bx:plain", "docker26c-plain.inspect.json"),
        ("docker26c-att.tar", "bx:att", "docker26c-att.inspect.json"),
    ] {
        let ply = Ply::new();
        assert_eq!(ply.load(Input::File, &path(archive), &[]).code, Some(0));
        let theirs = inspected(said);
        let ours: Value = serde_json::from_str(&ply.ok(["inspect", image])).unwrap();
        assert_eq!(ply.ok(["inspect", "-f", "{{json .RepoTags}}", image]), format!("[{image:?}]"));
        for field in ["Comment", "Created", "Architecture", "Os", "RootFS"] {
            assert_eq!(ours[0][field], theirs[field], "{archive}: {field}");
        }
        for (field, value) in ours[0]["Config"].as_object().unwrap() {
            assert_eq!(*value, theirs["Config"][field], "{archive}: Config.{field}");
        }
    }
}

/// The ID of an image from before 1.10 is made when it is loaded; ours is the one the engine makes.
#[test]
fn the_oldest_format_has_the_id_docker_gives_it() {
    if !needs(&[DOCKER]) {
        return;
    }
    let docker = Docker::shared();
    let _ = ply_tests::run(&mut docker.command(&["rmi", "-f", "dup-layers:1"]));
    docker.load(&path("legacy-v1.tar"));
    let theirs = docker.ok(&["image", "inspect", "-f", "{{.Id}} {{.Size}}", "dup-layers:1"]);
    for input in Input::BOTH {
        let ply = Ply::new();
        assert_eq!(ply.load(input, &path("legacy-v1.tar"), &[]).code, Some(0));
        assert_eq!(ply.ok(["inspect", "-f", "{{.Id}} {{.Size}}", "dup-layers:1"]), theirs, "{input:?}");
    }
}
