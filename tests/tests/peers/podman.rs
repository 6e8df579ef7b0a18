//! podman loads what was saved.

use ply_tests::{Engines, Input, Ply, edge, needs, output};

use crate::{BUILD, PODMAN, SKOPEO};

#[test]
fn podman_loads_what_was_saved() {
    if !needs(&[PODMAN, SKOPEO]) {
        return;
    }
    let ply = Ply::with_family();
    for format in ["docker", "oci"] {
        let engines = Engines::new();
        let archive = ply.file(&format!("{format}.tar"));
        let images: &[&str] = if format == "docker" { &["base:1", "lang:3", "app"] } else { &["app:1.1"] };
        let mut save = ply.command(["save", "--format", format, "-o", archive.to_str().unwrap()]);
        output(save.args(images));
        output(&mut engines.podman(&["load", "-i", archive.to_str().unwrap()]));
        let names: &[&str] = if format == "docker" {
            &["base:1", "lang:3", "app:1.0", "app:1.1", "app:latest"]
        } else {
            &["app:1.1"]
        };
        for name in names {
            // podman's ID is the config's digest, without the algorithm.
            let id = output(&mut engines.podman(&["image", "inspect", "-f", "{{.Id}}", name]));
            assert_eq!(format!("sha256:{id}"), ply.id(name), "{format} {name}");
        }
    }
}

/// The hard cases of a union filesystem, gzip on the way in.
#[test]
fn podman_loads_edge() {
    if !needs(&BUILD) || !needs(&[PODMAN]) {
        return;
    }
    let ply = Ply::new();
    assert_eq!(
        ply.load(Input::Pipe, &edge().join("edge.oci-gzip.tar"), &["--tag", "edge:gzip"]).code,
        Some(0)
    );
    for (format, compress) in [("docker", None), ("docker", Some("zstd")), ("oci", None)] {
        let engines = Engines::new();
        let archive = ply.file(&format!("{format}.tar"));
        let mut save =
            ply.command(["save", "--format", format, "-o", archive.to_str().unwrap(), "edge:gzip"]);
        output(save.args(compress.iter().flat_map(|kind| ["--compress", kind])));
        output(&mut engines.podman(&["load", "-i", archive.to_str().unwrap()]));
        let id = output(&mut engines.podman(&["image", "inspect", "-f", "{{.Id}}", "edge:gzip"]));
        assert_eq!(format!("sha256:{id}"), ply.id("edge:gzip"), "{format}");
    }
}
