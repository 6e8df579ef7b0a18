//! Inflating one long gzip member, several ways: why the decoder is made as it is.
//!
//! `cargo bench -p ply-layer`; with `PLY_BENCH_GZIP=FILE`, a layer of your own instead of made-up text.
#![allow(clippy::expect_used, reason = "a bench without its sample has nothing to say")]

use std::hint::black_box;
use std::io::{BufReader, Read, Write};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flate2::bufread::{GzDecoder, MultiGzDecoder};
use ply_layer::{Compression, Limits, decoder};

const BUFFER: usize = 128 << 10;

/// A gzip file, and the length of its content.
fn sample() -> (Vec<u8>, u64) {
    let packed = match std::env::var_os("PLY_BENCH_GZIP") {
        Some(path) => std::fs::read(path).expect("PLY_BENCH_GZIP names a file"),
        None => made_up(),
    };
    let length = drain(MultiGzDecoder::new(&packed[..]), BUFFER);
    (packed, length)
}

fn made_up() -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    let mut noise: u32 = 1;
    for _ in 0..500_000 {
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        writeln!(writer, "/usr/share/doc/{}/copyright {noise:x}", noise % 1000).expect("a Vec takes all");
    }
    writer.finish().expect("a Vec takes all")
}

fn drain(mut reader: impl Read, room: usize) -> u64 {
    let (mut room, mut length) = (vec![0; room], 0);
    loop {
        match reader.read(&mut room).expect("the sample is good") {
            0 => return length,
            n => length += black_box(n as u64),
        }
    }
}

fn inflate(criterion: &mut Criterion) {
    let (packed, length) = sample();
    let input = || BufReader::with_capacity(BUFFER, &packed[..]);
    let ours = |input| decoder(Compression::Gzip, input, &Limits::default()).expect("zlib-rs starts");

    let mut group = criterion.benchmark_group("inflate");
    group.throughput(Throughput::Bytes(length)).sample_size(10);
    group.bench_function("flate2 GzDecoder", |b| b.iter(|| drain(GzDecoder::new(input()), BUFFER)));
    group.bench_function("flate2 MultiGzDecoder", |b| b.iter(|| drain(MultiGzDecoder::new(input()), BUFFER)));
    group.bench_function("ply-layer", |b| b.iter(|| drain(ours(input()), BUFFER)));
    // Each call copies up to 32 KiB into the library's window: small reads cost.
    group.bench_function("ply-layer, reads of 4 KiB", |b| b.iter(|| drain(ours(input()), 4 << 10)));
    group.bench_function("ply-layer, input of 8 KiB", |b| {
        b.iter(|| drain(ours(BufReader::with_capacity(8 << 10, &packed[..])), BUFFER));
    });
    group.finish();
}

criterion_group!(benches, inflate);
criterion_main!(benches);
