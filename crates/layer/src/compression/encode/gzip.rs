//! Pieces that are gzip members: RFC 1952.
//!
//! A file of several members is one gzip file (section 2.2), and every tool that reads images takes it as one. Whole members
//! can be made by a compressor that sees all of a piece at once: libdeflate takes half the time of zlib for the same size.

use std::io;

use libdeflater::{CompressionLvl, Compressor};

use super::Pack;

/// Plain bytes in a member. Without what came before, smaller ones get larger: 128 KiB cost 0.5 %.
pub(super) const PIECE: usize = 512 << 10;

pub(super) struct Packer {
    compressor: Compressor,
}

impl Packer {
    pub(super) fn new(level: u32) -> io::Result<Self> {
        let none = || io::Error::new(io::ErrorKind::InvalidInput, format!("gzip has no level {level}"));
        let level =
            i32::try_from(level).ok().and_then(|level| CompressionLvl::new(level).ok()).ok_or_else(none)?;
        Ok(Self { compressor: Compressor::new(level) })
    }
}

impl Pack for Packer {
    fn pack(&mut self, piece: &[u8]) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.compressor.gzip_compress_bound(piece.len())];
        let n = self.compressor.gzip_compress(piece, &mut bytes).map_err(io::Error::other)?;
        bytes.truncate(n);
        Ok(bytes)
    }
}
