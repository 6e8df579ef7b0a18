//! Commands in containers, executed by an OCI runtime.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ply_tests::{Ply, Ran, Tarball, archive_of, made, mounts_images, needs, output};
use serde_json::json;

const RUNTIME: (&str, &str) = ("runc", "runc");
const BUSYBOX: (&str, &str) = ("busybox", "busybox-static");

/// An image of one program, and who is who in it; `None`, and said, where nothing can be run.
fn image() -> Option<Ply> {
    if !mounts_images() || !needs(&[RUNTIME, BUSYBOX]) {
        return None;
    }
    let busybox = fs::read("/bin/busybox").or_else(|_| fs::read("/usr/bin/busybox")).unwrap();
    let names =
        ["cat", "echo", "env", "false", "id", "kill", "ls", "pwd", "sh", "sleep", "touch", "true", "tty"];
    let layer =
        Tarball::new().told("5 bin/").told("5 etc/").told("5 srv/ @1777").program("bin/busybox", busybox);
    let layer = names.iter().fold(layer, |tar, name| tar.symlink(&format!("bin/{name}"), "busybox"));
    let layer = layer
        .file("etc/passwd", "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/srv:/bin/sh\n")
        .file("etc/group", "web:x:34:\ndisk:x:6:web\n")
        .told("0 etc/plain plain @644");
    let config =
        json!({"Env": ["A=image", "B=image"], "Cmd": ["echo", "by", "default"], "WorkingDir": "/srv"});
    let ply = Ply::new();
    let image = made(vec![layer.finish()]).with("config", config);
    ply.write("app.tar", archive_of(&image, "app:1").finish());
    ply.ok(["load", "-q", "-i", "app.tar"]);
    Some(ply)
}

fn run(ply: &Ply, args: &[&str]) -> Ran {
    ply.run([&["run"], args].concat())
}

/// What a run must print, ending with 0.
#[track_caller]
fn prints(ply: &Ply, args: &[&str], expect: &str) {
    let ran = run(ply, args);
    assert_eq!((ran.code, ran.text().trim_end(), &*ran.stderr), (Some(0), expect, ""), "{args:?}");
}

/// Nothing is left of what ran: no container, no mount, no folder.
#[track_caller]
fn nothing_is_left(ply: &Ply) {
    assert_eq!((ply.ok(["ps", "-aq"]), ply.ok(["mount", "--json"])), (String::new(), "[]".to_owned()));
    let folders = fs::read_dir(ply.store().join("ply/containers")).into_iter().flatten();
    assert_eq!(folders.count(), 0);
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!table.contains(ply.folder().to_str().unwrap()), "{table}");
}

#[test]
fn what_is_run_is_what_the_image_or_the_line_says() {
    let Some(ply) = image() else { return };
    prints(&ply, &["--rm", "app:1"], "by default");
    prints(&ply, &["--rm", "app:1", "pwd"], "/srv");
    prints(&ply, &["--rm", "-w", "/etc", "app:1", "pwd"], "/etc");
    prints(&ply, &["--rm", "--entrypoint", "echo", "app:1"], "");
    prints(&ply, &["--rm", "--entrypoint", "echo", "app:1", "-n", "--rm=true"], "--rm=true");
    prints(&ply, &["--rm", "app:1", "sh", "-c", "echo $A $B $HOME"], "image image /root");
    prints(&ply, &["--rm", "-e", "A=line", "--env", "C", "app:1", "sh", "-c", "echo $A $B $C"], "line image");
    prints(
        &ply,
        &["--rm", "-u", "web", "app:1", "sh", "-c", "id -u; id -g; id -G; echo $HOME"],
        "33\n34\n34 6\n/srv",
    );
    prints(
        &ply,
        &["--rm", "-u", "1000:1001", "app:1", "sh", "-c", "id -u; id -g; echo $HOME"],
        "1000\n1001\n/",
    );
    prints(&ply, &["--rm", "app:1", "sh", "-c", "echo $$"], "1");
    prints(&ply, &["--rm", "--network", "none", "app:1", "ls", "/sys/class/net"], "lo");
    let image = ply.id("app:1");
    prints(&ply, &["--rm", &image[..12], "true"], "");
    nothing_is_left(&ply);
}

#[test]
fn exit_codes_are_the_commands_or_dockers() {
    let Some(ply) = image() else { return };
    let check = |args: &[&str], code: i32, words: &str| {
        let ran = run(&ply, args);
        assert_eq!((ran.code, ran.stderr.contains(words)), (Some(code), true), "{args:?}: {}", ran.stderr);
        nothing_is_left(&ply);
    };
    check(&["--rm", "app:1", "true"], 0, "");
    check(&["--rm", "app:1", "false"], 1, "");
    check(&["--rm", "app:1", "sh", "-c", "exit 200"], 200, "");
    check(&["--rm", "app:1", "sh", "-c", "sh -c 'kill -9 $$'; exit $?"], 137, "");
    check(&["--rm", "app:1", "nothing"], 127, "\"nothing\": executable file not found in $PATH");
    check(&["--rm", "app:1", "/etc/plain"], 126, "permission denied");
    check(&["--rm", "none:1"], 125, "No such image: none:1");
    check(&["--rm", "-u", "nobody", "app:1"], 125, "unable to find user nobody");
    check(&["-u", "nobody", "app:1"], 125, "unable to find user nobody");
    check(&["--rm", "--bad", "app:1"], 125, "unexpected argument '--bad'");
    check(&["--rm", "-v", "name:/x", "app:1"], 125, "there are no named volumes here");
    check(&["--rm", "-w", "srv", "app:1"], 125, "the working directory srv is no absolute path");
    check(&["--rm", "-it", "app:1"], 125, "the input device is not a TTY");
    check(&["--rm", "--runtime", "no-such-runtime", "app:1"], 125, "install the package crun, or runc");
    check(&["--rm", "--runtime", "false", "app:1"], 1, "");
    // What is kept stays, whatever the command said.
    let ran = run(&ply, &["--name", "kept", "app:1", "sh", "-c", "touch new; exit 3"]);
    assert_eq!(ran.code, Some(3));
    assert_eq!(ply.ok(["diff", "kept"]), "C /srv\nA /srv/new");
    let taken = run(&ply, &["--name", "kept", "app:1", "true"]);
    assert!(taken.code == Some(125) && taken.stderr.contains("is already in use"), "{}", taken.stderr);
    ply.ok(["commit", "kept", "app:2"]);
    prints(&ply, &["--rm", "app:2", "ls", "/srv"], "new");
    ply.ok(["rm", "kept"]);
    nothing_is_left(&ply);
}

#[test]
fn files_of_the_host_are_seen() {
    let Some(ply) = image() else { return };
    ply.write("file", "of the host");
    let here = |rest: &str| format!("{}{rest}", ply.folder().display());
    prints(&ply, &["--rm", "-v", &here("/file:/srv/seen"), "app:1", "cat", "/srv/seen"], "of the host");
    let write = ["app:1", "sh", "-c", "echo written >/data/new"];
    fs::create_dir(ply.file("data")).unwrap();
    let ran = run(&ply, &[&["--rm", "-v", &here("/data:/data:ro")], &write[..]].concat());
    assert_eq!((ran.code, ran.stderr.contains("Read-only file system")), (Some(1), true), "{}", ran.stderr);
    prints(&ply, &[&["--rm", "-v", &here("/data:/data")], &write[..]].concat(), "");
    assert_eq!(fs::read_to_string(ply.file("data/new")).unwrap(), "written\n");
    // A directory that is not there is made; a relative one is meant from here.
    prints(&ply, &[&["--rm", "-v", "./made:/data"], &write[..]].concat(), "");
    assert!(ply.file("made/new").exists());
    // What was only mounted over leaves nothing in the container.
    prints(&ply, &["--name", "kept", "-v", "./data:/a/b/c", "app:1", "true"], "");
    assert_eq!(ply.ok(["diff", "kept"]), "");
    ply.ok(["rm", "kept"]);
    nothing_is_left(&ply);
}

#[test]
fn it_reads_what_it_may() {
    let Some(ply) = image() else { return };
    let cat = |flags: &[&str]| -> Ran {
        let mut command = ply.command([&["run", "--rm"], flags, &["app:1", "cat"]].concat());
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(b"typed");
        child.wait_with_output().unwrap().into()
    };
    assert_eq!(cat(&["-i"]).text(), "typed");
    assert_eq!(cat(&[]).text(), "");
    // On a terminal it has one.
    if !needs(&[("script", "bsdutils")]) {
        return;
    }
    let line = format!("'{}' run --rm -t app:1 tty", ply_tests::binary().display());
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).env("PLY_STORE", ply.store()).stdin(Stdio::null());
    let said = output(&mut script);
    assert!(said.trim().ends_with("/dev/pts/0"), "{said}");
    nothing_is_left(&ply);
}

/// Waits until a command in a container has made a file of the host.
#[track_caller]
fn soon(path: PathBuf) {
    let started = Instant::now();
    while !path.exists() {
        assert!(started.elapsed() < Duration::from_secs(20), "{} never comes", path.display());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn signals_are_passed_on() {
    let Some(ply) = image() else { return };
    let script = |signal: &str| {
        format!(
            "trap 'echo $((n+=1)) >/data/{signal}; exit 9' {signal}; touch /data/begun; while true; do sleep 0.1; done"
        )
    };
    for signal in ["TERM", "INT", "HUP", "USR1"] {
        let folder = ply.file(signal);
        fs::create_dir(&folder).unwrap();
        let volume = format!("{}:/data", folder.display());
        let mut command = ply.command(["run", "--rm", "-v", &volume, "app:1", "sh", "-c", &script(signal)]);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        soon(folder.join("begun"));
        output(Command::new("kill").args(["-s", signal, &child.id().to_string()]));
        assert_eq!(child.wait().unwrap().code(), Some(9), "{signal}");
        assert_eq!(fs::read_to_string(folder.join(signal)).unwrap(), "1\n", "once");
    }
    nothing_is_left(&ply);
}

/// Whoever is killed undoes nothing; what is left is listed, and goes.
#[test]
fn what_is_killed_is_listed() {
    let Some(ply) = image() else { return };
    let folder = ply.file("data");
    fs::create_dir(&folder).unwrap();
    let volume = format!("{}:/data", folder.display());
    let line = ["run", "--name", "try", "-v", &volume, "app:1", "sh", "-c", "touch /data/begun; sleep 600"];
    let mut child = ply.command(line).stdin(Stdio::null()).spawn().unwrap();
    soon(folder.join("begun"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(ply.ok(["mount"]).contains("try"));
    assert!(ply.ok(["ps", "-a"]).contains("try"));
    // The command runs on, as it would with any runtime.
    output(Command::new("pkill").args(["-9", "-f", "sleep 600"]));
    let started = Instant::now();
    while ply.run(["rm", "-f", "try"]).code != Some(0) {
        assert!(started.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(20));
    }
    nothing_is_left(&ply);
}

/// A runtime that cannot start says why, and another is tried.
#[test]
fn one_that_does_not_start_is_not_the_last() {
    let Some(ply) = image() else { return };
    let programs = ply.file("programs");
    fs::create_dir(&programs).unwrap();
    let script = |name: &str, body: &str| {
        let path = programs.join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        output(Command::new("chmod").arg("+x").arg(&path));
    };
    // As crun 1.8 ends where control groups are mixed.
    let refuses =
        r#"printf '{"msg":"cgroups in hybrid mode not supported","level":"error"}\n' >"$4"; exit 1"#;
    let found = output(Command::new("sh").args(["-c", "PATH=$PATH:/usr/sbin:/sbin command -v runc"]));
    let works = format!("exec {found} \"$@\"");
    let run = || -> Ran {
        let mut command = ply.command(["run", "--rm", "app:1", "echo", "it runs"]);
        command.env("PATH", format!("{}:/usr/bin:/bin:/nowhere", programs.display()));
        command.output().unwrap().into()
    };
    for (first, second) in [("runc", "crun"), ("crun", "runc")] {
        script(first, refuses);
        script(second, &works);
        let ran = run();
        assert_eq!((ran.code, ran.text()), (Some(0), "it runs\n"), "{}", ran.stderr);
    }
    script("crun", refuses);
    script("runc", refuses);
    let ran = run();
    assert_eq!(ran.code, Some(125));
    for name in ["crun", "runc"] {
        let words = format!("{name}: cgroups in hybrid mode not supported");
        assert!(ran.stderr.contains(&words), "{}", ran.stderr);
    }
    nothing_is_left(&ply);
}
