use super::*;

#[test]
fn base64() {
    let check = |plain: &[u8], coded: &str| {
        assert_eq!(decode_base64(coded.as_bytes()), Ok(plain.to_vec()));
        assert_eq!(encode_base64(plain), coded.trim_end_matches('=').as_bytes());
    };
    // RFC 4648, section 10.
    check(b"", "");
    check(b"f", "Zg==");
    check(b"fo", "Zm8=");
    check(b"foo", "Zm9v");
    check(b"foob", "Zm9vYg==");
    check(b"fooba", "Zm9vYmE=");
    check(b"foobar", "Zm9vYmFy");
    // Without the padding, as libarchive writes it.
    check(b"f", "Zg");
    check(b"fo", "Zm8");
    check(&[0xfb, 0xff, 0xbf], "+/+/");
    for wrong in ["Z", "Zg=", "=", "Zg===", "Zg==Zg==", "Zm 9", "Zm9v\n", "Zm_9"] {
        assert!(decode_base64(wrong.as_bytes()).is_err(), "{wrong:?}");
    }
}

#[test]
fn percent() {
    assert_eq!(decode_percent(b"user.%3D%3d%25"), Ok(b"user.==%".to_vec()));
    assert_eq!(encode_percent("user.=% é".as_bytes()), b"user.%3D%25%20%C3%A9");
    for wrong in ["%", "%4", "%4g", "%%41"] {
        assert!(decode_percent(wrong.as_bytes()).is_err(), "{wrong:?}");
    }
}
