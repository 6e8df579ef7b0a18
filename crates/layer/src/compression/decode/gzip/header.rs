//! The header of a gzip member, byte by byte: fields of any size, none of them kept.

use flate2::Crc;

use super::super::Fault;

const FHCRC: u8 = 1 << 1;
const FEXTRA: u8 = 1 << 2;
const FNAME: u8 = 1 << 3;
const FCOMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// RFC 1952, section 2.3.
pub(super) struct Header {
    flags: u8,
    /// Of all bytes of the header so far, for FHCRC.
    crc: Crc,
    part: Part,
}

enum Part {
    /// ID1, ID2, CM, FLG, then MTIME, XFL and OS, which nobody needs: the offset of the next byte.
    Fixed(u8),
    ExtraLength {
        low: Option<u8>,
    },
    Extra {
        left: u16,
    },
    Name,
    Comment,
    Check {
        low: Option<u8>,
    },
    Done,
}

impl Header {
    pub(super) fn new() -> Self {
        Self { flags: 0, crc: Crc::new(), part: Part::Fixed(0) }
    }

    /// Returns how many bytes belong to the header, and whether it is whole.
    pub(super) fn feed(&mut self, input: &[u8]) -> Result<(usize, bool), Fault> {
        let mut read = 0;
        while let Some(rest) = input.get(read..).filter(|rest| !rest.is_empty()) {
            if matches!(self.part, Part::Done) {
                break;
            }
            let counted = !matches!(self.part, Part::Check { .. });
            let n = self.take(rest)?;
            if counted {
                self.crc.update(rest.get(..n).unwrap_or_default());
            }
            read = read.saturating_add(n);
        }
        Ok((read, matches!(self.part, Part::Done)))
    }

    fn take(&mut self, input: &[u8]) -> Result<usize, Fault> {
        let Some(&byte) = input.first() else { return Ok(0) };
        match &mut self.part {
            Part::Fixed(offset) => {
                fixed(*offset, byte)?;
                if *offset == 3 {
                    self.flags = byte;
                }
                self.part =
                    if *offset == 9 { self.after_fixed() } else { Part::Fixed((*offset).saturating_add(1)) };
                Ok(1)
            }
            Part::ExtraLength { low: None } => {
                self.part = Part::ExtraLength { low: Some(byte) };
                Ok(1)
            }
            Part::ExtraLength { low: Some(low) } => {
                let left = u16::from_le_bytes([*low, byte]);
                self.part = if left == 0 { self.after_extra() } else { Part::Extra { left } };
                Ok(1)
            }
            Part::Extra { left } => {
                let n = input.len().min(usize::from(*left));
                *left = (*left).saturating_sub(u16::try_from(n).unwrap_or(*left));
                if *left == 0 {
                    self.part = self.after_extra();
                }
                Ok(n)
            }
            Part::Name => Ok(match terminator(input) {
                Some(n) => {
                    self.part = self.after_name();
                    n
                }
                None => input.len(),
            }),
            Part::Comment => Ok(match terminator(input) {
                Some(n) => {
                    self.part = self.after_comment();
                    n
                }
                None => input.len(),
            }),
            Part::Check { low: None } => {
                self.part = Part::Check { low: Some(byte) };
                Ok(1)
            }
            Part::Check { low: Some(low) } => {
                // CRC16: the two low bytes of the CRC32 of the header.
                if u32::from(u16::from_le_bytes([*low, byte])) != self.crc.sum() & 0xffff {
                    return Err(Fault::Corrupt("the checksum of a header does not match".to_owned()));
                }
                self.part = Part::Done;
                Ok(1)
            }
            Part::Done => Ok(0),
        }
    }

    fn after_fixed(&self) -> Part {
        if self.flags & FEXTRA != 0 { Part::ExtraLength { low: None } } else { self.after_extra() }
    }

    fn after_extra(&self) -> Part {
        if self.flags & FNAME != 0 { Part::Name } else { self.after_name() }
    }

    fn after_name(&self) -> Part {
        if self.flags & FCOMMENT != 0 { Part::Comment } else { self.after_comment() }
    }

    fn after_comment(&self) -> Part {
        if self.flags & FHCRC != 0 { Part::Check { low: None } } else { Part::Done }
    }
}

fn fixed(offset: u8, byte: u8) -> Result<(), Fault> {
    let wrong = match (offset, byte) {
        (0, 0x1f) | (1, 0x8b) | (2, 8) => None,
        (0 | 1, _) => Some("no gzip member begins here"),
        (2, _) => Some("a member's method is not deflate"),
        (3, flags) if flags & RESERVED != 0 => Some("a member's reserved flags are set"),
        _ => None,
    };
    wrong.map_or(Ok(()), |what| Err(Fault::Corrupt(what.to_owned())))
}

/// Length of a zero-terminated string, its terminator included, if that is in sight.
fn terminator(input: &[u8]) -> Option<usize> {
    input.iter().position(|byte| *byte == 0).map(|at| at.saturating_add(1))
}
