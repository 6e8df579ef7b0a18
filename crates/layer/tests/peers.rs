//! The usual programs read what we write, and we read what they write.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "functions that tests share count as no tests"
)]

use std::io::{self, Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use ply_layer::{Compression, Encoding, Limits, decoder, encoder};

/// A program run with `input`; `None`, and a line about it, where it is not installed.
fn run(command: &str, input: &[u8]) -> Option<Vec<u8>> {
    let mut words = command.split(' ');
    let program = words.next().unwrap();
    let child = Command::new(program).args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            eprintln!("{program} is not here, so it is not compared (Debian: apt install {program})");
            return None;
        }
        Err(error) => panic!("{command}: {error}"),
    };
    let (mut stdin, mut output) = (child.stdin.take().unwrap(), Vec::new());
    thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input).unwrap());
        child.stdout.take().unwrap().read_to_end(&mut output).unwrap();
    });
    assert!(child.wait().unwrap().success(), "{command} failed");
    Some(output)
}

/// Files of this crate over and over, and bytes that do not compress.
fn plain() -> Vec<u8> {
    let mut plain = Vec::new();
    let mut noise: u64 = 88_172_645_463_325_252;
    while plain.len() < 6_000_000 {
        plain.extend_from_slice(include_bytes!("peers.rs"));
        for _ in 0..500 {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            plain.extend(noise.to_le_bytes());
        }
    }
    plain
}

fn read(compression: Compression, packed: &[u8]) -> Vec<u8> {
    assert_eq!(Compression::detect(packed), compression);
    let mut plain = Vec::new();
    decoder(compression, packed, &Limits::default()).unwrap().read_to_end(&mut plain).unwrap();
    plain
}

#[test]
fn theirs_by_us() {
    let plain = plain();
    let rows = [
        (Compression::Gzip, "gzip -c"),
        (Compression::Gzip, "gzip -1 -c"),
        (Compression::Gzip, "pigz -c"),
        (Compression::Gzip, "pigz -c -9 -i -b 64"),
        (Compression::Zstd, "zstd -c -q"),
        (Compression::Zstd, "zstd -c -q -19 --no-check"),
        (Compression::Zstd, "zstd -c -q -T2 --long=27"),
        (Compression::Bzip2, "bzip2 -c -1"),
        (Compression::Bzip2, "bzip2 -c -9"),
        (Compression::Xz, "xz -c -0"),
        (Compression::Xz, "xz -c -T2 -6 --block-size=1MiB"),
        (Compression::Xz, "xz -c -0 --check=sha256"),
        (Compression::Xz, "xz -c -0 --x86 --lzma2=preset=0"),
    ];
    for (compression, command) in rows {
        let Some(packed) = run(command, &plain) else { continue };
        assert!(read(compression, &packed) == plain, "{command}");
        // Members, frames and streams of other programs behind it.
        let joined = [&packed[..], &packed[..]].concat();
        assert!(read(compression, &joined) == [&plain[..], &plain[..]].concat(), "{command}, twice");
    }
}

#[test]
fn theirs_of_nothing() {
    for command in ["gzip -c", "pigz -c", "zstd -c -q", "bzip2 -c", "xz -c"] {
        let Some(packed) = run(command, b"") else { continue };
        assert_eq!(read(Compression::detect(&packed), &packed), b"", "{command}");
    }
}

#[test]
fn ours_by_them() {
    let plain = plain();
    let rows = [
        (Encoding::GZIP, "gzip -dc"),
        (Encoding::Gzip { level: 0 }, "gzip -dc"),
        (Encoding::Gzip { level: 1 }, "gzip -dc"),
        (Encoding::Gzip { level: 9 }, "pigz -dc"),
        (Encoding::ZSTD, "zstd -dcq"),
        (Encoding::Zstd { level: 19 }, "zstd -dcq"),
    ];
    for (encoding, command) in rows {
        for plain in [&plain[..], b""] {
            let mut encoder = encoder(encoding, 2, Vec::new()).unwrap();
            encoder.write_all(plain).unwrap();
            let packed = encoder.finish().unwrap();
            let Some(found) = run(command, &packed) else { continue };
            assert!(found == plain, "{encoding:?} by {command}");
        }
    }
}
