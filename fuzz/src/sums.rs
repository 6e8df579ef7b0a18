//! Checksums made right again, so that a mutation reaches what lies behind them.

use ply_digest::Digest;

const BLOCK: usize = 512;
const MAGIC: std::ops::Range<usize> = 257..262;
const CHECKSUM: std::ops::Range<usize> = 148..156;

/// The archive with the right checksum in every block that calls itself a header. One that is right stays as it is spelled.
#[must_use]
pub fn repaired(archive: &[u8]) -> Vec<u8> {
    let mut archive = archive.to_vec();
    for block in archive.chunks_exact_mut(BLOCK).filter(|block| &block[MAGIC] == b"ustar") {
        let others = block[..CHECKSUM.start].iter().chain(&block[CHECKSUM.end..]);
        let sum: u32 = others.map(|byte| u32::from(*byte)).sum::<u32>() + 8 * u32::from(b' ');
        let told = str::from_utf8(&block[CHECKSUM]).unwrap_or_default();
        if u32::from_str_radix(told.trim_matches(['\0', ' ']), 8) != Ok(sum) {
            block[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
    archive
}

/// Where the superblock of an EROFS image is, its checksum and its UUID (`struct erofs_super_block`).
const SUPERBLOCK: usize = 1024;
const IDENTITY: usize = SUPERBLOCK + 48;
/// The last bytes of its volume name.
const SUM: usize = IDENTITY + 16 + 12;

/// Gives an EROFS image the digest, sum and checksum that it should have.
pub fn seal(image: &mut [u8]) {
    if image.len() < SUPERBLOCK + 512 {
        return;
    }
    image[SUPERBLOCK + 4..SUPERBLOCK + 8].fill(0);
    image[IDENTITY..IDENTITY + 16].fill(0);
    image[SUM..SUM + 4].fill(0);
    let (digest, sum) = (Digest::of(image), crc32c::crc32c(image));
    image[SUM..SUM + 4].copy_from_slice(&sum.to_le_bytes());
    image[IDENTITY..IDENTITY + 16].copy_from_slice(&digest.as_bytes()[..16]);
    let checksum = !crc32c::crc32c(&image[SUPERBLOCK..SUPERBLOCK + 512]);
    image[SUPERBLOCK + 4..SUPERBLOCK + 8].copy_from_slice(&checksum.to_le_bytes());
}
