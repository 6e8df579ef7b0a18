//! Framing by hand, as RFC 1952 draws it.

use std::io::Read;

use crate::{Compression, Limits, decoder};

/// Method, flags, time, XFL, OS.
const FIXED: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// "hi" in a stored block: final, type 0, LEN 2, its complement.
const BODY: [u8; 7] = [1, 2, 0, 0xfd, 0xff, b'h', b'i'];
/// CRC32 of "hi" as Python's zlib.crc32 prints it, 0xd8932aac, and ISIZE.
const TRAILER: [u8; 8] = [0xac, 0x2a, 0x93, 0xd8, 2, 0, 0, 0];

fn read(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut plain = Vec::new();
    let mut reader = decoder(Compression::Gzip, bytes, &Limits::default()).unwrap();
    reader.read_to_end(&mut plain).map(|_| plain).map_err(|error| error.to_string())
}

fn member(flags: u8, fields: &[u8]) -> Vec<u8> {
    let mut fixed = FIXED;
    fixed[3] = flags;
    [&fixed, fields, &BODY, &TRAILER].concat()
}

#[track_caller]
fn check(bytes: &[u8], expect: Result<&str, &str>) {
    match (read(bytes), expect) {
        (Ok(plain), Ok(expect)) => assert_eq!(plain, expect.as_bytes()),
        (Err(message), Err(part)) => assert!(message.contains(part), "{message}"),
        (found, expect) => panic!("{found:?} instead of {expect:?}"),
    }
}

#[test]
fn header_fields() {
    check(&member(0, b""), Ok("hi"));
    // FTEXT is a hint.
    check(&member(1, b""), Ok("hi"));
    check(&member(4, b"\x03\0abc"), Ok("hi"));
    check(&member(4, b"\0\0"), Ok("hi"));
    check(&member(8, b"name\0"), Ok("hi"));
    check(&member(8, b"\0"), Ok("hi"));
    check(&member(16, b"comment\0"), Ok("hi"));
    check(&member(4 | 8 | 16, b"\x01\0xname\0comment\0"), Ok("hi"));
    check(&member(4, &[&b"\xff\xff"[..], &[7; 65_535]].concat()), Ok("hi"));
    check(&member(8 | 16, &[&[b'n'; 1 << 20][..], b"\0", &[b'c'; 1 << 20], b"\0"].concat()), Ok("hi"));
    // CRC16 of the ten bytes, and of them with a name: low half of Python's zlib.crc32.
    check(&member(2, &HCRC_PLAIN), Ok("hi"));
    check(&member(2 | 8, &[b"name\0", &HCRC_NAME[..]].concat()), Ok("hi"));
    check(&member(2, &[HCRC_PLAIN[0] ^ 1, HCRC_PLAIN[1]]), Err("the checksum of a header does not match"));
    for reserved in [32, 64, 128] {
        check(&member(reserved, b""), Err("reserved flags"));
    }
}

const HCRC_PLAIN: [u8; 2] = [0x90, 0xc9];
const HCRC_NAME: [u8; 2] = [0x21, 0x85];

#[test]
fn what_is_no_member() {
    check(b"", Err("truncated: it ends after 0 bytes"));
    check(b"ustar and more", Err("no gzip member begins here"));
    check(&[0x1f, 0x8b, 7, 0, 0, 0, 0, 0, 0, 0], Err("method is not deflate"));
}

#[test]
fn checksum_and_length_are_compared() {
    let good = member(0, b"");
    let trailer = good.len() - 8;
    for at in 0..8 {
        let mut bad = good.clone();
        bad[trailer + at] ^= 0x10;
        check(&bad, Err(if at < 4 { "the checksum of a member" } else { "the length of a member" }));
    }
}

#[test]
fn what_follows_a_member() {
    let one = member(0, b"");
    let two = [&one[..], &member(8, b"second\0")].concat();
    check(&two, Ok("hihi"));
    check(&[&one[..], &[0; 1]].concat(), Ok("hi"));
    check(&[&two[..], &[0; 100_000]].concat(), Ok("hihi"));
    check(&[&one[..], b"garbage"].concat(), Err("followed by something else"));
    check(&[&one[..], &[0x1f]].concat(), Err("truncated"));
    check(&[&one[..], &[0x1f, 0]].concat(), Err("no gzip member begins here"));
    check(&[&one[..], &[0, 0, 1]].concat(), Err("padding"));
    check(&[&one[..], &[0; 512], &one].concat(), Err("padding"));
}

#[test]
fn errors_say_where() {
    let mut bytes = member(0, b"");
    bytes.push(b'!');
    let expect = "gzip data is corrupt near byte 25: the last member is followed by something else";
    assert_eq!(read(&bytes).unwrap_err(), expect);
}
