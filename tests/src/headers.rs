//! Tars byte by byte: headers that no tar writer would write.

/// Bytes of a header, and what content is filled up to.
const BLOCK: usize = 512;

/// A header in the making; its checksum is made last.
#[derive(Debug, Clone)]
pub struct Header([u8; BLOCK]);

impl Header {
    /// Where fields begin.
    pub const MODE: usize = 100;
    /// Owner.
    pub const UID: usize = 108;
    /// Group.
    pub const GID: usize = 116;
    /// Bytes that follow.
    pub const SIZE: usize = 124;
    /// Time.
    pub const MTIME: usize = 136;
    /// Checksum.
    pub const CHECKSUM: usize = 148;
    /// Kind.
    pub const TYPE: usize = 156;
    /// Target of a link.
    pub const LINK: usize = 157;
    /// Number of a device, its first half.
    pub const MAJOR: usize = 329;
    /// Its second half.
    pub const MINOR: usize = 337;

    /// One of POSIX 1988.
    pub fn ustar(name: &[u8], kind: u8, size: u64) -> Self {
        Self::plain(name, kind, size).set(257, b"ustar\x0000")
    }

    /// One of GNU tar.
    pub fn gnu(name: &[u8], kind: u8, size: u64) -> Self {
        Self::plain(name, kind, size).set(257, b"ustar  \0")
    }

    fn plain(name: &[u8], kind: u8, size: u64) -> Self {
        let mode: &[u8] = if kind == b'5' { b"0000755\0" } else { b"0000644\0" };
        Self([0; BLOCK])
            .set(0, name)
            .set(Self::MODE, mode)
            .set(Self::UID, b"0000000\0")
            .set(Self::GID, b"0000000\0")
            .set(Self::SIZE, format!("{size:011o}\0").as_bytes())
            .set(Self::MTIME, b"14631467100\0")
            .set(Self::TYPE, &[kind])
    }

    /// With other bytes in a place.
    #[must_use]
    pub fn set(mut self, at: usize, bytes: &[u8]) -> Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// With a target.
    #[must_use]
    pub fn to(self, target: &[u8]) -> Self {
        self.set(Self::LINK, target)
    }

    /// With its checksum: the sum of all bytes, its own field taken as spaces.
    pub fn done(self) -> Vec<u8> {
        let header = self.set(Self::CHECKSUM, b"        ");
        let sum: u64 = header.0.iter().map(|byte| u64::from(*byte)).sum();
        header.set(Self::CHECKSUM, format!("{sum:06o}\0 ").as_bytes()).0.to_vec()
    }

    /// As it is, with whatever checksum was set.
    pub fn raw(self) -> Vec<u8> {
        self.0.to_vec()
    }

    /// With its checksum, and content after it.
    pub fn with(self, content: &[u8]) -> Vec<u8> {
        let mut bytes = self.done();
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        bytes
    }
}

/// A record of an extended header, which says its own length.
pub fn record(keyword: &str, value: impl AsRef<[u8]>) -> Vec<u8> {
    let rest = [b" ", keyword.as_bytes(), b"=", value.as_ref(), b"\n"].concat();
    let length = (rest.len()..).find(|length| length.to_string().len() + rest.len() == *length).unwrap();
    [length.to_string().as_bytes(), &rest].concat()
}

/// An extended header of these records.
pub fn pax(records: &[(&str, &[u8])]) -> Vec<u8> {
    pax_of(&records.iter().flat_map(|(keyword, value)| record(keyword, value)).collect::<Vec<_>>())
}

/// An extended header of these bytes.
pub fn pax_of(body: &[u8]) -> Vec<u8> {
    Header::ustar(b"PaxHeaders/x", b'x', body.len() as u64).with(body)
}

/// GNU's header for a name that is too long (`L`), or a target (`K`).
pub fn long(kind: u8, name: &[u8]) -> Vec<u8> {
    let name = [name, b"\0"].concat();
    Header::gnu(b"././@LongLink", kind, name.len() as u64).with(&name)
}

/// A file.
pub fn member(name: &[u8], content: &[u8]) -> Vec<u8> {
    Header::ustar(name, b'0', content.len() as u64).with(content)
}

/// A number of more than a field's octal digits, as GNU tar writes it, for a field of `len` bytes.
pub fn binary(number: u128, len: usize) -> Vec<u8> {
    let mut bytes = number.to_be_bytes()[16 - len..].to_vec();
    bytes[0] |= 0x80;
    bytes
}

/// The parts, and the mark of the end.
pub fn whole(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), vec![0; 2 * BLOCK]].concat()
}
