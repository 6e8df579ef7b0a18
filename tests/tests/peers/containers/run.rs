//! `run`, and what Docker makes of the same line: the exit code, and what the command prints.

use std::process::Stdio;

use ply_tests::{Docker, Ply, Ran, Tarball, archive_of, made, mounts_images, needs};
use serde_json::json;

use crate::DOCKER;

/// After `run --rm`: flags, the image as `IMG`, the command. `~` is a space.
const LINES: [&str; 34] = [
    "IMG",
    "IMG true",
    "IMG false",
    "IMG sh -c exit~42",
    "IMG sh -c sh~-c~'kill~-9~$$';exit~$?",
    "IMG sh -c kill~-TERM~$$;exit~5",
    "IMG nothing",
    "IMG /etc/plain",
    "IMG /etc",
    "IMG ./plain",
    "IMG pwd",
    "-w /etc IMG pwd",
    "-w /made/anew IMG pwd",
    "IMG id",
    "-u web IMG id",
    "-u web:disk IMG id",
    "-u 1000 IMG id",
    "-u 1000:1001 IMG id",
    "-u :disk IMG id",
    "-u nobody IMG id",
    "-u web:nobody IMG id",
    "-u web IMG sh -c echo~$HOME",
    "-u 77 IMG sh -c echo~$HOME",
    "-e HOME=/x IMG sh -c echo~$HOME",
    "-e A=line -e B= -e D IMG sh -c env|grep~^[ABCD]=|sort",
    "-e PATH=/nowhere IMG id",
    "--entrypoint echo IMG",
    "--entrypoint echo IMG a b",
    "--entrypoint= IMG echo x",
    "--entrypoint nothing IMG",
    "--name run-table IMG sh -c echo~named",
    "IMG sh -c cat</etc/hosts|grep~-c~localhost",
    "IMG sh -c touch~/bin/x~&&~ls~/bin/x",
    "IMG sh -c grep~-E~'^Cap(Eff|Bnd)'~/proc/self/status",
];

#[test]
fn lines_end_as_dockers_do() {
    if !needs(&[DOCKER, ("runc", "runc"), ("busybox", "busybox-static")]) || !mounts_images() {
        return;
    }
    let busybox = std::fs::read("/bin/busybox").or_else(|_| std::fs::read("/usr/bin/busybox")).unwrap();
    let names =
        ["cat", "echo", "env", "false", "grep", "id", "kill", "ls", "pwd", "sh", "sort", "touch", "true"];
    let layer = Tarball::new().told("5 bin/").told("5 etc/").program("bin/busybox", busybox);
    let layer = names.iter().fold(layer, |tar, name| tar.symlink(&format!("bin/{name}"), "busybox"));
    let layer = layer
        .file("etc/passwd", "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/srv:/bin/sh\n")
        .file("etc/group", "root:x:0:\nweb:x:34:\ndisk:x:6:web\n")
        .told("0 etc/plain plain @644");
    let config = json!({"Env": ["A=image", "B=image", "C=image"], "Cmd": ["echo", "by", "default"], "WorkingDir": "/srv"});
    let (docker, ply) = (Docker::shared(), Ply::new());
    let archive = ply.write(
        "image.tar",
        archive_of(&made(vec![layer.finish()]).with("config", config), "run-table:1").finish(),
    );
    docker.load(&archive);
    ply.ok(["load", "-q", "-i", archive.to_str().unwrap()]);
    for line in LINES {
        let words: Vec<String> =
            line.split(' ').map(|word| word.replace('~', " ").replace("IMG", "run-table:1")).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut theirs = docker.command(&[&["run", "--rm", "--network", "host"], &words[..]].concat());
        let theirs: Ran = theirs.stdin(Stdio::null()).output().unwrap().into();
        let ours: Ran = ply.run([&["run", "--rm"], &words[..]].concat());
        assert_eq!(
            (ours.code, ours.text()),
            (theirs.code, theirs.text()),
            "{line}: ours says {:?}, Docker's {:?}",
            ours.stderr,
            theirs.stderr
        );
    }
}
