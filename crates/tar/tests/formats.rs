//! The formats there are, made by hand from their descriptions: POSIX pax, the GNU tar manual, star(5), and Go's
//! `archive/tar` where those leave a choice.
#![allow(clippy::unwrap_used)] // A test may panic, its helpers too.

mod archive;

use archive::*;
use ply_tar::{Entry, Kind, Limits, Segment, Time, Trailer};

#[test]
fn a_ustar_header_has_every_field_in_its_place() {
    let block =
        Block::ustar("name", b'0', 5).set(PREFIX, b"some/prefix").set(USER, b"alice").set(GROUP, b"staff");
    let expected = Entry {
        path: b"some/prefix/name".to_vec(),
        kind: Kind::File,
        mode: 0o644,
        uid: 1000,
        gid: 100,
        user: b"alice".to_vec(),
        group: b"staff".to_vec(),
        size: 5,
        mtime: Time::from_seconds(0o14_631_467_100),
        link: Vec::new(),
        device: None,
        xattrs: Vec::new(),
        sparse: None,
        header_offset: 0,
        data_offset: 512,
        stored: 5,
    };
    let (members, end) = read(&archive(&[block.with(b"hello")])).unwrap();
    assert_eq!(members, [(expected, b"hello".to_vec())]);
    assert_eq!((end.members, end.skipped, end.trailer, end.offset), (1, 0, Trailer::TwoZeroBlocks, 2048));
}

#[test]
fn letters_tell_the_kind() {
    let check = |letter: u8, name: &str, expected: Kind| {
        let block = Block::ustar(name, letter, 0).set(LINK, b"target");
        assert_eq!(entry(&archive(&[block.done()])).kind, expected, "{:?} {name}", char::from(letter));
    };
    check(b'0', "a", Kind::File);
    check(b'0', "a/", Kind::File);
    check(0, "a", Kind::File);
    check(0, "a/", Kind::Directory);
    check(b'1', "a", Kind::HardLink);
    check(b'2', "a", Kind::Symlink);
    check(b'3', "a", Kind::CharDevice);
    check(b'4', "a", Kind::BlockDevice);
    check(b'5', "a", Kind::Directory);
    check(b'6', "a", Kind::Fifo);
    check(b'7', "a", Kind::File);
    check(b'Z', "a", Kind::File);
}

#[test]
fn only_files_have_content_whatever_size_the_others_declare() {
    for letter in *b"123456" {
        let link = Block::ustar("a", letter, 700).set(LINK, b"target").done();
        // Go goes on right behind the header.
        let entries = entries(&archive(&[link, file("b", b"x")]));
        assert_eq!((entries[0].size, entries[0].stored), (0, 0));
        assert_eq!((&entries[1].path[..], entries[1].header_offset), (&b"b"[..], 512));
    }
    // An unknown letter has, as POSIX says.
    let entries = entries(&archive(&[Block::ustar("a", b'Z', 3).with(b"abc"), file("b", b"x")]));
    assert_eq!((entries[0].stored, entries[1].header_offset), (3, 1024));
}

#[test]
fn magic_tells_what_lies_behind_the_link_name() {
    let check = |block: Block, path: &[u8], user: &[u8]| {
        let entry = entry(&archive(&[block.set(USER, b"bob").done()]));
        assert_eq!((&entry.path[..], &entry.user[..]), (path, user));
    };
    let prefixed = |block: Block| block.set(PREFIX, b"p");
    check(prefixed(Block::v7("n", b'0', 0)), b"n", b"");
    check(prefixed(Block::ustar("n", b'0', 0)), b"p/n", b"bob");
    // Version NUL NUL: Go, GNU tar, libarchive and Python take it.
    check(prefixed(Block::ustar("n", b'0', 0).set(263, b"\0\0")), b"p/n", b"bob");
    // star ends its prefix at 131 bytes, where its times begin.
    let star = Block::ustar("n", b'0', 0).set(PREFIX, &[b'p'; 131]).set(508, b"tar\0");
    let star = star.set(476, b"14631467100\x0014631467100\0");
    check(star, &[&[b'p'; 131][..], b"/n"].concat(), b"bob");
    // GNU has times there.
    check(Block::gnu("n", b'0', 0).set(PREFIX, b"14631467100\x0014631467100\0"), b"n", b"bob");
    // Docker built with Go before 1.8 wrote a prefix in GNU headers.
    check(Block::gnu("n", b'0', 0).set(PREFIX, b"usr/share/long"), b"usr/share/long/n", b"bob");
}

#[test]
fn numbers_come_in_octal_and_in_base_256() {
    let base256 = |value: i128| {
        let mut bytes = value.to_be_bytes()[4..].to_vec();
        bytes[0] = if value < 0 { 0xff } else { 0x80 };
        bytes
    };
    let with = |at: usize, bytes: &[u8]| entry(&archive(&[Block::gnu("a", b'5', 0).set(at, bytes).done()]));
    assert_eq!(with(MTIME, &base256(-1)).mtime.seconds, -1);
    assert_eq!(with(MTIME, &base256(i128::from(i64::MIN))).mtime.seconds, i64::MIN);
    assert_eq!(with(MTIME, &base256(i128::from(i64::MAX))).mtime.seconds, i64::MAX);
    assert_eq!(with(UID, &[0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe]).uid, 0xffff_fffe);
    assert_eq!(with(UID, b"  1750 \0").uid, 1000);
    assert_eq!(with(UID, b"1750\0junk"[..8].as_ref()).uid, 1000);
    assert_eq!(with(UID, &[0; 8]).uid, 0);
    assert_eq!(with(MODE, b"0100644\0").mode, 0o644, "the file type is dropped");
    let big = Block::gnu("a", b'0', 0).set(SIZE, &base256(1 << 40)).done();
    let error = ply_tar::index(std::io::Cursor::new(big), Limits::default()).unwrap().next().unwrap();
    let expected = "the archive ends inside a, after 0 of its 1099511627776 bytes";
    assert_eq!(error.unwrap_err().to_string(), expected);
}

#[test]
fn devices_have_numbers() {
    let check = |letter: u8, major: &[u8], minor: &[u8], expected: Option<(u32, u32)>| {
        let block = Block::ustar("a", letter, 0).set(MAJOR, major).set(MINOR, minor);
        assert_eq!(entry(&archive(&[block.done()])).device, expected);
    };
    check(b'3', b"0000001\0", b"0000003\0", Some((1, 3)));
    check(b'4', b"0000010\0", &[0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], Some((8, u32::MAX)));
    check(b'3', &[0; 8], &[0; 8], Some((0, 0)));
    check(b'0', b"0000001\0", b"0000003\0", None);
    check(b'0', b"nonsense", b"nonsense", None);
}

#[test]
fn old_tars_summed_signed_bytes() {
    let block = Block::v7("caf\u{e9}", b'0', 0).set(CHECKSUM, b"        ");
    let signed: i64 = block.clone().raw().iter().map(|byte| i64::from(i8::from_ne_bytes([*byte]))).sum();
    let block = block.set(CHECKSUM, format!("{signed:06o}\0 ").as_bytes());
    assert_eq!(entry(&archive(&[block.raw()])).path, "caf\u{e9}".as_bytes());
}

#[test]
fn pax_records_hold_over_the_header() {
    let records = [
        ("path", "a/long/päth"),
        ("linkpath", "tärget"),
        ("uid", "4294967296"),
        ("gid", "2097152"),
        ("uname", "Älice"),
        ("gname", "stäff"),
        ("size", "3"),
        ("mtime", "-1.25"),
        ("SCHILY.xattr.user.b", "two\n=\0"),
        ("SCHILY.xattr.user.a", ""),
        ("LIBARCHIVE.xattr.user.b", "b25l"),
        ("LIBARCHIVE.xattr.user.%3D", "b25l"),
        ("comment", "none of our business"),
        ("atime", "nor this"),
    ];
    let archive = archive(&[pax(&records), Block::ustar("short", b'0', 9).with(b"abc")]);
    let entry = entry(&archive);
    assert_eq!(entry.path, "a/long/päth".as_bytes());
    assert_eq!(entry.link, "tärget".as_bytes());
    assert_eq!((entry.uid, entry.gid), (1 << 32, 2_097_152));
    assert_eq!((&entry.user[..], &entry.group[..]), ("Älice".as_bytes(), "stäff".as_bytes()));
    assert_eq!((entry.size, entry.stored), (3, 3));
    assert_eq!(entry.mtime, Time { seconds: -2, nanoseconds: 750_000_000 });
    let xattrs: [(&[u8], &[u8]); 3] = [(b"user.=", b"one"), (b"user.a", b""), (b"user.b", b"two\n=\0")];
    let found: Vec<_> = entry.xattrs.iter().map(|(name, value)| (&name[..], &value[..])).collect();
    assert_eq!(found, xattrs);
    assert_eq!((entry.header_offset, entry.data_offset % 512), (0, 0));
}

#[test]
fn pax_records_hold_for_one_member() {
    let entries = entries(&archive(&[pax(&[("uid", "5")]), file("a", b""), file("b", b"")]));
    assert_eq!((entries[0].uid, entries[1].uid), (5, 1000));
}

#[test]
fn global_headers_are_checked_and_passed_over_as_docker_does() {
    let entries = entries(&archive(&[global(&[("comment", "0123abcd"), ("mtime", "5")]), file("a", b"x")]));
    assert_eq!(entries[0].mtime.seconds, 0o14_631_467_100);
    assert_eq!(entries[0].header_offset, 1024, "the global header is none of the member's");
}

#[test]
fn gnu_long_names() {
    let name = vec![b'n'; 700];
    let target = vec![b't'; 600];
    let terminated = |name: &[u8]| [name, b"\0"].concat();
    let link = |block: Block| block.set(LINK, b"tttt").done();
    let parts = [
        long(b'K', &terminated(&target)),
        long(b'L', &terminated(&name)),
        link(Block::gnu("nnnn", b'2', 0)),
        long(b'L', &name),
        file("unterminated", b""),
        long(b'L', &padded(b"filled")),
        file("f", b""),
    ];
    let entries = entries(&archive(&parts));
    assert_eq!((&entries[0].path, &entries[0].link), (&name, &target));
    assert_eq!(entries[0].data_offset, 512 * 7);
    assert_eq!((&entries[1].path, entries[1].header_offset), (&name, 512 * 7));
    assert_eq!(entries[2].path, b"filled");
}

#[test]
fn labels_and_dumps_are_passed_over() {
    let parts = [
        Block::gnu("Volume 1", b'V', 0).done(),
        Block::gnu("dir/", b'D', 6).with(b"Ya\0Nb\0"),
        file("a", b"x"),
    ];
    let (members, end) = read(&archive(&parts)).unwrap();
    assert_eq!((members.len(), end.members, end.skipped), (1, 1, 2));
    assert_eq!(members[0].0.header_offset, 1536);
}

#[test]
fn ends() {
    let one = file("a", b"x");
    let zeros = |count: usize| vec![0; count];
    let check = |bytes: Vec<u8>, trailer: Trailer, offset: u64| {
        let (members, end) = read(&bytes).unwrap();
        assert_eq!((members.len() as u64, end.trailer, end.offset), (end.members, trailer, offset));
    };
    check(vec![], Trailer::None, 0);
    check(zeros(512), Trailer::OneZeroBlock, 512);
    check(zeros(1024), Trailer::TwoZeroBlocks, 1024);
    check(one.clone(), Trailer::None, 1024);
    check(one[..513].to_vec(), Trailer::None, 513);
    check([one.clone(), zeros(512)].concat(), Trailer::OneZeroBlock, 1536);
    check([one.clone(), zeros(10_240)].concat(), Trailer::TwoZeroBlocks, 2048);
    check([one.clone(), zeros(1024), b"anything".repeat(100)].concat(), Trailer::TwoZeroBlocks, 2048);
    check([one.clone(), zeros(1024), one].concat(), Trailer::TwoZeroBlocks, 2048);
}

/// A file of 2,000 bytes: `abc` at 10, `defg` at 1,000, holes around.
fn sparse_content() -> Vec<u8> {
    let mut content = vec![0; 2000];
    content[10..13].copy_from_slice(b"abc");
    content[1000..1004].copy_from_slice(b"defg");
    content
}

fn check_sparse(parts: &[Vec<u8>], data_offset: u64) {
    let bytes = archive(&[parts.concat(), file("next", b"n")]);
    let (members, _) = read(&bytes).unwrap();
    let (entry, content) = &members[0];
    assert_eq!(entry.path, b"sparse");
    assert_eq!((entry.size, entry.stored, entry.data_offset), (2000, 7, data_offset));
    let expected = [Segment { offset: 10, len: 3 }, Segment { offset: 1000, len: 4 }];
    assert_eq!(entry.sparse.as_deref(), Some(&expected[..]));
    assert_eq!(*content, sparse_content());
    assert_eq!(members[1].0.path, b"next");
}

fn descriptor(offset: u64, len: u64) -> Vec<u8> {
    format!("{offset:011o}\0{len:011o}\0").into_bytes()
}

fn old_sparse(real: u64, stored: u64) -> Block {
    Block::gnu("sparse", b'S', stored).set(483, format!("{real:011o}\0").as_bytes())
}

#[test]
fn sparse_files_of_old_gnu() {
    let map = [descriptor(10, 3), descriptor(1000, 4), descriptor(2000, 0)].concat();
    check_sparse(&[old_sparse(2000, 7).set(386, &map).with(b"abcdefg")], 512);
}

#[test]
fn sparse_maps_that_go_on_in_further_blocks() {
    // 30 segments of one byte: 4 in the header, 21 and 5 in two blocks after it.
    let descriptors: Vec<_> = (0..30).map(|index| descriptor(index * 10, 1)).collect();
    let header = old_sparse(300, 30).set(386, &descriptors[..4].concat()).set(482, &[1]).done();
    let first = [descriptors[4..25].concat(), vec![1], vec![0; 7]].concat();
    let second = padded(&descriptors[25..].concat());
    let content: Vec<u8> = (b'A'..b'A' + 30).collect();
    let (members, _) = read(&archive(&[header, first, second, padded(&content)])).unwrap();
    let (entry, read) = &members[0];
    assert_eq!((entry.data_offset, entry.size, entry.stored), (1536, 300, 30));
    assert_eq!(entry.sparse.as_ref().unwrap().len(), 30);
    let expected: Vec<u8> = content.iter().flat_map(|byte| [*byte, 0, 0, 0, 0, 0, 0, 0, 0, 0]).collect();
    assert_eq!(*read, expected);
}

#[test]
fn sparse_files_of_pax() {
    let version_0_0 = pax(&[
        ("GNU.sparse.size", "2000"),
        ("GNU.sparse.numblocks", "3"),
        ("GNU.sparse.offset", "10"),
        ("GNU.sparse.numbytes", "3"),
        ("GNU.sparse.offset", "1000"),
        ("GNU.sparse.numbytes", "4"),
        ("GNU.sparse.offset", "2000"),
        ("GNU.sparse.numbytes", "0"),
    ]);
    check_sparse(&[version_0_0, file("sparse", b"abcdefg")], 512 * 3);

    let version_0_1 = pax(&[
        ("GNU.sparse.name", "sparse"),
        ("GNU.sparse.size", "2000"),
        ("GNU.sparse.numblocks", "3"),
        ("GNU.sparse.map", "10,3,1000,4,2000,0"),
    ]);
    check_sparse(&[version_0_1, file("GNUSparseFile.1/sparse", b"abcdefg")], 512 * 3);

    let version_1_0 = pax(&[
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", "sparse"),
        ("GNU.sparse.realsize", "2000"),
    ]);
    let data = [padded(b"3\n10\n3\n1000\n4\n2000\n0\n"), b"abcdefg".to_vec()].concat();
    check_sparse(&[version_1_0, file("GNUSparseFile.1/sparse", &data)], 512 * 4);
}

#[test]
fn a_sparse_file_may_be_all_hole() {
    let map = pax(&[("GNU.sparse.size", "900"), ("GNU.sparse.numblocks", "0"), ("GNU.sparse.map", "")]);
    let (members, _) = read(&archive(&[map, file("a", b"")])).unwrap();
    assert_eq!((members[0].0.size, members[0].0.stored), (900, 0));
    assert_eq!(members[0].0.sparse.as_deref(), Some(&[][..]));
    assert_eq!(members[0].1, vec![0; 900]);
}
