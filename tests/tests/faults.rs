//! Ends that nobody wants: killed, interrupted. The store is the old one or the new one; of disks and crowds see `trust`.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use ply_tests::{Input, Made, Ply, Ran, archive_of, layer, listing, made};

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
