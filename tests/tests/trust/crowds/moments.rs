//! Moments at which one could take from the other what he needs, each held open by a delay, by a pipe that nobody reads.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use ply_tests::{Made, Ply, archive_of, needs, strace_into, tried};

use super::{ended, spawned};

/// `ply`, stopped for a while at each call on a path.
fn delayed(ply: &Ply, path: &Path, calls: &str, delay: &str, args: &[&str]) -> Child {
    let (trace, inject) = (format!("trace={calls}"), format!("inject={calls}:{delay}"));
    let more = ["-P", path.to_str().unwrap(), "-e", &trace, "-e", &inject];
    spawned(&mut strace_into(&ply.file("strace.log"), &ply.command(args), &more))
}

/// Waits until something holds, or the other has ended, which is too late.
fn until(what: &str, other: &mut Child, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(other.try_wait().unwrap().is_none(), "{what}: it ended before its moment came");
        assert!(started.elapsed() < Duration::from_secs(30), "{what}: its moment never comes");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Images that share a layer: `old:1` is in the store, `new:1` in `new.tar`; and a container.
fn sharing() -> (Ply, Made) {
    let ply = Ply::new();
    let new = Made::of(&["shared", "new"]);
    ply.write("old.tar", archive_of(&Made::of(&["shared", "old"]), "old:1").finish());
    ply.write("new.tar", archive_of(&new, "new:1").finish());
    ply.write("file", "own");
    ply.ok(["load", "-q", "-i", "old.tar"]);
    ply.ok(["create", "--name", "ct", "old:1"]);
    ply.ok(["cp", "file", "ct:/own"]);
    (ply, new)
}

/// Between its last blob and its name, an image is nobody's: neither `prune` nor `rmi` takes it, nor what it shares with an
/// image that is removed at this moment.
#[test]
fn between_blobs_and_name() {
    if !needs(&[("strace", "strace")]) {
        return;
    }
    let moments = [
        // The blobs have their places, and nobody has the lock of the names yet.
        ("blobs/sha256", "fsync", "delay_exit=400000"),
        // The new names are written, and not in their place.
        ("ply/index.json.new", "rename", "delay_enter=400000"),
    ];
    let makers: [(&[&str], &str); 3] = [
        (&["load", "-q", "-i", "new.tar"], "new:1"),
        (&["commit", "ct", "new:1"], "new:1"),
        (&["squash", "old:1", "-t", "new:1"], "new:1"),
    ];
    let mut times = 0;
    for (path, call, delay) in moments {
        for (args, made) in makers {
            let (ply, _) = sharing();
            if args[0] == "load" {
                ply.ok(["rm", "ct"]);
            }
            let what = format!("{args:?} at {call} of {path}");
            let store = ply.store().canonicalize().unwrap();
            let count = || std::fs::read_dir(store.join("blobs/sha256")).unwrap().count();
            let before = count();
            let mut maker = delayed(&ply, &store.join(path), call, delay, args);
            let renames = path == "ply/index.json.new";
            until(&what, &mut maker, || {
                count() > before && (!renames || store.join("ply/index.json.new").exists())
            });
            // The last of its blobs, the documents, come right after.
            std::thread::sleep(Duration::from_millis(50));
            assert!(
                !std::fs::read_to_string(store.join("index.json")).unwrap().contains("new"),
                "{what}: too late"
            );
            let rmi = spawned(&mut ply.command(["rmi", "-f", "old:1"]));
            let prune = spawned(&mut ply.command(["prune", "-f"]));
            for (verb, child) in [("rmi", rmi), ("prune", prune)] {
                let ran = ended(verb, child);
                assert_eq!(ran.code, Some(0), "{what}: {verb}: {}", ran.stderr);
            }
            let ran = ended(&what, maker);
            assert_eq!(ran.code, Some(0), "{what}: {}", ran.stderr);
            let check = ply.run(["check"]);
            assert_eq!(check.code, Some(0), "{what}: {}{}", check.text(), check.stderr);
            assert!(ply.ok(["cat", made, "/etc/motd"]).len() > 2, "{what}");
            times += 1;
        }
    }
    tried("rmi and prune between the last blob of an image and its name", times, "the image is whole");
}

/// Who saves keeps what he saves: it is removed meanwhile, and goes after.
#[test]
fn under_a_reader_that_is_slow() {
    let mut times = 0;
    for args in [&["save", "old:1"][..], &["cat", "old:1", "/etc/noise"], &["export", "old:1"]] {
        let ply = Ply::new();
        let text: String = (0..40_000).map(|n| format!("line {n}\n")).collect();
        let layers = ["a", "b"].map(|name| {
            ply_tests::Tarball::new().folder("etc/").file("etc/noise", &text).file(name, &text).finish()
        });
        ply.write("old.tar", archive_of(&ply_tests::made(layers.to_vec()), "old:1").finish());
        ply.ok(["load", "-q", "-i", "old.tar"]);
        let expected = ply.run(args).stdout;
        let mut reader = spawned(&mut ply.command(args));
        let mut out = reader.stdout.take().unwrap();
        let mut found = vec![0; 1000];
        out.read_exact(&mut found).unwrap();
        // It has more to say than a pipe holds.
        let removed = ended("rmi", spawned(&mut ply.command(["rmi", "old:1"])));
        assert_eq!(removed.code, Some(0), "{args:?}: {}", removed.stderr);
        let prune = spawned(&mut ply.command(["prune", "-f"]));
        std::thread::sleep(Duration::from_millis(100));
        out.read_to_end(&mut found).unwrap();
        let ran = ended("the reader", reader);
        assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.stderr);
        assert!(found == expected, "{args:?}: other bytes than before");
        assert_eq!(ended("prune", prune).code, Some(0));
        assert_eq!(std::fs::read_dir(ply.store().join("blobs/sha256")).unwrap().count(), 0, "{args:?}");
        times += 1;
    }
    tried(
        "rmi and prune under a reader that nobody reads from",
        times,
        "all bytes handed out; the blobs went after",
    );
}

/// Who comes to read lets go first who waits to collect: else there is always one more.
#[test]
fn who_waits_to_collect_has_his_turn() {
    let ply = Ply::new();
    let layer = ply_tests::Tarball::new().file("large", vec![b'x'; 1 << 20]).finish();
    ply.write("old.tar", archive_of(&ply_tests::made(vec![layer]), "old:1").finish());
    ply.ok(["load", "-q", "-i", "old.tar"]);
    let expected = ply.run(["save", "old:1"]).stdout;
    // Each has more to say than a pipe holds, and stays while nobody reads.
    let reader = || {
        let mut child = spawned(&mut ply.command(["save", "old:1"]));
        let out = child.stdout.take().unwrap();
        (child, out)
    };
    let (first, mut out) = reader();
    let mut found = vec![0; 1000];
    out.read_exact(&mut found).unwrap();
    let mut prune = spawned(&mut ply.command(["prune", "-f"]));
    let turn = File::open(ply.store().join("ply")).unwrap();
    until("prune waits", &mut prune, || {
        let shared = rustix::fs::FlockOperation::NonBlockingLockShared;
        let is_waiting = rustix::fs::flock(&turn, shared).is_err();
        rustix::fs::flock(&turn, rustix::fs::FlockOperation::Unlock).unwrap();
        is_waiting
    });
    let (second, mut late) = reader();
    std::thread::sleep(Duration::from_millis(300));
    out.read_to_end(&mut found).unwrap();
    assert_eq!(ended("the first reader", first).code, Some(0));
    assert!(found == expected);
    // The second one has not been read yet.
    assert_eq!(ended("prune", prune).code, Some(0));
    found.clear();
    late.read_to_end(&mut found).unwrap();
    assert_eq!(ended("the second reader", second).code, Some(0));
    assert!(found == expected);
    tried("a collection that waits while readers come", 1, "has its turn before them");
}

/// Between the names and the blobs that they lead to, nothing is taken from whoever looks.
#[test]
fn between_names_and_blobs() {
    if !needs(&[("strace", "strace")]) {
        return;
    }
    let readers: [&[&str]; 8] = [
        &["inspect", "old:1"],
        &["history", "old:1"],
        &["layers", "old:1"],
        &["ls", "old:1"],
        &["cat", "old:1", "/etc/motd"],
        &["export", "old:1"],
        &["save", "-o", "saved.tar", "old:1"],
        &["images", "--filter", "label=made"],
    ];
    for args in readers {
        let (ply, _) = sharing();
        ply.ok(["rm", "ct"]);
        let expected = ply.ok(args.iter());
        let store = ply.store().canonicalize().unwrap();
        let log = ply.file("strace.log");
        let mut reader = delayed(&ply, &store.join("ply/catalog"), "read", "delay_exit=150000", args);
        until("reading the catalog", &mut reader, || {
            std::fs::read_to_string(&log).is_ok_and(|log| log.contains("read("))
        });
        let removed = ended("rmi", spawned(&mut ply.command(["rmi", "old:1"])));
        assert_eq!(removed.code, Some(0), "{args:?}: {}", removed.stderr);
        let prune = ended("prune", spawned(&mut ply.command(["prune", "-f"])));
        assert_eq!(prune.code, Some(0), "{args:?}: {}", prune.stderr);
        let ran = ended("the reader", reader);
        assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.stderr);
        if args[0] == "save" {
            ply.ok(["check", "docker-archive:saved.tar"]);
        }
        // Who shares a layer is looked up later.
        if args[0] != "layers" {
            assert_eq!(ran.text().trim_end_matches('\n'), expected, "{args:?}");
        }
    }
    tried(
        "rmi and prune between a look at the names and the blobs",
        readers.len() as u64,
        "all that was looked for was found",
    );
}

/// What `prune` chose for want of a name or a container may have one when it comes to remove it.
#[test]
fn between_choice_and_removal() {
    if !needs(&[("strace", "strace")]) {
        return;
    }
    let moments: [(&[&str], &[&str], &str); 2] = [
        (&["prune", "-f"], &["load", "-q", "-i", "old.tar", "--tag", "kept:1"], "kept:1"),
        (&["prune", "-a", "-f"], &["create", "--name", "late", "new:1"], "new:1"),
    ];
    for (prune, meanwhile, stays) in moments {
        let (ply, _) = sharing();
        ply.ok(["rm", "ct"]);
        ply.ok(["load", "-q", "-i", "new.tar"]);
        // The old one has no name any more.
        ply.ok(["tag", "new:1", "old:1"]);
        let lock = ply.store().canonicalize().unwrap().join("ply/index.lock");
        let log = ply.file("strace.log");
        let mut child = delayed(&ply, &lock, "openat", "delay_exit=400000", prune);
        until("the lock of the names", &mut child, || {
            std::fs::read_to_string(&log).is_ok_and(|log| log.contains("openat("))
        });
        ply.ok(meanwhile.iter());
        let ran = ended("prune", child);
        assert_eq!(ran.code, Some(0), "{prune:?}: {}", ran.stderr);
        assert!(!ran.text().is_empty() && !ran.text().contains(stays), "{prune:?}: {}", ran.text());
        assert!(ply.ok(["cat", stays, "/etc/motd"]).len() > 2, "{prune:?}: {}", ran.text());
        ply.ok(["check"]);
    }
    tried(
        "a name or a container that comes between the choice of prune and the removal",
        2,
        "the image stays",
    );
}

/// Who waits for a lock says for whom in the end; the one who has it is not disturbed.
#[test]
fn who_waits_too_long() {
    if ply_tests::Effort::asked() == ply_tests::Effort::Fast {
        return;
    }
    let (ply, _) = sharing();
    let store = ply.store();
    let lock = File::open(store.join("ply/lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockShared).unwrap();
    let started = Instant::now();
    let ran = ended("prune", spawned(ply.command(["prune", "-f"]).stdin(Stdio::null())));
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let me = format!("process {}", std::process::id());
    assert!(ran.stderr.contains("waited 30 s") && ran.stderr.contains(&me), "{}", ran.stderr);
    assert!(started.elapsed() < Duration::from_secs(40));
    drop(lock);
    ply.ok(["prune", "-f"]);
    tried("a lock that is never given back", 1, "exit 1 after 30 s, with who has it");
}
