//! Tars that two readers would read differently, and numbers that lie.

use ply_tests::headers::{Header, binary, long, member, pax, pax_of, record, whole};
use ply_tests::{Tarball, archive_of, listed, made};
use serde_json::json;

use super::Case;
use super::Verdict::{Contained, Refused, Unfit};

/// A tar in the content of a file, which must stay content.
fn hidden() -> Vec<u8> {
    whole(&[member(b"hidden", b"1")])
}

/// A header of a file with a field set.
fn field(at: usize, bytes: &[u8]) -> Vec<Vec<u8>> {
    vec![whole(&[Header::gnu(b"f", b'0', 0).set(at, bytes).done(), member(b"after", b"1")])]
}

/// GNU's own sparse file, of these pieces.
fn sparse(real: u64, stored: u64, pieces: &[(u64, u64)], more: u8) -> Header {
    let map: String = pieces.iter().map(|(offset, len)| format!("{offset:011o}\0{len:011o}\0")).collect();
    let real = format!("{real:011o}\0");
    Header::gnu(b"s", b'S', stored).set(483, real.as_bytes()).set(386, map.as_bytes()).set(482, &[more])
}

/// The headers of a file of a sparse map in PAX.
fn sparse_pax(size: &[u8], map: &[u8]) -> Vec<u8> {
    pax(&[("GNU.sparse.size", size), ("GNU.sparse.numblocks", b"1"), ("GNU.sparse.map", map)])
}

/// A header of this kind with content behind it, then a file.
fn sized(kind: u8) -> Vec<Vec<u8>> {
    vec![whole(&[
        member(b"a", b"1"),
        Header::ustar(b"l", kind, 1024).to(b"a").with(&hidden()[..1024]),
        member(b"z", b"2"),
    ])]
}

pub(crate) const CASES: &[Case] = &[
    Case::layers(
        "CVE-2025-62518",
        "size 0 in the header, the truth in PAX, a tar in the content",
        |_| {
            let size = hidden().len().to_string();
            let outer = Header::ustar(b"outer", b'0', 0).with(&hidden());
            vec![whole(&[pax(&[("size", size.as_bytes())]), outer, member(b"z", b"2")])]
        },
        Contained("outer=b380d8f2472ca30ff62b5e04e16c0bc086ba8be944ab2ed20d1cb65aaeb7389f z=2"),
    ),
    Case::archive(
        "CVE-2025-62518",
        "the same around the layers",
        |_| {
            // Whoever believes the header finds another manifest.json.
            let evil = whole(&[member(b"manifest.json", b"[]")]);
            let size = evil.len().to_string();
            let image = archive_of(&made(vec![Tarball::new().file("a", "1").finish()]), "image:1").finish();
            [pax(&[("size", size.as_bytes())]), Header::ustar(b"x", b'0', 0).with(&evil), image].concat()
        },
        Contained("a=1"),
    ),
    Case::layers(
        "CVE-2026-33055",
        "a size in the header, 0 in PAX",
        |_| {
            vec![whole(&[
                pax(&[("size", b"0")]),
                Header::ustar(b"outer", b'0', 1024).done(),
                member(b"z", b"2"),
            ])]
        },
        Contained("outer= z=2"),
    ),
    Case::layers(
        "RUSTSEC-2026-0112",
        "a PAX size before a long name",
        |_| {
            let size = pax(&[("size", b"1")]);
            vec![whole(&[
                size,
                long(b'L', b"long"),
                Header::gnu(b"short", b'0', 0).with(b"1"),
                member(b"z", b"2"),
            ])]
        },
        Contained("long=1 z=2"),
    ),
    Case::layers(
        "RUSTSEC-2026-0066",
        "a record without an equals sign",
        |_| vec![whole(&[pax_of(b"9 pathx\n\n"), member(b"f", b"1")])],
        Unfit(&["record"]),
    ),
    Case::layers(
        "RUSTSEC-2026-0066",
        "a record longer than its header",
        |_| vec![whole(&[pax_of(b"99 path=../x\n"), member(b"f", b"1")])],
        Unfit(&["of a wrong length"]),
    ),
    Case::layers(
        "tokio-tar 0.6.3",
        "a path twice: the last holds",
        |_| vec![whole(&[pax_of(&[record("path", "a"), record("path", "b")].concat()), member(b"f", b"1")])],
        Contained("b=1"),
    ),
    Case::layers(
        "tokio-tar 0.6.3",
        "names of PAX and of GNU that differ",
        |_| vec![whole(&[pax(&[("path", b"a")]), long(b'L', b"b"), member(b"f", b"1")])],
        Unfit(&["different names"]),
    ),
    Case::layers(
        "tokio-tar 0.6.3",
        "a sign before a number",
        |_| vec![whole(&[pax(&[("size", b"+512")]), member(b"f", &[b'x'; 512])])],
        Unfit(&["is not a decimal number"]),
    ),
    Case::layers(
        "tokio-tar 0.6.3",
        "an empty size",
        |_| vec![whole(&[pax(&[("size", b"")]), member(b"f", b"1")])],
        Unfit(&["is empty"]),
    ),
    Case::layers(
        "tokio-tar 0.6.3",
        "a sparse map's orphan",
        |_| vec![whole(&[pax(&[("GNU.sparse.realsize", b"5")]), member(b"f", b"1")])],
        Unfit(&["without a count"]),
    ),
    Case::layers(
        "tokio-tar 0.6.3",
        "an extended header with nothing behind",
        |_| vec![whole(&[member(b"f", b"1"), pax(&[("path", b"a")])])],
        Unfit(&["no member after it"]),
    ),
    Case::layers(
        "tokio-tar 0.6.3",
        "ustar with NULs for a version",
        |_| vec![whole(&[Header::ustar(b"f", b'0', 1).set(263, b"\0\0").with(b"1")])],
        Contained("f=1"),
    ),
    Case::layers(
        "tokio-tar 0.6.3",
        "a long name without its NUL",
        |_| vec![whole(&[Header::gnu(b"././@LongLink", b'L', 4).with(b"long"), member(b"f", b"1")])],
        Contained("long=1"),
    ),
    Case::layers(
        "tokio-tar 0.6.3",
        "content that is cut",
        |_| vec![member(b"f", &[b'x'; 2000])[..1500].to_vec()],
        Unfit(&["f", "after 988 of its 2000 bytes"]),
    ),
    Case::layers(
        "composefs honggfuzz",
        "a hard link to a folder",
        |_| vec![Tarball::new().folder("d/").hard_link("d/up", "d").finish()],
        Unfit(&["d/up", "to a directory"]),
    ),
    Case::layers(
        "composefs honggfuzz",
        "no name",
        |_| vec![whole(&[member(b"", b"1")])],
        Unfit(&["without a name"]),
    ),
    Case::layers(
        "composefs honggfuzz",
        "dots in names",
        |_| vec![Tarball::new().file("./a/./b/../c", "1").file(".././d", "2").file("...", "3").finish()],
        Contained("...=3 a/ a/c=1 d=2"),
    ),
    Case::layers(
        "composefs honggfuzz",
        "an attribute of a name that is too long",
        |_| {
            let name = format!("SCHILY.xattr.user.{}", "x".repeat(300));
            vec![whole(&[pax(&[(&name, b"1")]), member(b"f", b"1")])]
        },
        Contained("f=1"),
    ),
    Case::layers(
        "number classics",
        "a size below 0",
        |_| field(Header::SIZE, &[0xff; 12]),
        Unfit(&["negative"]),
    ),
    Case::layers(
        "number classics",
        "2^63",
        |_| field(Header::SIZE, &binary(1 << 63, 12)),
        Unfit(&["63 bits"]),
    ),
    Case::layers(
        "number classics",
        "2^64 - 1, which rounds up to 0",
        |_| field(Header::SIZE, &binary((1 << 64) - 1, 12)),
        Unfit(&["63 bits"]),
    ),
    Case::layers(
        "number classics",
        "2^63 - 1, of which nothing is there",
        |_| field(Header::SIZE, &binary((1 << 63) - 1, 12)),
        Unfit(&["f", "of its 9223372036854775807 bytes"]),
    ),
    Case::layers(
        "number classics",
        "no octal",
        |_| field(Header::SIZE, b"0000000009\0\0"),
        Unfit(&["is not octal"]),
    ),
    Case::layers(
        "number classics",
        "a wrong checksum",
        |_| vec![whole(&[Header::ustar(b"f", b'0', 0).set(Header::CHECKSUM, b"0000001\0").raw()])],
        Unfit(&["checksum is wrong"]),
    ),
    Case::layers(
        "number classics",
        "a size past the end",
        |_| vec![whole(&[Header::ustar(b"f", b'0', 1 << 32).with(b"1")])],
        Unfit(&["f", "of its 4294967296 bytes"]),
    ),
    Case::archive(
        "number classics",
        "a size past the end, around the layers",
        |_| {
            let image = archive_of(&made(vec![Tarball::new().file("a", "1").finish()]), "image:1").finish();
            [
                &image[..image.len() - 1024],
                &Header::gnu(b"x", b'0', 0).set(Header::SIZE, &binary(1 << 62, 12)).done(),
            ]
            .concat()
        },
        Refused(&["x"]),
    ),
    Case::layers(
        "CVE-2022-2879",
        "an extended header of 8 GiB",
        |_| {
            vec![whole(&[
                Header::gnu(b"x", b'x', 0).set(Header::SIZE, &binary(8 << 30, 12)).done(),
                member(b"f", b"1"),
            ])]
        },
        Unfit(&["8589934592", "1048576"]),
    ),
    Case::layers(
        "CVE-2022-2879",
        "a long name of a tebibyte",
        |_| {
            vec![whole(&[
                Header::gnu(b"././@LongLink", b'L', 0).set(Header::SIZE, &binary(1 << 40, 12)).done(),
                member(b"f", b"1"),
            ])]
        },
        Unfit(&["1099511627776", "1048576"]),
    ),
    Case::layers(
        "CVE-2022-2879",
        "an extended header of 8 MiB that is there",
        |_| vec![whole(&[pax(&[("comment", &vec![b'x'; 8 << 20])]), member(b"f", b"1")])],
        Unfit(&["1048576"]),
    ),
    Case::archive(
        "CVE-2022-2879",
        "an extended header of 8 GiB, around the layers",
        |_| {
            whole(&[
                Header::gnu(b"x", b'x', 0).set(Header::SIZE, &binary(8 << 30, 12)).done(),
                member(b"f", b"1"),
            ])
        },
        Refused(&["8589934592", "1048576"]),
    ),
    Case::layers(
        "sparse lies",
        "a pebibyte of holes",
        |_| vec![whole(&[sparse_pax(b"1125899906842624", b"0,1"), member(b"f", b"1")])],
        Unfit(&["1125899906842624"]),
    ),
    Case::layers(
        "sparse lies",
        "pieces that overlap",
        |_| vec![whole(&[sparse(100, 20, &[(0, 10), (5, 10)], 0).with(&[b'x'; 20])])],
        Unfit(&["s", "overlaps"]),
    ),
    Case::layers(
        "sparse lies",
        "a piece below 0",
        |_| vec![whole(&[sparse(100, 0, &[], 0).set(386, &[0xff; 24]).done()])],
        Unfit(&["s", "holds no number"]),
    ),
    Case::layers(
        "sparse lies",
        "a piece past the end",
        |_| vec![whole(&[sparse_pax(b"5", b"9223372036854775807,9223372036854775807"), member(b"f", b"1")])],
        Unfit(&["f"]),
    ),
    Case::layers(
        "sparse lies",
        "a map that goes on and on",
        |_| {
            let block = |at: u64| {
                let map: String =
                    (0..21).map(|n| format!("{:011o}\0{:011o}\0", 4 + at * 21 + n, 1)).collect();
                [map.as_bytes(), &[1; 8]].concat()
            };
            let first = sparse(1 << 30, 1 << 20, &[(0, 1), (1, 1), (2, 1), (3, 1)], 1).done();
            vec![[first, (0..4000).flat_map(block).collect()].concat()]
        },
        Unfit(&["65536"]),
    ),
    Case::layers(
        "links with a size",
        "a hard link with a size: nothing follows it, as Go and so Docker have it",
        |_| sized(b'1'),
        Contained("a=1 hidden=1 l~a z=2"),
    ),
    Case::layers(
        "links with a size",
        "a symbolic link with a size",
        |_| sized(b'2'),
        Contained("a=1 hidden=1 l->a z=2"),
    ),
    Case::layers(
        "links with a size",
        "a folder with a size",
        |_| sized(b'5'),
        Contained("a=1 hidden=1 l/ z=2"),
    ),
    Case::layers(
        "links with a size",
        "a pipe with a size",
        |_| sized(b'6'),
        Contained("a=1 hidden=1 l| z=2"),
    ),
    Case::layers(
        "containerd 0205398ac",
        "a device of major 2^40",
        |_| vec![whole(&[Header::gnu(b"d", b'3', 0).set(Header::MAJOR, &binary(1 << 40, 8)).done()])],
        Unfit(&["its device major field"]),
    ),
    Case::layers(
        "containerd 0205398ac",
        "a device of minor 2^20",
        |_| {
            let header = Header::gnu(b"d", b'4', 0).set(Header::MAJOR, b"0000010\0");
            vec![whole(&[header.set(Header::MINOR, b"4000000\0").done()])]
        },
        Unfit(&["d"]),
    ),
    Case::layers(
        "moby #18170",
        "a layer of no bytes",
        |_| vec![vec![], Tarball::new().file("a", "1").finish()],
        Contained("a=1"),
    ),
    Case::layers(
        "CVE-2017-14992",
        "4 MiB of zeros behind the end",
        |_| vec![[Tarball::new().file("a", "1").finish(), vec![0; 4 << 20]].concat()],
        Contained("a=1"),
    ),
    Case::layers(
        "CVE-2017-14992",
        "4 MiB of rubbish behind the end",
        |_| vec![[Tarball::new().file("a", "1").finish(), vec![b'x'; 4 << 20]].concat()],
        Contained("a=1"),
    ),
    Case::archive(
        "CVE-2017-14992",
        "4 MiB of zeros behind the archive's end",
        |_| {
            let manifest = json!([listed("c", &["image:1"], &["l.tar".to_owned()])]).to_string();
            let image = made(vec![Tarball::new().file("a", "1").finish()]);
            let tar = Tarball::new()
                .file("manifest.json", manifest)
                .file("c", &image.config)
                .file("l.tar", &image.layers[0]);
            [tar.finish(), vec![0; 4 << 20]].concat()
        },
        Contained("a=1"),
    ),
];

#[test]
fn readers_that_differ() {
    super::check(CASES);
}
