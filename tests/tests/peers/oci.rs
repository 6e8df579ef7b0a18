//! OCI archives and layouts, in and out: skopeo, podman, buildah.

use std::path::Path;

use ply_tests::{Engines, Input, Ply, edge, family, needs, output};
use serde_json::Value;

use crate::{BUILD, BUILDAH, PODMAN, SKOPEO};

/// skopeo checks every digest that it copies; `dir:` keeps the blobs as they are.
#[test]
fn skopeo_reads_what_was_saved() {
    if !needs(&[SKOPEO]) {
        return;
    }
    let engines = Engines::new();
    let ply = Ply::with_family();
    for (format, transport) in [("docker", "docker-archive"), ("oci", "oci-archive")] {
        let archive = ply.file(&format!("{format}.tar"));
        ply.ok(["save", "--format", format, "-o", archive.to_str().unwrap(), "app:1.1"]);
        let (config, layers) = config_and_layers(&engines, transport, &archive, format);
        assert_eq!(config, ply.id("app:1.1"), "{format}");
        let diff_ids: Value =
            serde_json::from_str(&ply.ok(["inspect", "-f", "{{json .RootFS.Layers}}", "app:1.1"])).unwrap();
        assert_eq!(Value::from(layers), diff_ids, "{format}");
    }
    // Several in one archive, each by its name.
    let archive = ply.file("several.tar");
    ply.ok(["save", "-o", archive.to_str().unwrap(), "base:1", "lang:3", "app"]);
    for name in ["base:1", "lang:3", "app:1.0", "app:1.1", "app:latest"] {
        let place = format!("docker-archive:{}:{name}", archive.display());
        let raw = output(&mut engines.skopeo(&["inspect", "--config", "--raw", &place]));
        assert_eq!(ply_tests::sha256(raw.as_bytes()), ply.id(name), "{name}");
    }
    // The store is a layout that skopeo reads as it stands.
    let place = format!("oci:{}:docker.io/library/app:1.1", ply.store().display());
    let raw = output(&mut engines.skopeo(&["inspect", "--config", "--raw", &place]));
    assert_eq!(ply_tests::sha256(raw.as_bytes()), ply.id("app:1.1"));
}

/// Copies to `dir:`, and gives the config's digest and the layers'.
fn config_and_layers(engines: &Engines, transport: &str, archive: &Path, to: &str) -> (String, Vec<String>) {
    let to = engines.folder().join(to);
    let (from, into) = (format!("{transport}:{}", archive.display()), format!("dir:{}", to.display()));
    output(&mut engines.skopeo(&["copy", "-q", &from, &into]));
    let manifest: Value = serde_json::from_slice(&std::fs::read(to.join("manifest.json")).unwrap()).unwrap();
    let digest = |descriptor: &Value| descriptor["digest"].as_str().unwrap().to_owned();
    (digest(&manifest["config"]), manifest["layers"].as_array().unwrap().iter().map(digest).collect())
}

/// What skopeo writes, with layers plain, gzip and zstd: the ID that skopeo itself sees there, and out again as it
/// came in.
#[test]
fn loads_what_skopeo_wrote() {
    if !needs(&BUILD) {
        return;
    }
    let engines = Engines::new();
    let from = format!("docker-archive:{}", edge().join("edge.docker.tar").display());
    for (title, transport, more) in [
        ("gzip", "oci-archive", &["--dest-compress-format", "gzip"] as &[&str]),
        ("zstd", "oci-archive", &["--dest-compress-format", "zstd"]),
        ("plain", "docker-archive", &[]),
        ("gzip", "oci", &["--dest-compress-format", "gzip"]),
        ("zstd", "oci", &["--dest-compress-format", "zstd"]),
    ] {
        let path = engines.folder().join(format!("{transport}-{title}"));
        let to = format!("{transport}:{}:registry.example/edge:1", path.display());
        output(engines.skopeo(&["copy", "-q"]).args(more).args([&from, &to]));
        // Not Docker's ID: skopeo writes another config when it turns Docker's format into OCI's.
        let id = ply_tests::sha256(
            &engines.skopeo(&["inspect", "--config", "--raw", &to]).output().unwrap().stdout,
        );
        for input in if transport == "oci" { &[Input::File][..] } else { &Input::BOTH[..] } {
            let ply = Ply::new();
            let ran = ply.load(*input, &path, &[]);
            let what = format!("{transport} {title} {input:?}");
            assert_eq!(
                (ran.code, ran.text()),
                (Some(0), "Loaded image: registry.example/edge:1\n"),
                "{what}: {}",
                ran.stderr
            );
            assert_eq!(ply.id("registry.example/edge:1"), id, "{what}");
            if transport != "docker-archive" {
                let saved = ply.file("saved");
                ply.ok(["save", "--format", "oci", "-o", saved.to_str().unwrap(), "registry.example/edge:1"]);
                let raw = |place: &str| output(&mut engines.skopeo(&["inspect", "--raw", place]));
                assert_eq!(
                    raw(&format!("oci-archive:{}", saved.display())),
                    raw(&to),
                    "{what}: another manifest"
                );
            }
        }
    }
}

/// Layers that we packed otherwise are read by skopeo, and are the same layers.
#[test]
fn packed_layers_are_read_by_others() {
    if !needs(&[SKOPEO]) {
        return;
    }
    let (ply, engines) = (Ply::with_family(), Engines::new());
    for kind in ["gzip", "zstd", "none"] {
        ply.ok(["save", "--format", "oci", "--compress-layers", kind, "-o", "packed.tar", "app:1.1"]);
        let from = format!("oci-archive:{}", ply.file("packed.tar").display());
        let to = ply.file(&format!("{kind}.tar"));
        output(&mut engines.skopeo(&["copy", "-q", &from, &format!("oci-archive:{}:app:1", to.display())]));
        let again = Ply::new();
        assert_eq!(again.load(Input::File, &to, &[]).code, Some(0), "{kind}");
        let layers = |ply: &Ply, image: &str| ply.ok(["layers", "-q", image]);
        assert_eq!(layers(&again, "app:1"), layers(&ply, "app:1.1"), "{kind}");
    }
}

/// Several images in one archive, and OCI archives, by podman; pushed by buildah.
#[test]
fn loads_what_podman_and_buildah_wrote() {
    if !needs(&[SKOPEO, PODMAN, BUILDAH]) {
        return;
    }
    let engines = Engines::new();
    output(&mut engines.podman(&["load", "-i", family().to_str().unwrap()]));
    let ids = Ply::with_family();
    let file = |name: &str| engines.folder().join(name);
    let save = |args: &[&str], name: &str| {
        let path = file(name);
        output(engines.podman(&["save", "-q", "-o", path.to_str().unwrap()]).args(args));
        path
    };
    let docker = save(&["--format", "docker-archive", "app:1.1"], "docker.tar");
    let several = save(&["-m", "base:1", "lang:3", "app:1.1"], "several.tar");
    let oci = save(&["--format", "oci-archive", "app:1.1"], "oci.tar");
    let push = |transport: &str| {
        let path = file(&format!("buildah-{transport}.tar"));
        let to = format!("{transport}:{}:app:1.1", path.display());
        output(&mut engines.buildah(&["push", "-q", "app:1.1", &to]));
        path
    };
    let pushed = [push("docker-archive"), push("oci-archive")];
    for input in Input::BOTH {
        let loaded = |path: &Path| -> (Ply, String) {
            let ply = Ply::new();
            let ran = ply.load(input, path, &[]);
            assert_eq!(ran.code, Some(0), "{input:?} {}: {}", path.display(), ran.stderr);
            let said = ran.text().to_owned();
            (ply, said)
        };
        let (ply, _) = loaded(&docker);
        assert_eq!(only_id(&ply), ids.id("app:1.1"), "{input:?}");
        let (ply, said) = loaded(&several);
        assert_eq!(said.lines().count(), 3, "{input:?}: {said}");
        for image in ["base:1", "lang:3", "app:1.1"] {
            let name = said
                .lines()
                .find_map(|line| line.strip_prefix("Loaded image: ").filter(|name| name.ends_with(image)));
            assert_eq!(
                ply.id(name.unwrap_or_else(|| panic!("no {image}: {said}"))),
                ids.id(image),
                "{input:?}"
            );
        }
        // podman and buildah write the config anew when they turn an image of Docker's into one of OCI's.
        for path in [&oci, &pushed[1]] {
            let (ply, _) = loaded(path);
            let layers = |ply: &Ply, image: &str| ply.ok(["layers", "-q", image]);
            assert_eq!(layers(&ply, &only_id(&ply)), layers(&ids, "app:1.1"), "{input:?} {}", path.display());
        }
        let (ply, _) = loaded(&pushed[0]);
        assert_eq!(only_id(&ply), ids.id("app:1.1"), "{input:?}: buildah");
    }
}

fn only_id(ply: &Ply) -> String {
    let ids = ply.ok(["images", "-q", "--no-trunc"]);
    let mut ids: Vec<&str> = ids.lines().collect();
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    ids[0].to_owned()
}
