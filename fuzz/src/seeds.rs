//! Inputs to begin with, made of what the tests are made of.

use std::io::{Read, Write};

use ply_erofs::{Form, Slot, encode};
use ply_tar::{Entries, Kind, Limits};

use crate::layers::{tars, trees};

#[path = "../../crates/tar/tests/archive/mod.rs"]
mod archive;

use archive::{Block, LINK, file, global, long, padded, pax};

/// Images of a family, as a Docker Engine wrote them.
const FAMILY: &[u8] = include_bytes!("../../tests/data/family/family.tar");
/// Larger inputs are slow, and say nothing more.
const LARGEST: usize = 16 << 10;

/// The inputs of a target; none if there is no such target.
#[must_use]
pub fn of(target: &str) -> Option<Vec<Vec<u8>>> {
    let mut seeds = match target {
        "reference" => references(),
        "tar" | "tar_peer" => archives(),
        "compression" => compressed(),
        "document" => documents(),
        "archive" => images(),
        "union" => unions(),
        "unpack" => stacks(),
        "erofs" => indexes(),
        "template" => templates(),
        _ => return None,
    };
    seeds.retain(|seed| seed.len() <= LARGEST);
    Some(seeds)
}

/// What stands between quotes in a file of tests, and between `r#"` and `"#`.
fn literals(source: &str) -> impl Iterator<Item = Vec<u8>> {
    let raw = source.split("r#\"").skip(1).filter_map(|rest| rest.split_once("\"#")).map(|(text, _)| text);
    let short = source.lines().flat_map(|line| line.split('"').skip(1).step_by(2));
    raw.chain(short).filter(|text| !text.is_empty()).map(|text| text.as_bytes().to_vec())
}

fn references() -> Vec<Vec<u8>> {
    let sources = [
        include_str!("../../crates/reference/tests/distribution.rs"),
        include_str!("../../crates/reference/tests/promise.rs"),
        include_str!("../../crates/reference/src/pattern/tests.rs"),
    ];
    let digest = format!("localhost:5000/a/b:c@sha256:{}", "0123456789abcdef".repeat(4));
    sources.into_iter().flat_map(literals).chain([digest.into_bytes()]).collect()
}

/// The members of the family.
fn members() -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut entries = Entries::new(FAMILY, Limits::default());
    let mut members = Vec::new();
    while let Ok(Some(entry)) = entries.next_entry() {
        let mut content = Vec::new();
        if entry.kind == Kind::File && entries.read_to_end(&mut content).is_ok() {
            members.push((entry.path, content));
        }
    }
    members
}

/// A bit of everything, as in the tests of ply-tar, and the layers of the family.
fn archives() -> Vec<Vec<u8>> {
    let sparse = |more: &[(&str, &str)]| pax(&[&[("GNU.sparse.name", "sparse")], more].concat());
    let old_map = b"00000000012\x0000000000003\x00";
    let parts: [Vec<Vec<u8>>; 11] = [
        vec![
            pax(&[("path", "pax"), ("size", "3"), ("SCHILY.xattr.user.a", "b")]),
            Block::ustar("x", b'0', 0).with(b"abc"),
        ],
        vec![
            long(b'L', b"gnu\0"),
            long(b'K', b"far\0"),
            Block::gnu("x", b'2', 0).set(LINK, b"target").done(),
        ],
        vec![
            sparse(&[("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "2000")]),
            file("x", &[padded(b"1\n10\n3\n"), b"abc".to_vec()].concat()),
        ],
        vec![
            sparse(&[("GNU.sparse.size", "2000"), ("GNU.sparse.numblocks", "1"), ("GNU.sparse.map", "10,3")]),
            file("x", b"abc"),
        ],
        vec![Block::gnu("old", b'S', 3).set(483, b"00000003720\0").set(386, old_map).with(b"abc")],
        vec![global(&[("comment", "c")]), file("d/last", &[b'z'; 700])],
        vec![
            Block::ustar("d/", b'5', 0).done(),
            Block::v7("e/", 0, 0).done(),
            Block::ustar("h", b'1', 0).set(LINK, b"d/f").done(),
        ],
        vec![
            Block::ustar("c", b'3', 0).set(329, b"0000001\0").set(337, b"0000003\0").done(),
            Block::ustar("p", b'6', 0).done(),
        ],
        vec![
            Block::gnu("label", b'V', 0).done(),
            Block::ustar("d/.wh.a", b'0', 0).done(),
            Block::ustar("d/.wh..wh..opq", b'0', 0).done(),
        ],
        vec![
            pax(&[("mtime", "-1.5"), ("uid", "5000000"), ("linkpath", "l"), ("hdrcharset", "BINARY")]),
            Block::ustar("s", b'2', 0).done(),
        ],
        vec![
            Block::gnu("big", b'0', 0)
                .set(archive::SIZE, &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2])
                .with(b"ab"),
        ],
    ];
    let all = archive::archive(&parts.concat());
    let layers =
        members().into_iter().filter(|(path, _)| path.ends_with(b"layer.tar")).map(|(_, content)| content);
    parts.iter().map(|parts| archive::archive(parts)).chain([all]).chain(layers).collect()
}

/// A text packed by each library, twice over, and to be packed by us.
fn compressed() -> Vec<Vec<u8>> {
    let plain: Vec<u8> = (0..60_u32).flat_map(|i| format!("{} bottles; ", i * i).into_bytes()).collect();
    let mut gzip = flate2::GzBuilder::new()
        .filename("n")
        .comment("c")
        .extra(&b"xyz"[..])
        .write(Vec::new(), flate2::Compression::new(6));
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
    let mut zstd = zstd::Encoder::new(Vec::new(), 3).expect("an encoder can be set up");
    zstd.include_checksum(true).expect("it can be set");
    let writers: [&mut dyn Write; 4] = [&mut gzip, &mut bzip2, &mut xz, &mut zstd];
    for writer in writers {
        writer.write_all(&plain).expect("memory takes all");
    }
    let packed = [gzip.finish(), bzip2.finish(), xz.finish(), zstd.finish()]
        .map(|packed| packed.expect("memory takes all"));
    let skippable = b"\x50\x2a\x4d\x18\x04\0\0\0skip".to_vec();
    let all = packed
        .iter()
        .flat_map(|packed| [packed.clone(), packed.repeat(2), packed[..packed.len() / 2].to_vec()]);
    let read = all.chain([[&skippable[..], &packed[3]].concat(), [&packed[0][..], &[0; 9]].concat()]);
    read.map(|packed| [b"r\x06", &packed[..]].concat()).chain([[b"w\x10", &plain[..]].concat()]).collect()
}

fn documents() -> Vec<Vec<u8>> {
    let sources = [
        include_str!("../../crates/image/tests/second_opinion.rs"),
        include_str!("../../crates/image/tests/strict.rs"),
        include_str!("../../crates/image/src/draft/tests.rs"),
    ];
    let family =
        members().into_iter().map(|(_, content)| content).filter(|content| content.starts_with(b"{"));
    let platforms = ["linux/amd64", "arm", "linux/arm/v7"].map(|text| text.as_bytes().to_vec());
    sources
        .into_iter()
        .flat_map(literals)
        .filter(|text| text.starts_with(b"{"))
        .chain(family)
        .chain(platforms)
        .collect()
}

fn templates() -> Vec<Vec<u8>> {
    let questions = include_str!("../../crates/cli/src/template/tests/answers.txt").split("=== ").skip(1);
    let asked = questions.filter_map(|entry| entry.lines().next()?.split_once(' '));
    asked.map(|(_, template)| template.as_bytes().to_vec()).collect()
}

/// Entries by four bytes: see [`crate::layers`].
fn stacks() -> Vec<Vec<u8>> {
    const NEXT: [u8; 4] = [u8::MAX, 0, 0, 0];
    let told: [&[[u8; 4]]; 6] = [
        &[[2, 0, 0, 0], [0, 4, 0, 7], [0, 3, 0, 3], [6, 1, 4, 0]],
        &[[2, 0, 0, 1], [0, 4, 0, 9], NEXT, [8, 4, 0, 0], [0, 5, 0, 200], NEXT, [9, 0, 0, 0], [0, 3, 0, 1]],
        &[[4, 0, 22, 0], [0, 13, 0, 3], [2, 13, 0, 3], NEXT, [0, 13, 0, 3], [8, 13, 0, 0]],
        &[[4, 0, 24, 0], [6, 1, 0, 3], [6, 2, 25, 0], [0, 27, 0, 9]],
        &[[4, 12, 28, 0], [2, 12, 0, 5], [0, 15, 0, 9], [2, 22, 0, 1], [2, 30, 0, 0x8b]],
        &[[0, 0, 0, 2], [6, 1, 0, 0], NEXT, [8, 0, 0, 0], [6, 2, 1, 5], [7, 3, 0, 0], [4, 47, 46, 0]],
    ];
    told.into_iter().map(<[_]>::as_flattened).map(<[u8]>::to_vec).collect()
}

/// Deeds by four bytes: see the target.
fn unions() -> Vec<Vec<u8>> {
    const NEXT: [u8; 4] = [0; 4];
    const OTHER: [u8; 4] = [0, 1, 0, 0];
    let told: [&[[u8; 4]]; 4] = [
        &[[1, 0, 1, 0], [5, 1, 0, 0], NEXT, [9, 0, 0, 0], [6, 2, 0, 0], OTHER, [1, 0, 1, 1]],
        &[
            [2, 0, 0, 0],
            [1, 3, 1, 0],
            [1, 6, 2, 1],
            NEXT,
            [3, 0, 0, 0],
            [1, 3, 0, 0],
            NEXT,
            [9, 0, 0, 0],
            [2, 0, 0, 2],
        ],
        &[[1, 12, 1, 0], NEXT, [1, 0, 2, 0], NEXT, [4, 3, 7, 0], [8, 0, 0, 2]],
        &[[1, 3, 1, 0], [5, 4, 0, 0], NEXT, [6, 5, 0, 0], [7, 1, 3, 0], [9, 3, 0, 0]],
    ];
    told.into_iter().map(<[_]>::as_flattened).map(<[u8]>::to_vec).collect()
}

/// Stacks to be made images of, and such images.
fn indexes() -> Vec<Vec<u8>> {
    let told = stacks();
    let images = told.iter().flat_map(|told| {
        let tars = tars(told);
        let slots: Vec<Slot> = tars.iter().map(|tar| Slot { digest: None, size: tar.len() as u64 }).collect();
        let images = trees(&tars).unwrap_or_default().into_iter().flat_map(move |tree| {
            [Form::Index, Form::Root].map(|form| encode(&tree, form, &slots).ok()).into_iter().flatten()
        });
        images.map(|image| [b"i", &image[..]].concat()).collect::<Vec<_>>()
    });
    images.chain(told.iter().map(|told| [b"t", &told[..]].concat())).collect()
}

/// Archives of those stacks in each form, and one as it lies there.
fn images() -> Vec<Vec<u8>> {
    let forms = [
        [b's', 0, 0, 1, 0],
        [b't', 1, 1, 1, 0],
        [b't', 0, 0x12, 0, 0],
        [b's', 1, 2, 2, 0],
        [b't', 1, 0x20, 0, 0],
    ];
    let honest = forms.iter().flat_map(|form| stacks().into_iter().map(|stack| [&form[..], &stack].concat()));
    let lying =
        [0, 1, 2, 3, 4].map(|part| [&[b's', part, 0, 1, 1, part, 0, 40, b'"'][..], &stacks()[0]].concat());
    let plain = crate::image::made(&[&[0, 0, 1, 0][..], &stacks()[1]].concat()).archive;
    honest.chain(lying).chain([[b"r", &plain[..]].concat()]).collect()
}
