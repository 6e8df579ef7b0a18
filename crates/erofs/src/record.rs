//! What no inode of EROFS can say: the kinds of a changeset, attributes that Linux has no place for, odd extents. It is
//! the value of a private attribute, which no kernel shows.

use ply_tree::Xattr;

use crate::fields::Fields;

const IMPLIED: u8 = 1;
const OPAQUE: u8 = 1 << 1;
const WHITEOUT: u8 = 1 << 2;
const LINK_BELOW: u8 = 1 << 3;
const LISTED: u8 = 1 << 4;
const ALL: u8 = IMPLIED | OPAQUE | WHITEOUT | LINK_BELOW | LISTED;

/// Of an inode; mostly empty, and then not written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// A directory that is only implied.
    pub(crate) implied: bool,
    /// A directory that hides what is below.
    pub(crate) opaque: bool,
    /// Of a character device: it is a whiteout.
    pub(crate) whiteout: bool,
    /// Of a symbolic link: it is a hard link to a layer below.
    pub(crate) link_below: bool,
    /// Of a file: its size; its data is a list of its extents.
    pub(crate) listed: Option<u64>,
    /// Those that a kernel would not show.
    pub(crate) xattrs: Vec<Xattr>,
}

impl Record {
    /// Whether only an index may have it.
    pub(crate) fn is_for_index(&self) -> bool {
        self.implied || self.opaque || self.whiteout || self.link_below || self.listed.is_some()
    }

    /// No bytes at all for an empty one.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        if *self == Self::default() {
            return Vec::new();
        }
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        let mut bytes = vec![
            flag(self.implied, IMPLIED)
                | flag(self.opaque, OPAQUE)
                | flag(self.whiteout, WHITEOUT)
                | flag(self.link_below, LINK_BELOW)
                | flag(self.listed.is_some(), LISTED),
        ];
        bytes.extend(self.listed.into_iter().flat_map(u64::to_le_bytes));
        for xattr in &self.xattrs {
            for part in [&xattr.name, &xattr.value] {
                // More than 4 GiB of attributes are refused by their sum.
                bytes.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
                bytes.extend_from_slice(part);
            }
        }
        bytes
    }

    /// `None` for what [`to_bytes`](Self::to_bytes) never writes.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut own = Self::default();
        if bytes.is_empty() {
            return Some(own);
        }
        let mut fields = Fields(bytes);
        let flags = fields.u8()?;
        if flags & !ALL != 0 {
            return None;
        }
        own.implied = flags & IMPLIED != 0;
        own.opaque = flags & OPAQUE != 0;
        own.whiteout = flags & WHITEOUT != 0;
        own.link_below = flags & LINK_BELOW != 0;
        if flags & LISTED != 0 {
            own.listed = Some(fields.u64()?);
        }
        while !fields.0.is_empty() {
            let mut part = || {
                let len = fields.len()?;
                fields.bytes(len).map(Box::from)
            };
            own.xattrs.push(Xattr { name: part()?, value: part()? });
        }
        (own != Self::default()).then_some(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let check = |record: Record| {
            let bytes = record.to_bytes();
            assert_eq!(Record::from_bytes(&bytes), Some(record.clone()));
            for len in 0..bytes.len() {
                assert_ne!(Record::from_bytes(&bytes[..len]), Some(record.clone()));
            }
        };
        let xattr = |name: &[u8], value: &[u8]| Xattr { name: name.into(), value: value.into() };
        check(Record { opaque: true, implied: true, ..Record::default() });
        check(Record { listed: Some(u64::MAX), ..Record::default() });
        check(Record {
            whiteout: true,
            xattrs: vec![xattr(b"", b""), xattr(b"a", b"bc")],
            ..Record::default()
        });
        assert_eq!(Record::default().to_bytes(), b"");
        assert_eq!(Record::from_bytes(&[0x20]), None);
        assert_eq!(Record::from_bytes(&[0]), None);
    }
}
