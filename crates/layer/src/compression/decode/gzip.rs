//! gzip members, one after the other: RFC 1952.

mod header;

use std::mem;

use flate2::{Crc, Decompress, FlushDecompress, Status};

use self::header::Header;
use super::bzip2::moved;
use super::{Codec, Fault, Step};

pub(super) struct Members {
    inflate: Decompress,
    /// Of the plain bytes of this member.
    crc: Crc,
    place: Place,
}

enum Place {
    /// Before the first member: an empty input is no gzip.
    Start,
    Header(Header),
    Body,
    /// CRC32 and ISIZE, as far as they have come.
    Trailer {
        bytes: [u8; 8],
        len: usize,
    },
    /// After a whole member: the input may end here.
    Between,
    /// Zero bytes after the last member.
    Padding,
}

impl Members {
    pub(super) fn new() -> Self {
        Self { inflate: Decompress::new(false), crc: Crc::new(), place: Place::Start }
    }

    fn body(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Fault> {
        let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self
            .inflate
            .decompress(input, output, FlushDecompress::None)
            .map_err(|error| Fault::Corrupt(error.message().unwrap_or("invalid deflate data").to_owned()))?;
        let read = moved(before_in, self.inflate.total_in());
        let written = moved(before_out, self.inflate.total_out());
        self.crc.update(output.get(..written).unwrap_or_default());
        match status {
            Status::StreamEnd => self.place = Place::Trailer { bytes: [0; 8], len: 0 },
            Status::Ok | Status::BufError => {}
        }
        Ok(Step { read, written })
    }

    /// RFC 1952, section 2.3.1: both little-endian, ISIZE modulo 2^32.
    fn check(&self, trailer: [u8; 8]) -> Result<(), Fault> {
        let [a, b, c, d, e, f, g, h] = trailer;
        if u32::from_le_bytes([a, b, c, d]) != self.crc.sum() {
            return Err(Fault::Corrupt("the checksum of a member does not match its content".to_owned()));
        }
        if u64::from(u32::from_le_bytes([e, f, g, h])) != self.inflate.total_out() & u64::from(u32::MAX) {
            return Err(Fault::Corrupt("the length of a member does not match its content".to_owned()));
        }
        Ok(())
    }

    /// Everything but deflate data: returns how many bytes were used up.
    fn frame(&mut self, input: &[u8]) -> Result<usize, Fault> {
        match &mut self.place {
            Place::Start => {
                self.place = Place::Header(Header::new());
                Ok(0)
            }
            Place::Header(header) => {
                let (read, done) = header.feed(input)?;
                if done {
                    self.inflate.reset(false);
                    self.crc.reset();
                    self.place = Place::Body;
                }
                Ok(read)
            }
            Place::Trailer { bytes, len } => {
                let room = bytes.get_mut(*len..).unwrap_or_default();
                let read = room.len().min(input.len());
                for (to, from) in room.iter_mut().zip(input) {
                    *to = *from;
                }
                *len = (*len).saturating_add(read);
                if *len == bytes.len() {
                    let trailer = *bytes;
                    self.check(trailer)?;
                    self.place = Place::Between;
                }
                Ok(read)
            }
            Place::Between => {
                self.place = match input.first() {
                    Some(0) => Place::Padding,
                    Some(0x1f) => Place::Header(Header::new()),
                    _ => {
                        return Err(Fault::Corrupt(
                            "the last member is followed by something else".to_owned(),
                        ));
                    }
                };
                Ok(0)
            }
            Place::Padding => match input.iter().all(|byte| *byte == 0) {
                true => Ok(input.len()),
                false => Err(Fault::Corrupt("the padding after the last member is not all zero".to_owned())),
            },
            Place::Body => Ok(0),
        }
    }
}

impl Codec for Members {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Fault> {
        loop {
            let before = mem::discriminant(&self.place);
            let step = match self.place {
                Place::Body => self.body(input, output)?,
                _ => Step { read: self.frame(input)?, written: 0 },
            };
            // The end of a body may need no more input than was there before: then the trailer is next.
            if step != Step::default() || mem::discriminant(&self.place) == before {
                return Ok(step);
            }
        }
    }

    fn end(&mut self, output: &mut [u8]) -> Result<usize, Fault> {
        match self.place {
            Place::Between | Place::Padding => Ok(0),
            Place::Start | Place::Header(_) | Place::Trailer { .. } => Err(Fault::Truncated),
            Place::Body => match self.body(&[], output)?.written {
                0 => Err(Fault::Truncated),
                written => Ok(written),
            },
        }
    }
}

#[cfg(test)]
mod tests;
