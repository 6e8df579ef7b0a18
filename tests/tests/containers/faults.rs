//! Killed at any moment: what was there is there, and what was left behind goes with the next collection.

use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use ply_tests::{Ply, listing};

use crate::promises::containers;
use crate::{ok, store};

/// Runs a line, and kills it after a part of the time that it takes.
fn kill(ply: &Ply, line: &str, after: Duration) {
    let mut command = ply.command(line.split(' '));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    sleep(after);
    let _ = child.kill();
    child.wait().unwrap();
}

#[test]
fn killed() {
    const TIMES: u32 = 25;
    let ply = store();
    let blobs = listing(&ply.store().join("blobs"));
    // Enough to be killed in the middle of.
    for n in 0..200 {
        std::fs::write(ply.file(&format!("src/d/{n}")), vec![7; 5000]).unwrap();
    }
    for (verb, line) in [
        ("create", "create --name killed image:1"),
        ("cp", "cp src/d ct:/srv/dir"),
        ("commit", "commit ct image:2"),
        ("rm", "rm killed"),
    ] {
        let prepare = || {
            if verb == "rm" {
                let _ = ply.run(["create", "--name", "killed", "image:1"]);
                ply.ok(["cp", "src/d", "killed:/srv"]);
            }
        };
        prepare();
        let start = Instant::now();
        ok(&ply, line);
        let whole = start.elapsed();
        let _ = ply.run(["rm", "-f", "killed"]);
        for part in 0..TIMES {
            prepare();
            kill(&ply, line, whole * part / (TIMES - 5));
            let what = format!("{line}: killed at {part} of {TIMES}");
            // The next commands work.
            let listed = ply.run(["ps", "-a", "--format", "{{.Names}}"]);
            assert_eq!(listed.code, Some(0), "{what}: {}", listed.stderr);
            assert!(listed.text().lines().any(|name| name == "ct"), "{what}: {}", listed.text());
            if listed.text().contains("killed") {
                for line in ["export -o out.tar killed", "cp src/f killed:/srv/x", "rm killed"] {
                    let ran = ply.run(line.split(' '));
                    assert_eq!(ran.code, Some(0), "{what}: {line}: {}", ran.stderr);
                }
            }
            let again = if verb == "rm" { "create --name killed image:1" } else { line };
            let ran = ply.run(again.split(' '));
            assert_eq!(ran.code, Some(0), "{what}: {again}: {}", ran.stderr);
            let _ = ply.run(["rm", "-f", "killed"]);
            if part % 5 == 0 {
                let ran = ply.run(["check"]);
                assert_eq!(ran.code, Some(0), "{what}: {}", ran.stderr);
            }
        }
    }
    let _ = ply.run(["rmi", "image:2"]);
    // A change clears away what those before have left in its container.
    ok(&ply, "delete ct:/srv/dir");
    ok(&ply, "image prune -a -f");
    let left: Vec<String> = containers(&ply);
    assert_eq!(left.len(), 2, "one container and its name: {left:?}");
    let work: Vec<String> =
        listing(&ply.store().join("ply").join(&left[0]).join("work")).into_keys().collect();
    assert_eq!(work, [""; 0], "what was killed is left in the container");
    assert_eq!(listing(&ply.store().join("ply/ingest")).len(), 0);
    ok(&ply, "check");
    ok(&ply, "rm ct");
    assert_eq!(containers(&ply), [""; 0]);
    // `image:1` went with its last container, or is still there; its blobs are all that there may be.
    ok(&ply, "image prune -a -f");
    let now = listing(&ply.store().join("blobs"));
    assert!(now.keys().all(|blob| blobs.contains_key(blob)), "{now:?}");
}

/// Killed between its record and its name: the next collection takes the name, and what is left of the folder.
#[test]
fn a_removal_half_way() {
    let ply = store();
    ok(&ply, "create --name half image:1");
    let id = ok(&ply, "inspect -f {{.Id}} half");
    std::fs::remove_file(ply.store().join(format!("ply/containers/{id}/config.json"))).unwrap();
    assert_eq!(ok(&ply, "ps -a --format {{.Names}}"), "ct");
    assert_eq!(ply.run(["rm", "half"]).stderr, "ply: No such container: half\n");
    ok(&ply, "image prune -f");
    let left = containers(&ply);
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left.contains(&"container-names/ct".to_owned()), "{left:?}");
}
