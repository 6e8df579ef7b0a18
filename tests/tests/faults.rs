//! Ends that nobody wants: killed, interrupted, the disk full, two at once. The store is the old one or the new one.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use ply_tests::{Input, Made, Ply, Ran, archive_of, family, layer, listing, made, skipped};

/// An archive that takes a while: some forty layers of a hundred kilobytes.
fn slow() -> (Made, Vec<u8>) {
    let image = made((0..40).map(|n| layer(&format!("layer {n}"))).collect());
    let archive = archive_of(&image, "slow:1").finish();
    (image, archive)
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap().success());
}

/// Killed at any moment: the image is there whole or not at all; what was left behind is
/// cleared away with the next removal.
#[test]
fn killed() {
    let (image, archive) = slow();
    let ply = Ply::with_family();
    let path = ply.write("archive", archive);
    let before = ply.ok(["images", "--no-trunc", "--format", "{{.Repository}} {{.ID}}"]);
    let start = Instant::now();
    assert_eq!(Ply::new().load(Input::File, &path, &[]).code, Some(0));
    let whole = start.elapsed();
    for part in 0..12 {
        let mut child = ply
            .command(["load", "-i"])
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sleep(whole * part / 10);
        let _ = child.kill();
        child.wait().unwrap();
        let now = ply.ok(["images", "--no-trunc", "--format", "{{.Repository}} {{.ID}}"]);
        if now == before {
            continue;
        }
        assert_eq!(ply.id("slow:1"), image.id(), "killed after {part} tenths");
        assert_eq!(ply.run(["check"]).code, Some(0), "killed after {part} tenths");
        ply.ok(["rmi", "slow:1"]);
    }
    assert_eq!(ply.load(Input::File, &path, &[]).code, Some(0));
    assert_eq!(ply.run(["check"]).code, Some(0));
    // Clearing away takes the lock that removing takes.
    ply.ok(["rmi", "slow:1"]);
    assert_eq!(std::fs::read_dir(ply.store().join("ply/ingest")).unwrap().count(), 0, "rubbish is left");
    // Blobs that got to their places, but not into the index.
    ply.ok(["image", "prune", "-f"]);
    let blobs = |ply: &Ply| listing(&ply.store().join("blobs"));
    assert_eq!(blobs(&ply), blobs(&Ply::with_family()), "blobs that nobody names are left");
}

/// Ctrl-C, while the other end of the pipe has nothing to say: one line, exit 130, nothing changed.
#[test]
fn interrupted() {
    for (name, args) in [("INT", &["load"][..]), ("TERM", &["load"]), ("INT", &["import", "-", "x:1"])] {
        let ply = Ply::with_family();
        let before = listing(&ply.store());
        let mut child = ply
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&slow().1[..300_000]).unwrap();
        sleep(Duration::from_millis(300));
        signal(&child, name);
        let start = Instant::now();
        let ran: Ran = child.wait_with_output().unwrap().into();
        drop(stdin);
        assert!(start.elapsed() < Duration::from_secs(5), "{name}: it took {:?}", start.elapsed());
        assert_eq!((ran.code, ran.text()), (Some(130), ""), "{name}: {}", ran.stderr);
        assert_eq!(ran.stderr, "ply: stopped; what was begun was undone\n", "{name}");
        assert_eq!(listing(&ply.store()), before, "{name}: the store has changed");
    }
}

/// Files may not grow beyond a limit, which is as good as a full disk.
#[test]
fn no_space() {
    let (_, archive) = slow();
    let ply = Ply::with_family();
    let path = ply.write("archive", archive);
    let before = listing(&ply.store());
    let limited = |command: &str| -> Ran {
        let line = format!("trap '' XFSZ; ulimit -f 100; exec {command}");
        let binary = ply_tests::binary().parent().unwrap();
        let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]).current_dir(ply.folder()).env("PLY_STORE", ply.store()).env("PATH", path);
        shell.output().unwrap().into()
    };
    for command in
        ["ply load -i archive", "ply load < archive", "ply import archive x:1", "ply import - x:1 < archive"]
    {
        let ran = limited(command);
        assert_eq!((ran.code, ran.text()), (Some(1), ""), "{command}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("too large") || ran.stderr.contains("no space"),
            "{command}: {}",
            ran.stderr
        );
        assert_eq!(listing(&ply.store()), before, "{command}: the store has changed");
    }
    assert_eq!(ply.load(Input::File, &path, &[]).code, Some(0));
    let before = listing(&ply.store());
    let ran = limited("ply squash slow:1 -t flat:1");
    assert_eq!((ran.code, ran.text()), (Some(1), ""), "{}", ran.stderr);
    assert_eq!(listing(&ply.store()), before, "squash: the store has changed");
    std::fs::write(ply.file("saved"), "precious").unwrap();
    let files = std::fs::read_dir(ply.folder()).unwrap().count();
    for command in ["ply save -o saved slow:1", "ply save --compress gzip:0 -o saved slow:1"] {
        let ran = limited(command);
        assert_eq!(ran.code, Some(1), "{command}: {}", ran.stderr);
        assert_eq!(std::fs::read_to_string(ply.file("saved")).unwrap(), "precious", "{command}");
        assert_eq!(std::fs::read_dir(ply.folder()).unwrap().count(), files, "{command}: something is left");
    }
}

/// Many at once, of the same and of different images, with removals between: all of it is there in the end.
#[test]
fn many_at_once() {
    let ply = Ply::new();
    let images: Vec<Made> = (0..6).map(|n| Made::of(&["shared", &format!("own {n}")])).collect();
    for (n, image) in images.iter().enumerate() {
        ply.write(&format!("archive-{n}"), archive_of(image, &format!("app:{n}")).finish());
    }
    for _ in 0..3 {
        let mut running: Vec<(String, Child)> = Vec::new();
        let mut start = |args: Vec<String>| {
            let mut command = ply.command(&args);
            let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            running.push((format!("{args:?}"), child));
        };
        for n in (0..6).chain(0..6) {
            start(vec!["load".into(), "-i".into(), format!("archive-{n}")]);
            start(vec!["load".into(), "-i".into(), family().to_str().unwrap().into()]);
            start(vec!["images".into()]);
            start(vec!["image".into(), "prune".into(), "-f".into()]);
        }
        for (what, child) in running {
            let ran: Ran = child.wait_with_output().unwrap().into();
            assert_eq!(ran.code, Some(0), "{what}: {}", ran.stderr);
        }
        for (n, image) in images.iter().enumerate() {
            assert_eq!(ply.id(&format!("app:{n}")), image.id());
        }
        assert_eq!(ply.run(["check"]).code, Some(0));
        ply.ok(["rmi", "app:0", "app:3"]);
    }
}

/// A store that cannot be written still answers.
#[test]
fn a_store_that_cannot_be_written() {
    let ply = Ply::with_family();
    // Root may write anywhere; a user of no name may not.
    let answer = |command: &str| -> Ran {
        let mut shell = Command::new("setpriv");
        shell.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(ply_tests::binary());
        shell.args(command.split(' ')).env("PLY_STORE", ply.store()).current_dir("/").output().unwrap().into()
    };
    assert!(Command::new("chmod").args(["-R", "a+rX,go-w"]).arg(ply.folder()).status().unwrap().success());
    if answer("--version").code != Some(0) {
        return skipped("not root, or nobody else may run what cargo built");
    }
    let before = listing(&ply.store());
    for command in ["images", "inspect app:1.1", "history app:1.1", "layers app:1.1", "save app:1.1"] {
        let ran = answer(command);
        assert_eq!(ran.code, Some(0), "{command}: {}", ran.stderr);
    }
    let ran = answer("tag app:1.1 new:1");
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("ermission denied"), "{}", ran.stderr);
    assert_eq!(listing(&ply.store()), before);
}
