//! A real registry between us and the engines: what they push we pull, what we push they pull, and both say the same of it.

use std::process::Command;

use ply_tests::{Docker, Engines, Input, Ply, Registry, edge, needs, output};

use crate::{BUILD, PODMAN, REGISTRY};

/// A store with the hard cases of a union filesystem, a registry, and the name they get there.
fn with_edge() -> (Ply, Registry) {
    let ply = Ply::new();
    assert_eq!(ply.load(Input::File, &edge().join("edge.docker.tar"), &[]).code, Some(0));
    (ply, Registry::start())
}

/// A field of what skopeo says of a name in a registry.
fn skopeo(registry: &Registry, image: &str, format: &str) -> String {
    let name = format!("docker://{}", registry.name(image));
    output(Command::new("skopeo").args(["inspect", "--tls-verify=false", "--format", format, &name]))
}

/// The line of `pull` or `push` that tells the digest.
fn digest(said: &str) -> &str {
    let at = said.find("sha256:").unwrap_or_else(|| panic!("no digest in {said}"));
    &said[at..at + "sha256:".len() + 64]
}

#[test]
fn what_engines_push_is_pulled() {
    if !needs(&BUILD) || !needs(&[PODMAN, REGISTRY]) {
        return;
    }
    let (ply, registry) = with_edge();
    let (docker, engines) = (Docker::shared(), Engines::new());
    let archive = edge().join("edge.docker.tar");
    let from = format!("docker-archive:{}", archive.display());
    let to = |image: &str| format!("docker://{}", registry.name(image));

    output(Command::new("skopeo").args(["copy", "-q", "--dest-tls-verify=false", &from, &to("by/skopeo:1")]));
    output(&mut engines.podman(&["load", "-i", archive.to_str().unwrap()]));
    output(&mut engines.podman(&["push", "--tls-verify=false", "edge:1", &registry.name("by/podman:1")]));
    docker.load(&archive);
    docker.ok(&["tag", "edge:1", &registry.name("by/docker:1")]);
    docker.ok(&["push", "-q", &registry.name("by/docker:1")]);
    for image in ["by/skopeo:1", "by/podman:1", "by/docker:1"] {
        let fresh = Ply::new();
        let said = fresh.ok(["pull", &registry.name(image)]);
        assert_eq!(digest(&said), skopeo(&registry, image, "{{.Digest}}"), "{image}");
        assert_eq!(fresh.id(&registry.name(image)), ply.id("edge:1"), "{image}");
        fresh.ok(["check"]);
        // The engine's own words, in its order.
        let lines: Vec<&str> = said.lines().collect();
        assert!(lines[0].starts_with("1: Pulling from by/"), "{said}");
        assert_eq!(lines[2], format!("Status: Downloaded newer image for {}", registry.name(image)));
        registry.clear_requests();
        let again = fresh.ok(["pull", &registry.name(image)]);
        assert!(again.contains("Status: Image is up to date for"), "{again}");
        assert_eq!(registry.requests().len(), 1, "{:?}", registry.requests());
    }
}

#[test]
fn what_is_pushed_engines_pull() {
    if !needs(&BUILD) || !needs(&[PODMAN, REGISTRY]) {
        return;
    }
    let (ply, registry) = with_edge();
    let (docker, engines) = (Docker::shared(), Engines::new());
    for (image, compress) in [("a/gzip:1", "gzip"), ("a/zstd:1", "zstd"), ("a/plain:1", "none")] {
        let name = registry.name(image);
        ply.ok(["tag", "edge:1", &name]);
        let said = ply.ok(["push", "--compress", compress, &name]);
        assert_eq!(digest(said.lines().last().unwrap()), skopeo(&registry, image, "{{.Digest}}"), "{image}");
        output(&mut engines.podman(&["pull", "-q", "--tls-verify=false", &name]));
        let id = output(&mut engines.podman(&["image", "inspect", "-f", "{{.Id}}", &name]));
        assert_eq!(format!("sha256:{id}"), ply.id("edge:1"), "podman, {image}");
        // Docker before 23 knows no zstd.
        if compress == "zstd" {
            continue;
        }
        docker.ok(&["pull", "-q", &name]);
        let found = docker.inspect(&name);
        assert_eq!(found["Id"].as_str(), Some(&*ply.id("edge:1")), "docker, {image}");
        docker.ok(&["rmi", &name]);
    }
}

/// The same image gives the same manifest, however many threads compress it; and what a registry has is not sent again, nor
/// what it has in another repository.
#[test]
fn only_what_is_lacking_travels() {
    if !needs(&BUILD) || !needs(&[REGISTRY]) {
        return;
    }
    let (ply, registry) = with_edge();
    let other = Registry::start();
    let push = |threads: &str, registry: &Registry, image: &str| {
        let name = registry.name(image);
        ply.ok(["tag", "edge:1", &name]);
        digest(ply.ok(["--threads", threads, "push", &name]).lines().last().unwrap()).to_owned()
    };
    let first = push("1", &registry, "one/app:1");
    ply.ok(["prune", "--cache"]);
    assert_eq!(push("3", &other, "one/app:1"), first);

    registry.clear_requests();
    assert_eq!(push("2", &registry, "one/app:again"), first);
    let sent: Vec<String> = registry.requests().into_iter().filter(|r| !r.starts_with("HEAD ")).collect();
    assert!(sent.len() == 1 && sent[0].starts_with("PUT /v2/one/app/manifests/again"), "{sent:?}");

    // Pulled, so that its blobs are known to be there; then under another name.
    let puller = Ply::new();
    puller.ok(["pull", "-q", &registry.name("one/app:1")]);
    puller.ok(["tag", &registry.name("one/app:1"), &registry.name("two/app:1")]);
    registry.clear_requests();
    let said = puller.ok(["push", &registry.name("two/app:1")]);
    assert_eq!(digest(said.lines().last().unwrap()), first);
    assert!(said.contains("Mounted from one/app"), "{said}");
    let requests = registry.requests();
    assert!(requests.iter().all(|r| !r.starts_with("PATCH ")), "{requests:?}");
}

/// Every end to every other, with the same ID everywhere.
#[test]
fn copies_between_all_places() {
    if !needs(&BUILD) || !needs(&[REGISTRY]) {
        return;
    }
    let (ply, registry) = with_edge();
    let id = ply.id("edge:1");
    let place = |kind: &str, n: usize| match kind {
        "docker://" => format!("docker://{}", registry.name(&format!("c/app:{n}"))),
        "docker-archive:" | "oci-archive:" => format!("{kind}{}", ply.file(&format!("{n}.tar")).display()),
        "oci:" => format!("oci:{}:{n}", ply.file("layout").display()),
        _ => format!("store:copied:{n}"),
    };
    let kinds = ["docker://", "docker-archive:", "oci-archive:", "oci:", "store:"];
    let mut n = 0;
    let mut copied = |from: &str, kind: &str| {
        n += 1;
        let to = place(kind, n);
        ply.ok(["copy", from, &to]);
        assert_eq!(ply.ok(["inspect", "-f", "{{.Id}}", &to]).trim(), id, "{from} to {to}");
        to
    };
    for kind in kinds {
        let there = copied("edge:1", kind);
        for to in kinds {
            copied(&there, to);
        }
    }
    let layout = ply.file("layout");
    let raw =
        output(Command::new("skopeo").args(["inspect", "--raw", &format!("oci:{}:5", layout.display())]));
    assert!(raw.contains(&id), "{raw}");
    // A copy of an archive with plain layers can keep its digests only without compressing them.
    let archive = format!("docker-archive:{}", edge().join("edge.docker.tar").display());
    let to = format!("docker://{}", registry.name("kept:1"));
    assert_eq!(ply.run(["copy", "--preserve-digests", &archive, &to]).code, Some(2));
    assert_eq!(ply.run(["inspect", &to]).code, Some(1), "the tag must not be there");
}

/// A daemon's images, there and back.
#[test]
fn a_daemon_is_a_place() {
    if !needs(&BUILD) {
        return;
    }
    let (docker, ply) = (Docker::shared(), Ply::new());
    docker.load(&edge().join("edge.docker.tar"));
    let id = docker.inspect("edge:1")["Id"].as_str().unwrap().to_owned();
    let run = |args: &[&str]| output(ply.command(args).env("DOCKER_HOST", docker.host()));
    assert_eq!(run(&["pull", "docker-daemon:edge:1"]), "Loaded image: edge:1");
    assert_eq!(ply.id("edge:1"), id);
    run(&["load", "-i", "docker-daemon:edge:1"]);
    run(&["tag", "edge:1", "there:and-back"]);
    run(&["save", "-o", "docker-daemon:", "there:and-back"]);
    assert_eq!(docker.inspect("there:and-back")["Id"].as_str(), Some(&*id));
    run(&["copy", "edge:1", "docker-daemon:copied:2"]);
    assert_eq!(docker.inspect("copied:2")["Id"].as_str(), Some(&*id));
    run(&["copy", "docker-daemon:copied:2", "store:again:3"]);
    assert_eq!(ply.id("again:3"), id);
    let mut absent = ply.command(["pull", "docker-daemon:nobody:1"]);
    let absent = ply_tests::run(absent.env("DOCKER_HOST", docker.host()));
    assert_eq!(absent.code, Some(1));
    assert!(absent.stderr.contains("nobody:1"), "{}", absent.stderr);
    docker.ok(&["rmi", "there:and-back", "copied:2"]);
}

/// Read where they are: documents alone for what documents say, layers for files.
#[test]
fn images_are_looked_at_where_they_are() {
    if !needs(&BUILD) || !needs(&[REGISTRY]) {
        return;
    }
    let (ply, registry) = with_edge();
    let name = registry.name("look:1");
    ply.ok(["tag", "edge:1", &name]);
    ply.ok(["push", "-q", &name]);
    let there = format!("docker://{name}");
    let fresh = Ply::new();
    registry.clear_requests();
    assert_eq!(fresh.ok(["inspect", "-f", "{{.Id}}", &there]).trim(), ply.id("edge:1"));
    assert_eq!(registry.requests().len(), 2, "manifest and config: {:?}", registry.requests());
    let raw = output(Command::new("skopeo").args(["inspect", "--raw", "--tls-verify=false", &there]));
    assert_eq!(fresh.ok(["inspect", "--raw", &there]), raw);
    for verb in [&["ls", "-R", "-l"][..], &["du"], &["history", "--layers"], &["layers", "--no-trunc"]] {
        let look = |ply: &Ply, image: &str| ply.ok(verb.iter().copied().chain([image]));
        // Blobs are compressed there and plain here, which is what the last columns say of them.
        let files = |text: String| text.lines().map(|line| line.to_owned()).collect::<Vec<_>>();
        let (remote, local) = (files(look(&fresh, &there)), files(look(&ply, "edge:1")));
        assert_eq!(remote.len(), local.len(), "{verb:?}");
        if verb[0] == "ls" {
            assert_eq!(remote, local, "{verb:?}");
        }
    }
    assert_eq!(fresh.ok(["diff", &there, &there]), "");
    assert_eq!(fresh.ok(["images", "-q"]), "", "looking names nothing");
    registry.clear_requests();
    fresh.ok(["ls", &there]);
    assert!(registry.requests().iter().all(|r| r.contains("/manifests/") || r.contains("/blobs/")));
    assert!(registry.requests().len() <= 2, "layers are here by now: {:?}", registry.requests());
}
