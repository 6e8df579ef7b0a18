//! The kernel's overlayfs and a container's layer: each shows what the other wrote.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use ply_tests::{Difference, Field, Filesystem, Overlay, Ply, Tarball, needs, output};

use crate::{exported, extract, ok, same, store};

const OVERLAY: [(&str, &str); 2] = [("mount", "mount"), ("setfattr", "attr")];

/// The image's files below the container's layer.
fn mounted(ply: &Ply) -> Overlay {
    let lower = ply.file("lower");
    if !lower.exists() {
        ply.ok(["unpack", "image:1", lower.to_str().unwrap()]);
    }
    let data = |key: &str| {
        PathBuf::from(ply.ok(["inspect", "-f", &format!("{{{{.GraphDriver.Data.{key}}}}}"), "ct"]))
    };
    Overlay::writable(&lower, &data("UpperDir"), &data("WorkDir"))
}

#[test]
fn the_kernel_shows_what_is_written_here() {
    if !needs(&OVERLAY) {
        return;
    }
    let ply = store();
    let compare = |what: &str| {
        let kernel = Filesystem::on_disk(&mounted(&ply).path());
        same(what, &exported(&ply, "ct"), &kernel);
    };
    compare("nothing");
    let long = "n".repeat(255);
    for line in [
        // A file over one of two names, new files, new directories.
        "cp src/f ct:/srv/file",
        "cp src/f ct:/srv/new",
        "cp src/d ct:/srv/d1",
        "cp src/d ct:/tmp/deep",
        // Deleted and made again: opaque.
        "delete ct:/srv/dir",
        "cp src/d ct:/srv/dir",
        "delete ct:/srv/dir/sub",
        "cp src/d ct:/srv/dir/sub",
        "delete ct:/srv/dir/sub/a ct:/srv/dir",
        "cp src/empty ct:/srv/dir",
        "cp src/f ct:/srv/dir/a",
        // A directory in the place of a file, and the other way round.
        "delete ct:/srv/plain",
        "cp src/d ct:/srv/plain",
        "delete ct:/srv/other",
        "cp src/f ct:/srv/other",
        "delete ct:/srv/other",
        "cp src/d ct:/srv/other",
        // Within what lies below.
        "delete ct:/srv/hard",
        "cp src/f ct:/srv/hard",
        "delete ct:/srv/new",
        "delete ct:/srv/rel",
        "cp src/f ct:/srv/rel",
        "delete ct:/tmp",
        "delete ct:/srv",
        "cp src/d/. ct:/",
        "cp src/d ct:/srv",
    ] {
        ok(&ply, line);
        compare(line);
    }
    ply.ok(["cp", "src/f", &format!("ct:/srv/{long}")]);
    compare("a long name");
    ply.ok(["delete", &format!("ct:/srv/{long}")]);
    compare("a long name deleted");
    let tar = Tarball::new()
        .told("5 srv/ @700 :1:2")
        .told("3 srv/null")
        .told("6 srv/pipe")
        .told("0 srv/a 1 +user.y=2")
        .told("1 srv/b > srv/a")
        .told("5 fresh/ +user.z=3");
    let ran = extract(&ply, &tar.finish(), "ct:/");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    compare("an archive");
}

/// What is done in the mounted union by a shell.
const CHANGES: &[&str] = &[
    // Whiteouts and opaque directories.
    "rm -r srv/other",
    "rm -r srv/other; mkdir srv/other",
    "rm -r srv/dir; mkdir srv/dir; echo 1 >srv/dir/b; mkdir srv/dir/sub",
    "rm srv/dir/a srv/dir/c; rmdir tmp",
    "rm -r srv/dir/sub; mkdir -m 700 srv/dir/sub; echo new >srv/dir/sub/deep",
    // Kinds that change.
    "rm srv/file; ln -s dir srv/file",
    "rm srv/plain; mkdir srv/plain; echo 1 >srv/plain/in",
    "rm -r srv/other; echo 1 >srv/other",
    "rm -r srv/dir; ln -s other srv/dir",
    "rm srv/rel; mkdir srv/rel",
    // Names.
    "mv srv/plain srv/moved; mv srv/rel srv/dir/rel",
    "mv srv/dir/a srv/dir/b",
    "mv srv/dir/a srv/other/x",
    "ln srv/plain srv/twin; ln srv/plain tmp/triple",
    "ln srv/hard srv/third",
    "mv srv/file srv/x; mv srv/hard srv/file; mv srv/x srv/hard",
    "echo 1 >srv/$(printf '%0255d' 0); mkdir -p tmp/a/b/c/d/e/f",
    // Attributes.
    "chmod 600 srv/plain; chown 5:6 srv/dir; chmod 4755 srv/dir/c",
    "setfattr -n user.new -v 1 srv/dir/sub; setfattr -x user.x srv/dir/a; setfattr -n user.y -v 2 srv/plain",
    "touch -d 1960-01-02T03:04:05.6Z srv/plain; touch -h -d 2001-01-01 srv/rel",
    "chmod 711 .; chown 1:1 .",
    // Content.
    "echo more >>srv/dir/b; : >srv/dir/c; truncate -s 100000 srv/plain",
    "echo changed >srv/hard",
    "mknod srv/dev c 7 8; mkfifo srv/pipe; mknod srv/zero b 0 0",
    // Made and gone again.
    "echo 1 >srv/brief; rm srv/brief; mkdir srv/short; rm -r srv/short; rm srv/plain; echo 1 >srv/plain",
    "mkdir srv/m; echo 1 >srv/m/x; rm -r srv/m; mkdir srv/m",
];

#[test]
fn what_the_kernel_wrote_is_shown_here() {
    if !needs(&OVERLAY) {
        return;
    }
    for script in CHANGES {
        let ply = store();
        let union = mounted(&ply);
        let before = Filesystem::on_disk(&union.path());
        output(Command::new("sh").args(["-ec", script]).current_dir(union.path()));
        let kernel = Filesystem::on_disk(&union.path());
        drop(union);
        let container = exported(&ply, "ct");
        same(script, &container, &kernel);
        let listed = Filesystem::in_json(&ply.ok(["ls", "-alR", "--json", "ct"]));
        same(&format!("{script}: ls"), &listed, &kernel.as_json_tells());
        assert_eq!(lines(&ply.ok(["diff", "ct"])), changes(&before, &kernel), "{script}: diff");
        ply.ok(["commit", "ct", "image:2"]);
        same(&format!("{script}: committed"), &exported(&ply, "image:2"), &kernel);
        let unpacked = ply.file("unpacked");
        ply.ok(["unpack", "image:2", unpacked.to_str().unwrap()]);
        same(&format!("{script}: committed and unpacked"), &Filesystem::on_disk(&unpacked), &kernel);
        // What is done here next, the kernel takes over again.
        if kernel.entries.contains_key(&b"srv/dir"[..]) {
            ply.ok(["delete", "ct:/srv/dir"]);
        }
        ply.ok(["cp", "src/d", "ct:/srv/dir"]);
        let again = Filesystem::on_disk(&mounted(&ply).path());
        same(&format!("{script}: changed again"), &exported(&ply, "ct"), &again);
    }
}

fn lines(text: &str) -> BTreeSet<String> {
    text.lines().map(str::to_owned).collect()
}

/// What `docker diff` would say: of what is gone the topmost, of what has another kind that it changed.
fn changes(before: &Filesystem, after: &Filesystem) -> BTreeSet<String> {
    let told = |found: &Difference| {
        let path = String::from_utf8_lossy(&found.path).into_owned();
        match (&found.ours, &found.theirs) {
            (None, Some(_)) => Some(format!("A /{path}")),
            (Some(_), None) => {
                let above = path.rsplit_once('/').map_or("", |(above, _)| above);
                let is_top =
                    after.entries.get(above.as_bytes()).is_some_and(|e| e.kind == ply_tests::Kind::Directory);
                is_top.then(|| format!("D /{path}"))
            }
            // That an inode has another name is no change of the names it had.
            _ if found.field == Field::Names => None,
            // As in Docker, that of the root alone says nothing.
            _ if path.is_empty() && found.field == Field::Time => None,
            _ => Some(format!("C /{path}")),
        }
    };
    let own: BTreeSet<String> = before.differences(after).iter().filter_map(told).collect();
    // What something lies in is told as well, but for the root.
    let above = |line: &String| -> Vec<String> {
        let path = &line["A /".len()..];
        path.match_indices('/').map(|(at, _)| format!("C /{}", &path[..at])).collect()
    };
    let is_told = |line: &String| !own.contains(&line.replacen('C', "A", 1));
    own.iter().flat_map(above).filter(is_told).chain(own.clone()).collect()
}

#[test]
fn a_renamed_directory_is_refused_by_the_kernel_or_by_us() {
    if !needs(&OVERLAY) {
        return;
    }
    let ply = store();
    let union = mounted(&ply);
    // So that it is copied, as `mv` does where the kernel says EXDEV.
    output(Command::new("mv").args(["srv/dir", "srv/elsewhere"]).current_dir(union.path()));
    let kernel = Filesystem::on_disk(&union.path());
    drop(union);
    same("mv of a directory", &exported(&ply, "ct"), &kernel);

    let ply = store();
    let upper = PathBuf::from(ply.ok(["inspect", "-f", "{{.GraphDriver.Data.UpperDir}}", "ct"]));
    std::fs::create_dir_all(upper.join("srv/elsewhere")).unwrap();
    for (name, file) in [("redirect", "srv/elsewhere"), ("metacopy", "srv/plain")] {
        if name == "metacopy" {
            std::fs::remove_dir(upper.join("srv/elsewhere")).unwrap();
            std::fs::write(upper.join(file), "").unwrap();
        }
        let mut mark = Command::new("setfattr");
        output(mark.args(["-n", &format!("trusted.overlay.{name}"), "-v", "/srv/dir"]).arg(upper.join(file)));
        for line in ["ls ct", "diff ct", "export ct", "cp src/f ct:/srv/x", "delete ct:/tmp", "commit ct x:1"]
        {
            let ran = ply.run(line.split(' '));
            assert_eq!(ran.code, Some(1), "{name}: {line}: {}", ran.stderr);
            let words = format!("{file}: has its name or content in a layer below");
            assert!(ran.stderr.contains(&words), "{name}: {line}: {}", ran.stderr);
            assert!(ran.stderr.contains("container ct"), "{name}: {line}: {}", ran.stderr);
        }
    }
    ply.ok(["rm", "ct"]);
}
