//! Compressed layers, and archives compressed as a whole.

use ply_tests::{
    Expected, Layout, Made, Ply, Tarball, archive_of, bzip2, gzip, hex, listed, named, round_trip, xz, zstd,
};
use serde_json::json;

const NAME: &str = "io.containerd.image.name";
const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// Halves compressed each for itself: several gzip members, several zstd frames.
fn in_parts(bytes: &[u8], compress: fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let (first, rest) = bytes.split_at(bytes.len() / 3);
    let (second, third) = rest.split_at(rest.len() / 2);
    [compress(first), compress(second), compress(b""), compress(third)].concat()
}

/// A zstd frame that readers skip (RFC 8878, 3.1.2), as zstd:chunked and seekable zstd have them.
fn skippable(content: &[u8]) -> Vec<u8> {
    let len = u32::try_from(content.len()).unwrap();
    [&0x184d_2a50_u32.to_le_bytes(), &len.to_le_bytes(), content].concat()
}

#[test]
fn layers() {
    let image = Made::of(&["one"]);
    let plain = image.layers[0].as_slice();
    let cases: [(&str, &str, Vec<u8>); 7] = [
        ("gzip", GZIP, gzip(plain)),
        ("gzip in several members", GZIP, in_parts(plain, gzip)),
        ("gzip with a name and a comment", GZIP, {
            let mut encoder = flate2_builder().write(Vec::new(), flate2::Compression::new(9));
            std::io::Write::write_all(&mut encoder, plain).unwrap();
            encoder.finish().unwrap()
        }),
        ("zstd", ZSTD, zstd(plain)),
        ("zstd in several frames", ZSTD, in_parts(plain, zstd)),
        (
            "zstd with a frame to skip at the end",
            ZSTD,
            [zstd(plain), skippable(b"table of contents")].concat(),
        ),
        ("zstd with a frame to skip in front", ZSTD, [skippable(b"a"), skippable(b""), zstd(plain)].concat()),
    ];
    for (title, media_type, blob) in cases {
        let mut layout = Layout::default();
        let manifest = layout.image(&image, media_type, vec![blob.clone()]);
        let layout = layout.list(named(manifest, NAME, "docker.io/library/app:1"));
        round_trip(
            &format!("{title}, in a layout"),
            &layout.tar().finish(),
            &[Expected::new(&["app:1"], &image)],
        );
        let manifest = json!([listed("c", &["app:1"], &["layer".to_owned()])]).to_string();
        let tar =
            Tarball::new().file("manifest.json", manifest).file("c", &image.config).file("layer", &blob);
        round_trip(&format!("{title}, in Docker's"), &tar.finish(), &[Expected::new(&["app:1"], &image)]);
    }
}

fn flate2_builder() -> flate2::GzBuilder {
    flate2::GzBuilder::new().filename("layer.tar").comment("by hand").extra(vec![1, 2, 3, 4]).mtime(1)
}

/// The kind is told by the content; what the manifest calls it does not matter to the bytes.
#[test]
fn media_types_that_lie() {
    let image = Made::of(&["one", "two"]);
    let blobs = vec![image.layers[0].clone(), gzip(&image.layers[1])];
    let mut layout = Layout::default();
    let manifest = layout.image(&image, GZIP, blobs);
    let layout = layout.list(named(manifest, NAME, "docker.io/library/app:1"));
    round_trip("plain called gzip", &layout.tar().finish(), &[Expected::new(&["app:1"], &image)]);
}

#[test]
fn whole_archives() {
    let image = Made::of(&["one", "two"]);
    let archive = archive_of(&image, "app:1").finish();
    let cases: [(&str, Vec<u8>); 6] = [
        ("gzip", gzip(&archive)),
        ("gzip in several members", in_parts(&archive, gzip)),
        ("bzip2", bzip2(&archive)),
        ("xz", xz(&archive)),
        ("zstd", zstd(&archive)),
        ("zstd in several frames", in_parts(&archive, zstd)),
    ];
    for (title, bytes) in cases {
        round_trip(title, &bytes, &[Expected::new(&["app:1"], &image)]);
    }
}

/// Twice compressed: gzip layers in an archive that is gzip too.
#[test]
fn both() {
    let image = Made::of(&["one"]);
    let manifest = json!([listed("c", &["app:1"], &["layer".to_owned()])]).to_string();
    let layer = gzip(&image.layers[0]);
    let tar = Tarball::new().file("layer", layer).file("c", &image.config).file("manifest.json", manifest);
    round_trip("gzip in gzip", &gzip(&tar.finish()), &[Expected::new(&["app:1"], &image)]);
}

/// A layer is inflated once: with its plain tar at hand, whoever looks at the image again reads that alone.
#[test]
fn plain_tars_are_read_once_they_are_made() {
    let image = Made::of(&["one", "two"]);
    let packed: Vec<Vec<u8>> = image.layers.iter().map(|layer| gzip(layer)).collect();
    for verb in ["unpack", "export"] {
        let mut layout = Layout::default();
        let manifest = layout.image(&image, GZIP, packed.clone());
        let archive = layout.list(named(manifest, NAME, "docker.io/library/app:1")).tar().finish();
        let ply = Ply::new();
        let archive = ply.write("gzip.tar", archive);
        ply.ok(["load", "-q", "-i", &archive.to_string_lossy()]);
        let before = ply.ok(["ls", "-lR", "app:1"]);
        let out = ply.file("out").to_string_lossy().into_owned();
        match verb {
            "unpack" => ply.ok(["unpack", "app:1", &out]),
            _ => ply.ok(["export", "-o", &out, "app:1"]),
        };
        for (plain, packed) in image.layers.iter().zip(&packed) {
            let kept = ply.store().join(format!("ply/layers/{}.tar", hex(plain)));
            assert_eq!(&std::fs::read(kept).unwrap(), plain, "{verb}");
            // Its checksum no longer fits: to inflate it again would fail.
            let mut damaged = packed.clone();
            let checksum = damaged.len() - 8;
            damaged[checksum] ^= 1;
            std::fs::write(ply.store().join("blobs/sha256").join(hex(packed)), damaged).unwrap();
        }
        assert_eq!(ply.ok(["ls", "-lR", "app:1"]), before, "{verb}");
        assert_eq!(ply.ok(["cat", "app:1", "/etc/motd"]), "two", "{verb}");
    }
}
