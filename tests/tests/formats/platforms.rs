//! Images for several platforms.

use ply_tests::{Input, Layout, Made, Ply, Ran, host_architecture, layer, made, named};
use serde_json::json;

struct Platforms {
    host: Made,
    other: Made,
    tar: Vec<u8>,
}

const OTHER: &str = "s390x";

/// An index of two platforms, and of a third whose blobs are not in the archive.
fn platforms() -> Platforms {
    let mut layout = Layout::default();
    let host = Made::of(&["host"]);
    let other = made(vec![layer("other")]).with("architecture", json!(OTHER));
    let mut listed = Vec::new();
    for (image, architecture) in [(&other, OTHER), (&host, host_architecture())] {
        let mut manifest = layout.plain(image);
        manifest["platform"] = json!({"os": "linux", "architecture": architecture});
        listed.push(manifest);
    }
    let digest = ply_tests::sha256(b"not here");
    listed
        .push(json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 8,
        "platform": {"os": "linux", "architecture": "riscv64"}}));
    let index = layout.index(&listed);
    let tar = layout.list(named(index, "io.containerd.image.name", "docker.io/library/app:1")).tar().finish();
    Platforms { host, other, tar }
}

fn load(input: Input, tar: &[u8], more: &[&str]) -> (Ply, Ran) {
    let ply = Ply::new();
    let path = ply.write("archive", tar);
    let ran = ply.load(input, &path, more);
    (ply, ran)
}

#[test]
fn the_host_unless_another_is_asked_for() {
    let Platforms { host, other, tar } = platforms();
    let asked = format!("linux/{OTHER}");
    for input in Input::BOTH {
        let (ply, ran) = load(input, &tar, &[]);
        assert_eq!((ran.code, ran.text()), (Some(0), "Loaded image: app:1\n"), "{input:?}: {}", ran.stderr);
        assert_eq!(ply.id("app:1"), host.id(), "{input:?}");
        let (ply, ran) = load(input, &tar, &["--platform", &asked]);
        assert_eq!(ran.code, Some(0), "{input:?}: {}", ran.stderr);
        assert_eq!(
            ply.ok(["inspect", "-f", "{{.Id}} {{.Architecture}}", "--platform", &asked, "app:1"]),
            format!("{} {OTHER}", other.id())
        );
        let (ply, ran) = load(input, &tar, &["--platform", "all"]);
        assert_eq!(ran.code, Some(0), "{input:?}: {}", ran.stderr);
        assert_eq!(ply.id("app:1"), host.id(), "{input:?}");
        assert_eq!(ply.ok(["inspect", "-f", "{{.Id}}", "--platform", &asked, "app:1"]), other.id());
    }
}

/// Two of three in, two of three out; the index stays what it was.
#[test]
fn an_index_survives() {
    let tar = platforms().tar;
    let (ply, _) = load(Input::File, &tar, &["--platform", "all"]);
    let saved = ply.save("oci", &["app:1"]);
    let (again, ran) = load(Input::Pipe, &saved, &["--platform", "all"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(saved == again.save("oci", &["app:1"]), "saved again it differs");
    let before = ply_tests::members(&tar);
    let after = ply_tests::members(&saved);
    for (name, blob) in before.iter().filter(|(name, _)| name.len() > 64) {
        assert_eq!(after.get(name), Some(blob), "{name}");
    }
}

#[test]
fn a_platform_that_is_not_there() {
    let tar = platforms().tar;
    for input in Input::BOTH {
        // Listed, but its blobs are not in the archive; and not even listed.
        for asked in ["linux/riscv64", "windows/amd64"] {
            let (ply, ran) = load(input, &tar, &["--platform", asked]);
            assert_eq!(ran.code, Some(1), "{input:?} {asked}: {}", ran.text());
            assert!(ran.stderr.contains(asked), "{input:?} {asked}: {}", ran.stderr);
            assert_eq!(ply.ok(["images", "-q"]), "", "{input:?} {asked}");
        }
        // What is there is loaded; what is not is said, and the exit code says so too.
        let both = format!("linux/{OTHER},linux/riscv64");
        let (ply, ran) = load(input, &tar, &["--platform", &both]);
        assert_eq!((ran.code, ran.text()), (Some(1), "Loaded image: app:1\n"), "{input:?}");
        assert!(ran.stderr.contains("linux/riscv64"), "{input:?}: {}", ran.stderr);
        assert_eq!(ply.ok(["images", "-q"]).lines().count(), 1, "{input:?}");
    }
}

/// Each platform is an image with an ID of its own, and is found by it; the names belong to the index.
#[test]
fn each_platform_by_its_id() {
    let Platforms { host, other, tar } = platforms();
    let (ply, ran) = load(Input::File, &tar, &["--platform", "all"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for image in [&host, &other] {
        let id = image.id();
        let prefix = &id.trim_start_matches("sha256:")[..12];
        for word in [id.as_str(), prefix] {
            assert_eq!(ply.ok(["inspect", "-f", "{{.Id}} {{.RepoTags}}", word]), format!("{id} [app:1]"));
        }
        // What is saved by its ID is that image, without a name.
        ply.ok(["save", "-o", "by-id.tar", prefix]);
        let path = ply.file("by-id.tar");
        let second = Ply::new();
        let ran = second.load(Input::File, &path, &[]);
        assert_eq!(ran.text(), format!("Loaded image ID: {id}\n"), "{}", ran.stderr);
    }
}

#[test]
fn a_second_platform_moves_no_name() {
    let tar = platforms().tar;
    let (ply, ran) = load(Input::File, &tar, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let asked = format!("linux/{OTHER}");
    let ran = ply.load(Input::File, &ply.file("archive"), &["--platform", &asked]);
    assert_eq!((ran.code, ran.text(), ran.stderr.as_str()), (Some(0), "Loaded image: app:1\n", ""));
    assert_eq!(ply.ok(["images", "-q"]).lines().count(), 1);
}

/// Docker's format has one place for a platform: two are refused, and nothing is written.
#[test]
fn two_platforms_do_not_fit_into_dockers_format() {
    let (ply, ran) = load(Input::File, &platforms().tar, &["--platform", "all"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let both = format!("linux/{OTHER},linux/{}", host_architecture());
    for platforms in [both.as_str(), "all"] {
        let ran = ply.run(["save", "--platform", platforms, "-o", "both.tar", "app:1"]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains("--format oci"), "{}", ran.stderr);
        assert!(!ply.file("both.tar").exists());
        ply.ok(["save", "--format", "oci", "--platform", platforms, "-o", "both.oci.tar", "app:1"]);
    }
}
