//! What no layer may say: each is an error with the entry's name and where it stands.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

mod layers;

use layers::{SOURCE, chain, entry, read_all, tar, tar_of};
use ply_layer::changeset::{ReadError, Reader};
use ply_tar::{Entry, Kind, Segment};

fn check(entries: &[&str], expect: &str) {
    let error = read_all(&tar(entries)).unwrap_err();
    assert_eq!(chain(&error), expect, "{entries:?}");
    assert!(matches!(error, ReadError::Refused { .. }));
}

#[test]
fn names() {
    // layer.md: a whiteout has the basename of what it hides. containerd's validateWhiteout refuses these too.
    let nothing = "a whiteout of no name, of `.` or of `..`";
    check(&["f .wh."], &format!(".wh.: {nothing} (header at byte 0)"));
    check(&["f d/.wh.."], &format!("d/.wh..: {nothing} (header at byte 0)"));
    check(&["d d", "f d/.wh..."], &format!("d/.wh...: {nothing} (header at byte 512)"));
    check(&["f .wh.a/b"], ".wh.a/b: it lies below a whiteout's name (header at byte 0)");
    check(
        &["f .wh.a/.wh..wh..opq"],
        ".wh.a/.wh..wh..opq: it lies below a whiteout's name (header at byte 0)",
    );

    let long = "x".repeat(256);
    let shown = format!("{}...{}", "x".repeat(100), "x".repeat(100));
    let why = "a name of 256 bytes, over 255 (header at byte 0)";
    check(&[&format!("f {long}")], &format!("{shown}: {why}"));
    let hidden = format!("f .wh.{}...{}: {why}", "x".repeat(96), "x".repeat(100));
    check(&[&format!("f .wh.{long}")], hidden.trim_start_matches("f "));
    check(&["f a", "f a\x1b\u{e4}/.wh."], &format!("a\\x1b\\xc3\\xa4/.wh.: {nothing} (header at byte 512)"));
    let deep = format!("f {}", "d/".repeat(4097));
    let error = chain(&read_all(&tar(&[&deep])).unwrap_err());
    assert!(error.ends_with(": a path of 4097 names, over 4096 (header at byte 0)"), "{error}");
}

#[test]
fn the_longest_names_are_taken() {
    let (long, deep) = ("x".repeat(255), "d/".repeat(4096));
    for name in [&long, &format!(".wh.{long}"), &deep, &format!("{}a", "./b/../".repeat(5000))] {
        read_all(&tar(&[&format!("f {name}")])).unwrap();
    }
}

#[test]
fn directories_without_end() {
    let nest = "d/".repeat(4000);
    let shared: Vec<_> = (0..100).map(|n| format!("f {nest}{n}")).collect();
    read_all(&tar(&shared.iter().map(String::as_str).collect::<Vec<_>>())).unwrap();
    let each: Vec<_> = (0..100).map(|n| format!("f {n}/{nest}x")).collect();
    let error = chain(&read_all(&tar(&each.iter().map(String::as_str).collect::<Vec<_>>())).unwrap_err());
    assert!(
        error.contains(": over 65808 directories that have no entry of their own (header at byte "),
        "{error}"
    );
}

#[test]
fn the_root() {
    for line in ["f ./", "l . -> /etc", "l / -> x", "h ./ => a", "p a/..", "c . 1:3"] {
        let error = chain(&read_all(&tar(&[line])).unwrap_err());
        assert!(error.contains(": the root can only be a directory (header at byte 0)"), "{error}");
    }
}

#[test]
fn hard_links() {
    // All five engines refuse what leads out.
    check(&["h b => ../a"], "b: a hard link that leads out of the root (header at byte 0)");
    check(&["h b => x/../../a"], "b: a hard link that leads out of the root (header at byte 0)");
    check(&["h b => /../a"], "b: a hard link that leads out of the root (header at byte 0)");
    check(&["f a", "h a => ./a"], "a: a hard link to itself (header at byte 512)");
    check(&["h a => a"], "a: a hard link to itself (header at byte 0)");
    check(&["d a", "h b => a"], "b: a hard link to a directory (header at byte 512)");
    check(&["f a/x", "h b => a"], "b: a hard link to a directory (header at byte 512)");
    check(&["h b => a", "d a"], "b: a hard link to a directory (header at byte 0)");
    check(&["h b => /"], "b: a hard link to a directory (header at byte 0)");
    check(&["f a", "h a/b => a"], "a/b: a hard link to a directory (header at byte 512)");
    let circle = "a hard link that leads back to itself";
    check(&["h a => b", "h b => a"], &format!("a: {circle} (header at byte 512)"));
    check(&["h a => b", "h c => a", "h b => c"], &format!("a: {circle} (header at byte 1024)"));
    check(&["h a => b", "h c => d", "h d => a", "h b => c"], &format!("a: {circle} (header at byte 1024)"));
    check(&["h b => d/.wh.a"], "b: a hard link to a whiteout (header at byte 0)");
    let gone = "a hard link to what aufs kept, and it is not there";
    check(&["h b => .wh..wh.plnk/1.2"], &format!("b: {gone} (header at byte 0)"));
    let long = format!("h b => {}", "x".repeat(256));
    check(&[&long], "b: a hard link whose target has a name of 256 bytes, over 255 (header at byte 0)");
}

/// One entry that only differs from a good one in what is set.
fn check_entry(entry: &Entry, expect: &str) {
    let error = Reader::new(SOURCE, 0).push(entry).unwrap_err();
    assert_eq!(error.to_string(), format!("x: {expect} (header at byte 0)"));
}

#[test]
fn numbers() {
    // 2^32-1 means "leave it" to chown(2).
    for uid in [u64::from(u32::MAX), 1 << 32, u64::MAX] {
        check_entry(&Entry { uid, ..Entry::file("x", 0) }, &format!("its owner is {uid}, over 4294967294"));
        let gid = uid;
        check_entry(
            &Entry { gid, ..Entry::hard_link("x", "a") },
            &format!("its group is {gid}, over 4294967294"),
        );
    }
    Reader::new(SOURCE, 0).push(&Entry { uid: (1 << 32) - 2, ..Entry::file("x", 0) }).unwrap();

    // On overlayfs, 0:0 is a whiteout.
    check_entry(&entry("c x 0:0").0, "a character device 0:0, a whiteout in disguise");
    check_entry(&entry("c x 4096:0").0, "a device 4096:0, more than Linux has numbers for");
    check_entry(&entry("c x 0:1048576").0, "a device 0:1048576, more than Linux has numbers for");
    check_entry(&Entry { device: None, ..entry("c x 1:3").0 }, "a device without numbers");
    for device in [(0, 0), (4095, 1_048_575)] {
        let device = Entry { device: Some(device), ..Entry::new(Kind::BlockDevice, "x") };
        Reader::new(SOURCE, 0).push(&device).unwrap();
    }
    let beyond = "its content ends beyond 64 bits";
    check_entry(&Entry { data_offset: u64::MAX - 1, ..Entry::file("x", 2) }, beyond);
    let sparse = Some(vec![Segment { offset: 4, len: 2 }, Segment { offset: 5, len: 1 }]);
    check_entry(&Entry { sparse, ..Entry::file("x", 9) }, beyond);
    let error = Reader::new(SOURCE, u64::MAX).push(&Entry { data_offset: 512, ..Entry::file("x", 1) });
    assert!(error.is_err());
}

#[test]
fn symbolic_links() {
    check_entry(&Entry::symlink("x", ""), "a symbolic link to nothing");
    let long = "t".repeat(4096);
    check_entry(&Entry::symlink("x", &*long), "a symbolic link whose target has 4096 bytes, over 4095");
    read_all(&tar(&[&format!("l x -> {}", "t".repeat(4095))])).unwrap();
}

#[test]
fn a_damaged_tar() {
    let mut bytes = tar_of([entry("f a 1234")]);
    bytes.truncate(514);
    let error = read_all(&bytes).unwrap_err();
    assert_eq!(chain(&error), "reading a layer's tar: the archive ends inside a, after 2 of its 4 bytes");
    assert!(matches!(error, ReadError::Tar { .. }));
}
