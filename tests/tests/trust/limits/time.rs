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

/// The time of one run, from the same state each time.
fn once(ply: &Ply, args: &[&str]) -> Duration {
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
}

/// Nanoseconds for each entry, the least of so many rounds of all sizes; of more, where it does not look linear: what others do
/// on the machine can only add to a time, and what is not linear stays so.
fn each(
    stores: &[(usize, Ply)],
    start: Duration,
    args: &[&str],
    (rounds, most): (usize, usize),
    slack: f64,
) -> Vec<f64> {
    let mut least = vec![Duration::MAX; stores.len()];
    for round in 1..=most {
        for (least, (_, ply)) in least.iter_mut().zip(stores) {
            *least = once(ply, args).min(*least);
        }
        let each = least
            .iter()
            .zip(stores)
            .map(|(time, (entries, _))| time.saturating_sub(start).as_nanos() as f64 / *entries as f64);
        let each: Vec<f64> = each.collect();
        if round == most || round >= rounds && is_linear(&each, slack) {
            return each;
        }
    }
    unreachable!("there is a last round")
}

fn is_linear(each: &[f64], slack: f64) -> bool {
    each.iter().all(|ns| *ns <= each[0] * slack)
}

/// Each twice as many entries take twice the time, and at most 15 % more. What a process takes to start is taken away; what
/// is too short to be measured is not.
#[test]
fn time_is_linear_in_entries() {
    let sizes: &[usize] =
        Effort::asked().of(&[5_000, 20_000], &[25_000, 50_000, 100_000], &[25_000, 50_000, 100_000, 200_000]);
    let (rounds, slack) = Effort::asked().of(((1, 4), 1.6), ((2, 30), 1.15), ((9, 90), 1.15));
    let stores: Vec<(usize, Ply)> = sizes
        .iter()
        .map(|entries| {
            let ply = Ply::with_threads(1);
            ply.write("archive.tar", image(*entries));
            ply.write("plain.tar", archive_of(&made(vec![whole(&[member(b"a", b"1")])]), "plain:1").finish());
            ply.ok(["load", "-q", "-i", "archive.tar"]);
            ply.ok(["load", "-q", "-i", "plain.tar"]);
            (*entries, ply)
        })
        .collect();
    let start = (0..5).map(|_| processor(&stores[0].1.command(["--version"]))).min().unwrap();
    // In memory: ext4 looks long for numbers of inodes that were given back just before.
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let root = memory.path().join("root");
    let unpack = ["unpack", "many:1", root.to_str().unwrap()];
    for (verb, args) in VERBS.iter().copied().chain([("unpack", &unpack[..])]) {
        let each = each(&stores, start, args, rounds, slack);
        let told: Vec<String> =
            sizes.iter().zip(&each).map(|(n, ns)| format!("{n}: {:.2} µs", ns / 1000.0)).collect();
        let told = told.join(", ");
        // Under a millisecond or so the clock tells nothing.
        let short = each[0] * (sizes[0] as f64) < 20e6;
        assert!(short || is_linear(&each, slack), "{verb}, for each entry: {told}");
        tried(&format!("{verb}: processor time for each entry"), sizes.len() as u64, &told);
    }
}
