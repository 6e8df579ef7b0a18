//! What a layer's entries come to. The specification is the OCI image specification's `layer.md`; how engines behave
//! stands in the project's table of engines.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

mod layers;

use layers::{Tar, read_all, round_trip, tar, texts};

/// These entries make this tree, which can be written and read again.
fn check(entries: &[&str], expect: &[&str]) {
    let tar = tar(entries);
    let layer = read_all(&tar).unwrap();
    assert_eq!(texts(&layer.tree, &Tar(&tar)), expect, "{entries:?}");
    round_trip(&layer.tree, &Tar(&tar));
}

/// In whichever order the two stand.
fn check_both(one: &str, other: &str, expect: &[&str]) {
    check(&[one, other], expect);
    check(&[other, one], expect);
}

#[test]
fn names_are_cleaned_and_stay_inside() {
    // All five engines do so.
    for name in ["a", "./a", "/a", "//a//", "b/../a", "../a", "/../../a", "./b/c/../.././a", ".../../a"] {
        check(&[&format!("f {name}")], &["f a"]);
    }
    check(&["f ..."], &["f ..."]);
    check(&["f a/...", "f a/.wh"], &["i a", "f a/...", "f a/.wh"]);
    check(&["f a\u{1b}[2Jb\n"], &["f a\\x1b[2Jb\\n"]);
}

#[test]
fn the_root_may_have_an_entry() {
    check(&[], &[]);
    check(&["f a"], &["f a"]);
    for root in [".", "./", "/", "a/..", ".."] {
        check(&[&format!("d {root}")], &["d "]);
    }
    check(&["f .wh..wh..opq"], &["i  opaque"]);
    check_both("f .wh..wh..opq", "d ./", &["d  opaque"]);
}

#[test]
fn directories_are_implied_by_what_lies_in_them() {
    check(&["f a/b/c"], &["i a", "i a/b", "f a/b/c"]);
    check_both("f a/b/c", "d a/b/", &["i a", "d a/b", "f a/b/c"]);
    check_both("f a/.wh.b", "d a/", &["d a", "w a/b"]);
    check(&["f a/.wh.b"], &["i a", "w a/b"]);
    check(&["f a/b/.wh..wh..opq"], &["i a", "i a/b opaque"]);
}

#[test]
fn the_last_of_one_name_wins() {
    // containerd and umoci; docker and podman refuse.
    check(&["f a 1", "f a 2"], &["f a 2"]);
    check(&["f a 1", "l a -> x", "p a"], &["p a"]);
    check(&["d a", "f a/b", "d a"], &["d a", "f a/b"]);
    check(&["d a", "f a/b", "f a"], &["f a"]);
    check(&["d a", "f a/b", "f a", "d a"], &["d a"]);
    check(&["f a/b", "f a", "f a/c"], &["i a", "f a/c"]);
    check(&["f a", "d a"], &["d a"]);
    // An older name of the first file stays it.
    check(&["f a 1", "h b => a", "f a 2"], &["f a 2", "f b 1"]);
    // One that lay in a directory that is gone, too; its link there no longer counts.
    check(&["f a/b 1", "h c => a/b", "f a 2"], &["f a 2", "f c 1"]);
    check(&["f a/b/c 1", "h d => a/b/c", "h a/b => a/b/c"], &["i a", "f a/b 1", "h d => a/b"]);
}

#[test]
fn nothing_is_written_through_a_link() {
    // As all overlay engines; umoci follows the link.
    check(&["l bin -> usr/bin", "f bin/new"], &["i bin", "f bin/new"]);
    check(&["l bin -> /etc", "d bin/"], &["d bin"]);
    check(&["l a -> /", "l a/b -> /", "f a/b/c"], &["i a", "i a/b", "f a/b/c"]);
    check(&["f a 1", "f a/b"], &["i a", "f a/b"]);
    check(&["l a -> b", "f b/c 1", "h d => a/c"], &["l a -> b", "i b", "f b/c 1", "b d => a/c"]);
}

#[test]
fn a_whiteout_hides_only_what_lies_below() {
    check(&["f .wh.a"], &["w a"]);
    check(&["f .wh.a", "f .wh.a"], &["w a"]);
    // "MUST only apply to resources in lower/parent layers".
    check_both("f a 1", "f .wh.a", &["f a 1"]);
    check_both("l a -> x", "f .wh.a", &["l a -> x"]);
    check_both("d a", "f .wh.a", &["d a opaque"]);
    // A directory that is implied is a new one as well: nothing of the one below is left.
    check_both("f a/b 1", "f .wh.a", &["d a opaque", "f a/b 1"]);
    check(&["f a 1", "f .wh.a", "d a"], &["d a opaque"]);
    check(&["f .wh.a", "d a", "f a", "d a"], &["d a opaque"]);
    check(&["f .wh.a", "d a", "f a 1"], &["f a 1"]);
    // Of any kind: aufs's were hard links.
    check(&["h .wh.a => .wh..wh.aufs"], &["w a"]);
    check(&["d .wh.a/"], &["w a"]);
    check(&["c .wh.a 0:0"], &["w a"]);
    check(&["f .wh.a with content"], &["w a"]);
    check(&["f b/../.wh.a"], &["w a"]);
    check(&["f .wh.a.wh."], &["w a.wh."]);
    check(&["f .wh....."], &["w ...."]);
}

#[test]
fn an_opaque_directory_keeps_its_siblings() {
    // In whichever order: "It is recommended that opaque whiteouts come first", not more.
    check_both("f d/new 1", "f d/.wh..wh..opq", &["i d opaque", "f d/new 1"]);
    check_both("d d", "f d/.wh..wh..opq", &["d d opaque"]);
    check(&["f d/.wh..wh..opq", "f d/.wh..wh..opq", "d d"], &["d d opaque"]);
    check(&["f d/.wh..wh..opq", "f d", "d d"], &["d d"]);
    check_both("f d/.wh..wh..opq", "f d/.wh.a", &["i d opaque", "w d/a"]);
}

#[test]
fn below_what_is_no_directory_nothing_is_hidden() {
    // umoci writes so when a directory becomes a file; docker and containerd refuse.
    check_both("f rep 1", "f rep/.wh.o", &["f rep 1"]);
    check_both("f rep 1", "f rep/a/b/.wh.o", &["f rep 1"]);
    check_both("f rep 1", "f rep/.wh..wh..opq", &["f rep 1"]);
    check_both("l rep -> x", "f rep/.wh.o", &["l rep -> x"]);
    // And so, when a directory is gone.
    check_both("f .wh.d", "f d/.wh.o", &["w d"]);
    check_both("f .wh.d", "f d/e/.wh.o", &["w d"]);
    check_both("f .wh.d", "f d/.wh..wh..opq", &["w d"]);
    check(&["f d/e/.wh.o", "f d/.wh.e", "f .wh.d"], &["w d"]);
    check(&["f d/e/.wh.o", "f .wh.d", "f d/e/new"], &["d d opaque", "i d/e", "f d/e/new", "w d/e/o"]);
}

#[test]
fn hard_links_lead_to_inodes() {
    check(&["f a 1", "h b => a"], &["f a 1", "h b => a"]);
    check(&["f a 1", "h b => /x/../a/", "h c => ./b"], &["f a 1", "h b => a", "h c => a"]);
    check(&["l a -> x", "h b => a"], &["l a -> x", "h b => a"]);
    check(&["c a 1:3", "p b", "h c => a", "h d => b"], &["c a 1:3", "p b", "h c => a", "h d => b"]);
    // Later ones.
    check(&["h b => a", "f a 1"], &["f a 1", "h b => a"]);
    check(&["h b => d/a", "f d/a 1"], &["f b 1", "i d", "h d/a => b"]);
    check(&["h c => b", "h b => a", "f a 1"], &["f a 1", "h b => a", "h c => a"]);
    check(&["h b => a", "h c => b", "f a 1"], &["f a 1", "h b => a", "h c => a"]);
    check(&["h b => a", "f a 1", "f a 2"], &["f a 2", "h b => a"]);
    check(&["h b => a", "f b 2", "f a 1"], &["f a 1", "f b 2"]);
    check(&["h d/b => a", "f d", "f a 1"], &["f a 1", "f d"]);
    // Ones of a layer below: umoci takes them.
    check(&["h b => a"], &["b b => a"]);
    check(&["h b => d/../x//a"], &["b b => x/a"]);
    check(&["h b => a", "h c => b"], &["b b => a", "h c => b"]);
    check(&["h c => b", "h b => a"], &["b b => a", "h c => b"]);
    check(&["h b => a", "f .wh.a"], &["w a", "b b => a"]);
    check_both("h b => d/a", "f d", &["b b => d/a", "f d"]);
    check(&["h a => a/b"], &["b a => a/b"]);
}

#[test]
fn what_aufs_left_is_nowhere() {
    check(&["d .wh..wh.plnk/", "d .wh..wh.orph", "f .wh..wh.aufs"], &[]);
    check(&["f .wh..wh.plnk/1.2 x", "f a"], &["f a"]);
    check(&["f d/.wh..wh.plnk/.wh.x/y"], &[]);
    check(&["f d/.wh..wh.plnk/x", "f d/y", "f d/.wh..wh.plnk/z"], &["i d", "f d/y"]);
    check(&["f .wh..wh.foo/.wh..wh..opq"], &[]);
    check(&["f .wh..wh.plnk/1.2 x", "h a => .wh..wh.plnk/1.2", "h b => a"], &["f a x", "h b => a"]);
    check(&["h a => .wh..wh.plnk/1.2", "f .wh..wh.plnk/1.2 x"], &["f a x"]);
    check(&["h .wh..wh.plnk/1.2 => a", "f a x"], &["f a x"]);
    check(&["h .wh..wh.plnk/1.2 => .wh..wh.plnk/gone", "f a"], &["f a"]);
    let odd = read_all(&tar(&["d .wh..wh.plnk/", "f .wh..wh.plnk/1.2 x", "f a"])).unwrap();
    let told: Vec<_> = odd.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["left out 2 entries of aufs's own: /.wh..wh.plnk/, /.wh..wh.plnk/1.2"]);
}
