//! Pieces that are zstd frames: RFC 8878.

use std::io;

use zstd::bulk::Compressor;

use super::Pack;

/// Plain bytes in a frame.
pub(super) const PIECE: usize = 2 << 20;

pub(super) struct Packer {
    compressor: Compressor<'static>,
}

impl Packer {
    pub(super) fn new(level: i32) -> io::Result<Self> {
        let mut compressor = Compressor::new(level)?;
        compressor.include_checksum(true)?;
        Ok(Self { compressor })
    }
}

impl Pack for Packer {
    fn pack(&mut self, piece: &[u8]) -> io::Result<Vec<u8>> {
        self.compressor.compress(piece)
    }
}
