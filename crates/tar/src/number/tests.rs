use super::*;

#[test]
fn fields() {
    let check = |bytes: &[u8], expected: Result<i64>| {
        assert_eq!(field(bytes), expected, "{}", bytes.escape_ascii());
    };
    // POSIX: octal digits, a NUL or a space after them; older tars put spaces before.
    check(b"0000644\0", Ok(0o644));
    check(b"  755 \0", Ok(0o755));
    check(b"77777777777\0", Ok((1 << 33) - 1));
    check(b"777777777777", Ok((1 << 36) - 1));
    check(b"", Ok(0));
    check(&[0; 12], Ok(0));
    check(b"        ", Ok(0));
    // Go skips NULs before the digits, and ends at one after them.
    check(b"\0\0 17 \0", Ok(0o17));
    check(b"17\x00rest\0", Ok(0o17));
    check(b"0000008\0", Err("is not octal"));
    check(b"17 17\0", Err("is not octal"));
    check(b"0x17\0", Err("is not octal"));
    check(b"-17\0", Err("is not octal"));
    check(b"1\xff\0", Err("is not octal"));
    check(b"7777777777777777777777", Err("does not fit in 63 bits"));
    // GNU tar manual, "Extensions": base-256 is two's complement, its first bit set in place of the first byte's own.
    for value in [0, 1, 255, 256, 1 << 33, 1 << 62, i64::MAX, -1, -256, -(1 << 33), i64::MIN] {
        let mut wide = i128::from(value).to_be_bytes()[4..].to_vec();
        wide[0] = 0x80 | (wide[0] & 0x7f);
        check(&wide, Ok(value));
    }
    // Seven bits of the first byte count.
    check(b"\x80", Ok(0));
    check(b"\xbf", Ok(63));
    check(b"\xc0", Ok(-64));
    check(b"\xff", Ok(-1));
    check(b"\xbf\0\0\0\0\0\0\0", Ok(63 << 56));
    check(b"\xc0\0\0\0\0\0\0\0", Ok(-64 << 56));
    check(b"\x80\0\0\0\x80\0\0\0\0\0\0\0", Err("does not fit in 63 bits"));
    check(b"\x80\0\0\x01\0\0\0\0\0\0\0\0", Err("does not fit in 63 bits"));
    check(b"\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff", Err("does not fit in 63 bits"));
    check(b"\xc0\0\0\0\0\0\0\0\0\0\0\0", Err("does not fit in 63 bits"));
}

#[test]
fn decimals() {
    let check = |text: &str, expected: Result<u64>| assert_eq!(decimal(text.as_bytes()), expected, "{text}");
    check("0", Ok(0));
    check("007", Ok(7));
    check("9223372036854775807", Ok(i64::MAX.unsigned_abs()));
    check("9223372036854775808", Err("does not fit in 63 bits"));
    check("99999999999999999999999", Err("does not fit in 63 bits"));
    check("", Err("is empty"));
    for text in ["-0", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "٣"] {
        check(text, Err("is not a decimal number"));
    }
}

#[test]
fn times() {
    let check = |text: &str, seconds: i64, nanoseconds: u32| {
        assert_eq!(time(text.as_bytes()), Ok(Time { seconds, nanoseconds }), "{text}");
    };
    check("1700000000", 1_700_000_000, 0);
    check("1700000000.", 1_700_000_000, 0);
    check("1700000000.5", 1_700_000_000, 500_000_000);
    check("1700000000.05", 1_700_000_000, 50_000_000);
    check("1700000000.123456789", 1_700_000_000, 123_456_789);
    check("1700000000.1234567899", 1_700_000_000, 123_456_789);
    check("0.000", 0, 0);
    check("0.999999999999", 0, 999_999_999);
    // Before 1970 the fraction counts backwards, as the whole number does.
    check("-1", -1, 0);
    check("-1.25", -2, 750_000_000);
    check("-0.5", -1, 500_000_000);
    check("-0.0", 0, 0);
    check("-0.0000000001", 0, 0);
    check("-7.999999999", -8, 1);
    check("9223372036854775807.999999999", i64::MAX, 999_999_999);
    check("-9223372036854775808", i64::MIN, 0);
    for text in ["", ".5", "-", "-.5", "+1", "1.-1", "1.+1", "1.5x", "1..5", "1.5.5", " 1", "x", "--1", "\0"]
    {
        time(text.as_bytes()).unwrap_err();
    }
    time(b"-9223372036854775808.000000001").unwrap_err();
    time(b"9223372036854775808").unwrap_err();
}
