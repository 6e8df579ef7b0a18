//! Sums of a layer's plain tar, block by block. They are taken when all of it is hashed; afterwards only the blocks that are
//! read need to be compared with them.

use std::io;
use std::os::unix::fs::FileExt;

use ply_digest::Digest;
use ply_image::{DiffId, Region};

/// Bytes of a block: four of sum for each, and a small file costs no more than two to read.
const BLOCK: usize = 16 << 10;
/// The same, for places in a tar.
const STEP: u64 = 16 << 10;
/// What the file of sums begins with, its version last. Then come the DiffID, the length of the tar (u64) and the sums (u32), all
/// little-endian; and at the end the sum of all before.
const MAGIC: &[u8; 8] = b"plysums\x01";

/// The CRC-32C of each block of a plain tar.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sums {
    len: u64,
    sums: Vec<u32>,
}

/// Sums in the making.
#[derive(Debug, Default)]
pub(super) struct Summing {
    len: u64,
    sums: Vec<u32>,
    last: u32,
}

impl Summing {
    /// The next bytes.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = BLOCK.saturating_sub(within(self.len));
            let (now, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            self.last = crc32c::crc32c_append(self.last, now);
            self.len = self.len.saturating_add(now.len() as u64);
            if within(self.len) == 0 {
                self.sums.push(std::mem::take(&mut self.last));
            }
            bytes = rest;
        }
    }

    pub(super) fn finish(mut self) -> Sums {
        if within(self.len) != 0 {
            self.sums.push(self.last);
        }
        Sums { len: self.len, sums: self.sums }
    }
}

impl Sums {
    pub(super) fn to_bytes(&self, of: &DiffId) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(of.0.as_bytes());
        bytes.extend_from_slice(&self.len.to_le_bytes());
        bytes.extend(self.sums.iter().flat_map(|sum| sum.to_le_bytes()));
        let sum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Those of a layer, if all of the bytes are as they were written.
    pub(super) fn parse(bytes: &[u8], of: &DiffId) -> Option<Self> {
        let (body, sum) = bytes.split_last_chunk::<4>()?;
        let (magic, rest) = body.split_first_chunk::<8>()?;
        let (digest, rest) = rest.split_first_chunk::<32>()?;
        let (len, sums) = rest.split_first_chunk::<8>()?;
        let len = u64::from_le_bytes(*len);
        let is_whole = magic == MAGIC && crc32c::crc32c(body) == u32::from_le_bytes(*sum);
        let is_of = Digest::from_bytes(*digest) == of.0
            && sums.len().is_multiple_of(4)
            && (sums.len() as u64).div_ceil(4) == len.div_ceil(STEP);
        let sums = sums.chunks_exact(4).filter_map(|sum| Some(u32::from_le_bytes(sum.try_into().ok()?)));
        (is_whole && is_of).then(|| Self { len, sums: sums.collect() })
    }

    /// Reads from a place on until a buffer is full or the tar ends. `None` where the bytes are not those that were summed.
    pub(super) fn read_at(
        &self,
        plain: &Region,
        buffer: &mut [u8],
        offset: u64,
    ) -> io::Result<Option<usize>> {
        if plain.len != self.len {
            return Ok(None);
        }
        let (mut done, mut edge) = (0, Vec::new());
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let at = offset.saturating_add(done as u64);
            let start = at.saturating_sub(within(at) as u64);
            let left = usize::try_from(self.len.saturating_sub(start)).unwrap_or(usize::MAX);
            if at >= self.len {
                break;
            }
            // As many blocks as fit, or one of which a part is wanted.
            let whole = if rest.len() >= left { left } else { rest.len().saturating_sub(rest.len() % BLOCK) };
            if start == at && whole > 0 {
                let blocks = rest.get_mut(..whole).unwrap_or_default();
                if !self.fill(plain, blocks, start)? {
                    return Ok(None);
                }
                done = done.saturating_add(whole);
            } else {
                edge.resize(left.min(BLOCK), 0);
                if !self.fill(plain, &mut edge, start)? {
                    return Ok(None);
                }
                let part = edge.get(within(at)..).unwrap_or_default();
                let n = part.len().min(rest.len());
                rest.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
                done = done.saturating_add(n);
            }
        }
        Ok(Some(done))
    }

    /// Reads whole blocks; says whether they are as they were.
    fn fill(&self, plain: &Region, blocks: &mut [u8], start: u64) -> io::Result<bool> {
        match plain.file.read_exact_at(blocks, plain.offset.saturating_add(start)) {
            // It was cut off since it was opened.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            read => read?,
        }
        let first = usize::try_from(start / STEP).unwrap_or(usize::MAX);
        let sums = self.sums.get(first..).unwrap_or_default();
        let chunks = blocks.chunks(BLOCK);
        Ok(sums.len() >= chunks.len() && chunks.zip(sums).all(|(block, sum)| crc32c::crc32c(block) == *sum))
    }
}

/// How far into its block a place is.
fn within(at: u64) -> usize {
    usize::try_from(at % STEP).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn region(bytes: &[u8]) -> Region {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(bytes, 0).unwrap();
        Region { file: Arc::new(file), offset: 0, len: bytes.len() as u64 }
    }

    fn noise(len: usize) -> Vec<u8> {
        (0..len as u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
    }

    #[test]
    fn every_stretch_is_read_and_every_damage_to_it_seen() {
        for len in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7] {
            let bytes = noise(len);
            for step in [1000, BLOCK, 100_000] {
                let mut summing = Summing::default();
                bytes.chunks(step).for_each(|chunk| summing.push(chunk));
                let sums = summing.finish();
                let places = [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 5, len.saturating_sub(1), len, len + 1];
                for (from, size) in places.iter().flat_map(|from| places.map(|size| (*from, size))) {
                    let expect = bytes.get(from..).unwrap_or_default();
                    let expect = &expect[..size.min(expect.len())];
                    let mut buffer = vec![0; size];
                    let n = sums.read_at(&region(&bytes), &mut buffer, from as u64).unwrap().unwrap();
                    assert!(&buffer[..n] == expect, "{len} {step} {from} {size}");
                    if let Some(last) = expect.len().checked_sub(1) {
                        let mut damaged = bytes.clone();
                        damaged[from + last] ^= 4;
                        let read = sums.read_at(&region(&damaged), &mut buffer, from as u64);
                        assert_eq!(read.unwrap(), None, "{len} {step} {from} {size}");
                    }
                }
            }
        }
    }

    #[test]
    fn they_are_kept_whole_or_not_taken() {
        let (of, other) = (DiffId(Digest::of(b"a")), DiffId(Digest::of(b"b")));
        let mut summing = Summing::default();
        summing.push(&noise(50_000));
        let sums = summing.finish();
        let bytes = sums.to_bytes(&of);
        assert_eq!(Sums::parse(&bytes, &other), None);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(Sums::parse(&damaged, &of), None, "{at}");
            assert_eq!(Sums::parse(&bytes[..at], &of), None, "{at}");
        }
        assert_eq!(Sums::parse(&bytes, &of), Some(sums));
    }
}
