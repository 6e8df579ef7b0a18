use super::*;

/// The digest of nothing, as FIPS 180-4's examples and every registry have it.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn is_written_as_it_is_read() {
    let digest: Digest = format!("sha256:{EMPTY}").parse().unwrap();
    assert_eq!(digest, Digest::of(b""));
    assert_eq!(digest.as_bytes()[..4], [0xe3, 0xb0, 0xc4, 0x42]);
    assert_eq!(digest, Digest::from_bytes(*digest.as_bytes()));
    assert_eq!(digest, Digest::from_hex(EMPTY).unwrap());
    assert_eq!(digest.hex(), EMPTY);
    assert_eq!(digest.short(), "e3b0c44298fc");
    assert_eq!(digest.to_string(), format!("sha256:{EMPTY}"));
    assert_eq!(format!("{digest:?}"), format!("sha256:{EMPTY}"));
    assert_eq!(format!("{digest:>73}|"), format!("  sha256:{EMPTY}|"));
}

#[test]
fn sorts_as_its_text() {
    let mut digests: Vec<_> = (0..100u8).map(|i| Digest::of(&[i])).collect();
    digests.sort();
    assert!(digests.is_sorted_by_key(Digest::to_string));
}

#[test]
fn other_spellings_are_refused() {
    #[derive(Debug, PartialEq)]
    enum Why {
        Unknown,
        Malformed,
    }
    use Why::{Malformed, Unknown};
    let check = |text: &str, expect: Why| {
        let why = match text.parse::<Digest>().expect_err(text) {
            DigestError::UnknownAlgorithm { .. } => Unknown,
            DigestError::Malformed { .. } => Malformed,
        };
        assert_eq!(why, expect, "{text:?}");
    };
    check("", Malformed);
    check(":", Malformed);
    check("sha256", Malformed);
    check("sha256:", Malformed);
    check(EMPTY, Malformed);
    check(&format!(":{EMPTY}"), Malformed);
    check(&format!("sha256:{}", &EMPTY[1..]), Malformed);
    check(&format!("sha256:{EMPTY}0"), Malformed);
    check(&format!("sha256:{}", EMPTY.to_uppercase()), Malformed);
    check(&format!("SHA256:{EMPTY}"), Malformed);
    check(&format!(" sha256:{EMPTY}"), Malformed);
    check(&format!("sha256:{EMPTY}\n"), Malformed);
    check(&format!("sha256::{}", &EMPTY[1..]), Malformed);
    check(&format!("sha256:{}g", &EMPTY[1..]), Malformed);
    check(&format!("sha256:+{}", &EMPTY[1..]), Malformed);
    // 64 bytes, not 64 digits.
    check(&format!("sha256:é{}", &EMPTY[2..]), Malformed);
    check("sha256:../../../etc/passwd", Malformed);
    check("sha512:../../../etc/passwd", Malformed);
    check("../sha512:00", Malformed);
    check("sha512:", Malformed);
    check("sha512:a:b", Malformed);
    check("sha__512:ab", Malformed);
    // The examples of `descriptor.md`.
    check("sha512:401b09eab3c013d4ca54922bb802bec8fd5318192b0a75f201d8b372742", Unknown);
    check("multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8", Unknown);
    check("sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564", Unknown);
}

#[test]
fn an_error_is_fit_for_a_terminal() {
    let message = |text: &str| text.parse::<Digest>().unwrap_err().to_string();
    assert_eq!(
        message("sha512:ab"),
        "reading a digest: \"sha512:ab\" is not sha256, the only algorithm supported"
    );
    assert_eq!(
        message("sha256:\u{1b}[2J\u{202e}\"\n"),
        "reading a digest: \"\\u{1b}[2J\\u{202e}\\\"\\n\" is not 64 lower-case hexadecimal digits"
    );
    for long in ["x".repeat(1 << 20), "\u{1b}".repeat(100), format!("sha256:{}", "é".repeat(500))] {
        let message = message(&long);
        assert!(message.chars().count() < 200 && message.contains('…'), "{message}");
    }
    assert!(!message(&"x".repeat(80)).contains('…'));
}
