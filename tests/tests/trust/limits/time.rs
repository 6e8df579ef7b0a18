//! Time in proportion to the entries, whatever they are: files, whiteouts, opaque markers, hard links.

use std::path::Path;
use std::time::Duration;

use ply_tests::headers::{Header, member, whole};
use ply_tests::{Effort, Ply, archive_of, made, processor, tried};

/// An image of two layers of so many entries each: files of many folders, a tenth of them hard links; above them whiteouts of
/// half, and opaque markers.
fn image(entries: usize) -> Vec<u8> {
    let name = |n: usize| format!("usr/share/folder-{}/file-{n}", n / 20);
    let below = |n: usize| match n % 10 {
        9 => Header::ustar(name(n).as_bytes(), b'1', 0).to(name(n - 1).as_bytes()).done(),
        _ => member(name(n).as_bytes(), b"x"),
    };
    let above = |n: usize| match n % 40 {
        0 => member(format!("usr/share/folder-{}/.wh..wh..opq", n / 20).as_bytes(), b""),
        k if k % 2 == 0 => member(format!("usr/share/folder-{}/.wh.file-{n}", n / 20).as_bytes(), b""),
        _ => member(format!("usr/share/folder-{}/new-{n}", n / 20).as_bytes(), b"y"),
    };
    let layer = |entry: &dyn Fn(usize) -> Vec<u8>| whole(&(0..entries).map(entry).collect::<Vec<_>>());
    archive_of(&made(vec![layer(&below), layer(&above)]), "many:1").finish()
}

const VERBS: &[(&str, &[&str])] = &[
    ("load", &["--store", "fresh", "load", "-q", "-i", "archive.tar"]),
    ("ls", &["ls", "-lR", "docker-archive:archive.tar"]),
    ("history of a file", &["log", "many:1", "/usr/share/folder-3/file-61"]),
    ("diff", &["diff", "plain:1", "many:1"]),
    ("du", &["du", "many:1"]),
    ("find", &["find", "many:1", "--name", "file-1*"]),
    ("export", &["export", "many:1"]),
    ("squash", &["squash", "-t", "squashed:1", "many:1"]),
];

/// The least time of several runs, each from the same state.
fn least(ply: &Ply, args: &[&str], runs: usize) -> Duration {
    let time = |_| {
        let _ = std::fs::remove_dir_all(ply.file("fresh"));
        // A folder that was unpacked to.
        if let [.., to] = args
            && Path::new(to).is_absolute()
        {
            let _ = std::fs::remove_dir_all(to);
        }
        let _ = std::fs::remove_dir_all(ply.store().join("ply/layers"));
        let _ = std::fs::remove_dir_all(ply.store().join("ply/unions"));
        processor(&ply.command(args))
    };
    (0..runs).map(time).min().unwrap()
}

/// Each twice as many entries take twice the time, and at most 15 % more. What a process takes to start is taken away; what
/// is too short to be measured is not.
#[test]
fn time_is_linear_in_entries() {
    let sizes: &[usize] = Effort::asked().of(
        &[10_000, 40_000],
        &[25_000, 50_000, 100_000],
        &[25_000, 50_000, 100_000, 200_000],
    );
    let (runs, slack) = Effort::asked().of((2, 1.6), (5, 1.15), (9, 1.15));
    let stores: Vec<Ply> = sizes
        .iter()
        .map(|entries| {
            let ply = Ply::with_threads(1);
            ply.write("archive.tar", image(*entries));
            ply.write("plain.tar", archive_of(&made(vec![whole(&[member(b"a", b"1")])]), "plain:1").finish());
            ply.ok(["load", "-q", "-i", "archive.tar"]);
            ply.ok(["load", "-q", "-i", "plain.tar"]);
            ply
        })
        .collect();
    let start = (0..5).map(|_| processor(&stores[0].command(["--version"]))).min().unwrap();
    // In memory: ext4 looks long for numbers of inodes that were given back just before.
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let root = memory.path().join("root");
    let unpack = ["unpack", "many:1", root.to_str().unwrap()];
    for (verb, args) in VERBS.iter().copied().chain([("unpack", &unpack[..])]) {
        let mut each = Vec::new();
        for (ply, entries) in stores.iter().zip(sizes) {
            let time = least(ply, args, runs).saturating_sub(start);
            each.push(time.as_nanos() as f64 / *entries as f64);
        }
        let told: Vec<String> =
            sizes.iter().zip(&each).map(|(n, ns)| format!("{n}: {:.2} µs", ns / 1000.0)).collect();
        let told = told.join(", ");
        // Under a millisecond or so the clock tells nothing.
        let short = each[0] * (sizes[0] as f64) < 20e6;
        assert!(short || each.iter().all(|ns| *ns <= each[0] * slack), "{verb}, for each entry: {told}");
        tried(&format!("{verb}: processor time for each entry"), sizes.len() as u64, &told);
    }
}
