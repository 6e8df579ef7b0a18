use super::*;

#[test]
fn long_paths_are_cut_at_a_slash() {
    let check = |path: &str, expected: Option<(usize, usize)>| {
        let found = split(path.as_bytes()).map(|(before, after)| (before.len(), after.len()));
        assert_eq!(found, expected, "{path}");
    };
    let n = |count: usize| "n".repeat(count);
    check(&n(100), Some((0, 100)));
    check(&n(101), None);
    check(&format!("{}/{}", n(155), n(100)), Some((155, 100)));
    check(&format!("{}/{}", n(156), n(99)), None);
    check(&format!("{}/{}", n(1), n(101)), None);
    check(&format!("/{}", n(100)), None);
    check(&format!("{}/{}/", n(50), n(99)), Some((50, 100)));
    check(&format!("{}/", n(100)), None);
    check(&format!("{}/{}/{}", n(60), n(60), n(60)), Some((121, 60)));
}

#[test]
fn times_are_spelled_shortest() {
    let check = |seconds: i64, nanoseconds: u32, expected: &str| {
        let time = Time { seconds, nanoseconds };
        assert_eq!(spell_time(time), expected);
        assert_eq!(crate::number::time(expected.as_bytes()), Ok(time));
    };
    check(0, 0, "0");
    check(100, 0, "100");
    check(100, 500_000_000, "100.5");
    check(100, 1, "100.000000001");
    check(-100, 0, "-100");
    check(-2, 500_000_000, "-1.5");
    check(-1, 999_999_999, "-0.000000001");
    check(i64::MIN, 0, "-9223372036854775808");
    check(i64::MIN, 1, "-9223372036854775807.999999999");
}

#[test]
fn a_record_counts_its_own_length() {
    let check = |keyword: &str, value: &str, expected: &str| {
        let mut body = Vec::new();
        push_record(&mut body, keyword.as_bytes(), value.as_bytes());
        assert_eq!(body, expected.as_bytes());
    };
    check("uname", "bob", "13 uname=bob\n");
    check("a", "", "5 a=\n");
    check("a.b", "c=d\n=\0", "14 a.b=c=d\n=\0\n");
    // Where the length itself gets another digit.
    check("k", "nnnn", "9 k=nnnn\n");
    check("k", "nnnnn", "11 k=nnnnn\n");
    check("k", &"n".repeat(93), &format!("99 k={}\n", "n".repeat(93)));
    check("k", &"n".repeat(94), &format!("101 k={}\n", "n".repeat(94)));
}

#[test]
fn what_no_header_can_hold() {
    let check = |entry: Entry, expected: &str| {
        assert_eq!(header_bytes(&entry).unwrap_err().to_string(), expected);
    };
    let file = || Entry::file("a", 0);
    check(Entry::file("", 0), "writing : it has no name");
    check(Entry::file("a\0b", 0), "writing a\\x00b: it has a NUL in a name");
    check(Entry { user: b"\0".to_vec(), ..file() }, "writing a: it has a NUL in a name");
    check(Entry::symlink("a", ""), "writing a: it has no target");
    check(Entry::new(Kind::CharDevice, "a"), "writing a: it has no device numbers");
    check(Entry { uid: 1 << 63, ..file() }, "writing a: it has a number over 63 bits");
    check(Entry::file("a", 1 << 63), "writing a: it has a number over 63 bits");
    let time = Time { seconds: 0, nanoseconds: 1_000_000_000 };
    check(Entry { mtime: time, ..file() }, "writing a: its mtime has a billion nanoseconds or more");
    let xattr = |name: &[u8], len: usize| Entry { xattrs: vec![(name.to_vec(), vec![0; len])], ..file() };
    let why = "writing a: it has an extended attribute whose name is empty or has a NUL";
    check(xattr(b"", 0), why);
    check(xattr(b"a\0", 0), why);
    check(xattr(b"a", 1 << 20), "writing a: its names and attributes take over 1 MiB");
}
