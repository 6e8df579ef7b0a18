//! Names and links that lead out of the root.

use ply_tests::Tarball;
use ply_tests::headers::Header;

use super::Verdict::{Contained, Unfit};
use super::{Case, Verdict};

fn tar() -> Tarball {
    Tarball::new()
}

/// A case of one layer.
const fn one(
    threat: &'static str,
    what: &'static str,
    bytes: fn(&str) -> Vec<Vec<u8>>,
    verdict: Verdict,
) -> Case {
    Case::layers(threat, what, bytes, verdict)
}

fn at(outside: &str, name: &str) -> String {
    format!("{outside}/{name}")
}

pub(crate) const CASES: &[Case] = &[
    one(
        "CVE-2014-9356",
        "names that climb",
        |_| vec![tar().file("../../../victim", "1").file("a/../../../victim2", "2").finish()],
        Contained("victim=1 victim2=2"),
    ),
    one(
        "CVE-2014-9356",
        "a folder that climbs, and is closed",
        |_| vec![tar().told("5 ../ @700").told("5 d/../../e/ @700").finish()],
        Contained("/@700 e/@700"),
    ),
    one(
        "CVE-2014-6407",
        "through a link to the host",
        |_| vec![tar().symlink("s", "/").file("s/victim", "1").finish()],
        Contained("s/ s/victim=1"),
    ),
    one(
        "CVE-2014-6407",
        "a hard link to a file of the host, written to",
        |o| vec![tar().hard_link("h", &at(o, "victim")).file("h", "1").finish()],
        Contained("h=1"),
    ),
    one(
        "CVE-2014-6407",
        "a hard link to a file of the host",
        |o| vec![tar().hard_link("h", &at(o, "victim")).finish()],
        Unfit(&["h", "victim"]),
    ),
    one(
        "CVE-2014-6407",
        "a hard link that climbs to a file of the host",
        |_| vec![tar().hard_link("h", "../victim").finish()],
        Unfit(&["h", "leads out of the root"]),
    ),
    one(
        "CVE-2014-6407",
        "a hard link, through a link, to a file of the host",
        |o| vec![tar().symlink("s", o).hard_link("h", "s/victim").finish()],
        Unfit(&["h", "s/victim"]),
    ),
    one(
        "CVE-2021-29136",
        "the root a link, then files",
        |o| vec![tar().symlink("./", o).file("victim", "1").finish()],
        Unfit(&["the root can only be a directory"]),
    ),
    one(
        "CVE-2021-29136",
        "the root a link, by another name",
        |_| vec![tar().symlink("/", "/").file("victim", "1").finish()],
        Unfit(&["the root can only be a directory"]),
    ),
    one(
        "CVE-2021-29136",
        "the root a link, by a name that climbs",
        |_| vec![tar().symlink("a/..", "/").finish()],
        Unfit(&["the root can only be a directory"]),
    ),
    one(
        "CVE-2021-29136",
        "the root a file",
        |_| vec![tar().file(".", "1").finish()],
        Unfit(&["the root can only be a directory"]),
    ),
    one(
        "RUSTSEC-2018-0002",
        "a link, then a file of its name",
        |o| vec![tar().symlink("s", &at(o, "victim")).file("s", "1").finish()],
        Contained("s=1"),
    ),
    one(
        "RUSTSEC-2018-0002",
        "a link, then in the next layer a file of its name",
        |o| vec![tar().symlink("s", &at(o, "victim")).finish(), tar().file("s", "1").finish()],
        Contained("s=1"),
    ),
    one(
        "RUSTSEC-2021-0080",
        "folders below a link that climbs",
        |_| vec![tar().symlink("s", "..").file("s/exploit/foo/bar", "1").finish()],
        Contained("s/ s/exploit/ s/exploit/foo/ s/exploit/foo/bar=1"),
    ),
    one(
        "RUSTSEC-2021-0080",
        "folders below a link of a lower layer",
        |o| vec![tar().symlink("s", o).finish(), tar().folder("s/exploit/").finish()],
        Contained("s/ s/exploit/"),
    ),
    one(
        "CVE-2026-33056",
        "a link, then a folder of its name, for anyone to write",
        |o| vec![tar().symlink("d", &at(o, "dir")).told("5 d/ @777").finish()],
        Contained("d/@777"),
    ),
    one(
        "CVE-2026-33056",
        "a link, then the dot in it",
        |o| vec![tar().symlink("d", &at(o, "dir")).told("5 d/. @777").told("0 e 1").finish()],
        Contained("d/@777 e=1"),
    ),
    one(
        "CVE-2026-33056",
        "a folder over a link of a lower layer",
        |o| {
            vec![
                tar().symlink("d", &at(o, "dir")).finish(),
                tar().told("5 d/ @777").told("5 d/dir/ @777").finish(),
            ]
        },
        Contained("d/@777 d/dir/@777"),
    ),
    one(
        "containerd TestBreakouts",
        "a hard link to a link, then its mode",
        |o| vec![tar().symlink("s", &at(o, "victim")).told("1 h > s @4777 :7:8").finish()],
        Contained("h->OUTSIDE/victim:7:8 s~h"),
    ),
    one(
        "containerd TestBreakouts",
        "a file over a hard link to a link",
        |o| vec![tar().symlink("s", &at(o, "victim")).hard_link("h", "s").file("h", "1").finish()],
        Contained("h=1 s->OUTSIDE/victim"),
    ),
    one(
        "containerd TestBreakouts",
        "a whiteout below a link",
        |o| {
            vec![
                tar().symlink("d", o).file("a", "1").finish(),
                tar().file("d/.wh.victim", "").file("d/.wh.dir", "").finish(),
            ]
        },
        Contained("a=1 d/"),
    ),
    one(
        "containerd TestBreakouts",
        "an opaque link",
        |o| vec![tar().symlink("d", o).finish(), tar().file("d/.wh..wh..opq", "").finish()],
        Contained("d/"),
    ),
    one(
        "containerd TestBreakouts",
        "a whiteout that climbs",
        |_| {
            vec![
                tar().file("a", "1").file("victim", "2").finish(),
                tar().file("../../.wh.victim", "").finish(),
            ]
        },
        Contained("a=1"),
    ),
    one(
        "containerd TestBreakouts",
        "a whiteout of a link, then a file below its name",
        |o| vec![tar().symlink("d", o).finish(), tar().file(".wh.d", "").file("d/victim", "1").finish()],
        Contained("d/ d/victim=1"),
    ),
    one(
        "containerd TestBreakouts",
        "a device below a link",
        |o| vec![tar().symlink("d", o).device("d/null").finish()],
        Contained("d/ d/null|"),
    ),
    one(
        "CVE-2026-17106",
        "links one after the other, used by later entries",
        |o| {
            vec![
                tar()
                    .symlink("a", "b")
                    .symlink("b", "c")
                    .symlink("c", o)
                    .file("a/b/c/victim", "1")
                    .hard_link("x", "a/b/c/victim")
                    .finish(),
            ]
        },
        Contained("a/ a/b/ a/b/c/ a/b/c/victim=1 b->c c->OUTSIDE x~a/b/c/victim"),
    ),
    one(
        "CVE-2026-17106",
        "a link replaced by a folder and by a link again",
        |o| vec![tar().symlink("d", o).folder("d/").symlink("d", o).file("d/victim", "1").finish()],
        Contained("d/ d/victim=1"),
    ),
    one(
        "ggcr #2227",
        "names that climb, and links out, in what is exported",
        |o| {
            vec![
                tar()
                    .symlink("l", "../../../victim")
                    .symlink("m", &at(o, "victim"))
                    .file("../x", "1")
                    .finish(),
            ]
        },
        Contained("l->../../../victim m->OUTSIDE/victim x=1"),
    ),
    one(
        "CVE-2024-45593",
        "names that are one in another case",
        |_| {
            vec![
                tar()
                    .symlink("D", "/")
                    .folder("d/")
                    .file("d/victim", "1")
                    .file("F", "1")
                    .file("f", "2")
                    .file("\u{212a}", "3")
                    .file("k", "1")
                    .finish(),
            ]
        },
        Contained("D->/ F=1 d/ d/victim=1 f=2 k=1 \u{212a}=3"),
    ),
    one(
        "CVE-2024-45593",
        "names that are one when composed",
        |_| {
            vec![
                tar()
                    .file("\u{e9}", "1")
                    .file("e\u{301}", "2")
                    .file("git~1", "3")
                    .file("a:b", "1")
                    .file("c\\d", "2")
                    .finish(),
            ]
        },
        Contained("a:b=1 c\\d=2 e\u{301}=2 git~1=3 \u{e9}=1"),
    ),
    one(
        "nix GHSA-gr92-w2r5-qw5p",
        "absolute names",
        |o| {
            vec![
                // Of the folder that the victim lies in, one is made below the root.
                [
                    Header::ustar(format!("/{}", &o[o.len() - 8..]).as_bytes(), b'5', 0).done(),
                    tar().file("//victim", "1").file("/./x", "2").finish(),
                ]
                .concat(),
            ]
        },
        Contained("outside/ victim=1 x=2"),
    ),
];

#[test]
fn names_and_links() {
    super::check(CASES);
}
