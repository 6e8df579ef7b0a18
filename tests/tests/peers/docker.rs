//! Docker Engine: `docker save` to `ply load`, `ply save` to `docker load`.

use ply_tests::{Docker, Input, Ply, edge, family, needs};
use serde_json::Value;

use crate::{BUILD, DOCKER};

fn edge_id() -> String {
    let inspected: Value =
        serde_json::from_slice(&std::fs::read(edge().join("edge.inspect.json")).unwrap()).unwrap();
    inspected[0]["Id"].as_str().unwrap().to_owned()
}

/// `edge` has the hard cases of a union filesystem; its SIZE is the engine's to the byte.
#[test]
fn loads_what_docker_saved() {
    if !needs(&BUILD) {
        return;
    }
    let archive = edge().join("edge.docker.tar");
    let docker = Docker::shared();
    docker.load(&archive);
    let size = docker.ok(&["image", "inspect", "-f", "{{.Id}} {{.Size}}", "edge:1"]);
    assert!(size.starts_with(&edge_id()), "{size}");
    for input in Input::BOTH {
        let ply = Ply::new();
        let ran = ply.load(input, &archive, &[]);
        assert_eq!((ran.code, ran.text()), (Some(0), "Loaded image: edge:1\n"), "{input:?}: {}", ran.stderr);
        assert_eq!(ply.ok(["inspect", "-f", "{{.Id}} {{.Size}}", "edge:1"]), size, "{input:?}");
        assert_eq!(ply.run(["check"]).code, Some(0), "{input:?}");
    }
}

/// Into an engine that has nothing of it: removed first, so that every byte comes from our archive.
#[test]
fn docker_loads_what_was_saved() {
    if !needs(&[DOCKER]) {
        return;
    }
    let docker = Docker::shared();
    let ply = Ply::with_family();
    let names = ["base:1", "lang:3", "app:1.0", "app:1.1", "app:latest"];
    let path = ply.file("saved.tar");
    ply.ok(["save", "-o", path.to_str().unwrap(), "base:1", "lang:3", "app"]);
    let renamed = ["base:1", "lang:3", "app:1.0", "app:1.1", "app:latest"];
    let _ = ply_tests::run(docker.command(&["rmi", "-f"]).args(renamed));
    let said = docker.load(&path);
    for name in names {
        assert!(said.contains(&format!("Loaded image: {name}")), "{name}: {said}");
        assert_eq!(docker.ok(&["image", "inspect", "-f", "{{.Id}}", name]), ply.id(name), "{name}");
    }
    // Their archive of it is ours again, layer for layer.
    let back = ply.file("back.tar");
    docker.ok(&["save", "-o", back.to_str().unwrap(), "app:1.1"]);
    let second = Ply::new();
    assert_eq!(second.load(Input::File, &back, &[]).code, Some(0));
    assert!(
        second.save("docker", &["app:1.1"]) == ply.save("docker", &["app:1.1"]),
        "the archive has changed"
    );
}

/// Compressed layers come out plain in Docker's format, and the whole archive may be compressed; by gzip, since 20.10
/// does not know zstd.
#[test]
fn docker_loads_compressed_archives() {
    if !needs(&BUILD) {
        return;
    }
    let docker = Docker::shared();
    let ply = Ply::new();
    assert_eq!(
        ply.load(Input::File, &edge().join("edge.oci-gzip.tar"), &["--tag", "from-gzip:1"]).code,
        Some(0)
    );
    // Not `edge_id()`: skopeo writes another config when it turns Docker's format into OCI's.
    let id = ply.id("from-gzip:1");
    for compress in [None, Some("gzip")] {
        let path = ply.file("saved");
        let mut command = ply.command(["save", "-o", path.to_str().unwrap(), "from-gzip:1"]);
        command.args(compress.iter().flat_map(|kind| ["--compress", kind]));
        ply_tests::output(&mut command);
        let _ = ply_tests::run(&mut docker.command(&["rmi", "-f", "from-gzip:1"]));
        docker.load(&path);
        assert_eq!(docker.ok(&["image", "inspect", "-f", "{{.Id}}", "from-gzip:1"]), id, "{compress:?}");
    }
}

/// Both list the same images in the same columns.
#[test]
fn lists_what_docker_lists() {
    if !needs(&[DOCKER]) {
        return;
    }
    let docker = Docker::shared();
    docker.load(&family());
    let ply = Ply::with_family();
    for columns in [
        "{{.Repository}} {{.Tag}} {{.ID}} {{.Size}} {{.CreatedAt}}",
        "{{.Digest}}",
        "{{.Containers}} {{.SharedSize}} {{.UniqueSize}} {{.VirtualSize}}",
    ] {
        for more in [&["--no-trunc"] as &[&str], &["--digests"], &[]] {
            let sorted = |text: String| {
                let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
                lines.sort();
                lines
            };
            for reference in ["base", "lang", "app"] {
                let args = [&["images", "--format", columns], more, &[reference]].concat();
                assert_eq!(sorted(ply.ok(&args)), sorted(docker.ok(&args)), "{args:?}");
            }
        }
    }
    // The table's head, and the columns of a row: ages differ by the second.
    let head =
        |text: String| text.lines().next().unwrap().split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    for args in [&["images"] as &[&str], &["images", "--digests"], &["images", "--no-trunc"]] {
        assert_eq!(head(ply.ok(args)), head(docker.ok(args)), "{args:?}");
    }
}

/// What made each layer, how large it is by the engine's count, and what was said of it.
#[test]
fn history_is_dockers() {
    if !needs(&BUILD) {
        return;
    }
    let docker = Docker::shared();
    docker.load(&family());
    docker.load(&edge().join("edge.docker.tar"));
    let ply = Ply::with_family();
    assert_eq!(ply.load(Input::Pipe, &edge().join("edge.docker.tar"), &[]).code, Some(0));
    for image in ["base:1", "app:1.1", "edge:1"] {
        for more in [&["--no-trunc"] as &[&str], &[], &["-H=false", "--no-trunc"]] {
            // CREATED SINCE goes on while we look.
            let format = "{{.CreatedAt}}|{{.CreatedBy}}|{{.Size}}|{{.Comment}}";
            let args = [&["history", "--format", format], more, &[image]].concat();
            assert_eq!(ply.ok(&args), docker.ok(&args), "{args:?}");
        }
    }
}
