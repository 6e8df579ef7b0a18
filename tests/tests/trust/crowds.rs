//! Many processes on one store.

mod model;
mod moments;
mod worker;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ply_tests::{Effort, Input, Listing, Made, Ply, Ran, archive_of, listing, tried};

/// No command may take longer, whatever the others do: who waits for a lock gives up before.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for a process, which is ended where it takes too long.
fn ended(what: &str, mut child: Child) -> Ran {
    let started = Instant::now();
    let mut pause = Duration::from_millis(1);
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            let ran: Ran = child.wait_with_output().unwrap().into();
            panic!("{what}: not done after {PATIENCE:?}: {}{}", ran.text(), ran.stderr);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap().into()
}

fn spawned(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn blobs(ply: &Ply) -> Listing {
    listing(&ply.store().join("blobs"))
}

/// Files below a folder, and the blocks that they take.
fn taken(folder: &std::path::Path) -> (u64, u64) {
    let told = ply_tests::output(Command::new("find").arg(folder).args(["-type", "f", "-printf", "%b\n"]));
    let blocks: Vec<u64> = told.lines().map(|line| line.parse().unwrap()).collect();
    (blocks.len() as u64, blocks.iter().sum())
}

/// The same image eight times at once is there once: as many files and bytes as of one load.
#[test]
fn the_same_at_once() {
    const AT_ONCE: usize = 8;
    let times = Effort::asked().of(3, 20, 200);
    let image = Made::of(&["one", "two", "three", "four"]);
    let archive = archive_of(&image, "app:1").finish();
    let alone = Ply::new();
    let path = alone.write("app.tar", archive);
    assert_eq!(alone.load(Input::File, &path, &[]).code, Some(0));
    for time in 0..times {
        let ply = Ply::new();
        // Half of the times it is the first that the store sees.
        if time % 2 == 1 {
            ply.ok(["load", "-q", "-i", ply_tests::family().to_str().unwrap()]);
            ply.ok(["prune", "-a", "-f"]);
        }
        let load = |_| spawned(ply.command(["load", "-q", "-i"]).arg(&path));
        let children: Vec<Child> = (0..AT_ONCE).map(load).collect();
        for child in children {
            let ran = ended("load", child);
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        }
        assert_eq!(blobs(&ply), blobs(&alone));
        assert_eq!(taken(&ply.store().join("blobs")), taken(&alone.store().join("blobs")));
        assert_eq!(listing(&ply.store().join("ply/ingest")), Listing::new(), "something is left");
        let index = |ply: &Ply| std::fs::read(ply.store().join("index.json")).unwrap();
        assert!(index(&ply) == index(&alone), "it is listed differently");
        ply.ok(["check"]);
    }
    tried("the same image loaded 8 times at once", times, "stored once, to the file and block");
}
