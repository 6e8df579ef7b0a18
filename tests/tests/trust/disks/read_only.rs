//! A store that can only be read answers all that only reads, and says clearly that it cannot be changed.

use std::process::Command;

use ply_tests::{Ply, Ran, SmallDisk, needs, output, tried};

use super::limits::as_nobody;
use super::{furnished, kept, mounts_disks, refused, shell, unchanged};

const READERS: [&str; 24] = [
    "images",
    "images --format json",
    "inspect kept:1",
    "inspect ct",
    "history kept:1",
    "layers kept:1",
    "tree",
    "name kept:1",
    "ls kept:1",
    "ls ct",
    "cat kept:1 /etc/motd",
    "cat new:1 /etc/motd",
    "stat kept:1 /etc/motd",
    "export new:1",
    "export ct",
    "save kept:1 new:1",
    "log new:1 /etc/motd",
    "du new:1",
    "diff kept:1 new:1",
    "find new:1 --name motd",
    "grep new new:1",
    "check",
    "df",
    "ps -aq",
];

const WRITERS: [&str; 14] = [
    "load -i new.tar",
    "load -i gzip.tar",
    "import root.tar x:1",
    "commit ct x:1",
    "squash kept:1 -t x:1",
    "tag kept:1 x:1",
    "rmi gone:1",
    "rmi -f kept:1",
    "prune -a -f",
    "prune --cache",
    "create --name xx kept:1",
    "cp file ct:/x",
    "delete ct:/own",
    "rm ct",
];

/// With compressed layers whose plain tars were never made.
fn packed() -> Ply {
    let ply = furnished();
    ply.ok(["load", "-q", "-i", "gzip.tar"]);
    ply
}

fn readers_answer(ply: &Ply, run: impl Fn(&str) -> Ran) {
    for line in READERS {
        // What is told of times and sizes changes.
        let expected =
            (line != "df" && !line.starts_with("images")).then(|| shell(ply, &format!("ply {line}")));
        let ran = run(line);
        assert_eq!(ran.code, Some(0), "{line}: {}", ran.stderr);
        if let Some(expected) = expected {
            assert!(ran.stdout == expected.stdout, "{line} prints something else");
        }
    }
    tried("commands that read, on a store that can only be read", READERS.len() as u64, "all answer");
}

fn writers_are_refused(ply: &Ply, causes: &[&str], run: impl Fn(&str) -> Ran) {
    let before = kept(ply);
    for line in WRITERS {
        refused(line, &run(line), &[ply.store().to_str().unwrap()], causes);
        unchanged(line, ply, &before);
    }
    tried(
        &format!("commands that write, on a store that can only be read ({})", causes[0]),
        WRITERS.len() as u64,
        "refused with path and cause, store unchanged",
    );
}

#[test]
fn mounted_read_only() {
    if !mounts_disks() {
        return;
    }
    let ply = packed();
    let furnished = ply.file("furnished");
    std::fs::rename(ply.store(), &furnished).unwrap();
    let disk = SmallDisk::over(&ply.store());
    output(Command::new("cp").arg("-a").arg(furnished.join(".")).arg(ply.store()));
    disk.read_only(true);
    let run = |line: &str| shell(&ply, &format!("ply {line}"));
    writers_are_refused(&ply, &["Read-only file system"], run);
    readers_answer(&ply, run);
    // And without anything that was derived.
    disk.read_only(false);
    std::fs::remove_file(ply.store().join("ply/catalog")).unwrap();
    std::fs::remove_dir_all(ply.store().join("ply/layers")).unwrap();
    disk.read_only(true);
    readers_answer(&ply, run);
}

/// Somebody else's store that all may read.
#[test]
fn not_ours() {
    if !needs(&[("setpriv", "util-linux")]) {
        return;
    }
    let ply = packed();
    output(Command::new("chmod").args(["-R", "a+rX,go-w"]).arg(ply.folder()));
    let run = |line: &str| as_nobody(&ply, line);
    writers_are_refused(&ply, &["ermission denied", "not permitted"], run);
    readers_answer(&ply, run);
}
