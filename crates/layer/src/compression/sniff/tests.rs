use std::io::{self, BufRead, BufReader, Read};

use super::*;

const GZIP: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03 and so on, for longer than any buffer here";

/// As a pipe that hands out a few bytes at a time.
#[track_caller]
fn check(input: &[u8], buffer: usize, expect: Compression) {
    let (compression, mut reader) = sniff(BufReader::with_capacity(buffer, input)).unwrap();
    assert_eq!(compression, expect);
    let mut all = Vec::new();
    reader.read_to_end(&mut all).unwrap();
    assert_eq!(all, input, "read, buffer of {buffer}");

    let (_, mut reader) = sniff(BufReader::with_capacity(buffer, input)).unwrap();
    let mut all = Vec::new();
    loop {
        let piece = reader.fill_buf().unwrap();
        if piece.is_empty() {
            break;
        }
        // Not all of it: what is left must come again.
        let n = piece.len().div_ceil(2);
        all.extend_from_slice(&piece[..n]);
        reader.consume(n);
    }
    assert_eq!(all, input, "fill_buf, buffer of {buffer}");
}

#[test]
fn nothing_is_lost_whatever_the_reader_hands_out() {
    for buffer in [1, 2, 3, 9, 10, 11, 1000] {
        check(GZIP, buffer, Compression::Gzip);
        check(b"", buffer, Compression::None);
        check(b"\x1f", buffer, Compression::None);
        check(b"\x1f\x8b\x08", buffer, Compression::Gzip);
        check(b"BZh91AY&SY", buffer, Compression::Bzip2);
    }
}

#[test]
fn a_borrowed_reader_will_do() {
    let mut input = GZIP;
    let (compression, mut reader) = sniff(&mut input).unwrap();
    let mut three = [0; 3];
    reader.read_exact(&mut three).unwrap();
    assert_eq!((compression, &three), (Compression::Gzip, b"\x1f\x8b\x08"));
}

/// Interrupted once before each byte, and broken after the last.
#[derive(Debug)]
struct Shaky<'a> {
    bytes: &'a [u8],
    interrupt: bool,
}

impl Read for Shaky<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.interrupt = !self.interrupt;
        match (self.interrupt, self.bytes.split_first()) {
            (true, _) => Err(io::ErrorKind::Interrupted.into()),
            (false, None) => Err(io::ErrorKind::ConnectionReset.into()),
            (false, Some((byte, rest))) => {
                buf[0] = *byte;
                self.bytes = rest;
                Ok(1)
            }
        }
    }
}

#[test]
fn interruptions_are_nothing_and_errors_come_through() {
    let shaky = |bytes| sniff(BufReader::with_capacity(1, Shaky { bytes, interrupt: false }));
    assert_eq!(shaky(GZIP).unwrap().0, Compression::Gzip);
    assert_eq!(shaky(&GZIP[..4]).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}
