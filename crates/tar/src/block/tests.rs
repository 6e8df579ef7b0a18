use super::*;

/// The second opinion: a header as the `tar` crate makes it.
fn made(fill: impl FnOnce(&mut tar::Header)) -> [u8; BLOCK] {
    let mut header = tar::Header::new_ustar();
    header.set_size(0);
    fill(&mut header);
    header.set_cksum();
    *header.as_bytes()
}

#[test]
fn a_header_of_the_tar_crate() {
    let block = made(|header| {
        header.set_path("etc/motd").unwrap();
        header.set_mode(0o640);
        header.set_uid(1000);
        header.set_gid(100);
        header.set_size(12);
        header.set_mtime(1_700_000_000);
        header.set_username("alice").unwrap();
        header.set_groupname("staff").unwrap();
        header.set_device_major(8).unwrap();
        header.set_device_minor(1).unwrap();
    });
    let header = Header::new(&block).unwrap();
    assert_eq!(header.name(), b"etc/motd");
    assert_eq!((header.mode(), header.uid(), header.gid()), (Ok(0o640), Ok(1000), Ok(100)));
    assert_eq!((header.size(), header.mtime()), (Ok(12), Ok(1_700_000_000)));
    assert_eq!((header.user(), header.group()), (&b"alice"[..], &b"staff"[..]));
    assert_eq!(header.device(), Ok((8, 1)));
}

#[test]
fn every_byte_is_under_the_checksum() {
    let block = made(|header| header.set_path("a").unwrap());
    for position in 0..BLOCK {
        let mut flawed = block;
        flawed[position] ^= 1;
        // The last two bytes of its own field are a NUL and room after it.
        if position != 155 {
            assert!(Header::new(&flawed).is_err(), "byte {position}");
        }
    }
}

#[test]
fn errors_quote_the_field() {
    let block = made(|header| header.as_old_mut().uid = *b"12\x1b\xff567\0");
    let error = Header::new(&block).unwrap().uid().unwrap_err();
    assert_eq!(error, "its uid field, \"12\\x1b\\xff567\\x00\", is not octal");
}
