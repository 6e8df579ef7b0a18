//! Odd but real: what images have, and what looks like an attack. Refusing it is as bad as letting an attack in.

use ply_tests::headers::{Header, binary, long, member, pax, pax_of, record, whole};
use ply_tests::{Layout, Tarball, archive_of, gzip, listed, made, named, zstd};
use serde_json::json;

use super::Case;
use super::Verdict::Contained;

fn tar() -> Tarball {
    Tarball::new()
}

const fn one(what: &'static str, bytes: fn(&str) -> Vec<Vec<u8>>, expect: &'static str) -> Case {
    Case::layers("control", what, bytes, Contained(expect))
}

const fn of(what: &'static str, bytes: fn(&str) -> Vec<u8>, expect: &'static str) -> Case {
    Case::archive("control", what, bytes, Contained(expect))
}

fn image() -> ply_tests::Made {
    made(vec![tar().file("a", "1").finish()])
}

/// An archive of Docker's with these members for layers.
fn docker(layers: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let names: Vec<String> = layers.iter().map(|(name, _)| (*name).to_owned()).collect();
    let manifest = json!([listed("c", &["image:1"], &names)]).to_string();
    let tar = tar().file("manifest.json", manifest).file("c", &image().config);
    layers.iter().fold(tar, |tar, (name, bytes)| tar.file(name, bytes)).finish()
}

pub(crate) const CASES: &[Case] = &[
    one(
        "links with absolute targets",
        |_| {
            vec![
                tar()
                    .folder("run/")
                    .symlink("var/run", "/run")
                    .symlink("lib", "usr/lib")
                    .symlink("etc/mtab", "/proc/mounts")
                    .finish(),
            ]
        },
        "etc/ etc/mtab->/proc/mounts lib->usr/lib run/ var/ var/run->/run",
    ),
    one(
        "links that lead out of the root, or nowhere",
        |_| vec![tar().symlink("a", "../../../..").symlink("b", "nowhere").symlink("c", "c").finish()],
        "a->../../../.. b->nowhere c->c",
    ),
    one(
        "an entry for the root, with a dot",
        |_| vec![tar().told("5 ./ @711").told("5 ./d/ @700").told("0 ./d/f 1").finish()],
        "/@711 d/@700 d/f=1",
    ),
    one(
        "an entry `.`, as python's images have",
        |_| vec![tar().told("5 . @755").told("0 f 1").finish()],
        "f=1",
    ),
    one(
        "hard links to absolute targets",
        |_| vec![tar().file("bin/a", "1").hard_link("bin/b", "/bin/a").hard_link("c", "./bin/a").finish()],
        "bin/ bin/a=1 bin/b~bin/a c~bin/a",
    ),
    one(
        "hard links to what comes later",
        |_| vec![tar().hard_link("a", "b").file("b", "1").finish()],
        "a=1 b~a",
    ),
    one(
        "hard links to a lower layer",
        |_| vec![tar().file("a", "1").finish(), tar().hard_link("b", "a").finish()],
        "a=1 b~a",
    ),
    one(
        "hard links to links",
        |_| vec![tar().symlink("s", "/etc/passwd").hard_link("t", "s").finish()],
        "s->/etc/passwd t~s",
    ),
    one(
        "hard links to devices",
        |_| vec![tar().device("null").hard_link("zero", "null").finish()],
        "null| zero~null",
    ),
    one(
        "perl's dotted names",
        |_| vec![tar().file("..a", "1").file("b..", "2").file(".wh", "3").file("c/..d/e", "1").finish()],
        "..a=1 .wh=3 b..=2 c/ c/..d/ c/..d/e=1",
    ),
    one(
        "GNU's long names",
        |_| {
            let name = format!("{}/f", "d".repeat(200));
            vec![whole(&[
                long(b'L', name.as_bytes()),
                member(b"short", b"1"),
                long(b'K', b"t"),
                Header::gnu(b"l", b'2', 0).to(b"t").done(),
            ])]
        },
        "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd/ dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd/f=1 l->t",
    ),
    one(
        "PAX for everything",
        |_| {
            let all = [
                ("path", &b"p"[..]),
                ("size", b"1"),
                ("uid", b"7"),
                ("gid", b"8"),
                ("uname", b"somebody"),
                ("gname", b"some"),
                ("mtime", b"1700000000.123456789"),
                ("atime", b"1"),
                ("ctime", b"1"),
                ("comment", b"hi"),
                ("SCHILY.dev", b"1"),
                ("SCHILY.xattr.user.a", b"b"),
                ("VENDOR.unknown", b"x"),
                ("hdrcharset", b"BINARY"),
            ];
            vec![whole(&[pax(&all), Header::ustar(b"x", b'0', 0).with(b"1")])]
        },
        "p=1:7:8+user.a",
    ),
    one(
        "a global header",
        |_| {
            let body = record("comment", "of git archive");
            vec![whole(&[
                Header::ustar(b"pax_global_header", b'g', body.len() as u64).with(&body),
                member(b"a", b"1"),
            ])]
        },
        "a=1",
    ),
    one(
        "a global header and then one for the member",
        |_| {
            vec![whole(&[
                Header::ustar(b"g", b'g', record("mtime", "7").len() as u64).with(&record("mtime", "7")),
                pax_of(&record("path", "b")),
                member(b"a", b"1"),
            ])]
        },
        "b=1",
    ),
    one(
        "a sparse file by PAX",
        |_| {
            let records = [
                ("GNU.sparse.major", &b"0"[..]),
                ("GNU.sparse.minor", b"1"),
                ("GNU.sparse.size", b"1"),
                ("GNU.sparse.numblocks", b"1"),
                ("GNU.sparse.map", b"0,1"),
                ("GNU.sparse.name", b"s"),
            ];
            vec![whole(&[pax(&records), member(b"x", b"2")])]
        },
        "s=2",
    ),
    one("a sparse file by GNU", |_| vec![tar().told("S a 1").finish()], "a=1"),
    one("a V7 tar", |_| vec![whole(&[Header::ustar(b"a", b'\0', 1).set(257, &[0; 8]).with(b"1")])], "a=1"),
    one(
        "a V7 folder, which is a file with a slash",
        |_| vec![whole(&[Header::ustar(b"d/", b'\0', 0).set(257, &[0; 8]).done(), member(b"d/a", b"1")])],
        "d/@644 d/a=1",
    ),
    one("a contiguous file", |_| vec![whole(&[Header::ustar(b"a", b'7', 1).with(b"1")])], "a=1"),
    one(
        "numbers in binary",
        |_| vec![whole(&[Header::gnu(b"a", b'0', 1).set(Header::UID, &binary(3_000_000_000, 8)).with(b"1")])],
        "a=1:3000000000:0",
    ),
    one(
        "times before 1970 and after 2242",
        |_| {
            vec![whole(&[
                pax(&[("mtime", b"-1.5")]),
                member(b"a", b"1"),
                Header::gnu(b"b", b'0', 1).set(Header::MTIME, &binary(9_999_999_999, 12)).with(b"2"),
            ])]
        },
        "a=1 b=2",
    ),
    one("a layer of no bytes", |_| vec![vec![], tar().file("a", "1").finish(), vec![]], "a=1"),
    one(
        "layers of no entries",
        |_| vec![tar().finish(), tar().file("a", "1").finish(), vec![0; 10_240]],
        "a=1",
    ),
    one("a layer without its end mark", |_| vec![member(b"a", b"1")], "a=1"),
    one(
        "a layer filled up to a record",
        |_| {
            vec![{
                let mut layer = tar().file("a", "1").finish();
                layer.resize(10_240, 0);
                layer
            }]
        },
        "a=1",
    ),
    one(
        "names that are not UTF-8",
        |_| vec![whole(&[member(b"caf\xe9", b"1"), Header::ustar(b"l", b'2', 0).to(b"\xff").done()])],
        "caf\u{fffd}=1 l->\u{fffd}",
    ),
    one(
        "names of spaces, quotes and signs",
        |_| {
            vec![
                tar()
                    .file(" a ", "1")
                    .file("\"b'", "2")
                    .file("c\n", "3")
                    .file("*?[", "1")
                    .file("-rf", "1")
                    .finish(),
            ]
        },
        " a =1 \"b'=2 *?[=1 -rf=1 c\n=3",
    ),
    one(
        "bits for users and groups, and sticky",
        |_| {
            vec![
                tar()
                    .told("0 su 1 @4755")
                    .told("0 sg 2 @2755")
                    .told("5 tmp/ @1777")
                    .told("5 s/ @2775")
                    .finish(),
            ]
        },
        "s/@2775 sg=2@2755 su=1@4755 tmp/@1777",
    ),
    one("no rights at all", |_| vec![tar().told("5 d/ @0").told("0 d/f 1 @0").finish()], "d/@0 d/f=1@0"),
    one(
        "devices and pipes",
        |_| {
            vec![whole(&[
                Header::ustar(b"b", b'4', 0).set(Header::MAJOR, b"0000007\0").done(),
                Header::ustar(b"p", b'6', 0).done(),
                Header::ustar(b"c", b'3', 0)
                    .set(Header::MAJOR, b"0000001\0")
                    .set(Header::MINOR, b"0000005\0")
                    .done(),
            ])]
        },
        "b| c| p|",
    ),
    one(
        "rights of a file, and other attributes",
        |_| {
            vec![
                tar()
                    .told("0 a 1 +security.capability=\u{1}\0\0\u{2}\0\u{4}\0\0\0\0\0\0\0\0\0\0\0\0\0\0")
                    .told("5 d/ +user.x=y")
                    .finish(),
            ]
        },
        "a=1+security.capability d/+user.x",
    ),
    one(
        "a path of 3,000 bytes",
        |_| {
            vec![
                whole(&[
                    long(b'L', &[&b"d/".repeat(1500)[..], b"f"].concat()),
                    member(b"x", b"1"),
                    member(b".wh.d", b""),
                ]),
                tar().file(".wh.d", "").file("a", "1").finish(),
            ]
        },
        "a=1",
    ),
    one(
        "130 layers",
        |_| (0..130).map(|n| tar().file(&format!("f{}", n % 3), (1 + n % 3).to_string()).finish()).collect(),
        "f0=1 f1=2 f2=3",
    ),
    one(
        "the same layer twice",
        |_| {
            vec![
                tar().file("a", "1").finish(),
                tar().file(".wh.a", "").finish(),
                tar().file("a", "1").finish(),
            ]
        },
        "a=1",
    ),
    one(
        "a folder that becomes a link, a file and a folder again",
        |_| {
            vec![
                tar().folder("x/").file("x/a", "1").finish(),
                tar().symlink("x", "/").finish(),
                tar().file("x", "2").finish(),
                tar().folder("x/").finish(),
            ]
        },
        "x/",
    ),
    one(
        "whiteouts of what is not there",
        |_| vec![tar().file("a", "1").finish(), tar().file(".wh.b", "").file("c/.wh.d", "").finish()],
        "a=1 c/",
    ),
    one(
        "a folder named twice, in two modes",
        |_| vec![tar().told("5 d/ @700").file("d/a", "1").told("5 d/ @755").finish()],
        "d/ d/a=1",
    ),
    one(
        "owners that nobody has",
        |_| vec![tar().told("0 a 1 :65534:65534").told("5 d/ :2000:3000").finish()],
        "a=1:65534:65534 d/:2000:3000",
    ),
    of(
        "links of Docker 1.10 to 24",
        |_| {
            let manifest = json!([listed("c", &["image:1"], &["1/layer.tar".to_owned()])]).to_string();
            let tar = tar()
                .folder("1/")
                .symlink("1/layer.tar", "../0/layer.tar")
                .file("1/VERSION", "1.0")
                .file("1/json", "{}")
                .folder("0/");
            tar.file("0/layer.tar", &image().layers[0])
                .file("c", &image().config)
                .file("manifest.json", manifest)
                .finish()
        },
        "a=1",
    ),
    of(
        "a config by its digest, names with dots, and compressed layers that say they are not",
        |_| docker(&[("./x.tar", gzip(&image().layers[0]))]),
        "a=1",
    ),
    of("the whole compressed twice over", |_| zstd(&docker(&[("x.tar", gzip(&image().layers[0]))])), "a=1"),
    of(
        "zeros after the archive's end",
        |_| [archive_of(&image(), "image:1").finish(), vec![0; 10_240]].concat(),
        "a=1",
    ),
    of(
        "fields that nobody knows, and null",
        |_| {
            let image = image()
                .with("x", json!({"y": [1, 2]}))
                .with("config", json!({"Labels": null, "Env": null, "OnBuild": null}));
            archive_of(&image, "image:1").finish()
        },
        "a=1",
    ),
    of(
        "a layout with annotations, foreign types and folders",
        |_| {
            let mut layout = Layout::default();
            let manifest = layout.image(
                &image(),
                "application/vnd.docker.image.rootfs.diff.tar.gzip",
                vec![gzip(&image().layers[0])],
            );
            layout
                .list(named(
                    named(manifest, "io.containerd.image.name", "docker.io/library/image:1"),
                    "any",
                    "thing",
                ))
                .tar()
                .folder("x/")
                .finish()
        },
        "a=1",
    ),
    of(
        "an image that says nothing of itself",
        |_| {
            let config = json!({"rootfs": {"type": "layers", "diff_ids": [ply_tests::sha256(&image().layers[0])]}, "os": "linux",
            "architecture": ply_tests::host_architecture()}).to_string();
            let manifest = json!([listed("c", &["image:1"], &["l".to_owned()])]).to_string();
            tar().file("manifest.json", manifest).file("c", config).file("l", &image().layers[0]).finish()
        },
        "a=1",
    ),
];

#[test]
fn odd_but_real() {
    super::check(CASES);
}
