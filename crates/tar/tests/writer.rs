//! The writer's promise: the same members, the same bytes, and those as small as the format allows.

mod archive;

use std::io::{self, Read};

use archive::{Block, file, pax, read};
use ply_tar::{Entry, Kind, Limits, TRAILER, Time, WriteError, Writer, header_bytes, padding};

#[test]
fn a_plain_member_is_one_header_block_of_ustar() {
    let entry = Entry {
        mode: 0o640,
        uid: 1000,
        gid: 100,
        user: b"alice".to_vec(),
        group: b"staff".to_vec(),
        mtime: Time::from_seconds(1_700_000_000),
        ..Entry::file("etc/motd", 12)
    };
    let expected = Block::ustar("etc/motd", b'0', 12)
        .set(archive::MODE, b"0000640\0")
        .set(archive::UID, b"0001750\0")
        .set(archive::GID, b"0000144\0")
        .set(archive::MTIME, b"14524770400\0")
        .set(archive::USER, b"alice")
        .set(archive::GROUP, b"staff")
        .set(archive::MAJOR, b"0000000\0")
        .set(archive::MINOR, b"0000000\0")
        .done();
    let found = header_bytes(&entry).unwrap();
    // A checksum may have one digit more or less; that it is right the reader says.
    let after_checksum = archive::CHECKSUM + 8;
    assert_eq!(found[..archive::CHECKSUM], expected[..archive::CHECKSUM]);
    assert_eq!(found[after_checksum..], expected[after_checksum..]);
    assert_eq!(archive::entries(&[found, vec![0; 512]].concat()).len(), 1);
}

#[test]
fn what_does_not_fit_is_in_sorted_records() {
    let entry = Entry {
        uid: 1 << 21,
        gid: 1 << 21,
        user: "Älice".into(),
        mtime: Time { seconds: 5, nanoseconds: 250_000_000 },
        xattrs: vec![(b"user.b".to_vec(), b"2".to_vec()), (b"user.a".to_vec(), b"1".to_vec())],
        ..Entry::file("spät", 1 << 33)
    };
    let records = [
        ("SCHILY.xattr.user.a", "1"),
        ("SCHILY.xattr.user.b", "2"),
        ("gid", "2097152"),
        ("mtime", "5.25"),
        ("path", "spät"),
        ("size", "8589934592"),
        ("uid", "2097152"),
        ("uname", "Älice"),
    ];
    let bytes = header_bytes(&entry).unwrap();
    // Behind the header of the records: they themselves.
    let expected = pax(&records);
    assert_eq!(bytes[512..expected.len()], expected[512..]);
    assert_eq!(bytes.len(), expected.len() + 512);
    let main = &bytes[expected.len()..];
    assert_eq!(&main[..6], b"sp__t\0", "for readers that know no PAX");
    assert_eq!(&main[archive::SIZE..archive::SIZE + 12], b"00000000000\0");
}

#[test]
fn an_attribute_with_an_equals_sign_in_its_name_survives() {
    let xattrs = vec![(b"user.a=b".to_vec(), b"\0\xff".to_vec()), (b"user.b".to_vec(), Vec::new())];
    let entry = Entry { xattrs: xattrs.clone(), ..Entry::file("a", 0) };
    assert_eq!(archive::entry(&header_bytes(&entry).unwrap()).xattrs, xattrs);
}

#[test]
fn large_device_numbers_survive() {
    let device = Some((0o777_7777 + 1, u32::MAX));
    let entry = Entry { device, ..Entry::new(Kind::BlockDevice, "a") };
    assert_eq!(archive::entry(&header_bytes(&entry).unwrap()).device, device);
}

#[test]
fn parts_laid_out_by_hand_are_what_the_writer_writes() {
    let contents = [&b"hello\n"[..], &[b'x'; 512], b"", &[b'y'; 1025]];
    let entries: Vec<_> =
        (0..).zip(contents).map(|(n, c)| Entry::file(format!("f{n}"), c.len() as u64)).collect();

    let mut by_hand = Vec::new();
    for (entry, content) in entries.iter().zip(contents) {
        by_hand.extend(header_bytes(entry).unwrap());
        by_hand.extend_from_slice(content);
        by_hand.resize(by_hand.len() + usize::try_from(padding(entry.size)).unwrap(), 0);
    }
    by_hand.extend_from_slice(&TRAILER);

    let mut appended = Writer::new(Vec::new());
    let mut pushed = Writer::new(Vec::new());
    for (entry, content) in entries.iter().zip(contents) {
        let offset = appended.append(entry, content).unwrap();
        assert_eq!(by_hand[usize::try_from(offset).unwrap()..][..content.len()], *content);
        let mut sink = pushed.begin(entry).unwrap();
        for piece in content.chunks(100) {
            sink.push(piece).unwrap();
        }
        sink.finish().unwrap();
        assert_eq!(appended.offset(), pushed.offset());
    }
    assert_eq!(appended.finish().unwrap(), by_hand);
    assert_eq!(pushed.finish().unwrap(), by_hand);
}

#[test]
fn where_a_member_lay_before_does_not_matter() {
    let bytes = [file("before", b"x"), file("a", b"abc")].concat();
    let moved = archive::entries(&bytes).pop().unwrap();
    let fresh = Entry { header_offset: 0, data_offset: 0, stored: 0, ..moved.clone() };
    assert_ne!(moved, fresh);
    assert_eq!(header_bytes(&moved).unwrap(), header_bytes(&fresh).unwrap());
}

#[test]
fn a_sparse_file_is_written_out_whole() {
    let records = [("GNU.sparse.size", "600"), ("GNU.sparse.numblocks", "1"), ("GNU.sparse.map", "598,2")];
    let sparse = [pax(&records), file("s", b"ab")].concat();
    let mut entries = ply_tar::Entries::new(&sparse[..], Limits::default());
    let entry = entries.next_entry().unwrap().unwrap();
    let mut writer = Writer::new(Vec::new());
    writer.append(&entry, &mut entries).unwrap();
    let (members, _) = read(&writer.finish().unwrap()).unwrap();
    let expected = [vec![0; 598], b"ab".to_vec()].concat();
    assert_eq!((&members[0].0.sparse, &members[0].1), (&None, &expected));
}

#[test]
fn content_of_another_length_is_an_error() {
    let check = |entry: &Entry, content: &[u8], expected: &str| {
        let error = Writer::new(Vec::new()).append(entry, content).unwrap_err();
        assert!(matches!(error, WriteError::Content { .. }));
        assert_eq!(error.to_string(), expected);
    };
    check(&Entry::file("a", 3), b"ab", "writing a: its header says 3 bytes, its content has 2");
    check(&Entry::file("a", 3), b"abcd", "writing a: its header says 3 bytes, its content has more than 3");
    check(&Entry::directory("a/"), b"x", "writing a/: its header says 0 bytes, its content has more than 0");
}

#[test]
fn errors_of_either_side_say_which() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("broken"))
        }
    }
    let error = Writer::new(Vec::new()).append(&Entry::file("a", 3), Broken).unwrap_err();
    assert!(
        matches!(&error, WriteError::Read { member, source } if member == "a" && source.to_string() == "broken")
    );
    let mut full = [0; 700];
    let error = Writer::new(&mut full[..]).append(&Entry::file("a", 300), &[1; 300][..]).unwrap_err();
    assert!(matches!(error, WriteError::Write { offset: 512, .. }));
}
