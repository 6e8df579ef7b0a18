//! The merged tree, entry by entry, beside what real engines show of the same image: Docker's overlay2, `docker export`,
//! containerd's mount, `umoci unpack` and podman's mount.
//!
//! Ours is what `ply unpack`, `ply export` and `ply ls` make of it. What differs and is no fault of ours is a row in
//! `exceptions`, and a row that nothing needs any more fails as well.

mod exceptions;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ply_tests::{
    Difference, Docker, Engines, Filesystem, Input, Mounted, Ply, edge, mounts_images, needs, others, output,
    skipped,
};
use serde_json::Value;

use crate::{BUILD, CTR, PODMAN, UMOCI};
pub(crate) use exceptions::OF_CONTAINERS;
use exceptions::{EXCEPTIONS, Engine, Exception};

/// Names the folder of the large images; see `cargo xtask test --real`.
const REAL_IMAGES: &str = "PLY_REAL_IMAGES";

#[test]
fn edge_is_what_engines_show() {
    if needs(&BUILD) && needs(&[CTR, PODMAN, UMOCI]) {
        compare(&edge().join("edge.docker.tar"), "edge:1");
    }
}

/// The image family of Docker's documentation, over a gigabyte, and what newer and older engines wrote.
#[test]
fn real_images_are_what_engines_show() {
    let Some(folder) = std::env::var_os(REAL_IMAGES).map(PathBuf::from) else {
        return skipped(&format!("{REAL_IMAGES} is not set, which `cargo xtask test --real` does"));
    };
    if needs(&BUILD) && needs(&[CTR, PODMAN, UMOCI]) {
        let archive = folder.join("family.docker.tar");
        for image in ["debian:bookworm", "buildpack-deps:bookworm", "java:17-jre", "tomcat:jre17"] {
            compare(&archive, image);
        }
        for (archive, image) in [
            ("docker26c-att.tar", "bx:att"),
            ("docker26c-multi.tar", "corpus/busybox:1"),
            ("docker26c-plain.tar", "bx:plain"),
            ("docker-exporter.tar", "bx:dk"),
            ("legacy-v1.tar", "dup-layers:1"),
            ("oci-estargz.tar", "bx:estargz"),
            ("oci-gzip.tar", "bx:gzip"),
            ("oci-zstd.tar", "bx:zstd"),
        ] {
            compare(&others().join(archive), image);
        }
    }
}

/// An image of an archive, seen by us in two ways and by five engines.
fn compare(archive: &Path, image: &str) {
    let ply = Ply::new();
    assert_eq!(ply.load(Input::File, archive, &["--only", image]).code, Some(0), "{image}");
    let ours = ours(&ply, image);
    let theirs = theirs(&ply, image);
    let mut wrong = Vec::new();
    for (engine, theirs) in &theirs {
        let mut needed = vec![false; EXCEPTIONS.len()];
        for (how, ours) in &ours {
            let mut differences = ours.differences(theirs);
            if *engine == Engine::Export {
                differences.retain(|found| OF_CONTAINERS.iter().all(|path| path.as_bytes() != found.path));
            }
            let (known, unknown) = excused(&differences, *engine, &mut needed);
            eprintln!(
                "{image}, {how} beside {engine:?}: {} entries, {known} known differences, {} others",
                theirs.entries.len(),
                unknown.len()
            );
            // Enough to see what it is.
            let shown = unknown.iter().take(20).map(|difference| format!("\n    {difference}"));
            if !unknown.is_empty() {
                wrong.push(format!(
                    "{image}: {how} beside {engine:?}: {} differences, such as{}",
                    unknown.len(),
                    shown.collect::<String>()
                ));
            }
        }
        // Only `edge` has every case.
        let unneeded = EXCEPTIONS.iter().zip(&needed).filter(|(exception, needed)| {
            !**needed && exception.engines.contains(engine) && image == "edge:1"
        });
        wrong.extend(
            unneeded.map(|(exception, _)| format!("{engine:?} does not need the exception {exception}")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// How many differences are known, and those that are not.
fn excused<'a>(found: &'a [Difference], engine: Engine, needed: &mut [bool]) -> (usize, Vec<&'a Difference>) {
    let unknown: Vec<&Difference> = found
        .iter()
        .filter(|difference| {
            let applies = |exception: &Exception| {
                exception.engines.contains(&engine)
                    && exception.field == difference.field
                    && (exception.holds)(difference)
            };
            let known = EXCEPTIONS.iter().position(applies);
            if let Some(known) = known {
                needed[known] = true;
            }
            known.is_none()
        })
        .collect();
    (found.len() - unknown.len(), unknown)
}

/// An image as the binary shows it; unpacked and listed must agree.
fn ours(ply: &Ply, image: &str) -> [(&'static str, Filesystem); 2] {
    let (directory, tar) = (ply.file("unpacked"), ply.file("exported.tar"));
    ply.ok(["unpack", image, directory.to_str().unwrap()]);
    let unpacked = Filesystem::on_disk(&directory);
    std::fs::remove_dir_all(directory).unwrap();
    mounts_show(ply, image, &unpacked);
    ply.ok(["export", "-o", tar.to_str().unwrap(), image]);
    let exported = Filesystem::in_tar(File::open(&tar).unwrap());
    std::fs::remove_file(tar).unwrap();
    let listed = Filesystem::in_json(&ply.ok(["ls", "-alR", "--json", image]));
    let differences = listed.differences(&unpacked.as_json_tells());
    let shown: Vec<String> = differences.iter().take(20).map(ToString::to_string).collect();
    assert!(shown.is_empty(), "{image}: listed and unpacked: {shown:#?}");
    [("unpacked", unpacked), ("exported", exported)]
}

/// An image that is mounted, from the store or straight from an archive, by the kernel, from loop devices or through FUSE,
/// shows what is unpacked of it.
fn mounts_show(ply: &Ply, image: &str, unpacked: &Filesystem) {
    if !mounts_images() {
        return;
    }
    ply.ok(["save", "-o", "saved.tar", image]);
    for from in [image.to_owned(), format!("docker-archive:saved.tar:{image}")] {
        for way in [&[][..], &["--loop"], &["--fuse"]] {
            let (ran, mounted) = Mounted::try_image(ply, &[way, &[&from]].concat(), "mounted");
            assert_eq!(ran.code, Some(0), "{from} {way:?}: {}", ran.stderr);
            let differences = unpacked.differences(&Filesystem::on_disk(mounted.path()));
            let shown: Vec<String> = differences.iter().take(20).map(ToString::to_string).collect();
            assert!(shown.is_empty(), "{from} {way:?}: unpacked and mounted: {shown:#?}");
            eprintln!("{from} {way:?}, mounted beside unpacked: {} entries", unpacked.entries.len());
            ply.ok(["umount", "mounted"]);
        }
    }
}

/// The same image as each engine shows it. What it is loaded from is our archive of it, which the others in this folder
/// of tests compare with theirs.
fn theirs(ply: &Ply, image: &str) -> Vec<(Engine, Filesystem)> {
    let archive = ply.file("saved.tar");
    ply.ok(["save", "-o", archive.to_str().unwrap(), image]);
    let timed =
        |what: &str, start: Instant| eprintln!("{image}: {what}: {:.1} s", start.elapsed().as_secs_f64());
    let mut shown = Vec::new();

    let (docker, start) = (Docker::shared(), Instant::now());
    docker.load(&archive);
    timed("docker load", start);
    shown.push((Engine::Overlay2, docker.merged(image)));
    let start = Instant::now();
    let exported = docker.exported(image);
    for path in OF_CONTAINERS {
        assert!(
            exported.entries.contains_key(path.as_bytes()),
            "{image}: docker export has no /{path} any more"
        );
    }
    shown.push((Engine::Export, exported));
    timed("docker export", start);

    let start = Instant::now();
    shown.push((Engine::Containerd, docker.mounted_by_containerd(&archive, image).unwrap()));
    timed("containerd", start);

    let (engines, start) = (Engines::new(), Instant::now());
    let layout = engines.layout(&archive);
    // Another config, and so another ID, than Docker's; of the same layers.
    let copied = format!("oci:{}:image", layout.display());
    let config = output(&mut engines.skopeo(&["inspect", "--config", "--raw", &copied]));
    let config: Value = serde_json::from_str(&config).unwrap();
    let layers: Value =
        serde_json::from_str(&ply.ok(["inspect", "-f", "{{json .RootFS.Layers}}", image])).unwrap();
    assert_eq!(config["rootfs"]["diff_ids"], layers, "{image}: skopeo");
    timed("skopeo copy", start);
    let start = Instant::now();
    shown.push((Engine::Umoci, engines.unpacked_by_umoci(&layout).unwrap()));
    timed("umoci unpack", start);
    let start = Instant::now();
    let (mounted, mounted_layers) = engines.mounted_by_podman(&archive).unwrap();
    timed("podman", start);
    assert_eq!(mounted_layers, layers, "{image}: podman");
    shown.push((Engine::Podman, mounted));
    shown
}
