use super::*;

#[track_caller]
fn detects(prefix: &[u8], expect: Compression) {
    assert_eq!(Compression::detect(prefix), expect, "{prefix:02x?}");
}

/// Magic numbers as the formats' documents print them.
#[test]
fn magic_numbers() {
    detects(b"", Compression::None);
    detects(b"etc/\0\0\0\0\0\0", Compression::None);
    detects(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], Compression::Gzip);
    detects(&[0x1f, 0x8b, 8], Compression::Gzip);
    detects(&[0x1f, 0x8b], Compression::None);
    detects(&[0x1f, 0x8b, 7, 0], Compression::None);
    // compress(1) is not gzip.
    detects(&[0x1f, 0x9d, 0x90], Compression::None);
    detects(&[0x28, 0xb5, 0x2f, 0xfd], Compression::Zstd);
    detects(&[0x28, 0xb5, 0x2f, 0xfc], Compression::None);
    // Skippable frames: 0x184D2A50 to 0x184D2A5F, little-endian.
    detects(&[0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0], Compression::Zstd);
    detects(&[0x5f, 0x2a, 0x4d, 0x18], Compression::Zstd);
    detects(&[0x60, 0x2a, 0x4d, 0x18], Compression::None);
    detects(b"BZh91AY&SY", Compression::Bzip2);
    detects(b"BZh1\x17\x72\x45\x38\x50\x90", Compression::Bzip2);
    detects(b"BZh01AY&SY", Compression::None);
    // The first member of a plain tar may be called so.
    detects(b"BZh9\0\0\0\0\0\0", Compression::None);
    detects(b"BZh91AY&S", Compression::None);
    detects(b"\xfd7zXZ\0\0\x04", Compression::Xz);
    detects(b"\xfd7zXZ", Compression::None);
}

#[test]
fn bytes_after_the_prefix_do_not_matter() {
    for magic in [&b"BZh91AY&SY"[..], b"\xfd7zXZ\0\0\x04\xe6\xd6", b"\x1f\x8b\x08\0\0\0\0\0\0\x03"] {
        let long = [magic, b"whatever"].concat();
        assert_eq!(magic.len(), Compression::PREFIX);
        assert_eq!(Compression::detect(&long), Compression::detect(magic));
        assert_ne!(Compression::detect(magic), Compression::None);
    }
}

#[test]
fn names() {
    for name in ["none", "gzip", "zstd", "bzip2", "xz"] {
        let compression: Compression = name.parse().unwrap();
        assert_eq!(compression.to_string(), name);
    }
    let error = "GZIP".parse::<Compression>().unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"no compression is called "GZIP": it is one of none, gzip, zstd, bzip2 and xz"#
    );
}
