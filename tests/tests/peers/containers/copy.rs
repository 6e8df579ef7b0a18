//! `cp`, line by line.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;

use ply_tests::{Filesystem, Kind, Tarball, gzip, needs, output};

use super::pair::{Pair, both_or_none, differences, exported, shown};
use crate::DOCKER;

/// The rows of a table that do not hold; dropped, it tells them all.
#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn holds(&mut self, row: impl FnOnce()) -> bool {
        let done = catch_unwind(AssertUnwindSafe(row));
        self.0.extend(done.as_ref().err().map(|why| why.downcast_ref().cloned().unwrap_or_default()));
        done.is_ok()
    }
}

impl Drop for Wrong {
    fn drop(&mut self) {
        let Self(wrong) = self;
        assert!(wrong.is_empty() || std::thread::panicking(), "{} rows: {}", wrong.len(), wrong.join("\n"));
    }
}

/// Lines of `cp` one after another on the same two containers: each is done or refused by both, and after each both hold
/// the same; in the end `diff` says the same.
fn table(name: &str, lines: &[&str]) {
    if !needs(&[DOCKER]) {
        return;
    }
    let mut pair = Pair::new(name, &[]);
    pair.is_the_same("at first");
    let mut wrong = Wrong::default();
    for line in lines {
        if !wrong.holds(|| pair.cp(line)) {
            // What follows is not to blame.
            drop(pair);
            pair = Pair::new(name, &[]);
        }
    }
    drop(wrong);
    pair.diff_is_the_same(name);
}

#[test]
fn a_file_goes_where_dockers_goes() {
    table(
        "files",
        &[
            "src/f CT:/srv/new",
            "src/f CT:/srv",
            "src/f CT:/srv/dir/",
            "src/f CT:/srv/missing/",
            "src/f CT:/srv/missing/x",
            "src/f CT:/srv/file",
            "src/f CT:/srv/file/",
            "src/f CT:/srv/file/x",
            "src/f CT:srv/relative",
            "src/f CT:/srv/./dir/../by-parent",
            "src/f CT:/../../srv/climbed",
            "src/f CT:/srv/dir/.",
            "src/f CT:/",
            "src/f CT:",
            "src/f CT:.",
            "src/f/ CT:/srv/slash",
            "src/f/. CT:/srv/dot",
            "src/missing CT:/srv/x",
            "src/missing CT:/srv/missing/x",
            "-a src/f CT:/srv/archived",
            "src/d/pipe CT:/srv/pipe",
            "src/d/a CT:/srv/dir/a",
            "src/f CT:/tmp",
            "src/f src/x",
            "CT:/srv CT:/tmp",
            "src/f nobody:/srv",
            "nobody:/srv src/x",
        ],
    );
}

/// A directory counts as changed for the sake of what lies in it, however deep.
#[test]
fn what_a_change_lies_in_is_told() {
    table("deep", &["src/f CT:/srv/dir/sub/x"]);
    table("deeper", &["src/f CT:/srv/dir/sub/deep"]);
    table("linked", &["src/f CT:/srv/dir/a", "src/f CT:/srv/hard"]);
}

#[test]
fn a_directory_goes_where_dockers_goes() {
    table(
        "directories",
        &[
            "src/d CT:/srv/d1",
            "src/d CT:/srv/d2/",
            "src/d CT:/srv/dir",
            "src/d/. CT:/srv/dir",
            "src/d/. CT:/srv/d3",
            "src/d/. CT:/srv/d4/",
            "src/d/ CT:/srv/d5",
            "src/d/ CT:/srv/dir/sub",
            "src/d CT:/srv/file",
            "src/d/. CT:/srv/file",
            "src/d/ CT:/srv/file",
            "src/d CT:/srv/missing/x",
            "src/d/. CT:/srv/missing/x",
            "src/d CT:/srv/file/x",
            "src/empty CT:/srv",
            "src/empty/. CT:/srv/e2",
            "src/empty/. CT:/srv/dir",
            "src/d CT:/srv/gone",
            "src/merge/. CT:/srv",
            "src/merge/dir CT:/srv",
            "src/. CT:/tmp",
            "src/d CT:/",
        ],
    );
}

#[test]
fn links_are_followed_as_docker_follows_them() {
    table(
        "links",
        &[
            "src/l CT:/srv/l1",
            "-L src/l CT:/srv/l2",
            "src/l CT:/srv",
            "-L src/l CT:/srv/dir",
            "src/dangling CT:/srv/l3",
            "-L src/dangling CT:/srv/l4",
            "src/ld CT:/srv/l5",
            "src/ld/ CT:/srv/l6",
            "src/ld/. CT:/srv/l7",
            "-L src/ld CT:/srv/l8",
            "-L src/ld CT:/srv",
            "-L src/ld/. CT:/srv/l9",
            "src/l/ CT:/srv/l10",
            "src/dangling/ CT:/srv/l11",
        ],
    );
}

#[test]
fn links_in_the_container_are_followed_as_docker_follows_them() {
    table(
        "destinations",
        &[
            "src/f CT:/srv/abs",
            "src/f CT:/srv/rel/",
            "src/f CT:/srv/up/x",
            "src/f CT:/srv/far",
            "src/f CT:/srv/far/x",
            "src/f CT:/srv/chain/y",
            "src/f CT:/srv/rel/../w",
            "src/f CT:/srv/rel/.",
            "src/d CT:/srv/rel",
            "src/d/. CT:/srv/abs",
            "src/d CT:/srv/up/d",
            "src/f CT:/srv/to-file",
            "src/l CT:/srv/to-file",
            "src/d CT:/srv/to-file",
            "src/f CT:/srv/to-file/",
            "src/f CT:/srv/lost",
            "src/f CT:/srv/loop/x",
            "src/f CT:/srv/dangling/x",
            "src/d CT:/srv/dangling-dir",
            "src/d/. CT:/srv/dangling-dir",
            "src/f CT:/srv/dangling",
            "src/f CT:/srv/dangling-far",
        ],
    );
}

#[test]
fn names_of_all_kinds() {
    if !needs(&[DOCKER]) {
        return;
    }
    let pair = Pair::new("names", &[]);
    for line in [
        "src/a~b CT:/srv/c~d",
        "src/a~b CT:/srv",
        "./src/a:b CT:/srv/c:d",
        "src/a:b CT:/srv/e",
        "src/a:b CT:/srv",
        "src/f CT:/srv/-g",
        "src/-f CT:/srv",
        "src/f CT:/srv/a:b:c",
        "-- src/f CT:/srv/after-dashes",
        "src/f CT:/srv/.hidden",
        "src/f CT:/srv/...",
        "src/f CT:/srv/new\nline",
        "src/f CT:/srv/back\\slash",
        "src/f CT:/srv/star*",
    ] {
        pair.cp(line);
    }
    pair.cp(b"src/\xff\xfe CT:/srv/utf");
    pair.cp(b"src/\xff\xfe CT:/srv");
    pair.cp(b"src/f CT:/srv/\xc3\x28");
}

/// What would put a directory in the place of a file, or a file in that of a directory.
#[test]
fn what_docker_refuses_to_replace_is_refused_before_anything_is_written() {
    if !needs(&[DOCKER]) {
        return;
    }
    let pair = Pair::new("replaced", &[]);
    let script = r"
        mkdir -p c1/dir/zz/x c2/dir c2/a c3/file
        echo n >c1/dir/0; mkdir c1/dir/b
        echo n >c2/a/0; echo n >c2/dir/sub
        echo n >dir
    ";
    output(Command::new("sh").args(["-ec", script]).current_dir(pair.ply.folder()));
    pair.refused(b"c1/. CT:/srv", None);
    pair.refused(b"c1/dir CT:/srv", None);
    pair.refused(b"c2/. CT:/srv", None);
    pair.refused(b"c3/. CT:/srv", None);
    pair.refused(b"c3/file CT:/srv", None);
    pair.refused(b"dir CT:/srv", None);
    let tar = |name: &str, tar: Tarball| pair.ply.write(name, tar.finish());
    let over_file = tar("t1", Tarball::new().file("aa", "1").folder("dir/").folder("dir/b/"));
    pair.refused(b"- CT:/srv", Some(&over_file));
    let over_directory = tar("t2", Tarball::new().file("aa", "1").file("dir", "1"));
    pair.refused(b"- CT:/srv", Some(&over_directory));
}

#[test]
fn archives_go_in() {
    if !needs(&[DOCKER]) {
        return;
    }
    let pair = Pair::new("archives-in", &[]);
    let plain = Tarball::new()
        .told("5 dir/ @711 :5:6")
        .told("0 dir/b replaced @755 :5:6")
        .told("1 dir/twin > dir/b @755 :5:6")
        .told("0 dir/suid 1 @4755 :5:6")
        .told("5 new/ @700")
        .told("2 new/link > ../dir")
        .told("3 new/null")
        .told("6 new/pipe @600")
        .told("0 x/y/z implied");
    let plain = plain.finish();
    let plain_path = pair.ply.write("plain.tar", &plain);
    let gzip_path = pair.ply.write("gzip.tar", gzip(&plain));
    let text = pair.ply.write("text", "no tar at all");
    let empty = pair.ply.write("empty.tar", Tarball::new().finish());
    let dotted = Tarball::new().told("5 ./ @711 :3:3").told("0 ./in-dot 1").finish();
    let dotted = pair.ply.write("dotted.tar", dotted);
    let mut wrong = Wrong::default();
    for (line, input) in [
        ("- CT:/srv", &plain_path),
        ("- CT:/tmp", &gzip_path),
        ("- CT:/srv/rel", &gzip_path),
        ("- CT:/srv/up/", &plain_path),
        ("- CT:/srv/missing", &plain_path),
        ("- CT:/srv/file", &plain_path),
        ("- CT:/srv/to-file", &plain_path),
        ("- CT:/srv", &text),
        ("- CT:/srv", &empty),
        ("- CT:/srv/dir/sub", &dotted),
    ] {
        wrong.holds(|| pair.cp_from(line.as_bytes(), Some(input)));
    }
    drop(wrong);
    pair.diff_is_the_same("archives");
}

/// What is written to stdout is the same files under the same names.
#[test]
fn archives_come_out() {
    if !needs(&[DOCKER]) {
        return;
    }
    let pair = Pair::new("archives-out", &[]);
    pair.cp("src/d CT:/srv/d");
    let mut wrong = Wrong::default();
    for line in [
        "CT:/srv/file -",
        "CT:/srv/dir -",
        "CT:/srv/dir/ -",
        "CT:/srv/dir/. -",
        "CT:/srv/d -",
        "CT:/srv/rel -",
        "-L CT:/srv/rel -",
        "CT:/srv/rel/ -",
        "CT:/srv/rel/. -",
        "CT:/srv/to-file -",
        "-L CT:/srv/to-file -",
        "CT:/srv/dangling -",
        "-L CT:/srv/dangling -",
        "CT:/srv/up/a -",
        "CT:/srv/missing -",
        "CT:/srv/file/ -",
        "CT:/srv/file/. -",
        "CT:/srv/gone -",
    ] {
        wrong.holds(|| archive_comes_out(&pair, line));
    }
}

fn archive_comes_out(pair: &Pair, line: &str) {
    let folder = pair.ply.folder();
    let [theirs, ours] = pair.cp_in(line.as_bytes(), [folder, folder], None);
    both_or_none(&ours, &theirs, &format!("cp {line}"));
    if ours.code == Some(0) {
        let [ours, theirs] = [ours, theirs].map(|ran| Filesystem::in_tar(&ran.stdout[..]));
        assert!(!ours.entries.is_empty(), "cp {line}");
        assert_eq!(shown(&differences(&ours, &theirs)), [""; 0], "cp {line}");
    } else {
        assert_eq!(ours.text(), "", "cp {line}");
    }
}

/// The same table the other way round, each line in a folder of its own that holds some files.
#[test]
fn files_come_out_as_dockers_do() {
    if !needs(&[DOCKER]) {
        return;
    }
    let pair = Pair::new("out", &[]);
    pair.cp("src/d CT:/srv/d");
    pair.cp("src/a~b CT:/srv");
    pair.cp("src/a:b CT:/srv");
    let script = r"
        umask 022; mkdir -p dir/sub there; echo old >file; echo old >dir/a; ln -s there to-dir; ln -s file to-file
        ln -s nowhere dangling; ln -s no/where lost
        find . -exec touch -h -d '2002-02-02 02:02:02Z' {} +
    ";
    let mut wrong = Wrong::default();
    for line in [
        "CT:/srv/file new",
        "CT:/srv/file .",
        "CT:/srv/file there",
        "CT:/srv/file there/",
        "CT:/srv/file missing/",
        "CT:/srv/file missing/x",
        "CT:/srv/file file",
        "CT:/srv/file file/",
        "CT:/srv/dir new",
        "CT:/srv/dir new/",
        "CT:/srv/dir there",
        "CT:/srv/dir .",
        "CT:/srv/dir/. dir",
        "CT:/srv/dir/. new",
        "CT:/srv/dir/. missing/x",
        "CT:/srv/dir file",
        "CT:/srv/dir/. file",
        "CT:/srv/dir/ there",
        "CT:/srv/d there",
        "CT:/srv/d/. .",
        "CT:/srv/rel new",
        "CT:/srv/rel there",
        "CT:/srv/rel/ new",
        "CT:/srv/rel/. new",
        "-L CT:/srv/rel new",
        "-L CT:/srv/rel there",
        "-L CT:/srv/to-file there",
        "-L CT:/srv/abs there",
        "CT:/srv/dangling new",
        "-L CT:/srv/dangling new",
        "CT:/srv/to-file file",
        "CT:/srv/file to-dir",
        "CT:/srv/file to-dir/x",
        "CT:/srv/file to-file",
        "CT:/srv/file dangling",
        "CT:/srv/file dangling/",
        "CT:/srv/dir dangling",
        "CT:/srv/dir/. dangling",
        "CT:/srv/dir dangling/",
        "CT:/srv/file lost",
        "CT:/srv/dir to-dir",
        "CT:/srv/dir to-file",
        "CT:/srv/a~b c~d",
        "CT:/srv/a:b .",
        "CT:/srv/a:b ./c:d",
        "CT:/srv/missing new",
        "CT:/srv/gone new",
        "CT:/srv/file/ new",
        "CT:/srv/up/../file new",
        "CT:srv/file new",
        "CT:/srv/loop/x new",
    ] {
        wrong.holds(|| file_comes_out(&pair, line, script));
    }
}

fn file_comes_out(pair: &Pair, line: &str, script: &str) {
    let folders = ["theirs", "ours"].map(|name| pair.file(name));
    for folder in &folders {
        let _ = std::fs::remove_dir_all(folder);
        std::fs::create_dir(folder).unwrap();
        output(Command::new("sh").args(["-ec", script]).current_dir(folder));
    }
    let before = Filesystem::on_disk(&folders[1]);
    let places: [&Path; 2] = [&folders[0], &folders[1]];
    let [theirs, ours] = pair.cp_in(line.as_bytes(), places, None);
    both_or_none(&ours, &theirs, &format!("cp {line}"));
    let [mut theirs, ours_now] = folders.each_ref().map(|folder| Filesystem::on_disk(folder));
    if !line.starts_with("-a ") {
        // What Docker leaves a program of another owner is told in `what_is_known_to_differ_still_does`.
        theirs
            .entries
            .values_mut()
            .filter(|found| found.kind == Kind::File)
            .for_each(|found| found.mode &= !0o6000);
    }
    assert_eq!(shown(&differences(&ours_now, &theirs)), [""; 0], "cp {line}");
    if ours.code != Some(0) {
        assert_eq!(shown(&differences(&ours_now, &before)), [""; 0], "cp {line} was refused");
    }
}

/// What we do otherwise, on purpose; docs/docker-command-table.md tells of each.
#[test]
fn what_is_known_to_differ_still_does() {
    if !needs(&[DOCKER]) {
        return;
    }
    let pair = Pair::new("differs", &[]);
    let setuid = Tarball::new().told("0 a 1 @4755").told("1 b > a @4755").told("0 c 1 @4755 :5:6").finish();
    pair.ply.write("setuid.tar", setuid);
    for (line, ours_does, theirs_does) in [
        // Moby looks at what a link leads to even where the link itself is copied.
        ("CT:/srv/loop new", true, false),
        // The kernel would say ELOOP; moby takes the link away.
        ("src/f CT:/srv/loop", false, true),
        // Without the slash, both make what the link leads to.
        ("src/d CT:/srv/dangling/", true, false),
    ] {
        let folder = pair.ply.folder();
        let [theirs, ours] = pair.cp_in(line.as_bytes(), [folder, folder], None);
        assert_eq!(
            (ours.code == Some(0), theirs.code == Some(0)),
            (ours_does, theirs_does),
            "cp {line}: {}{}",
            ours.stderr,
            theirs.stderr
        );
    }
    // To change the owner of a second name takes the bit away again, and moby does not set it again.
    let folder = pair.ply.folder();
    for ran in pair.cp_in(b"- CT:/tmp", [folder, folder], Some(&pair.file("setuid.tar"))) {
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    let theirs = exported(&mut pair.docker.command(&["export", &pair.name]));
    let modes = [pair.ours(), theirs].map(|found| found.entries[&b"tmp/b"[..]].mode);
    assert_eq!(modes, [0o4755, 0o755]);
    // A program that runs in its owner's name runs in that of whoever copied it out of a container of Docker's.
    let folders = ["their-program", "our-program"].map(|name| made_folder(&pair, name));
    pair.cp_in(b"CT:/tmp/c out", folders.each_ref().map(PathBuf::as_path), None);
    let modes = ["our-program", "their-program"]
        .map(|name| Filesystem::on_disk(&pair.file(name)).entries[&b"out"[..]].mode);
    assert_eq!(modes, [0o755, 0o4755]);
    // Docker's -a does not keep owners on the way out.
    let [theirs, ours] =
        pair.cp_in(b"-a CT:/srv/dir out", [&made_folder(&pair, "theirs"), &made_folder(&pair, "ours")], None);
    assert_eq!((theirs.code, ours.code), (Some(0), Some(0)), "{}{}", ours.stderr, theirs.stderr);
    let owners =
        ["ours", "theirs"].map(|name| Filesystem::on_disk(&pair.file(name)).entries[&b"out"[..]].owner);
    assert_eq!(owners, [(7, 8), (0, 0)]);
}

/// Docker's -a gives what comes in to the user of the container, looked up among those of the host; ours, as without it, lets owners be.
#[test]
fn whose_an_archived_copy_is() {
    if !needs(&[DOCKER]) {
        return;
    }
    let pair = Pair::new("archived", &[]);
    pair.docker.ok(&["rm", &pair.name]);
    pair.docker.ok(&["create", "--name", &pair.name, "--user", "daemon", "table:1", "sh"]);
    let folder = pair.ply.folder();
    for (line, expect) in [("src/f CT:/srv/plain", (1000, 1001)), ("-a src/f CT:/srv/archived", (1, 1))] {
        for ran in pair.cp_in(line.as_bytes(), [folder, folder], None) {
            assert_eq!(ran.code, Some(0), "{line}: {}", ran.stderr);
        }
        let theirs = exported(&mut pair.docker.command(&["export", &pair.name]));
        let path = line.rsplit_once("CT:/").unwrap().1.as_bytes();
        let owners = [pair.ours(), theirs].map(|found| found.entries[path].owner);
        assert_eq!(owners, [(1000, 1001), expect], "{line}");
    }
}

fn made_folder(pair: &Pair, name: &str) -> PathBuf {
    let folder = pair.file(name);
    std::fs::create_dir(&folder).unwrap();
    folder
}
