//! What is written is right, and the same on any number of threads.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

use std::io::{self, Read, Write};

use ply_layer::{Compression, Encoding, Limits, decoder, encoder};

const ENCODINGS: [Encoding; 6] = [
    Encoding::GZIP,
    Encoding::Gzip { level: 1 },
    Encoding::Gzip { level: 8 },
    Encoding::Gzip { level: 9 },
    Encoding::ZSTD,
    Encoding::Zstd { level: 1 },
];

/// Numbers as text with noise between: compressible, but no two pieces alike.
fn plain(length: usize) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut noise: u32 = 1;
    while plain.len() < length {
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        writeln!(plain, "/usr/share/doc/{}/copyright {noise:x}", noise % 1000).unwrap();
        if noise.is_multiple_of(16) {
            plain.extend(noise.to_le_bytes().repeat(9));
        }
    }
    plain.truncate(length);
    plain
}

fn pack(encoding: Encoding, threads: usize, plain: &[u8], step: usize) -> Vec<u8> {
    let mut encoder = encoder(encoding, threads, Vec::new()).unwrap();
    for piece in plain.chunks(step) {
        encoder.write_all(piece).unwrap();
    }
    encoder.finish().unwrap()
}

fn unpack(packed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let compression = Compression::detect(packed);
    decoder(compression, packed, &Limits::default()).unwrap().read_to_end(&mut plain).unwrap();
    plain
}

#[test]
fn the_same_bytes_on_any_number_of_threads() {
    let plain = plain(5_000_000);
    for encoding in ENCODINGS {
        let one = pack(encoding, 1, &plain, plain.len());
        assert_eq!(Compression::detect(&one), encoding.compression());
        assert!(one.len() < plain.len() / 2);
        assert!(unpack(&one) == plain, "{encoding:?}");
        for (threads, step) in [(2, 100_000), (3, 7777), (0, 128 << 10), (16, 1 << 20), (1, 333)] {
            assert!(pack(encoding, threads, &plain, step) == one, "{encoding:?}, {threads} threads");
        }
    }
}

/// Two encoders in one process, their pieces mixed: nothing of one shows in the other.
#[test]
fn encoders_do_not_know_each_other() {
    let (a, b) = (plain(1_500_000), plain(700_000).into_iter().rev().collect::<Vec<_>>());
    for encoding in ENCODINGS {
        let mut first = encoder(encoding, 2, Vec::new()).unwrap();
        let mut second = encoder(encoding, 1, Vec::new()).unwrap();
        for (a, b) in a.chunks(150_000).zip(b.chunks(70_000)) {
            first.write_all(a).unwrap();
            second.write_all(b).unwrap();
        }
        assert!(first.finish().unwrap() == pack(encoding, 1, &a, a.len()), "{encoding:?}");
        assert!(second.finish().unwrap() == pack(encoding, 1, &b, b.len()), "{encoding:?}");
    }
}

#[test]
fn lengths_around_the_edges_of_pieces() {
    let long = plain((4 << 20) + 1);
    for (encoding, piece) in [(Encoding::GZIP, 512 << 10), (Encoding::ZSTD, 2 << 20)] {
        for length in [0, 1, 32 << 10, piece - 1, piece, piece + 1, 2 * piece - 1, 2 * piece, 2 * piece + 1] {
            let plain = &long[..length];
            let packed = pack(encoding, 2, plain, length.max(1));
            assert!(unpack(&packed) == plain, "{encoding:?}, {length} bytes");
            assert!(packed == pack(encoding, 1, plain, 4099), "{encoding:?}, {length} bytes");
        }
    }
}

#[test]
fn flushing_and_empty_writes_do_not_show() {
    let plain = plain(3 * (512 << 10));
    for encoding in [Encoding::GZIP, Encoding::ZSTD] {
        let mut encoder = encoder(encoding, 2, Vec::new()).unwrap();
        encoder.flush().unwrap();
        for piece in plain.chunks(64 << 10) {
            encoder.write_all(piece).unwrap();
            assert_eq!(encoder.write(&[]).unwrap(), 0);
            encoder.flush().unwrap();
        }
        assert!(encoder.finish().unwrap() == pack(encoding, 1, &plain, plain.len()), "{encoding:?}");
    }
}

/// RFC 1952, section 2.3.1: deflate, no flags, no time, OS 255; XFL 2 and 4 for the slowest and the fastest.
#[test]
fn gzip_heads() {
    for (level, effort) in [(0, 4), (1, 4), (6, 0), (9, 2)] {
        let packed = pack(Encoding::Gzip { level }, 1, b"content", 7);
        assert_eq!(packed[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, effort, 255]);
        assert_eq!(unpack(&packed), b"content");
    }
}

#[test]
fn uncompressed_goes_straight_through() {
    assert_eq!(pack(Encoding::None, 4, b"content", 3), b"content");
}

#[test]
fn levels_there_are_not() {
    for encoding in [Encoding::Gzip { level: 10 }, Encoding::Zstd { level: 0 }, Encoding::Zstd { level: 23 }]
    {
        let error = encoder(encoding, 1, Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}

/// Takes so many bytes, then is full.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0 -= bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_error_of_the_writer_comes_through_and_stays() {
    let plain = plain(20_000_000);
    for encoding in [Encoding::GZIP, Encoding::ZSTD] {
        for threads in [1, 3] {
            let mut encoder = encoder(encoding, threads, Full(100_000)).unwrap();
            let error = encoder.write_all(&plain).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
            assert!(encoder.write_all(&plain).is_err());
            assert!(encoder.finish().is_err(), "{encoding:?}: bytes are missing");
        }
    }
}
