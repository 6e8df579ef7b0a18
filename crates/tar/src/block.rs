//! A header block: 512 bytes, and what stands where in them.
//!
//! POSIX pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".

use crate::Kind;
use crate::number;

/// Bytes of a header, and the unit to which data is padded.
pub const BLOCK: usize = 512;

/// A field: its first byte and its length.
type Field = (usize, usize);

const NAME: Field = (0, 100);
const MODE: Field = (100, 8);
const UID: Field = (108, 8);
const GID: Field = (116, 8);
const SIZE: Field = (124, 12);
const MTIME: Field = (136, 12);
const CHECKSUM: Field = (148, 8);
const TYPEFLAG: usize = 156;
const LINK: Field = (157, 100);
const USER: Field = (265, 32);
const GROUP: Field = (297, 32);
const MAJOR: Field = (329, 8);
const MINOR: Field = (337, 8);
const PREFIX: Field = (345, 155);
const STAR_PREFIX: Field = (345, 131);
const GNU_ATIME: Field = (345, 12);
const GNU_CTIME: Field = (357, 12);
const GNU_REAL_SIZE: Field = (483, 12);

/// Which family of tars wrote a header; tells what the bytes after the link name mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    V7,
    Ustar,
    Star,
    Gnu,
}

/// A header block whose checksum is right.
#[derive(Clone, Copy)]
pub(crate) struct Header<'a>(&'a [u8; BLOCK]);

impl<'a> Header<'a> {
    /// `Err` if the checksum is wrong. Some old tars summed signed bytes; both are right.
    #[expect(clippy::arithmetic_side_effects, reason = "sums of 512 bytes and of as many bits, in 64")]
    pub(crate) fn new(block: &'a [u8; BLOCK]) -> number::Result<Self> {
        let header = Self(block);
        let given = number::octal(header.bytes(CHECKSUM)).map_err(|_| "its checksum is not a number")?;
        let sum = |part: &[u8]| i64::from(part.iter().map(|byte| u32::from(*byte)).sum::<u32>());
        // The checksum is taken with its own field full of spaces.
        let unsigned = sum(block) - sum(header.bytes(CHECKSUM)) + 8 * i64::from(b' ');
        if given == unsigned {
            return Ok(header);
        }
        let high = |part: &[u8]| part.iter().map(|byte| i64::from(byte >> 7)).sum::<i64>();
        let off = high(block) - high(header.bytes(CHECKSUM));
        if given == unsigned - 256 * off {
            return Ok(header);
        }
        Err("its checksum is wrong: this is no tar header, or it is damaged")
    }

    fn bytes(self, (start, len): Field) -> &'a [u8] {
        self.0.get(start..).and_then(|rest| rest.get(..len)).unwrap_or_default()
    }

    /// A text field: up to its first NUL.
    fn text(self, field: Field) -> &'a [u8] {
        self.bytes(field).split(|byte| *byte == 0).next().unwrap_or_default()
    }

    fn format(self) -> Format {
        match &self.0[257..265] {
            b"ustar  \0" => Format::Gnu,
            // Any version: some writers leave NULs there.
            [b'u', b's', b't', b'a', b'r', 0, ..] if &self.0[508..] == b"tar\0" => Format::Star,
            [b'u', b's', b't', b'a', b'r', 0, ..] => Format::Ustar,
            _ => Format::V7,
        }
    }

    pub(crate) fn is_gnu(self) -> bool {
        self.format() == Format::Gnu
    }

    pub(crate) fn typeflag(self) -> u8 {
        self.0[TYPEFLAG]
    }

    /// The kind the letter alone tells.
    pub(crate) fn kind(self) -> Kind {
        match self.typeflag() {
            b'1' => Kind::HardLink,
            b'2' => Kind::Symlink,
            b'3' => Kind::CharDevice,
            b'4' => Kind::BlockDevice,
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            _ => Kind::File,
        }
    }

    /// The name, with the prefix if there is one.
    pub(crate) fn name(self) -> Vec<u8> {
        let prefix = match self.format() {
            Format::V7 => &[],
            Format::Ustar => self.text(PREFIX),
            Format::Star => self.text(STAR_PREFIX),
            Format::Gnu => self.mistaken_prefix(),
        };
        if prefix.is_empty() {
            return self.text(NAME).to_vec();
        }
        [prefix, self.text(NAME)].join(&b'/')
    }

    /// GNU headers have times where ustar has the prefix. Go before 1.8, and so Docker before 17.04, wrote a prefix there
    /// all the same; Go tells the two apart like this since.
    fn mistaken_prefix(self) -> &'a [u8] {
        let times = [GNU_ATIME, GNU_CTIME].map(|field| self.bytes(field));
        let are_times = times.iter().all(|time| time.first() == Some(&0) || number::field(time).is_ok());
        let prefix = self.text(PREFIX);
        if are_times || !prefix.is_ascii() { &[] } else { prefix }
    }

    pub(crate) fn link(self) -> &'a [u8] {
        self.text(LINK)
    }

    pub(crate) fn user(self) -> &'a [u8] {
        if self.format() == Format::V7 { &[] } else { self.text(USER) }
    }

    pub(crate) fn group(self) -> &'a [u8] {
        if self.format() == Format::V7 { &[] } else { self.text(GROUP) }
    }

    pub(crate) fn mode(self) -> Result<u32, String> {
        let mode = number::unsigned_field(self.bytes(MODE)).map_err(|why| self.bad("mode", MODE, why))?;
        u32::try_from(mode).map_err(|_| self.bad("mode", MODE, "does not fit in 32 bits"))
    }

    pub(crate) fn uid(self) -> Result<u64, String> {
        number::unsigned_field(self.bytes(UID)).map_err(|why| self.bad("uid", UID, why))
    }

    pub(crate) fn gid(self) -> Result<u64, String> {
        number::unsigned_field(self.bytes(GID)).map_err(|why| self.bad("gid", GID, why))
    }

    pub(crate) fn size(self) -> Result<u64, String> {
        number::unsigned_field(self.bytes(SIZE)).map_err(|why| self.bad("size", SIZE, why))
    }

    pub(crate) fn mtime(self) -> Result<i64, String> {
        number::field(self.bytes(MTIME)).map_err(|why| self.bad("mtime", MTIME, why))
    }

    pub(crate) fn real_size(self) -> Result<u64, String> {
        let field = GNU_REAL_SIZE;
        number::unsigned_field(self.bytes(field)).map_err(|why| self.bad("real size", field, why))
    }

    /// Major and minor number; the first tars had none.
    pub(crate) fn device(self) -> Result<(u32, u32), String> {
        if self.format() == Format::V7 {
            return Ok((0, 0));
        }
        Ok((self.device_part("device major", MAJOR)?, self.device_part("device minor", MINOR)?))
    }

    fn device_part(self, what: &str, field: Field) -> Result<u32, String> {
        let number = number::unsigned_field(self.bytes(field)).map_err(|why| self.bad(what, field, why))?;
        u32::try_from(number).map_err(|_| self.bad(what, field, "does not fit in 32 bits"))
    }

    fn bad(self, what: &str, field: Field, why: &str) -> String {
        format!("its {what} field, \"{}\", {why}", self.bytes(field).escape_ascii())
    }
}

/// Bytes that fill `size` up to whole blocks, 511 at most.
///
/// ```
/// assert_eq!([0, 1, 511, 512, 513].map(ply_tar::padding), [0, 511, 1, 0, 511]);
/// ```
#[must_use]
pub const fn padding(size: u64) -> u64 {
    // BLOCK is a power of two.
    const MASK: u64 = BLOCK as u64 - 1;
    size.wrapping_neg() & MASK
}

#[cfg(test)]
mod tests;
