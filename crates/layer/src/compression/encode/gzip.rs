//! Pieces of one gzip member: RFC 1951 and RFC 1952.

use std::io;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

use super::{Pack, Packed, Piece};

/// Plain bytes in a piece.
pub(super) const PIECE: usize = 128 << 10;
/// How far back deflate can refer: RFC 1951, section 2.
pub(super) const DICTIONARY: usize = 32 << 10;

/// No flags, no time, OS unknown: RFC 1952, section 2.3.1. XFL says what the compressor tried.
pub(super) fn head(level: u32) -> [u8; 10] {
    let effort = match level {
        9 => 2,
        1 => 4,
        _ => 0,
    };
    [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, effort, 255]
}

/// CRC32, then the length modulo 2^32.
pub(super) fn tail(crc: &Crc, length: u64) -> [u8; 8] {
    let [a, b, c, d] = crc.sum().to_le_bytes();
    let [e, f, g, h, ..] = length.to_le_bytes();
    [a, b, c, d, e, f, g, h]
}

pub(super) struct Packer {
    pub(super) level: u32,
}

impl Pack for Packer {
    fn pack(&mut self, piece: &Piece) -> io::Result<Packed> {
        // A compressor used before is no good: what lay in its window shows in its output (zlib-rs issue 459, which is
        // closed but holds for dictionaries in 0.6.8), and so which thread had which piece before would.
        let mut deflate = Compress::new(Compression::new(self.level), false);
        if !piece.before.is_empty() {
            deflate.set_dictionary(&piece.before)?;
        }
        // A sync flush ends the piece on a byte with an empty stored block, so that pieces can be joined.
        let flush = if piece.last { FlushCompress::Finish } else { FlushCompress::Sync };
        let mut bytes = Vec::with_capacity(PIECE / 2);
        let mut done = 0;
        loop {
            let rest = piece.plain.get(done..).unwrap_or_default();
            let before = deflate.total_in();
            let status = deflate.compress_vec(rest, &mut bytes, flush)?;
            done += usize::try_from(deflate.total_in() - before).unwrap_or(usize::MAX);
            // Room left over says that all is out.
            let complete =
                if piece.last { status == Status::StreamEnd } else { bytes.len() < bytes.capacity() };
            if complete {
                break;
            }
            bytes.reserve(PIECE / 2);
        }
        let mut crc = Crc::new();
        crc.update(&piece.plain);
        Ok(Packed { bytes, crc })
    }
}
