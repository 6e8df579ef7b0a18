//! What is read is whole and right, or an error says so.
#![allow(clippy::unwrap_used, clippy::panic, reason = "functions that tests share count as no tests")]

use std::io::{self, BufRead, BufReader, Read, Write};

use ply_layer::{Compression, CompressionError, Limits, decoder};

const ALL: [Compression; 4] = [Compression::Gzip, Compression::Zstd, Compression::Bzip2, Compression::Xz];

fn plain() -> Vec<u8> {
    (0..400_u32).flat_map(|i| format!("{} bottles; ", i * i).into_bytes()).collect()
}

/// As the libraries' own writers do.
fn pack(compression: Compression, plain: &[u8]) -> Vec<u8> {
    match compression {
        Compression::None => plain.to_vec(),
        Compression::Gzip => {
            let mut writer =
                flate2::GzBuilder::new().filename("n").write(Vec::new(), flate2::Compression::new(6));
            writer.write_all(plain).unwrap();
            writer.finish().unwrap()
        }
        Compression::Zstd => {
            let mut writer = zstd::Encoder::new(Vec::new(), 3).unwrap();
            writer.include_checksum(true).unwrap();
            writer.write_all(plain).unwrap();
            writer.finish().unwrap()
        }
        Compression::Bzip2 => {
            let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
            writer.write_all(plain).unwrap();
            writer.finish().unwrap()
        }
        Compression::Xz => {
            let mut writer = liblzma::write::XzEncoder::new(Vec::new(), 0);
            writer.write_all(plain).unwrap();
            writer.finish().unwrap()
        }
    }
}

fn read(compression: Compression, packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    decoder(compression, packed, &Limits::default()).unwrap().read_to_end(&mut all)?;
    Ok(all)
}

fn cause(error: &io::Error) -> Option<&CompressionError> {
    error.get_ref().and_then(|cause| cause.downcast_ref())
}

#[track_caller]
fn truncated(compression: Compression, packed: &[u8]) {
    let error = read(compression, packed).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{error}");
    assert!(error.to_string().contains("truncated"), "{error}");
    let Some(CompressionError::Truncated { compression: found, at }) = cause(&error) else {
        panic!("{error:?}")
    };
    assert_eq!((*found, *at), (compression, packed.len() as u64));
}

#[test]
fn whole_inputs_at_any_pace() {
    let plain = plain();
    for compression in ALL {
        let packed = pack(compression, &plain);
        assert_eq!(Compression::detect(&packed), compression);
        for (inside, outside) in [(1, 1), (1, 100_000), (100_000, 1), (7, 13), (100_000, 100_000)] {
            let mut reader =
                decoder(compression, BufReader::with_capacity(inside, &packed[..]), &Limits::default())
                    .unwrap();
            let (mut all, mut room) = (Vec::new(), vec![0; outside]);
            loop {
                let n = reader.read(&mut room).unwrap();
                all.extend_from_slice(&room[..n]);
                if n == 0 {
                    break;
                }
            }
            assert!(all == plain, "{compression}, {inside} in, {outside} out");
            assert_eq!(reader.read(&mut room).unwrap(), 0, "{compression} goes on after its end");
        }
    }
}

#[test]
fn cut_at_every_byte() {
    let plain = plain();
    for compression in ALL {
        let packed = pack(compression, &plain);
        for end in 0..packed.len() {
            truncated(compression, &packed[..end]);
        }
        // The second of two may be cut as well, but not at its first byte.
        let two = [&packed[..], &packed[..]].concat();
        for end in packed.len() + 1..two.len() {
            // Zero bytes alone are padding for xz, in fours.
            truncated(compression, &two[..end]);
        }
    }
}

#[test]
fn flipped_bits() {
    let plain = &plain()[..600];
    for compression in ALL {
        let mut packed = pack(compression, plain);
        let mut errors = 0;
        for bit in 0..packed.len() * 8 {
            packed[bit / 8] ^= 1 << (bit % 8);
            match read(compression, &packed) {
                Ok(found) => assert!(found == plain, "{compression}: bit {bit} changes the content unseen"),
                Err(error) => {
                    assert!(cause(&error).is_some(), "{error:?}");
                    errors += 1;
                }
            }
            packed[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(errors > packed.len() * 7, "{compression}: {errors} of {} flips seen", packed.len() * 8);
    }
}

#[test]
fn one_after_the_other() {
    let (plain, nothing) = (plain(), Vec::new());
    for compression in ALL {
        let many = [&pack(compression, &plain)[..], &pack(compression, &nothing), &pack(compression, b"end")]
            .concat();
        assert!(read(compression, &many).unwrap() == [&plain[..], b"end"].concat(), "{compression}");
        let blocks: Vec<u8> = plain.chunks(50).flat_map(|piece| pack(compression, piece)).collect();
        assert!(read(compression, &blocks).unwrap() == plain, "{compression}");
        assert_eq!(read(compression, &pack(compression, &nothing)).unwrap(), nothing);
    }
}

#[test]
fn what_follows_the_end() {
    for compression in ALL {
        let packed = pack(compression, b"content");
        let error = read(compression, &[&packed[..], b"garbage after the end"].concat()).unwrap_err();
        assert!(matches!(cause(&error), Some(CompressionError::Corrupt { .. })), "{compression}: {error:?}");
        let zeros = read(compression, &[&packed[..], &[0; 512]].concat());
        match compression {
            // xz: stream padding, in fours. gzip: as after a tape's last record.
            Compression::Gzip | Compression::Xz => assert_eq!(zeros.unwrap(), b"content"),
            Compression::Zstd | Compression::Bzip2 | Compression::None => {
                assert!(matches!(cause(&zeros.unwrap_err()), Some(CompressionError::Corrupt { .. })));
            }
        }
    }
    let three = [&pack(Compression::Xz, b"content")[..], &[0; 3]].concat();
    assert!(read(Compression::Xz, &three).is_err());
}

/// RFC 8878, section 3.1.2: magic, length, content.
fn skippable(nibble: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap();
    [&[0x50 | nibble, 0x2a, 0x4d, 0x18][..], &length.to_le_bytes(), content].concat()
}

#[test]
fn skippable_frames_anywhere() {
    let (a, b) = (pack(Compression::Zstd, b"first "), pack(Compression::Zstd, b"second"));
    let (empty, long) = (skippable(0, b""), skippable(15, &[0xaa; 300_000]));
    for order in [
        [&empty, &a, &b],
        [&a, &empty, &b],
        [&a, &b, &empty],
        [&long, &a, &b],
        [&a, &long, &b],
        [&a, &b, &long],
    ] {
        let packed = order.map(|frame| &frame[..]).concat();
        assert_eq!(read(Compression::Zstd, &packed).unwrap(), b"first second");
        assert_eq!(Compression::detect(&packed), Compression::Zstd);
    }
    assert_eq!(read(Compression::Zstd, &long).unwrap(), b"");
    truncated(Compression::Zstd, &long[..long.len() - 1]);
    truncated(Compression::Zstd, &[&a[..], &empty[..7]].concat());
}

/// RFC 8878, section 3.1.1.1: no flags, then a window of 2^log bytes, then an empty last raw block.
fn zstd_with_window(log: u8) -> [u8; 9] {
    [0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3, 1, 0, 0]
}

#[test]
fn zstd_windows() {
    assert_eq!(read(Compression::Zstd, &zstd_with_window(27)).unwrap(), b"");
    for log in [28, 30, 31, 41] {
        let error = read(Compression::Zstd, &zstd_with_window(log)).unwrap_err();
        assert!(matches!(cause(&error), Some(CompressionError::OverLimit { .. })), "{error:?}");
        assert_eq!(
            error.to_string(),
            "zstd data needs too much memory to decode: the window of a frame is over the limit of 2^27 bytes"
        );
    }
    let narrow = Limits { zstd_window_log: 20, ..Limits::default() };
    let wide = zstd_with_window(21);
    let mut reader = decoder(Compression::Zstd, &wide[..], &narrow).unwrap();
    assert!(reader.read(&mut [0]).is_err());
    // The library knows no limit of 2 or 2^99 bytes.
    for zstd_window_log in [1, 99] {
        let limits = Limits { zstd_window_log, ..Limits::default() };
        assert!(matches!(decoder(Compression::Zstd, &[][..], &limits), Err(CompressionError::Start { .. })));
    }
}

#[test]
fn xz_memory() {
    // Preset 9 has a dictionary of 64 MiB: xz(1), table under -0 … -9.
    let mut writer = liblzma::write::XzEncoder::new(Vec::new(), 9);
    writer.write_all(b"content").unwrap();
    let packed = writer.finish().unwrap();
    assert_eq!(read(Compression::Xz, &packed).unwrap(), b"content");
    let limits = Limits { xz_memory: 32 << 20, ..Limits::default() };
    let error = decoder(Compression::Xz, &packed[..], &limits).unwrap().read(&mut [0; 9]).unwrap_err();
    assert_eq!(error.to_string(), "xz data needs too much memory to decode: the limit is 33554432 bytes");
}

#[test]
fn errors_stay() {
    for compression in ALL {
        let mut packed = pack(compression, b"content");
        packed.push(b'!');
        let mut reader = decoder(compression, &packed[..], &Limits::default()).unwrap();
        let first = reader.read_to_end(&mut Vec::new()).unwrap_err().to_string();
        let second = reader.read(&mut [0; 10]).unwrap_err().to_string();
        assert_eq!(first, second);
    }
}

/// Counts what is taken; after its bytes it fails, if told to.
struct Counted<'a> {
    bytes: &'a [u8],
    taken: &'a mut usize,
    fail: bool,
}

impl Read for Counted<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(buf)?;
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Counted<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.bytes {
            [] if self.fail => Err(io::ErrorKind::ConnectionReset.into()),
            bytes => Ok(&bytes[..bytes.len().min(10)]),
        }
    }

    fn consume(&mut self, amount: usize) {
        *self.taken += amount;
        self.bytes = &self.bytes[amount..];
    }
}

#[test]
fn the_input_is_read_to_its_end() {
    for compression in ALL {
        let mut packed = pack(compression, &plain());
        if compression == Compression::Gzip {
            packed.extend([0; 100]);
        }
        let mut taken = 0;
        let counted = Counted { bytes: &packed, taken: &mut taken, fail: false };
        io::copy(&mut decoder(compression, counted, &Limits::default()).unwrap(), &mut io::sink()).unwrap();
        assert_eq!(taken, packed.len(), "{compression}");
    }
}

#[test]
fn errors_of_the_input_come_through() {
    for compression in ALL {
        let (packed, mut taken) = (pack(compression, &plain()), 0);
        let counted = Counted { bytes: &packed, taken: &mut taken, fail: true };
        let mut reader = decoder(compression, counted, &Limits::default()).unwrap();
        let error = io::copy(&mut reader, &mut io::sink()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{compression}: {error}");
        assert!(cause(&error).is_none());
    }
}
