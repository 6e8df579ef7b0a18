//! Nobody in particular, with a store of their own: owners are kept by record, and what is committed is what root commits.

use std::path::PathBuf;
use std::process::Command;

use ply_tests::{Filesystem, Ply, Ran, Tarball, needs, output};

use crate::{exported, same, store};

/// Runs command lines as nobody, in a folder of theirs.
struct Nobody {
    ply: Ply,
    binary: PathBuf,
}

impl Nobody {
    fn new() -> Self {
        let ply = store();
        let binary = ply.binary_for_all();
        std::fs::remove_dir_all(ply.store()).unwrap();
        let store = ply.store();
        std::fs::create_dir_all(ply.file("out")).unwrap();
        std::fs::create_dir(&store).unwrap();
        output(Command::new("chown").arg("65534:65534").args([&store, &ply.file("out")]));
        Self { ply, binary }
    }

    fn run(&self, line: &str) -> Ran {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&self.binary);
        command.args(line.split(' ')).env("PLY_STORE", self.ply.store()).current_dir(self.ply.folder());
        let input = std::fs::File::open(self.ply.file("owned.tar"));
        command.env("SOURCE_DATE_EPOCH", "1700000000").env("TZ", "UTC");
        command.stdin(input.unwrap()).output().unwrap().into()
    }
}

/// Directories are told last, so that all times are known.
fn owned() -> Vec<u8> {
    Tarball::new()
        .told("0 dir/mine 1 @4755 :11:12 +user.z=1")
        .told("1 dir/ours > dir/mine @4755 :11:12")
        .told("0 secret 1 @400 :0:0")
        .told("5 locked/ @500 :13:14")
        .told("0 locked/in 1 @400 :13:14")
        .told("2 link > dir")
        .told("6 pipe @600")
        .told("5 dir/ @750 :7:8")
        .told("5 dir/sub/ @2775 :9:9")
        .finish()
}

const STEPS: &[&str] = &[
    "create --name ct image:1",
    "cp src/d ct:/srv/dir/copied",
    "cp src/f ct:/srv/dir/sub/f",
    "delete ct:/srv/other ct:/srv/plain ct:/srv/dir/c",
    "cp src/empty ct:/srv/other",
    "cp src/f ct:/srv/file",
    "cp - ct:/srv",
];

/// Sets the times of what was written to last.
const DATED: &str = "cp - ct:/";

#[test]
fn nobody_commits_what_root_commits() {
    if !needs(&[("setpriv", "util-linux")]) {
        return;
    }
    let (root, nobody) = (store(), Nobody::new());
    root.ok(["rm", "ct"]);
    for ply in [&root, &nobody.ply] {
        // As if they were somebody's, and all may read them.
        let owned =
            "find src ! -type l -exec chown 1000:1001 {} +; chmod 4755 src/d/sub/deep; chmod 755 src/d";
        output(Command::new("sh").args(["-ec", owned]).current_dir(ply.folder()));
    }
    let dated = Tarball::new().told("5 srv/").finish();
    let run = |line: &str| {
        let theirs = {
            let mut command = root.command(line.split(' '));
            let input = std::fs::File::open(root.file("owned.tar")).unwrap();
            let ran: Ran =
                command.env("SOURCE_DATE_EPOCH", "1700000000").stdin(input).output().unwrap().into();
            ran
        };
        let ours = nobody.run(line);
        assert_eq!(
            (theirs.code, ours.code),
            (Some(0), Some(0)),
            "{line}: root {:?}, nobody {:?}",
            theirs.stderr,
            ours.stderr
        );
        (theirs, ours)
    };
    let tell = |tar: &[u8]| [&root, &nobody.ply].map(|ply| ply.write("owned.tar", tar));
    tell(&owned());
    run("load -q -i image.tar");
    STEPS.iter().for_each(|line| drop(run(line)));
    tell(&dated);
    run(DATED);
    let (theirs, ours) = run("export ct");
    let found = [&ours, &theirs].map(|ran| Filesystem::in_tar(&ran.stdout[..]));
    assert_eq!(found[1].entries[&b"srv/dir/mine"[..]].owner, (11, 12));
    assert_eq!(found[1].entries[&b"srv/dir/copied/a"[..]].owner, (1000, 1001));
    same("export", &found[0], &found[1]);
    for line in [
        "diff ct",
        "commit -m done ct image:2",
        "layers --no-trunc image:2",
        "ls -alR --json ct",
        "cat ct /srv/locked/in",
    ] {
        let (theirs, ours) = run(line);
        assert_eq!(ours.text(), theirs.text(), "{line}");
    }
    same("the image", &exported(&root, "image:2"), &found[1]);
    run("check");
    // Out again, what comes is the caller's; all of it can be read and removed by them.
    let ran = nobody.run("cp ct:/srv/. out/all");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let out = Filesystem::on_disk(&nobody.ply.file("out/all"));
    assert!(out.entries.values().all(|entry| entry.owner == (65534, 65534)));
    assert_eq!(out.entries[&b"dir/mine"[..]].content, found[1].entries[&b"srv/dir/mine"[..]].content);
    run("rm ct");
    run("rmi image:1 image:2");
    let left = std::fs::read_dir(nobody.ply.store().join("ply/containers")).unwrap().count();
    assert_eq!(left, 0);
}
