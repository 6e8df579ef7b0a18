//! Hashing throughput: streams × threads × block sizes, against the `sha2` crate.
//!
//! `sha2/<block>`: one stream by `sha2`. `one-thread/<streams>/<block>`: `update_many`. `threads/<n>`: `pump` with its defaults
//! on n threads. `pump/<n>/<streams>/<block>`: all of it. Nothing is copied: a feed leaves its buffer as it is.

use std::{convert::Infallible, hint::black_box, time::Duration};

use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, measurement::WallTime};
use ply_digest::{Feed, Hasher, Pump, pump, update_many};
use sha2::Digest as _;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const BLOCKS: [usize; 4] = [64 * KIB, 128 * KIB, 256 * KIB, MIB];
const STREAMS: [usize; 5] = [1, 2, 3, 4, 8];
const THREADS: [usize; 2] = [1, 2];

/// So many bytes of whatever the buffer holds.
struct Bytes(usize);

impl Feed for Bytes {
    type Error = Infallible;

    fn size_hint(&self) -> u64 {
        self.0 as u64
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        let len = buffer.len().min(self.0);
        self.0 -= len;
        Ok(len)
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    sha2(&mut criterion);
    one_thread(&mut criterion);
    threads(&mut criterion);
    pumped(&mut criterion);
    criterion.final_summary();
}

fn group<'c>(criterion: &'c mut Criterion, name: &str, bytes: usize) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800));
    group.throughput(Throughput::Bytes(bytes as u64));
    group
}

fn sha2(criterion: &mut Criterion) {
    for block in BLOCKS {
        let bytes = vec![7; block];
        let mut hasher = sha2::Sha256::new();
        group(criterion, "sha2", block).bench_function(BenchmarkId::from_parameter(block), |bencher| {
            bencher.iter(|| hasher.update(black_box(&bytes)));
        });
        black_box(hasher.finalize());
    }
}

fn one_thread(criterion: &mut Criterion) {
    for streams in STREAMS {
        for block in BLOCKS {
            let bytes = vec![vec![7; block]; streams];
            let mut hashers = vec![Hasher::new(); streams];
            let id = BenchmarkId::new(streams.to_string(), block);
            group(criterion, "one-thread", block * streams).bench_function(id, |bencher| {
                bencher.iter(|| {
                    let mut pairs: Vec<_> =
                        hashers.iter_mut().zip(&bytes).map(|(h, b)| (h, &b[..])).collect();
                    update_many(black_box(&mut pairs));
                });
            });
            black_box(hashers.into_iter().map(Hasher::finalize).collect::<Vec<_>>());
        }
    }
}

fn threads(criterion: &mut Criterion) {
    for threads in THREADS {
        let id = BenchmarkId::from_parameter(threads);
        pump_of(criterion, "threads", id, 24, &Pump { threads, ..Pump::default() });
    }
}

fn pumped(criterion: &mut Criterion) {
    for threads in THREADS {
        for streams in STREAMS {
            for block in BLOCKS {
                let id = BenchmarkId::new(format!("{threads}/{streams}"), block);
                pump_of(criterion, "pump", id, streams, &Pump { threads, lanes: 0, block });
            }
        }
    }
}

fn pump_of(criterion: &mut Criterion, name: &str, id: BenchmarkId, streams: usize, how: &Pump) {
    const STREAM: usize = 4 * MIB;
    group(criterion, name, streams * STREAM).bench_function(id, |bencher| {
        bencher.iter(|| pump((0..streams).map(|_| Bytes(STREAM)).collect(), how, &()));
    });
}
