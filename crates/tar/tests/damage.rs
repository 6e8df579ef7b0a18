//! Archives cut short and archives with a flaw: an error or a reading, never a panic, never a silent loss.

mod archive;

use archive::*;
use ply_tar::{TarError, Trailer};

/// A bit of everything: PAX, GNU names, a sparse file with its map before the data, a link, content over a block.
fn sample() -> Vec<u8> {
    let sparse = pax(&[
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", "sparse"),
        ("GNU.sparse.realsize", "2000"),
    ]);
    let old_map = b"00000000012\x0000000000003\x00";
    archive(&[
        pax(&[("path", "pax"), ("size", "3"), ("SCHILY.xattr.user.a", "b")]),
        Block::ustar("x", b'0', 0).with(b"abc"),
        long(b'L', b"gnu\0"),
        Block::gnu("x", b'2', 0).set(LINK, b"target").done(),
        sparse,
        file("x", &[padded(b"1\n10\n3\n"), b"abc".to_vec()].concat()),
        Block::gnu("old", b'S', 3).set(483, b"00000003720\0").set(386, old_map).with(b"abc"),
        file("last", &[b'z'; 700]),
    ])
}

#[test]
fn every_beginning_of_an_archive_is_truncated_or_ends_where_one_may() {
    let bytes = sample();
    let whole = read(&bytes).unwrap().0;
    assert_eq!(whole.len(), 5);
    for len in 0..bytes.len() {
        match read(&bytes[..len]) {
            Ok((members, end)) => {
                // What is returned has all of its data inside.
                assert_eq!(members[..], whole[..members.len()]);
                assert_eq!(end.offset, len as u64);
                let last = members.last().map_or(0, |(entry, _)| entry.data_offset + entry.stored);
                let next = last.next_multiple_of(512);
                match end.trailer {
                    Trailer::None => assert!((last..=next).contains(&(len as u64)), "{len}"),
                    Trailer::OneZeroBlock => assert_eq!(len, bytes.len() - 512),
                    Trailer::TwoZeroBlocks => panic!("{len}: there is but one"),
                }
            }
            Err(TarError::Truncated { offset, have, want, .. }) => {
                assert_eq!(offset, len as u64);
                assert!(have < want, "{len}: {have} of {want}");
            }
            Err(other) => panic!("{len}: {other}"),
        }
    }
}

#[test]
fn a_cut_names_the_member_and_the_byte() {
    let bytes = [file("first", b"x"), file("a/b", &[b'z'; 700])].concat();
    let check = |len: usize, expected: &str| assert_eq!(error(&bytes[..len]), expected);
    check(512, "the archive ends inside first, after 0 of its 1 bytes");
    check(1024 + 512 + 699, "the archive ends inside a/b, after 699 of its 700 bytes");
    check(1030, "the archive ends at byte 1030, inside a header, after 6 of its 512 bytes");
    let extended = [long(b'L', &[b'n'; 1000]), file("n", b"")].concat();
    assert_eq!(
        error(&extended[..512 + 600]),
        "the archive ends at byte 1112, inside a header, after 600 of its 1024 bytes"
    );
}

/// Every bit of every byte that is no content: most break a checksum or a record, some only change a name.
#[test]
fn no_flipped_bit_makes_a_panic() {
    let bytes = sample();
    let (mut refused, mut harmless) = (0, 0);
    for position in 0..bytes.len() {
        for bit in [0, 3, 7] {
            let mut flawed = bytes.clone();
            flawed[position] ^= 1 << bit;
            match skim(&flawed) {
                Ok(_) => harmless += 1,
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 10_000 && harmless > 1000, "{refused} refused, {harmless} harmless");
}

/// The same with the checksum made right again, so that the flaw reaches what lies behind it.
#[test]
fn no_flaw_behind_a_right_checksum_makes_a_panic() {
    let bytes = sample();
    let headers: Vec<usize> =
        (0..bytes.len()).step_by(512).filter(|at| bytes[at + MAGIC..].starts_with(b"ustar")).collect();
    assert_eq!(headers.len(), 8);
    let mut readings = std::collections::BTreeSet::new();
    for header in headers {
        for position in (0..512).filter(|position| !(CHECKSUM..CHECKSUM + 8).contains(position)) {
            for value in [0, b'7', b'S', 0x80, 0xff] {
                let mut block = Block::v7("", 0, 0).set(0, &bytes[header..header + 512]);
                block = block.set(position, &[value]);
                let mut flawed = bytes.clone();
                flawed[header..header + 512].copy_from_slice(&block.done());
                readings.insert(skim(&flawed).map_or_else(|error| error.to_string(), |_| String::new()));
            }
        }
    }
    assert!(readings.len() > 30, "{readings:#?}");
}

/// Bytes from a small generator in place of the sample's, some at a time.
#[test]
fn no_rubbish_makes_a_panic() {
    let bytes = sample();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..2000 {
        let mut flawed = bytes.clone();
        for _ in 0..=next() % 8 {
            let position = usize::try_from(next() % bytes.len() as u64).unwrap();
            flawed[position] = next().to_le_bytes()[0];
        }
        let length = usize::try_from(next() % (bytes.len() as u64 + 1)).unwrap();
        // Whatever comes of it, the drivers agree; `read` asserts so.
        let _ = read(&flawed);
        let _ = read(&flawed[..length]);
    }
}
