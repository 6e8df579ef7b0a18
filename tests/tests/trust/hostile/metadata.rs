//! Whiteouts, what steers an overlay, and what a host would take at its word.

use ply_tests::headers::{Header, binary, long, member, pax, whole};
use ply_tests::{Tarball, gzip};

use super::Case;
use super::Verdict::{Contained, Unfit};

fn tar() -> Tarball {
    Tarball::new()
}

pub(crate) const CASES: &[Case] = &[
    Case::layers(
        "whiteouts of nothing",
        ".wh.",
        |_| vec![tar().file(".wh.", "").finish()],
        Unfit(&["a whiteout of no name"]),
    ),
    Case::layers(
        "whiteouts of nothing",
        ".wh..",
        |_| vec![tar().file("d/.wh..", "").finish()],
        Unfit(&["a whiteout of no name"]),
    ),
    Case::layers(
        "whiteouts of nothing",
        ".wh...",
        |_| vec![tar().file("d/.wh...", "").finish()],
        Unfit(&["a whiteout of no name"]),
    ),
    Case::layers(
        "whiteouts of nothing",
        "below a whiteout's name",
        |_| vec![tar().file(".wh.d/victim", "1").finish()],
        Unfit(&[]),
    ),
    Case::layers(
        "opaque after siblings",
        "an opaque marker behind what is new",
        |_| {
            vec![
                tar().folder("d/").file("d/old", "1").finish(),
                tar().file("d/new", "2").file("d/.wh..wh..opq", "").finish(),
            ]
        },
        Contained("d/ d/new=2"),
    ),
    Case::layers(
        "opaque after siblings",
        "and before it",
        |_| {
            vec![
                tar().folder("d/").file("d/old", "1").finish(),
                tar().file("d/.wh..wh..opq", "").file("d/new", "2").finish(),
            ]
        },
        Contained("d/ d/new=2"),
    ),
    Case::layers(
        "opaque after siblings",
        "the same twice in two layers",
        |_| {
            vec![
                tar().folder("d/").file("d/old", "1").finish(),
                tar().file("d/mid", "2").file("d/.wh..wh..opq", "").finish(),
                tar().file("d/.wh..wh..opq", "").finish(),
            ]
        },
        Contained("d/"),
    ),
    Case::layers(
        "whiteout beside its file",
        "the file, then its whiteout",
        |_| vec![tar().file("f", "1").finish(), tar().file("f", "2").file(".wh.f", "").finish()],
        Contained("f=2"),
    ),
    Case::layers(
        "whiteout beside its file",
        "the whiteout, then the file",
        |_| vec![tar().file("f", "1").finish(), tar().file(".wh.f", "").file("f", "2").finish()],
        Contained("f=2"),
    ),
    Case::layers(
        "whiteout beside its file",
        "a folder and its whiteout: what lay in it is gone",
        |_| {
            vec![
                tar().folder("d/").file("d/old", "1").finish(),
                tar().folder("d/").file("d/new", "2").file(".wh.d", "").finish(),
            ]
        },
        Contained("d/ d/new=2"),
    ),
    Case::layers(
        "GHSA-rp3h-jf77-q9p4",
        "files and opaque markers, many of both",
        |_| {
            let below = (0..3000).fold(tar(), |tar, n| tar.file(&format!("d/{}/{n}", n % 3), ""));
            let above = (0..3000).fold(tar(), |tar, n| tar.file(&format!("d/{}/.wh..wh..opq", n % 3), ""));
            vec![below.finish(), above.file("d/new", "1").finish()]
        },
        Contained("d/ d/0/ d/1/ d/2/ d/new=1"),
    ),
    Case::layers(
        "containerd #13030",
        "whiteouts in the middle of a stack",
        |_| {
            vec![
                tar().file("a", "1").file("b", "1").file("c", "1").finish(),
                tar().file(".wh.a", "").file("b", "2").finish(),
                tar().file("a", "3").file(".wh.b", "").finish(),
                tar().file(".wh.c", "").finish(),
            ]
        },
        Contained("a=3"),
    ),
    Case::layers(
        "aufs left-overs",
        "and hard links into them",
        |_| {
            vec![
                tar()
                    .folder(".wh..wh.plnk/")
                    .file(".wh..wh.plnk/1.2", "1")
                    .hard_link("a", ".wh..wh.plnk/1.2")
                    .hard_link("b", ".wh..wh.plnk/1.2")
                    .file(".wh..wh.aufs", "")
                    .folder(".wh..wh.orph/")
                    .finish(),
            ]
        },
        Contained("a=1 b~a"),
    ),
    Case::layers(
        "aufs left-overs",
        "a hard link into one that is not there",
        |_| vec![tar().hard_link("a", ".wh..wh.plnk/9.9").finish()],
        Unfit(&["a", "what aufs kept"]),
    ),
    Case::layers(
        "overlay attributes",
        "opaque, by the kernel's attribute",
        |_| {
            vec![
                tar().folder("d/").file("d/a", "1").finish(),
                tar().told("5 d/ +trusted.overlay.opaque=y").told("0 d/b 2").finish(),
            ]
        },
        Contained("d/ d/a=1 d/b=2"),
    ),
    Case::layers(
        "overlay attributes",
        "the same for who is not root",
        |_| {
            vec![
                tar().folder("d/").file("d/a", "1").finish(),
                tar().told("5 d/ +user.overlay.opaque=y").told("0 d/b 2").finish(),
            ]
        },
        Contained("d/ d/a=1 d/b=2"),
    ),
    Case::layers(
        "overlay attributes",
        "a redirect to another folder",
        |_| {
            vec![
                tar().folder("etc/").file("etc/shadow", "1").finish(),
                tar()
                    .told("5 d/ +trusted.overlay.redirect=/etc")
                    .told("5 e/ +user.overlay.redirect=/etc")
                    .finish(),
            ]
        },
        Contained("d/ e/ etc/ etc/shadow=1"),
    ),
    Case::layers(
        "overlay attributes",
        "metadata alone",
        |_| {
            vec![
                tar().file("a", "1").finish(),
                tar().told("0 a 2 +trusted.overlay.metacopy=").told("0 b 3 +user.overlay.metacopy=").finish(),
            ]
        },
        Contained("a=2 b=3"),
    ),
    Case::layers(
        "overlay attributes",
        "the device 0:0",
        |_| vec![tar().file("a", "1").finish(), whole(&[Header::ustar(b"a", b'3', 0).done()])],
        Unfit(&["a", "0:0"]),
    ),
    Case::layers(
        "host attributes",
        "labels, hashes, lists and rights",
        |_| {
            vec![
                tar()
                    .told("0 a 1 +security.selinux=evil +security.ima=evil +user.mine=1")
                    .told("0 b 2 +trusted.any=x")
                    .finish(),
            ]
        },
        Contained("a=1+user.mine b=2"),
    ),
    Case::layers(
        "host attributes",
        "a value of 60,000 bytes",
        |_| vec![whole(&[pax(&[("SCHILY.xattr.security.evil", &[b'x'; 60_000])]), member(b"a", b"1")])],
        Contained("a=1"),
    ),
    Case::layers(
        "host attributes",
        "a value over what Linux has",
        |_| vec![whole(&[pax(&[("SCHILY.xattr.user.a", &[b'x'; 100 << 10])]), member(b"a", b"1")])],
        Contained("a=1"),
    ),
    Case::layers(
        "devices and owners",
        "an owner of -1",
        |_| vec![whole(&[Header::gnu(b"a", b'0', 0).set(Header::UID, &binary(0xffff_ffff, 8)).done()])],
        Unfit(&["a"]),
    ),
    Case::layers(
        "devices and owners",
        "an owner of 2^32, which is root when cut",
        |_| vec![whole(&[pax(&[("uid", b"4294967296")]), member(b"a", b"1")])],
        Unfit(&["4294967296"]),
    ),
    Case::layers(
        "devices and owners",
        "a group of -1",
        |_| vec![whole(&[pax(&[("gid", b"4294967295")]), member(b"a", b"1")])],
        Unfit(&["a"]),
    ),
    Case::layers(
        "devices and owners",
        "bits, pipes and devices",
        |_| vec![tar().told("0 su 1 @6755").told("6 pipe @600").device("null").finish()],
        Contained("null| pipe|@600 su=1@6755"),
    ),
    Case::layers(
        "names",
        "not UTF-8, and a line end",
        |_| vec![whole(&[member(b"a\xff\xfe", b"1"), member(b"b\nc\x1b[31m", b"2")])],
        Contained("a\u{fffd}\u{fffd}=1 b\nc\u{1b}[31m=2"),
    ),
    Case::layers(
        "names",
        "a NUL, by PAX",
        |_| vec![whole(&[pax(&[("path", b"a\0b")]), member(b"f", b"1")])],
        Unfit(&["NUL"]),
    ),
    Case::layers(
        "names",
        "256 bytes",
        |_| vec![tar().long_named(&"x".repeat(256)).finish()],
        Unfit(&["a name of 256 bytes"]),
    ),
    Case::layers(
        "names",
        "20,000 deep",
        |_| vec![whole(&[long(b'L', &b"d/".repeat(20_000)), member(b"f", b"1")])],
        Unfit(&["a path of 20000 names"]),
    ),
    Case::layers(
        "names",
        "20,000 deep, and compressed",
        |_| {
            let layer = whole(&[long(b'L', &b"d/".repeat(20_000)), member(b"f", b"1")]);
            assert!(!gzip(&layer).is_empty());
            vec![layer, tar().file("a", "1").finish()]
        },
        Unfit(&["a path of 20000 names"]),
    ),
    Case::layers(
        "names",
        "a target of 5,000 bytes",
        |_| vec![whole(&[long(b'K', &[b'x'; 5000]), Header::gnu(b"l", b'2', 0).to(b"x").done()])],
        Unfit(&["l", "5000"]),
    ),
];

#[test]
fn whiteouts_and_metadata() {
    super::check(CASES);
}
