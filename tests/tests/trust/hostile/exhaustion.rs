//! Small archives that would fill memory, disk or time.

use std::time::{Duration, Instant};

use ply_tests::headers::{member, pax, whole};
use ply_tests::{Effort, Layout, Tarball, archive_of, gzip, listed, made, named, xz, zstd};
use serde_json::json;

use super::Case;
use super::Verdict::{Contained, Refused};

/// A layout of one layer: the tar that `packed` should be, and what is there in its place.
fn packed(plain: &[u8], packed: Vec<u8>) -> Vec<u8> {
    let (mut layout, image) = (Layout::default(), made(vec![plain.to_vec()]));
    let manifest = layout.image(&image, "application/vnd.oci.image.layer.v1.tar+zstd", vec![packed]);
    layout.list(named(manifest, "io.containerd.image.name", "docker.io/library/image:1")).tar().finish()
}

fn small() -> Vec<u8> {
    Tarball::new().file("a", "1").finish()
}

/// Mebibytes that a bomb inflates to.
fn inflated() -> u32 {
    Effort::asked().of(64, 1024, 16 << 10)
}

/// One frame of zstd: zeros in blocks of 128 KiB, each of one byte that is repeated; a gibibyte is 32 KiB.
fn bomb() -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x38];
    let blocks = inflated() * 8;
    for block in 0..blocks {
        let last = u32::from(block + 1 == blocks);
        frame.extend(&(last | 1 << 1 | (128 << 10) << 3).to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

fn bzip2_bomb() -> Vec<u8> {
    ply_tests::bzip2(&vec![0; (inflated() as usize).min(64) << 18])
}

pub(crate) const CASES: &[Case] = &[
    Case::archive(
        "zstd bomb",
        "a layer of a gibibyte, that is another",
        |_| packed(&small(), bomb()),
        Refused(&["hashes to"]),
    ),
    Case::archive("zstd bomb", "the whole of a gibibyte", |_| bomb(), Refused(&["no image"])),
    Case::archive(
        "gzip bomb",
        "a layer of many MiB, that is another",
        |_| packed(&small(), gzip(&vec![0; (inflated() as usize).min(64) << 18])),
        Refused(&["hashes to"]),
    ),
    Case::archive(
        "gzip bomb",
        "packed again and again",
        |_| gzip(&gzip(&gzip(&vec![0; (inflated() as usize).min(64) << 18]))),
        Refused(&["no archive"]),
    ),
    Case::archive(
        "xz bomb",
        "a layer of many MiB, that is another",
        |_| packed(&small(), xz(&vec![0; (inflated() as usize).min(64) << 18])),
        Refused(&["hashes to"]),
    ),
    Case::archive(
        "bzip2 bomb",
        "a layer of many MiB, that is another",
        |_| packed(&small(), bzip2_bomb()),
        Refused(&["hashes to"]),
    ),
    Case::archive(
        "zstd window",
        "of two tebibytes",
        |_| {
            packed(&small(), {
                let mut frame = zstd(&small());
                // Exponent 31 of 2^10.
                (frame[4], frame[5]) = (frame[4] & !0x20, 31 << 3);
                frame
            })
        },
        Refused(&["window", "2^27 bytes"]),
    ),
    Case::archive(
        "zstd window",
        "of 256 MiB",
        |_| packed(&small(), [&[0x28, 0xb5, 0x2f, 0xfd, 0, 18 << 3][..], &[1, 0, 0]].concat()),
        Refused(&["window", "2^27 bytes"]),
    ),
    Case::archive("xz dictionary", "of 4 GiB", |_| packed(&small(), dictionary(40)), Refused(&["memory"])),
    Case::archive(
        "gzip name",
        "of a mebibyte",
        |_| {
            let plain = gzip(&small());
            packed(
                &small(),
                [&plain[..3], &[8], &plain[4..10], &vec![b'x'; 1 << 20], &[0], &plain[10..]].concat(),
            )
        },
        Contained("a=1"),
    ),
    Case::archive(
        "CVE-2021-20291",
        "xz that is cut",
        |_| packed(&small(), xz(&small())[..30].to_vec()),
        Refused(&["end"]),
    ),
    Case::archive(
        "CVE-2026-39396",
        "a layer that is another is not left on the disk",
        |_| {
            let manifest = json!([listed("c", &["image:1"], &["l.tar".to_owned()])]).to_string();
            Tarball::new()
                .file("manifest.json", manifest)
                .file("c", &made(vec![small()]).config)
                .file("l.tar", vec![b'x'; 8 << 20])
                .finish()
        },
        Refused(&["l.tar"]),
    ),
    Case::archive(
        "GHSA-x494-mj8g-cj27",
        "sizes that are declared, and not there",
        |_| {
            let image = archive_of(&made(vec![small()]), "image:1").finish();
            let header = ply_tests::headers::Header::gnu(b"x", b'0', 0)
                .set(124, &ply_tests::headers::binary(1 << 50, 12))
                .done();
            [&image[..image.len() - 1024], &header, b"x"].concat()
        },
        Refused(&["x"]),
    ),
    Case::layers(
        "300 layers",
        "of one file each",
        |_| {
            (0..300)
                .map(|n| {
                    Tarball::new()
                        .file(&format!("f{}", n % 3), (1 + n % 3).to_string())
                        .file("n", n.to_string())
                        .finish()
                })
                .chain([small()])
                .chain([Tarball::new().file(".wh.n", "").finish()])
                .collect()
        },
        Contained("a=1 f0=1 f1=2 f2=3"),
    ),
    Case::layers(
        "120,000 entries",
        "of one folder, gone in the next layer",
        |_| {
            vec![
                many(Effort::asked().of(12_000, 120_000, 120_000), |n| {
                    member(format!("d/{n}").as_bytes(), b"")
                }),
                Tarball::new().file(".wh.d", "").file("a", "1").finish(),
            ]
        },
        Contained("a=1"),
    ),
    Case::layers(
        "70,000 hard links",
        "to one file, most of which the next layer hides",
        |_| {
            let link = |n: usize| {
                ply_tests::headers::Header::ustar(format!("d/{n}").as_bytes(), b'1', 0).to(b"a").done()
            };
            vec![
                [member(b"a", b"1"), many(Effort::asked().of(7000, 70_000, 70_000), link)].concat(),
                Tarball::new().file(".wh.d", "").finish(),
            ]
        },
        Contained("a=1"),
    ),
    Case::layers(
        "3,000 attributes",
        "of one file",
        |_| {
            let names: Vec<String> = (0..3000).map(|n| format!("SCHILY.xattr.trusted.{n}")).collect();
            let records: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, &b"1"[..])).collect();
            vec![whole(&[pax(&records), member(b"a", b"1")])]
        },
        Contained("a=1"),
    ),
];

fn many(count: usize, entry: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    whole(&(0..count).map(entry).collect::<Vec<_>>())
}

/// A stream of xz whose filter asks for a dictionary of this exponent.
fn dictionary(bits: u8) -> Vec<u8> {
    let mut stream = xz(&small());
    // The block's header: its size, flags, LZMA2, one byte of properties, padding, and a CRC-32.
    assert_eq!(stream[12..16], [2, 0, 0x21, 1]);
    stream[16] = bits;
    let mut crc = flate2::Crc::new();
    crc.update(&stream[12..20]);
    stream[20..24].copy_from_slice(&crc.sum().to_le_bytes());
    stream
}

#[test]
fn bombs() {
    let start = Instant::now();
    super::check(CASES);
    // Each takes a second at most; somebody else may want the processor.
    assert!(start.elapsed() < Duration::from_secs(120));
}
