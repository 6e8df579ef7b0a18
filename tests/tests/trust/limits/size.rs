//! How large a layer may be, where somebody says so.

use ply_tests::{Input, Layout, Made, Ply, Tarball, archive_of, gzip, made, named, zstd};

/// A layer of so many bytes of content, told apart from others.
fn image() -> Made {
    made(vec![Tarball::new().file("a", vec![b'x'; 300 << 10]).finish()])
}

fn packed(pack: fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let (image, mut layout) = (image(), Layout::default());
    let manifest =
        layout.image(&image, "application/vnd.oci.image.layer.v1.tar+gzip", vec![pack(&image.layers[0])]);
    layout.list(named(manifest, "io.containerd.image.name", "docker.io/library/app:1")).tar().finish()
}

#[test]
fn a_layer_over_what_is_allowed() {
    let plain = archive_of(&image(), "app:1").finish();
    for (what, archive) in [("plain", plain), ("gzip", packed(gzip)), ("zstd", packed(zstd))] {
        let ply = Ply::new();
        let path = ply.write("archive", &archive);
        for input in Input::BOTH {
            let ran = ply.load(input, &path, &["-q", "--max-layer-size", "200k"]);
            assert_eq!((ran.code, ran.text()), (Some(1), ""), "{what}, {input:?}: {}", ran.stderr);
            assert!(
                ran.stderr.contains("204800") && ran.stderr.contains("layer"),
                "{what}, {input:?}: {}",
                ran.stderr
            );
            assert_eq!(ply.ok(["images", "-q"]), "", "{what}");
            let taken = ply.load(input, &path, &["-q", "--max-layer-size", "1m"]);
            assert_eq!(taken.code, Some(0), "{what}, {input:?}: {}", taken.stderr);
            ply.ok(["rmi", "app:1"]);
        }
        assert_eq!(ply.run(["load", "--max-layer-size", "much"]).code, Some(2));
    }
}

/// That it came once, when nobody minded, is no leave for the next time.
#[test]
fn a_layer_that_is_here_already_is_asked_too() {
    let ply = Ply::new();
    let path = ply.write("archive", archive_of(&image(), "app:1").finish());
    ply.ok(["load", "-q", "-i", path.to_str().unwrap()]);
    for input in Input::BOTH {
        let ran = ply.load(input, &path, &["-q", "--max-layer-size", "200k"]);
        assert_eq!((ran.code, ran.text()), (Some(1), ""), "{input:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("204800"), "{input:?}: {}", ran.stderr);
    }
    ply.ok(["inspect", "app:1"]);
}

/// What docs/limits.md names is there by that name.
#[test]
fn limits_have_names() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(root.join("docs/limits.md")).unwrap();
    let rows = text.lines().filter_map(|row| row.split_once("| `crates/"));
    let mut named = 0;
    for (_, place) in rows {
        let path = format!("crates/{}", place.split('`').next().unwrap());
        let source = std::fs::read_to_string(root.join(&path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        for name in place.split('`').skip(2).step_by(2) {
            assert!(source.contains(name), "{path} has no {name}");
            named += 1;
        }
    }
    assert!(named > 30, "{named}");
}
