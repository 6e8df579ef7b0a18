use super::*;

#[test]
fn records_are_cut_by_their_length() {
    let check = |bytes: &[u8], keyword: &[u8], value: &[u8], rest: &[u8]| {
        let (record, left) = split_record(bytes).unwrap();
        assert_eq!((record.keyword, record.value, left), (keyword, value, rest));
    };
    check(b"13 uname=bob\n", b"uname", b"bob", b"");
    check(b"13 uname=bob\n12 gname=rt\n", b"uname", b"bob", b"12 gname=rt\n");
    check(b"013 uname=ab\n", b"uname", b"ab", b"");
    // What ends a record is its length: a value may hold what looks like another.
    check(b"23 comment=a\n9 path=x\n\n", b"comment", b"a\n9 path=x\n", b"");
    check(b"14 a.b=c=d\n=\0\n", b"a.b", b"c=d\n=\0", b"");
    check(b"5 a=\n", b"a", b"", b"");
    for wrong in [
        &b" "[..],
        b"\n",
        b"5",
        b"5 ",
        b"5_a=\n",
        b"-5 a=\n",
        b"4 a=\n",
        b"6 a=\n",
        b"1 a=\n",
        b"00 a=\n",
        b"5000 a=\n",
        b"12 uname=bob\n",
        b"14 uname=bob\n",
        b"6 abc\n",
        b"6 =bc\n",
        b"6 a=b ",
    ] {
        assert!(split_record(wrong).is_err(), "{}", wrong.escape_ascii());
    }
}

#[test]
fn errors_quote_the_record_escaped() {
    let error = Records::parse(b"16 size=\x1b[31m12\n").unwrap_err();
    assert_eq!(error, "its extended header's size, \"\\x1b[31m12\", is not a decimal number");
}

#[test]
fn what_steers() {
    let steers = |body: &[u8]| Records::parse(body).unwrap().steers();
    assert!(steers(b"9 path=a\n"));
    assert!(steers(b"9 size=5\n"));
    assert!(!steers(b"11 mtime=5\n"));
    assert!(!steers(b""));
}
