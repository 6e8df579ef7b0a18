//! Bytes that are not what they should be, or are not there.

use ply_tests::{Guarded, Layout, Made, Tarball, archive_of, gzip, listed, named, sha256, xz, zstd};
use serde_json::json;

const NAME: &str = "io.containerd.image.name";

#[test]
fn a_layer_that_is_not_its_diff_id() {
    let guarded = Guarded::new();
    let image = Made::of(&["one", "two"]);
    let mut damaged = image.clone();
    // In the content of a file.
    damaged.layers[1][3000] ^= 1;
    let paths = ["1.tar".to_owned(), "2.tar".to_owned()];
    let manifest = json!([listed("c", &["app:1"], &paths)]).to_string();
    let found = sha256(&damaged.layers[1]);
    let archive = |layer: &[u8]| {
        let tar = Tarball::new().file("manifest.json", &manifest).file("c", &image.config);
        tar.file("1.tar", &image.layers[0]).file("2.tar", layer).finish()
    };
    let expected = sha256(&image.layers[1]);
    let words = ["layer 2 of 2", "2.tar", found.as_str(), expected.as_str()];
    guarded.refuses("plain", &archive(&damaged.layers[1]), &words);
    guarded.refuses("gzip", &archive(&gzip(&damaged.layers[1])), &words);
    guarded.refuses("zstd", &archive(&zstd(&damaged.layers[1])), &words);
    let empty = sha256(b"");
    guarded.refuses("no bytes", &archive(b""), &["2.tar", empty.as_str(), expected.as_str()]);
}

#[test]
fn a_blob_that_is_not_its_digest() {
    let guarded = Guarded::new();
    let image = Made::of(&["one"]);
    let damage = |which: &str| {
        let mut layout = Layout::default();
        let gzip_type = "application/vnd.oci.image.layer.v1.tar+gzip";
        let manifest = layout.image(&image, gzip_type, vec![gzip(&image.layers[0])]);
        let hex = match which {
            "layer" => ply_tests::hex(&gzip(&image.layers[0])),
            "config" => image.hex(),
            _ => manifest["digest"].as_str().unwrap()[7..].to_owned(),
        };
        let blob = layout.blobs.get_mut(&hex).unwrap();
        let at = if which == "layer" { 5 } else { blob.len() - 2 };
        // In the header of gzip, a time: what is inside stays as it was. In JSON, a space.
        if which == "layer" {
            blob[at] ^= 1
        } else {
            blob[at] = b' '
        }
        (layout.list(named(manifest, NAME, "docker.io/library/app:1")).tar().finish(), hex)
    };
    for which in ["layer", "config", "manifest"] {
        let (tar, hex) = damage(which);
        guarded.refuses(which, &tar, &[&hex]);
    }
}

/// Cut off in headers, in contents, between members, in the end; told at which byte of which member, where the tar
/// is plain.
#[test]
fn archives_that_end_early() {
    let guarded = Guarded::new();
    let image = Made::of(&["one", "two"]);
    let whole = archive_of(&image, "app:1").finish();
    let first_layer = format!("{}.tar", image.layer_hex(0));
    let at = 512 * 4 + image.config.len().next_multiple_of(512);
    let cuts =
        [1, 100, 511, 513, 600, 1023, 1500, at + 1, at + 512, at + 512 + 30_000, whole.len() - 1024 - 3];
    for cut in cuts {
        let words: &[&str] = match cut {
            1..512 => &["no archive", "inside a header"],
            _ if cut == at + 512 + 30_000 => &[&first_layer, "of its 57344 bytes"],
            // In the padding after a member, which nobody needs.
            1023 => &["missing", "manifest.json names it"],
            _ => &["end"],
        };
        guarded.refuses(&format!("cut at {cut} of {}", whole.len()), &whole[..cut], words);
    }
    for (kind, whole) in [("gzip", gzip(&whole)), ("zstd", zstd(&whole)), ("xz", xz(&whole))] {
        for cut in [7, whole.len() / 3, whole.len() - 9, whole.len() - 1] {
            guarded.refuses(&format!("{kind} cut at {cut} of {}", whole.len()), &whole[..cut], &[]);
        }
    }
}

/// Before 1.10 the names came last, and without them an archive may be whole; but then it has an end.
#[test]
fn old_archives_that_end_before_the_names() {
    let guarded = Guarded::new();
    let id = ply_tests::hex(b"an ID");
    let whole = Tarball::new()
        .file(&format!("{id}/json"), json!({"id": id, "created": "2015-01-02T03:04:05Z"}).to_string())
        .file(&format!("{id}/layer.tar"), ply_tests::layer("one"))
        .finish();
    let cut = &whole[..whole.len() - 1024];
    guarded.refuses("cut off before the names", cut, &["repositories is missing", "end of the archive"]);
}

/// The layer is cut off, the archive around it is whole.
#[test]
fn layers_that_end_early() {
    let guarded = Guarded::new();
    let image = Made::of(&["one"]);
    for (kind, blob) in [("gzip", gzip(&image.layers[0])), ("zstd", zstd(&image.layers[0]))] {
        for cut in [4, 20, blob.len() / 2, blob.len() - 1] {
            let manifest = json!([listed("c", &["app:1"], &["l.tar".to_owned()])]).to_string();
            let tar = Tarball::new().file("manifest.json", manifest).file("c", &image.config);
            let tar = tar.file("l.tar", &blob[..cut]).finish();
            guarded.refuses(&format!("{kind} layer cut at {cut}"), &tar, &["l.tar"]);
        }
    }
}

#[test]
fn members_that_are_missing() {
    let guarded = Guarded::new();
    let image = Made::of(&["one", "two"]);
    let manifest = json!([listed("c", &["app:1"], &["1.tar".to_owned(), "2.tar".to_owned()])]).to_string();
    let no_config = Tarball::new().file("manifest.json", &manifest).file("1.tar", &image.layers[0]);
    guarded.refuses("no config", &no_config.finish(), &["c is missing; manifest.json names it"]);
    // An archive that lacks a layer is a thin one, which the store might complete.
    let thin = Tarball::new()
        .file("manifest.json", &manifest)
        .file("c", &image.config)
        .file("1.tar", &image.layers[0]);
    let lacking = sha256(&image.layers[1]);
    guarded.refuses(
        "no layer",
        &thin.finish(),
        &["lacks one layer", &lacking, "COPY 2 /", "Nothing was loaded"],
    );

    for which in ["manifest", "config"] {
        let mut layout = Layout::default();
        let manifest = layout.plain(&image);
        let hex = if which == "config" {
            image.hex()
        } else {
            manifest["digest"].as_str().unwrap()[7..].to_owned()
        };
        layout.blobs.remove(&hex);
        let layout = layout.list(named(manifest, NAME, "docker.io/library/app:1"));
        guarded.refuses(which, &layout.tar().finish(), &[&hex, "missing"]);
    }
}

#[test]
fn what_is_no_archive() {
    let guarded = Guarded::new();
    guarded.refuses("an empty file", b"", &[]);
    guarded.refuses("zeros", &[0; 10_240], &["no image in it"]);
    guarded.refuses("text", &b"hello, world\n".repeat(100), &["no archive"]);
    let mut noise = 1_u64;
    let random = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        noise.to_be_bytes()[2]
    });
    let random: Vec<u8> = random.take(5000).collect();
    guarded.refuses("noise", &random, &["no archive"]);
    guarded.refuses("a tar of something else", &Tarball::new().file("a", "b").finish(), &["no image in it"]);
    guarded.refuses("gzip of text", &gzip(&b"hello, world\n".repeat(100)), &["no archive"]);
}
