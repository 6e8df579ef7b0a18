//! Extended attributes behind an inode: `struct erofs_xattr_ibody_header` and entries (`fs/erofs/erofs_fs.h`). What a kernel
//! would not show goes into the [`Record`].

use ply_tree::Xattr;

use crate::fields::{Fields, pad};
use crate::inode::Type;
use crate::record::Record;

/// Bytes before the first entry.
const HEAD: usize = 12;

/// Name spaces that EROFS has numbers for, and those numbers (`EROFS_XATTR_INDEX_*`). The access control lists are names.
const SPACES: [(u8, &[u8]); 5] = [
    (USER, b"user."),
    (ACCESS, b"system.posix_acl_access"),
    (DEFAULT, b"system.posix_acl_default"),
    (4, b"trusted."),
    (6, b"security."),
];
const USER: u8 = 1;
const ACCESS: u8 = 2;
const DEFAULT: u8 = 3;

/// The most a name has on Linux (`XATTR_NAME_MAX`).
const LONGEST_NAME: usize = 255;

/// The number of no name space: no kernel lists what is in it.
const PRIVATE: u8 = 0;
/// Name of the pieces of a record, but for the digit at its end.
const RECORD: &[u8] = b"ply.";
/// Bytes of a piece, which are the most that a value may have.
const PIECE: usize = u16::MAX as usize;

/// A name as an entry has it, if a kernel can show the attribute of such a file.
fn split(xattr: &Xattr, kind: Type) -> Option<(u8, &[u8])> {
    let name = &*xattr.name;
    if name.len() > LONGEST_NAME || name.contains(&0) || xattr.value.len() > PIECE {
        return None;
    }
    let (index, rest) =
        SPACES.iter().find_map(|(index, space)| Some((*index, name.strip_prefix(*space)?)))?;
    let is_list = matches!(index, ACCESS | DEFAULT);
    // It would list the others, and then say that there are none (`xattr_permission`, `vfs_get_acl`).
    let is_shown = match index {
        USER => matches!(kind, Type::File | Type::Directory),
        ACCESS => kind != Type::Symlink,
        DEFAULT => kind == Type::Directory,
        _ => true,
    };
    (is_shown && rest.is_empty() == is_list).then_some((index, rest))
}

/// What stands behind an inode, and `i_xattr_icount`. Nothing where there are no attributes and no record.
pub(crate) fn encode(xattrs: &[Xattr], kind: Type, mut record: Record) -> Result<(Vec<u8>, u16), String> {
    if !xattrs.is_sorted_by(|a, b| a.name < b.name) {
        return Err("its extended attributes are not sorted, or have a name twice".to_owned());
    }
    let mut area = vec![0; HEAD];
    for xattr in xattrs {
        match split(xattr, kind) {
            Some((index, rest)) => entry(&mut area, index, rest, &xattr.value),
            None => record.xattrs.push(xattr.clone()),
        }
    }
    for (digit, piece) in (b'0'..).zip(record.to_bytes().chunks(PIECE)) {
        entry(&mut area, PRIVATE, &[RECORD, &[digit]].concat(), piece);
    }
    if area.len() == HEAD {
        return Ok((Vec::new(), 0));
    }
    match u16::try_from((area.len().saturating_sub(HEAD) / 4).saturating_add(1)) {
        Ok(words) => Ok((area, words)),
        Err(_) => Err(format!("its extended attributes take {} bytes, over 262,148", area.len())),
    }
}

/// Bytes of the attributes of an inode with this `i_xattr_icount` (`erofs_xattr_ibody_size`).
pub(crate) fn area_len(words: u16) -> usize {
    match words {
        0 => 0,
        words => HEAD.saturating_add(usize::from(words).saturating_sub(1).saturating_mul(4)),
    }
}

fn entry(area: &mut Vec<u8>, index: u8, name: &[u8], value: &[u8]) {
    // Both were measured.
    let name_len = u8::try_from(name.len()).unwrap_or_default();
    let value_len = u16::try_from(value.len()).unwrap_or_default();
    area.extend([name_len, index]);
    area.extend(value_len.to_le_bytes());
    area.extend(name);
    area.extend(value);
    pad(area, 4);
}

/// The attributes of an inode, sorted, and its record; `None` for what [`encode`] never writes.
pub(crate) fn decode(area: &[u8]) -> Option<(Vec<Xattr>, Record)> {
    let (mut xattrs, mut record) = (Vec::new(), Vec::new());
    let mut pieces = b'0'..;
    let mut fields = Fields(area);
    if !area.is_empty() && fields.array::<HEAD>()? != [0; HEAD] {
        return None;
    }
    while !fields.0.is_empty() {
        let (name_len, index, value_len) = (fields.u8()?, fields.u8()?, fields.u16()?);
        let name = fields.bytes(usize::from(name_len))?;
        let value = fields.bytes(usize::from(value_len))?;
        fields.bytes(usize::from(name_len).saturating_add(usize::from(value_len)).wrapping_neg() % 4)?;
        if index == PRIVATE {
            let (digit, before) = name.split_last()?;
            if before != RECORD || pieces.next() != Some(*digit) {
                return None;
            }
            record.extend_from_slice(value);
            continue;
        }
        let (_, space) = SPACES.iter().find(|(own, _)| *own == index)?;
        xattrs.push(Xattr { name: [*space, name].concat().into(), value: value.into() });
    }
    let record = Record::from_bytes(&record)?;
    xattrs.extend(record.xattrs.iter().cloned());
    xattrs.sort_unstable();
    xattrs.is_sorted_by(|a, b| a.name < b.name).then_some((xattrs, record))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xattr(name: &str, value: &[u8]) -> Xattr {
        Xattr { name: name.as_bytes().into(), value: value.into() }
    }

    #[test]
    fn what_linux_has_a_name_space_for_is_an_entry_of_its_own() {
        let long = "x".repeat(300);
        let check = |name: &str, kind: Type, expect: Option<(u8, &str)>| {
            let expect = expect.map(|(index, rest)| (index, rest.as_bytes()));
            assert_eq!(split(&xattr(name, b""), kind), expect, "{name} {kind:?}");
        };
        check("user.a", Type::File, Some((1, "a")));
        check("user.a", Type::Directory, Some((1, "a")));
        check("user.a", Type::Symlink, None);
        check("user.a", Type::Fifo, None);
        check("system.posix_acl_access", Type::File, Some((2, "")));
        check("system.posix_acl_access", Type::Symlink, None);
        check("system.posix_acl_default", Type::Directory, Some((3, "")));
        check("system.posix_acl_default", Type::File, None);
        check("trusted.overlay.opaque", Type::Symlink, Some((4, "overlay.opaque")));
        check("security.capability", Type::CharDevice, Some((6, "capability")));
        check("user.", Type::File, None);
        check("user.a\0b", Type::File, None);
        check("system.posix_acl_access.more", Type::File, None);
        check("system.other", Type::File, None);
        check("com.apple.quarantine", Type::File, None);
        check("", Type::File, None);
        check(&format!("user.{long}"), Type::File, None);
    }

    #[test]
    fn an_area_is_read_as_it_was_written() {
        let big = vec![7; 150_000];
        let check = |xattrs: &[Xattr]| {
            let record = Record { opaque: true, ..Record::default() };
            let (area, words) = encode(xattrs, Type::File, record).unwrap();
            assert_eq!(area.len(), HEAD + 4 * (usize::from(words) - 1));
            let (read, record) = decode(&area).unwrap();
            assert_eq!(read, xattrs);
            assert!(record.opaque);
            for len in 1..area.len().min(200) {
                assert_ne!(decode(&area[..len]), Some((read.clone(), record.clone())), "{len}");
            }
        };
        check(&[]);
        check(&[xattr("com.apple.x", b"1"), xattr("user.a", b"2"), xattr("user.b", b"")]);
        check(&[xattr("trusted.big", &big)]);
        assert_eq!(encode(&[], Type::File, Record::default()), Ok((Vec::new(), 0)));
        assert!(encode(&[xattr("b", b""), xattr("a", b"")], Type::File, Record::default()).is_err());
        assert!(encode(&[xattr("big", &[0; 300_000])], Type::File, Record::default()).is_err());
    }
}
