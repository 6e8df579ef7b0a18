//! Archives made to be read two ways, to hang, or to exhaust: each a published attack on a tar reader or near one.

mod archive;

use archive::*;
use ply_tar::{Limits, TarError, Walker};

/// A member that must not be seen, hidden in the content of one that may.
fn hidden() -> Vec<u8> {
    archive(&[file("hidden", b"boo")])
}

fn paths(bytes: &[u8]) -> Vec<String> {
    entries(bytes).iter().map(ply_tar::Entry::printable_path).collect()
}

fn check_refused(parts: &[Vec<u8>], expected: &str) {
    let error = error(&archive(parts));
    assert!(error.contains(expected), "{error:?} does not say {expected:?}");
}

#[test]
fn pax_size_holds_over_a_header_of_size_0() {
    // CVE-2025-62518: the header says 0, PAX the truth; who believes the header reads the content as members.
    let content = hidden();
    let size = content.len().to_string();
    let outer = [pax(&[("size", &size)]), Block::ustar("outer", b'0', 0).with(&content), file("last", b"")];
    assert_eq!(paths(&archive(&outer)), ["outer", "last"]);
}

#[test]
fn pax_size_of_0_holds_over_the_header() {
    // RUSTSEC-2026-0068: the other way about.
    let parts = [pax(&[("size", "0")]), Block::ustar("outer", b'0', 2048).done(), file("seen", b"")];
    let found = entries(&archive(&parts));
    assert_eq!((found[0].size, found[0].stored), (0, 0));
    assert_eq!(found[1].path, b"seen");
}

#[test]
fn pax_records_are_for_the_member_and_not_for_a_long_name_before_it() {
    // RUSTSEC-2026-0112: a PAX size applied to the L header between.
    let parts = [pax(&[("size", "3")]), long(b'L', b"long\0"), Block::gnu("short", b'0', 0).with(b"abc")];
    let found = entry(&archive(&parts));
    assert_eq!((&found.path[..], found.size, found.header_offset), (&b"long"[..], 3, 0));
    let other_order =
        [long(b'L', b"long\0"), pax(&[("size", "3")]), Block::gnu("short", b'0', 0).with(b"abc")];
    assert_eq!(entry(&archive(&other_order)).path, b"long");
}

#[test]
fn a_malformed_record_is_never_stepped_over() {
    // RUSTSEC-2026-0066.
    for (body, why) in [
        ("path=x\n", "without a length"),
        ("+10 path=x\n", "without a length"),
        (" 11 path=x\n", "without a length"),
        ("9223372036854775808 path=x\n", "without a length"),
        ("18446744073709551626 path=x\n", "without a length"),
        ("10\tpath=x\n", "without a space"),
        ("2 \n", "does not end in a newline"),
        ("0 path=x\n", "of a wrong length"),
        ("1 path=x\n", "of a wrong length"),
        ("11 path=x\n", "of a wrong length"),
        ("999999 path=x\n", "of a wrong length"),
        ("8 path=x\n", "does not end in a newline"),
        ("9 path=xx", "does not end in a newline"),
        ("10 pathxx\n", "without an equals sign"),
        ("5 =x\n", "without a keyword"),
        ("10 path=x\n\0\0", "without a length"),
    ] {
        check_body_refused(body.as_bytes(), why);
    }
    for (keyword, value, why) in [
        ("path", "a\0", "NUL"),
        ("path", "", "is empty"),
        ("linkpath", "", "is empty"),
        ("linkpath", "\0a", "NUL"),
        ("uname", "\0a", "NUL"),
        ("comm\0nt", "", "NUL"),
        ("size", "", "is empty"),
        ("size", "-1", "is not a decimal number"),
        ("size", "+512", "is not a decimal number"),
        ("size", " 512", "is not a decimal number"),
        ("size", "512 ", "is not a decimal number"),
        ("size", "0x10", "is not a decimal number"),
        ("size", "9223372036854775808", "does not fit"),
        ("size", "18446744073709551616", "does not fit"),
        ("uid", "-1", "is not a decimal number"),
        ("mtime", "NaN", "is not a decimal number"),
        ("mtime", "1e30", "is not a decimal number"),
        ("mtime", "1.x5", "is not a decimal number"),
        ("mtime", ".5", "is empty"),
        ("mtime", "9223372036854775808", "does not fit"),
        ("mtime", "-9223372036854775808.5", "does not fit"),
        ("SCHILY.xattr.", "", "no name of an attribute"),
        ("LIBARCHIVE.xattr.a%2", "AA", "percent"),
        ("LIBARCHIVE.xattr.a%00", "AA", "no name of an attribute"),
        ("LIBARCHIVE.xattr.a", "A!!!", "base64"),
    ] {
        check_body_refused(&record(keyword, value), why);
    }
}

/// In a global header too, whose records nobody takes.
fn check_body_refused(body: &[u8], why: &str) {
    check_refused(&[pax_body(body), file("a", b"")], why);
    let global = Block::ustar("g", b'g', body.len() as u64).with(body);
    check_refused(&[global, file("a", b"")], why);
}

#[test]
fn of_two_records_the_last_holds() {
    let records = [("path", "first"), ("path", "second"), ("uid", "7"), ("uid", "")];
    let found = entry(&archive(&[pax(&records), file("a", b"")]));
    assert_eq!((&found.path[..], found.uid), (&b"second"[..], 1000));
}

#[test]
fn names_given_twice_must_agree() {
    let path = |name: &str| pax(&[("path", name)]);
    let found = entry(&archive(&[path("a"), long(b'L', b"a\0"), file("x", b"")]));
    assert_eq!(found.path, b"a");
    check_refused(&[path("a"), long(b'L', b"b\0"), file("x", b"")], "different names");
    check_refused(&[long(b'L', b"b\0"), path("a"), file("x", b"")], "different names");
    let link = Block::ustar("x", b'2', 0).done();
    check_refused(&[pax(&[("linkpath", "a")]), long(b'K', b"b\0"), link], "different names");
}

#[test]
fn extended_headers_stand_before_a_member_and_once() {
    let [x, l, k] = [pax(&[("uid", "1")]), long(b'L', b"a\0"), long(b'K', b"a\0")];
    for header in [&x, &l, &k] {
        check_refused(&[header.clone(), header.clone(), file("a", b"")], "a second extended header");
        check_refused(std::slice::from_ref(header), "an extended header with no member after it");
        check_refused(&[header.clone(), global(&[("comment", "")]), file("a", b"")], "global header between");
        assert!(matches!(read(header), Err(TarError::Truncated { .. })));
    }
    for keyword in ["path", "linkpath", "size", "GNU.sparse.size"] {
        check_refused(&[global(&[(keyword, "1")]), file("a", b"")], "gives every member a name or a size");
    }
    check_refused(&[long(b'L', b"a\0b\0"), file("a", b"")], "a NUL in it");
    check_refused(&[long(b'L', b"\0"), file("a", b"")], "empty");
    check_refused(&[long(b'L', b""), file("a", b"")], "empty");
}

#[test]
fn numbers_out_of_range() {
    let field = |at: usize, bytes: &[u8]| Block::gnu("a", b'0', 0).set(at, bytes).done();
    let base256 = |value: i128| value.to_be_bytes()[4..].to_vec();
    let check = |at: usize, bytes: &[u8], why: &str| check_refused(&[field(at, bytes)], why);
    check(SIZE, b"0000000008\0\0", "its size field, \"0000000008\\x00\\x00\", is not octal");
    check(SIZE, b"-0000000001\0", "is not octal");
    check(SIZE, b"0x000000001\0", "is not octal");
    check(SIZE, b"1 2\0\0\0\0\0\0\0\0\0", "is not octal");
    check(SIZE, &[0xff; 12], "is negative");
    let marked = |value: i128| {
        let mut bytes = base256(value);
        bytes[0] |= 0x80;
        bytes
    };
    check(SIZE, &marked(1 << 63), "does not fit in 63 bits");
    check(SIZE, &marked((1 << 64) - 1), "does not fit in 63 bits");
    check(SIZE, &marked(1 << 64), "does not fit in 63 bits");
    check(SIZE, &[0xbf; 12], "does not fit in 63 bits");
    check(MTIME, &marked(1 << 63), "its mtime field");
    check(UID, &[0xff; 8], "its uid field");
    check(GID, b"rubbish\0", "its gid field");
    check(MODE, b"99999999", "its mode field");
    check(MODE, &[0x80, 0, 0, 1, 0, 0, 0, 0], "does not fit in 32 bits");
    // containerd 0205398ac: 2^40 cut to 32 bits is another device.
    let device = Block::gnu("a", b'3', 0).set(MAJOR, &[0x80, 0, 1, 0, 0, 0, 0, 0]).done();
    check_refused(&[device], "its device major field");
    // The largest size there is: its end is still inside 64 bits, and far past the end of the input.
    let largest = field(SIZE, &marked((1 << 63) - 1));
    let error = read(&largest).unwrap_err();
    assert!(matches!(error, TarError::Truncated { want: 9_223_372_036_854_775_807, have: 0, .. }));
    // Two such and the offset is spent.
    let mut machine = ply_tar::Machine::new(Limits::default());
    machine.feed(largest.first_chunk().unwrap()).unwrap();
    machine.skipped(u64::MAX);
    assert_eq!(machine.offset(), (1 << 63) + 512);
    let error = machine.feed(largest.first_chunk().unwrap()).unwrap_err();
    assert!(error.to_string().contains("64 bits"), "{error}");
}

#[test]
fn no_header_no_member() {
    check_refused(&[Block::ustar("a", b'0', 0).set(CHECKSUM, b"0000001\0").raw()], "checksum is wrong");
    check_refused(&[Block::ustar("a", b'0', 0).set(CHECKSUM, b"rubbish\0").raw()], "not a number");
    check_refused(&[vec![b'x'; 512]], "checksum is not a number");
    check_refused(&[Block::ustar("", b'0', 0).done()], "a member without a name");
    check_refused(&[Block::ustar("a", b'1', 0).done()], "a: a link without a target");
    check_refused(&[Block::ustar("a", b'2', 0).done()], "a: a link without a target");
    check_refused(&[Block::gnu("a", b'M', 0).done()], "another volume");
    check_refused(&[Block::gnu("a", b'N', 0).done()], "type N");
    check_refused(&[Block::ustar("a", b'X', 0).done()], "type X");
    // Go, and so Docker, refuses; GNU tar warns and stops.
    check_refused(&[file("a", b""), vec![0; 512], file("b", b"")], "a header after a block of zeros");
}

#[test]
fn extended_headers_over_the_limit_are_refused_by_their_size_alone() {
    // CVE-2022-2879. Nothing of the body is there, so nothing can have been waited or allocated for.
    for letter in *b"xgLK" {
        for size in [(1 << 20) + 1, 1 << 33] {
            let header = Block::gnu("a", letter, 0);
            let header = header.set(SIZE, &[&[0x80, 0, 0, 0][..], &u64::to_be_bytes(size)].concat()).done();
            match read(&header).unwrap_err() {
                TarError::Limit { asked, limit, .. } => assert_eq!((asked, limit), (size, 1 << 20)),
                other => panic!("{other}"),
            }
        }
    }
    // One of exactly the limit is read: 20,000 directories deep.
    let deep = "dir/".repeat(20_000);
    assert_eq!(entry(&archive(&[pax(&[("path", &deep)]), file("a", b"")])).path, deep.as_bytes());
    let too_long = "d".repeat((256 << 10) + 1);
    check_refused(&[pax(&[("path", &too_long)]), file("a", b"")], "its path's length is 262145");
    check_refused(&[pax(&[("linkpath", &too_long)]), file("a", b"")], "its target's length is 262145");
}

fn old_sparse(real: u64, stored: u64, descriptors: &[(u64, u64)]) -> Block {
    let map: String =
        descriptors.iter().map(|(offset, len)| format!("{offset:011o}\0{len:011o}\0")).collect();
    let real = format!("{real:011o}\0");
    Block::gnu("s", b'S', stored).set(483, real.as_bytes()).set(386, map.as_bytes())
}

#[test]
fn sparse_maps_that_lie() {
    let check = |real, stored, map: &[(u64, u64)], why: &str| {
        let body = vec![b'x'; usize::try_from(stored).unwrap()];
        check_refused(&[old_sparse(real, stored, map).with(&body)], why);
    };
    check(100, 20, &[(0, 10), (5, 10)], "overlaps");
    check(100, 20, &[(50, 10), (5, 10)], "out of order");
    check(100, 20, &[(90, 20)], "past the end of the file");
    check(100, 21, &[(0, 20)], "another number of bytes");
    check(100, 19, &[(0, 20)], "another number of bytes");
    check(1 << 32, 0, &[(1, (1 << 33) - 2)], "past the end of the file");
    let negative = old_sparse(100, 0, &[]).set(386, &[0xff; 24]).done();
    check_refused(&[negative], "holds no number");
    let half = old_sparse(100, 0, &[]).set(386, b"00000000005\0").done();
    check_refused(&[half], "half a segment");
    let no_gnu = Block::ustar("s", b'S', 0).done();
    check_refused(&[no_gnu], "without a GNU header");
    // It says that it goes on, but is over: GNU tar and Go would read on at different places.
    check_refused(&[old_sparse(100, 0, &[]).set(482, &[1]).done(), vec![0; 512]], "after its end");
}

#[test]
fn a_petabyte_of_holes_is_refused() {
    let real = 1_u64 << 50;
    let records =
        [("GNU.sparse.size", "1125899906842624"), ("GNU.sparse.numblocks", "0"), ("GNU.sparse.map", "")];
    match read(&archive(&[pax(&records), file("a", b"")])).unwrap_err() {
        TarError::Limit { asked, limit, .. } => assert_eq!((asked, limit), (real, 1 << 44)),
        other => panic!("{other}"),
    }
}

#[test]
fn a_sparse_map_without_end_is_refused() {
    // Old GNU: each block says that another follows, and each segment is one byte.
    let header = old_sparse(1 << 30, 1 << 20, &[(0, 1), (1, 1), (2, 1), (3, 1)]).set(482, &[1]).done();
    let mut walker = Walker::new(Limits::default());
    walker.push(&header, |_| ()).unwrap();
    let mut blocks = 0_u64;
    let error = loop {
        let map: String =
            (0..21).map(|index| format!("{:011o}\0{:011o}\0", 4 + blocks * 21 + index, 1)).collect();
        let block = [map.as_bytes(), &[1; 8]].concat();
        blocks += 1;
        if let Err(error) = walker.push(&block, |_| ()) {
            break error;
        }
    };
    assert!(matches!(error, TarError::Limit { limit: 65_536, .. }), "{error}");
    assert_eq!(blocks, 65_536 / 21 + 1);

    // PAX 1.0: a count that promises much, and a line that never ends.
    let records = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "5")];
    let with_map = |map: &[u8]| archive(&[pax(&records), file("s", map)]);
    assert!(matches!(read(&with_map(&padded(b"65537\n"))), Err(TarError::Limit { asked: 65_537, .. })));
    assert!(matches!(read(&with_map(&vec![b'1'; 2 << 20])), Err(TarError::Limit { limit: 1_048_576, .. })));
    check_refused(&[pax(&records), file("s", &[b'1'; 512])], "runs past its data");
    check_refused(&[pax(&records), file("s", b"1\n0\n5\n")], "runs past its data");
    check_refused(&[pax(&records), file("s", &padded(b"1\n-1\n5\n"))], "holds no number");
    check_refused(&[pax(&records), file("s", &padded(b"\n"))], "holds no number");
}

#[test]
fn orphans_of_a_sparse_map() {
    let check = |records: &[(&str, &str)], why: &str| check_refused(&[pax(records), file("a", b"")], why);
    check(&[("GNU.sparse.realsize", "5")], "without a count");
    check(&[("GNU.sparse.numblocks", "0")], "without the file's size");
    check(&[("GNU.sparse.name", "a")], "without the file's size");
    check(
        &[("GNU.sparse.size", "5"), ("GNU.sparse.major", "2"), ("GNU.sparse.minor", "0")],
        "unknown version",
    );
    check(&[("GNU.sparse.size", "5"), ("GNU.sparse.major", "1")], "unknown version");
    check(
        &[("GNU.sparse.size", "5"), ("GNU.sparse.numblocks", "2"), ("GNU.sparse.map", "0,0")],
        "another count",
    );
    check(&[("GNU.sparse.numbytes", "5")], "out of turn");
    check(&[("GNU.sparse.offset", "5"), ("GNU.sparse.offset", "5")], "out of turn");
    check(&[("GNU.sparse.map", "1,,2")], "is empty");
    check(&[("GNU.sparse.map", "1,+2")], "is not a decimal number");
    let directory = Block::ustar("d", b'5', 0).done();
    check_refused(&[pax(&[("GNU.sparse.size", "5")]), directory], "no file");
    let both = pax(&[("GNU.sparse.size", "5")]);
    check_refused(&[both, old_sparse(5, 0, &[]).done()], "given twice");
}

#[test]
fn gigabytes_after_the_end_cost_nothing() {
    // CVE-2017-14992.
    let mut walker = Walker::new(Limits::default());
    walker.push(&archive(&[file("a", b"")]), |_| ()).unwrap();
    let zeros = vec![0; 64 << 10];
    for _ in 0..1 << 20 {
        walker.push(&zeros, |_| panic!("no member there")).unwrap();
    }
    assert_eq!(walker.finish().unwrap().members, 1);
}

#[test]
fn names_in_errors_are_escaped_and_cut() {
    let name = format!("\x1b[31m{}\u{202e}\n", "n".repeat(1000));
    let error = error(&[pax(&[("path", &name)]), file("a", b"abc")[..513].to_vec()].concat());
    assert!(error.starts_with("the archive ends inside \\x1b[31mnnn"), "{error}");
    assert!(error.ends_with("\\xe2\\x80\\xae\\n, after 1 of its 3 bytes"), "{error}");
    assert!(error.len() < 300 && error.is_ascii());
}

#[test]
fn there_is_no_way_on_after_an_error() {
    let bytes = archive(&[Block::ustar("", b'0', 0).done(), file("a", b"")]);
    let mut walker = Walker::new(Limits::default());
    walker.push(&bytes, |_| panic!("no member")).unwrap_err();
    walker.push(&bytes, |_| panic!("no member")).unwrap();
    walker.finish().unwrap_err();
    let mut entries = ply_tar::Entries::new(&bytes[..], Limits::default());
    entries.next_entry().unwrap_err();
    entries.next_entry().unwrap_err();
}
