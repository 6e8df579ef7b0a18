//! The head of an image: `struct erofs_super_block` and the device table (`fs/erofs/erofs_fs.h`).

use ply_digest::Digest;

use crate::ErofsError;
use crate::fields::{Fields, overwrite};

/// `EROFS_SUPER_OFFSET`.
pub(crate) const OFFSET: usize = 1024;
/// Of a superblock, and of a slot of the device table.
pub(crate) const RECORD: usize = 128;
/// Bytes of a block. Tars are made of these: with larger ones their files begin inside of blocks.
pub(crate) const BLOCK: u64 = 512;
/// The same, for memory.
pub(crate) const BLOCK_LEN: usize = 512;
/// Bytes of an inode slot: an inode's number counts them from the beginning of the metadata.
pub(crate) const UNIT: usize = 32;
/// The root's number: inodes begin one block after what numbers count from, since `readdir` leaves a 0 out.
pub(crate) const ROOT: u16 = 16;

/// `EROFS_SUPER_MAGIC_V1`.
const MAGIC: u32 = 0xe0f5_e1e2;
const BLOCK_BITS: u8 = 9;
/// `EROFS_FEATURE_COMPAT_SB_CHKSUM` and `_MTIME`.
const COMPATIBLE: u32 = 0x1 | 0x2;
/// `EROFS_FEATURE_INCOMPAT_CHUNKED_FILE` and `_DEVICE_TABLE`.
const CHUNKED: u32 = 0x4;
const DEVICES: u32 = 0x8;
/// No feature of EROFS. A kernel refuses what it does not know, and so to mount what is no filesystem.
const INDEX_ONLY: u32 = 0x8000_0000;
/// Begins `volume_name`; another version of what follows gets another. Behind it stands the sum of all bytes.
const VERSION: &[u8; 12] = b"plywood 2\0\0\0";

/// Bytes of an identity.
pub(crate) const IDENTITY_LEN: usize = 16;

const CHECKSUM_AT: usize = OFFSET + 4;
const IDENTITY_AT: usize = OFFSET + 48;
const SUM_AT: usize = IDENTITY_AT + IDENTITY_LEN + VERSION.len();

/// What an image is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// A root filesystem that a kernel can mount.
    Root,
    /// Any tree, a changeset too. No kernel mounts it.
    Index,
}

/// A file that file data lies in: a slot of the device table (`struct erofs_deviceslot`). A tree's
/// [`Source`](ply_tree::Source) 0 is the first of them, and the first `device=` of a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// What is known of its content. Nothing compares it: whoever mounts an image does.
    pub digest: Option<Digest>,
    /// Bytes it has. An image counts blocks, so what is read from one is rounded up to 512.
    pub size: u64,
}

/// All of the head that differs between images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Superblock {
    pub(crate) form: Form,
    pub(crate) inodes: u64,
    /// Of the whole image.
    pub(crate) blocks: u32,
    pub(crate) slots: u16,
    /// The beginning of the digest of all bytes, with this, the sum and the checksum zero. It is the volume's UUID.
    pub(crate) identity: [u8; IDENTITY_LEN],
    /// CRC-32C of the same: what an image that is only looked at is checked by.
    pub(crate) sum: u32,
}

impl Superblock {
    /// Where inodes begin, in bytes: after the device table.
    pub(crate) fn inodes_at(&self) -> u64 {
        ((OFFSET + RECORD) as u64)
            .saturating_add(u64::from(self.slots).saturating_mul(RECORD as u64))
            .next_multiple_of(BLOCK)
    }

    /// Where numbers of inodes count from, in blocks (`meta_blkaddr`).
    fn metadata_block(&self) -> u32 {
        // 8 MiB at most, and not 0.
        u32::try_from((self.inodes_at() / BLOCK).saturating_sub(1)).unwrap_or_default()
    }

    /// Where an inode stands; `None` for a number that cannot be one.
    pub(crate) fn inode_at(&self, number: u64) -> Option<u64> {
        let unit = number.checked_sub(u64::from(ROOT))?;
        unit.checked_mul(UNIT as u64)?.checked_add(self.inodes_at())
    }

    /// Bytes of the whole image.
    pub(crate) fn size(&self) -> u64 {
        u64::from(self.blocks) * BLOCK
    }

    /// As it stands in an image, with a checksum of 0.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let incompatible = CHUNKED
            | if self.slots > 0 { DEVICES } else { 0 }
            | if self.form == Form::Index { INDEX_ONLY } else { 0 };
        let table = if self.slots > 0 { (OFFSET / RECORD + 1) as u64 } else { 0 };
        let mut bytes = Vec::with_capacity(RECORD);
        bytes.extend(MAGIC.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(COMPATIBLE.to_le_bytes());
        bytes.extend([BLOCK_BITS, 0]);
        bytes.extend(ROOT.to_le_bytes());
        bytes.extend(self.inodes.to_le_bytes());
        // When it was made: no time at all.
        bytes.extend([0; 12]);
        bytes.extend(self.blocks.to_le_bytes());
        bytes.extend(self.metadata_block().to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(self.identity);
        bytes.extend(VERSION);
        bytes.extend(self.sum.to_le_bytes());
        bytes.extend(incompatible.to_le_bytes());
        bytes.extend([0; 2]);
        bytes.extend(self.slots.to_le_bytes());
        bytes.extend(u16::try_from(table).unwrap_or_default().to_le_bytes());
        bytes.resize(RECORD, 0);
        bytes
    }

    /// Reads the block that begins with the superblock.
    pub(crate) fn from_block(block: &[u8; BLOCK_LEN]) -> Result<Self, ErofsError> {
        let foreign = |why: &str| ErofsError::Foreign { why: why.to_owned() };
        let damaged = |why: &str| ErofsError::damaged("superblock", why);
        let head = block.get(..RECORD).unwrap_or_default();
        let mut fields = Fields(head);
        let mut read = || {
            let (magic, checksum, _) = (fields.u32()?, fields.u32()?, fields.array::<8>()?);
            let (inodes, _, blocks, _) = (fields.u64()?, fields.array::<12>()?, fields.u32()?, fields.u64()?);
            let (identity, version, sum) = (fields.array()?, fields.array::<12>()?, fields.u32()?);
            let (incompatible, _, slots) = (fields.u32()?, fields.u16()?, fields.u16()?);
            let form = if incompatible & INDEX_ONLY == 0 { Form::Root } else { Form::Index };
            Some((magic, checksum, version, Self { form, inodes, blocks, slots, identity, sum }))
        };
        let (magic, checksum, version, own) = read().ok_or_else(|| damaged("it ends early"))?;
        if magic != MAGIC {
            return Err(foreign("it does not begin as an EROFS image"));
        }
        if checksum != self::checksum(block) {
            return Err(damaged("its checksum is another"));
        }
        if version != *VERSION {
            return Err(foreign("it was written by something else"));
        }
        let mut expect = own.to_bytes();
        overwrite(&mut expect, CHECKSUM_AT - OFFSET, &checksum.to_le_bytes());
        if expect != head {
            return Err(damaged("it has what this version never writes"));
        }
        if own.size() <= own.inodes_at() {
            return Err(damaged("it leaves no room for the root"));
        }
        Ok(own)
    }
}

/// Of the block that begins with the superblock, with the checksum zero: CRC-32C that is not inverted at its end
/// (`erofs_superblock_csum_verify`).
fn checksum(block: &[u8]) -> u32 {
    let mut block = block.to_vec();
    overwrite(&mut block, CHECKSUM_AT - OFFSET, &[0; 4]);
    !crc32c::crc32c(&block)
}

/// Writes identity, sum and checksum into an image that has neither.
pub(crate) fn seal(image: &mut [u8]) {
    let identity = identity(&Digest::of(image));
    let sum = crc32c::crc32c(image);
    overwrite(image, IDENTITY_AT, &identity);
    overwrite(image, SUM_AT, &sum.to_le_bytes());
    let block = image.get(OFFSET..OFFSET + BLOCK_LEN).unwrap_or_default();
    let checksum = checksum(block).to_le_bytes();
    overwrite(image, CHECKSUM_AT, &checksum);
}

/// Zeroes what the identity is not made of, in an image's first bytes; these must reach to the end of the superblock.
pub(crate) fn unseal(head: &mut [u8]) {
    overwrite(head, CHECKSUM_AT, &[0; 4]);
    overwrite(head, IDENTITY_AT, &[0; IDENTITY_LEN]);
    overwrite(head, SUM_AT, &[0; 4]);
}

/// What an image without its seal is called, by its digest.
pub(crate) fn identity(digest: &Digest) -> [u8; IDENTITY_LEN] {
    digest.as_bytes().first_chunk().copied().unwrap_or_default()
}

/// The device table: the digest as text in `tag`, blocks, and where the slot would lie if all were one device.
pub(crate) fn table(slots: &[Slot], image: u32) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(slots.len().saturating_mul(RECORD));
    let mut after = image;
    for slot in slots {
        let blocks = u32::try_from(slot.size.div_ceil(BLOCK)).ok()?;
        let end = bytes.len().saturating_add(RECORD);
        bytes.extend(slot.digest.map(|digest| digest.hex()).unwrap_or_default().bytes());
        bytes.resize(end.saturating_sub(64), 0);
        bytes.extend(blocks.to_le_bytes());
        bytes.extend(after.to_le_bytes());
        bytes.resize(end, 0);
        after = after.saturating_add(blocks);
    }
    Some(bytes)
}

/// Reads the device table of an image of so many blocks.
pub(crate) fn read_table(bytes: &[u8], image: u32) -> Result<Vec<Slot>, ErofsError> {
    let damaged = || ErofsError::damaged("device table", "it has what this version never writes");
    let slot = |record: &[u8]| {
        let mut fields = Fields(record);
        let (tag, blocks) = (fields.array::<64>()?, fields.u32()?);
        let digest = match tag {
            [0, ..] => None,
            _ => Some(Digest::from_hex(std::str::from_utf8(&tag).ok()?).ok()?),
        };
        Some(Slot { digest, size: u64::from(blocks) * BLOCK })
    };
    let slots = bytes.chunks(RECORD).map(slot).collect::<Option<Vec<_>>>().ok_or_else(damaged)?;
    if table(&slots, image).as_deref() != Some(bytes) {
        return Err(damaged());
    }
    Ok(slots)
}
