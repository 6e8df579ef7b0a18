//! A layer's entries to a tree, and a tree to a tar. What hostile layers can do is here at two sizes: four times the
//! entries may take little over four times the time.
//!
//! `cargo bench -p ply-layer --bench changeset`; says how much memory a tree of 200,000 files takes as well.
#![allow(clippy::expect_used, clippy::print_stderr, reason = "a bench without its sample has nothing to say")]

use std::hint::black_box;
use std::io::{self, Cursor};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use ply_layer::changeset::{Changeset, Options, Reader, read, write};
use ply_tar::{Entry, Limits, Writer};
use ply_tree::{ReadAt, Source, Sources};

/// As in an image: directories of twenty files, five deep.
fn usual(count: usize) -> Vec<Entry> {
    (0..count).map(usual_entry).collect()
}

fn usual_entry(n: usize) -> Entry {
    let (directory, file) = (n / 20, n % 20);
    let path = format!("usr/share/doc/package-{:05}/section-{}", directory / 4, directory % 4);
    match file {
        0 => Entry::directory(path + "/"),
        file => Entry::file(format!("{path}/some-file-{file:02}.txt"), 1000),
    }
}

fn each(count: usize, entry: impl Fn(usize) -> Entry) -> Vec<Entry> {
    (0..count).map(entry).collect()
}

/// The worst that so many entries can be, shape by shape.
fn shapes(count: usize) -> Vec<(&'static str, Vec<Entry>)> {
    let half = count / 2;
    let nest = "d/".repeat(1000);
    vec![
        ("usual", usual(count)),
        ("one directory", each(count, |n| Entry::file(format!("d/{n}"), 0))),
        (
            "whiteouts, each beside its file",
            each(count, |n| match n % 2 {
                0 => Entry::file(format!("d/.wh.{n}"), 0),
                _ => Entry::file(format!("d/{}", n - 1), 0),
            }),
        ),
        (
            "opaque directories, one in the other's place",
            each(count, |n| match n % 3 {
                0 => Entry::file(format!("d/{}/.wh..wh..opq", n / 3), 0),
                1 => Entry::file(format!("d/.wh.{}", n / 3), 0),
                _ => Entry::file(format!("d/{}/{n}", n / 3), 0),
            }),
        ),
        (
            "links to one file",
            each(count, |n| match n {
                0 => Entry::file("f", 0),
                _ => Entry::hard_link(format!("d/{n}"), "f"),
            }),
        ),
        (
            "links to what comes later",
            each(count, |n| match n.checked_sub(half) {
                None => Entry::hard_link(format!("l/{n}"), format!("f/{n}")),
                Some(n) => Entry::file(format!("f/{n}"), 0),
            }),
        ),
        (
            "a chain of links, backwards",
            each(count, |n| match n + 1 == count {
                true => Entry::file(format!("{n}"), 0),
                false => Entry::hard_link(format!("{n}"), format!("{}", n + 1)),
            }),
        ),
        ("links below", each(count, |n| Entry::hard_link(format!("l/{n}"), format!("f/{n}")))),
        (
            "a directory and a file in turn",
            each(count, |n| match n % 4 {
                0 => Entry::file("a/b", 0),
                _ => Entry::file(format!("a/b/c{n}/d"), 0),
            }),
        ),
        // A fiftieth of the entries, since each has fifty times the bytes.
        ("under one nest of 1,000", each(count / 50, |n| Entry::file(format!("{nest}{n}"), 0))),
        (
            "whiteouts in nests of 15",
            each(count, |n| match n % 2 {
                0 => Entry::file(format!("{n}/{}.wh.x", "d/".repeat(15)), 0),
                _ => Entry::file(format!("{}/.wh.d", n - 1), 0),
            }),
        ),
    ]
}

fn tree_of(entries: &[Entry]) -> Changeset {
    let mut reader = Reader::new(Source(0), 0);
    for entry in entries {
        reader.push(entry).expect("the sample is good");
    }
    reader.finish().expect("the sample is good")
}

fn reading(criterion: &mut Criterion) {
    for count in [25_000, 100_000] {
        let mut group = criterion.benchmark_group("read entries");
        group.sample_size(10);
        for (shape, entries) in shapes(count) {
            group.throughput(Throughput::Elements(entries.len() as u64));
            group.bench_function(BenchmarkId::new(shape, count), |b| b.iter(|| black_box(tree_of(&entries))));
        }
    }
}

struct Zeros;

impl ReadAt for Zeros {
    fn read_at(&self, buffer: &mut [u8], _: u64) -> io::Result<usize> {
        buffer.fill(0);
        Ok(buffer.len())
    }
}

impl Sources for Zeros {
    fn source(&self, _: Source) -> io::Result<&dyn ReadAt> {
        Ok(self)
    }
}

fn whole(criterion: &mut Criterion) {
    let entries = usual(100_000);
    let mut writer = Writer::new(Vec::new());
    for entry in &entries {
        writer
            .append(entry, &vec![0; usize::try_from(entry.size).expect("small")][..])
            .expect("a Vec takes all");
    }
    let tar = writer.finish().expect("a Vec takes all");
    let layer = tree_of(&entries);

    let mut group = criterion.benchmark_group("100,000 entries");
    group.throughput(Throughput::Elements(entries.len() as u64)).sample_size(10);
    let reader = || Reader::new(Source(0), 0);
    group.bench_function("tar to tree", |b| {
        b.iter(|| read(Cursor::new(&tar[..]), reader(), Limits::default()).expect("the sample is good"));
    });
    group.bench_function("tree to tar", |b| {
        b.iter(|| write(&layer.tree, &Zeros, io::sink(), Options::default()).expect("the sample is good"));
    });
}

/// `VmRSS` of `/proc/self/status`, in bytes (proc(5)).
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

fn memory() {
    const COUNT: usize = 200_000;
    let before = resident();
    let mut reader = Reader::new(Source(0), 0);
    for n in 0..COUNT {
        reader.push(&usual_entry(n)).expect("the sample is good");
    }
    let layer = reader.finish().expect("the sample is good");
    if let (Some(before), Some(after)) = (before, resident()) {
        eprintln!("{} bytes an entry, in a tree of {COUNT}", after.saturating_sub(before) / COUNT as u64);
    }
    drop(black_box(layer));
}

criterion_group!(benches, reading, whole);

fn main() {
    // Before anything else has taken memory and given it back.
    memory();
    benches();
    Criterion::default().configure_from_args().final_summary();
}
