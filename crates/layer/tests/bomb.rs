//! A gibibyte of zeros goes through in constant memory. Alone in its file, since the process is measured.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

use std::io::{self, BufReader, Read, Write};

use ply_layer::{Compression, Encoding, Limits, decoder, encoder};

const PART: u64 = 64 << 20;
const PARTS: usize = 16;
/// Windows, buffers and what the allocator keeps.
const ROOM_KIB: u64 = 24 << 10;

/// Peak resident memory in KiB: proc_pid_status(5).
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[cfg(not(target_os = "linux"))]
fn peak() -> u64 {
    0
}

fn part(compression: Compression) -> Vec<u8> {
    let mut zeros = io::repeat(0).take(PART);
    let mut packed = Vec::new();
    match compression {
        Compression::None => unreachable!("no bomb without compression"),
        Compression::Gzip => pack(&mut zeros, Encoding::GZIP, &mut packed),
        Compression::Zstd => pack(&mut zeros, Encoding::ZSTD, &mut packed),
        Compression::Bzip2 => {
            let mut writer = bzip2::write::BzEncoder::new(&mut packed, bzip2::Compression::best());
            io::copy(&mut zeros, &mut writer).unwrap();
            writer.finish().unwrap();
        }
        Compression::Xz => {
            let mut writer = liblzma::write::XzEncoder::new(&mut packed, 1);
            io::copy(&mut zeros, &mut writer).unwrap();
            writer.finish().unwrap();
        }
    }
    packed
}

fn pack(plain: &mut impl Read, encoding: Encoding, packed: &mut Vec<u8>) {
    let mut encoder = encoder(encoding, 1, packed).unwrap();
    io::copy(plain, &mut encoder).unwrap();
    encoder.finish().unwrap().flush().unwrap();
}

#[test]
fn a_gibibyte_of_zeros() {
    for compression in [Compression::Gzip, Compression::Zstd, Compression::Bzip2, Compression::Xz] {
        let part = part(compression);
        assert!(part.len() < 1 << 20, "{compression}: {} bytes are no bomb", part.len());
        let bomb = part.repeat(PARTS);
        let before = peak();
        let input = BufReader::with_capacity(128 << 10, &bomb[..]);
        let mut reader = decoder(compression, input, &Limits::default()).unwrap();
        let (mut length, mut room) = (0, vec![1; 128 << 10]);
        loop {
            let n = reader.read(&mut room).unwrap();
            if n == 0 {
                break;
            }
            assert!(room[..n].iter().all(|byte| *byte == 0));
            length += n as u64;
        }
        assert_eq!(length, PART * PARTS as u64, "{compression}");
        let grown = peak() - before;
        assert!(grown < ROOM_KIB, "{compression}: memory grew by {grown} KiB");
    }
}
