//! Compressed bytes: the same plain ones at any pace, what others read of them, memory within its limit; and what we write
//! we read.
#![no_main]

use std::io::{self, BufReader, Read, Write};

use libfuzzer_sys::fuzz_target;
use ply_layer::{Compression, Encoding, Limits, decoder, encoder};

/// So that the allocator's limit (`-malloc_limit_mb`) tells when they do not hold.
const LIMITS: Limits = Limits { zstd_window_log: 20, xz_memory: 4 << 20 };
/// A bomb is read so far.
const MOST: u64 = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let Some((&[how, size], bytes)) = bytes.split_first_chunk() else { return };
    if how == b'w' {
        return written(bytes, size);
    }
    let compression = Compression::detect(bytes);
    let (plain, end) = read(compression, bytes, 4096, 64 << 10);
    let pace = usize::from(size) + 1;
    for (inside, outside) in [(pace, 64 << 10), (4096, pace)] {
        let (other, other_end) = read(compression, bytes, inside, outside);
        assert_eq!(end, other_end, "{compression} in pieces of {inside}, read by {outside}");
        let same = plain.len().min(other.len());
        // How much comes out before an error is left to the library.
        assert!(plain[..same] == other[..same] && (end.is_some() || plain.len() == other.len()));
    }
    if end.is_none() && plain.len() < MOST as usize {
        assert_eq!(
            others(compression, bytes).as_ref().unwrap_or(&plain),
            &plain,
            "another reader of {compression}"
        );
    }
});

/// The plain bytes, and how it ended if not well.
fn read(
    compression: Compression,
    bytes: &[u8],
    inside: usize,
    outside: usize,
) -> (Vec<u8>, Option<io::ErrorKind>) {
    let input = BufReader::with_capacity(inside, bytes);
    let mut reader = match decoder(compression, input, &LIMITS) {
        Ok(reader) => reader.take(MOST),
        Err(error) => panic!("a decoder cannot be set up: {error}"),
    };
    let (mut plain, mut room) = (Vec::new(), vec![0; outside]);
    loop {
        match reader.read(&mut room) {
            Ok(0) => return (plain, None),
            Ok(n) => plain.extend_from_slice(&room[..n]),
            Err(error) => {
                assert!(reader.read(&mut room).is_err(), "it goes on after {error}");
                return (plain, Some(error.kind()));
            }
        }
    }
}

/// What the libraries' own readers make of it; none where they refuse it, as bytes after the last gzip member.
fn others(compression: Compression, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let read = match compression {
        Compression::None => return Some(bytes.to_vec()),
        Compression::Gzip => flate2::bufread::MultiGzDecoder::new(bytes).read_to_end(&mut plain),
        Compression::Zstd => zstd::Decoder::new(bytes).and_then(|mut reader| reader.read_to_end(&mut plain)),
        Compression::Bzip2 => bzip2::read::MultiBzDecoder::new(bytes).read_to_end(&mut plain),
        Compression::Xz => liblzma::read::XzDecoder::new_multi_decoder(bytes).read_to_end(&mut plain),
    };
    read.ok().map(|_| plain)
}

/// Bytes packed and read again.
fn written(bytes: &[u8], piece: u8) {
    for (encoding, compression) in [(Encoding::GZIP, Compression::Gzip), (Encoding::ZSTD, Compression::Zstd)]
    {
        let mut packed = encoder(encoding, 1, Vec::new()).expect("an encoder can be set up");
        for piece in bytes.chunks(usize::from(piece) + 1) {
            packed.write_all(piece).expect("memory takes all");
        }
        let packed = packed.finish().expect("memory takes all");
        assert_eq!(Compression::detect(&packed), compression);
        let wide = Limits::default();
        let mut plain = Vec::new();
        let mut reader = decoder(compression, &packed[..], &wide).expect("a decoder can be set up");
        reader.read_to_end(&mut plain).expect("what we write we read");
        assert!(plain == bytes, "{compression}: other bytes");
        assert_eq!(others(compression, &packed).as_deref(), Some(bytes), "another reader of {compression}");
    }
}
