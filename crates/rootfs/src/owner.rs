//! Owners that an ordinary user cannot set, recorded as umoci does: the extended attribute `user.rootlesscontainers`
//! holds `message Resource { uint32 uid = 1; uint32 gid = 2; }` of
//! <https://github.com/rootless-containers/proto>. No attribute means 0:0.

/// The attribute.
pub(crate) const ATTRIBUTE: &[u8] = b"user.rootlesscontainers";

/// How the owners of a tree stand on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Owners {
    /// As root [`Real`](Self::Real), else [`Recorded`](Self::Recorded).
    #[default]
    Auto,
    /// As owners.
    Real,
    /// As `user.rootlesscontainers` of files that all belong to one user; without it, a file is root's.
    Recorded,
}

impl Owners {
    /// Whether they are recorded, now that it is known who asks.
    pub(crate) fn recorded(self) -> bool {
        match self {
            Self::Auto => !rustix::process::geteuid().is_root(),
            Self::Real => false,
            Self::Recorded => true,
        }
    }
}

/// The message for an owner, each field left out where it is zero.
pub(crate) fn encode(uid: u32, gid: u32) -> Vec<u8> {
    let mut message = Vec::new();
    for (tag, mut value) in [(0x08, uid), (0x10, gid)] {
        if value == 0 {
            continue;
        }
        message.push(tag);
        while value >= 0x80 {
            message.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        message.push(value.to_le_bytes()[0]);
    }
    message
}

/// The owner in a message: a number that is absent, or means "as it is" (2^32 - 1), is 0. `None` where it is no such
/// message.
pub(crate) fn decode(mut message: &[u8]) -> Option<(u32, u32)> {
    const AS_IT_IS: u32 = u32::MAX;
    let (mut uid, mut gid) = (0, 0);
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        // Fields of other numbers may be added to the format; of the kinds there are, only numbers are known here.
        let value = u32::try_from(varint(&mut message)?).ok()?;
        match tag {
            0x08 => uid = value,
            0x10 => gid = value,
            _ if tag & 7 == 0 => {}
            _ => return None,
        }
    }
    let plain = |id: u32| if id == AS_IT_IS { 0 } else { id };
    Some((plain(uid), plain(gid)))
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f).checked_shl(shift)?;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_come_back() {
        let check = |uid, gid, bytes: &[u8]| {
            assert_eq!(encode(uid, gid), bytes, "{uid}:{gid}");
            assert_eq!(decode(bytes), Some((uid, gid)), "{uid}:{gid}");
        };
        // `echo 'uid: 1000 gid: 300' | protoc --encode=rootlesscontainers.Resource rootlesscontainers.proto | xxd`
        check(1000, 300, b"\x08\xe8\x07\x10\xac\x02");
        check(0, 42, b"\x10\x2a");
        check(1, 0, b"\x08\x01");
        check(0, 0, b"");
        check(127, 128, b"\x08\x7f\x10\x80\x01");
        check(4_294_967_294, 0, b"\x08\xfe\xff\xff\xff\x0f");
    }

    #[test]
    fn what_is_no_owner() {
        let check = |bytes: &[u8], expect| assert_eq!(decode(bytes), expect, "{bytes:?}");
        check(b"\x08\xff\xff\xff\xff\x0f\x10\x05", Some((0, 5)));
        check(b"\x18\x07\x08\x05", Some((5, 0)));
        check(b"\x08", None);
        check(b"\x08\x80", None);
        check(b"\x08\xff\xff\xff\xff\xff\x0f", None);
        check(b"\x0a\x01x", None);
        check(&[0x80; 12], None);
    }
}
