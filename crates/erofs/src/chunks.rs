//! Where the bytes of a file lie, as chunks of equal size in the files of the device table
//! (`Documentation/filesystems/erofs.rst`, *Chunk-based files*): mostly one chunk for all.

use ply_tree::{Extent, Source};

use crate::Slot;
use crate::fields::Fields;
use crate::superblock::BLOCK;

/// Bytes of `struct erofs_inode_chunk_index`.
pub(crate) const INDEX: usize = 8;
/// `EROFS_CHUNK_FORMAT_INDEXES`.
const INDEXES: u32 = 0x20;
/// `EROFS_CHUNK_FORMAT_BLKBITS_MASK`: blocks of a chunk, as a power of two; a terabyte at most.
const BITS: u32 = 0x1f;
/// `EROFS_NULL_ADDR`: a hole.
const HOLE: u32 = u32::MAX;
/// Bytes of an extent in a list.
const LISTED: usize = 20;

/// Extents as a kernel can be told them: each has bytes and they reach to the end of the file, neighbours that go on in one
/// place are one, and so are holes.
pub(crate) fn plain(extents: &[Extent], size: u64) -> Vec<Extent> {
    let mut plain = Vec::new();
    let mut left = size;
    let rest = Extent { source: Source::HOLE, offset: 0, len: size };
    for extent in extents.iter().chain([&rest]) {
        let len = extent.len.min(left);
        left = left.saturating_sub(len);
        push(&mut plain, Extent { len, ..*extent });
    }
    plain
}

fn push(extents: &mut Vec<Extent>, next: Extent) {
    let is_hole = next.source == Source::HOLE;
    match extents.last_mut() {
        _ if next.len == 0 => {}
        Some(last)
            if last.source == next.source
                && (is_hole || last.offset.checked_add(last.len) == Some(next.offset)) =>
        {
            last.len = last.len.saturating_add(next.len);
        }
        _ => extents.push(if is_hole { Extent { offset: 0, ..next } } else { next }),
    }
}

/// The form of the chunks (`i_u.c.format`) and their indexes, for extents as [`plain`] gives them; at most so many.
pub(crate) fn encode(extents: &[Extent], slots: &[Slot], most: u64) -> Result<(u32, Vec<u8>), String> {
    let (mut size, mut bits) = (0_u64, BITS);
    for extent in extents {
        if size > 0 {
            let shift = size.trailing_zeros().checked_sub(BLOCK.trailing_zeros());
            bits = bits.min(shift.ok_or("a stretch of it begins inside of a block")?);
        }
        check(extent, slots)?;
        size = size.checked_add(extent.len).ok_or("it ends beyond 64 bits")?;
    }
    // No larger than the file.
    bits = bits.min(size.div_ceil(BLOCK).next_power_of_two().trailing_zeros());
    let chunk = BLOCK << bits;
    let count = size.div_ceil(chunk);
    if count > most {
        return Err(format!("its stretches need {count} chunks, over {most}"));
    }
    let mut indexes = Vec::new();
    for extent in extents {
        let mut done = 0;
        while done < extent.len {
            let (device, block) = if extent.source == Source::HOLE {
                (0, HOLE)
            } else {
                (device(extent.source)?, address(extent.offset.saturating_add(done))?)
            };
            indexes.extend([0; 2]);
            indexes.extend(device.to_le_bytes());
            indexes.extend(block.to_le_bytes());
            done = done.saturating_add(chunk);
        }
    }
    Ok((INDEXES | bits, indexes))
}

/// Whether a kernel could read all of an extent: it reads whole blocks.
fn check(extent: &Extent, slots: &[Slot]) -> Result<(), String> {
    if extent.source == Source::HOLE {
        return Ok(());
    }
    let number = extent.source.0;
    let slot = usize::try_from(number).ok().and_then(|number| slots.get(number));
    let slot = slot.ok_or_else(|| format!("its bytes lie in source {number}, of which nothing was told"))?;
    let end = extent.offset.checked_add(extent.len).and_then(|end| end.checked_next_multiple_of(BLOCK));
    if end.is_none_or(|end| end > slot.size) {
        return Err(format!("its bytes end beyond source {number}, which has {}", slot.size));
    }
    if !extent.offset.is_multiple_of(BLOCK) {
        return Err(format!("its bytes begin inside of a block of source {number}, at {}", extent.offset));
    }
    Ok(())
}

/// Number 0 is the image itself.
fn device(source: Source) -> Result<u16, String> {
    u16::try_from(source.0)
        .ok()
        .and_then(|number| number.checked_add(1))
        .ok_or_else(|| format!("its bytes lie in source {}, over 65,534", source.0))
}

fn address(offset: u64) -> Result<u32, String> {
    u32::try_from(offset / BLOCK)
        .ok()
        .filter(|block| *block != HOLE)
        .ok_or_else(|| format!("its bytes lie at {offset}, beyond 2 TiB"))
}

/// How many chunks a file of this size has; `None` for a form that [`encode`] never gives.
pub(crate) fn count(format: u32, size: u64) -> Option<u64> {
    (format & !BITS == INDEXES).then(|| size.div_ceil(BLOCK << (format & BITS)))
}

/// The extents of a file, as [`plain`] has them; `None` for indexes that [`encode`] never gives.
pub(crate) fn decode(format: u32, size: u64, indexes: &[u8], slots: usize) -> Option<Vec<Extent>> {
    let chunk = BLOCK << (format & BITS);
    let (mut extents, mut left) = (Vec::new(), size);
    let mut fields = Fields(indexes);
    while !fields.0.is_empty() {
        let (advice, device, block) = (fields.u16()?, fields.u16()?, fields.u32()?);
        let len = left.min(chunk);
        left = left.saturating_sub(len);
        let extent = match (advice, device, block) {
            (0, 0, HOLE) => Extent { source: Source::HOLE, offset: 0, len },
            (0, 1.., _) if block != HOLE && usize::from(device) <= slots => Extent {
                source: Source(u32::from(device).saturating_sub(1)),
                offset: u64::from(block) * BLOCK,
                len,
            },
            _ => return None,
        };
        push(&mut extents, extent);
    }
    (left == 0).then_some(extents)
}

/// Any extents, for an index.
pub(crate) fn list(extents: &[Extent]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(extents.len().saturating_mul(LISTED));
    for extent in extents {
        bytes.extend(extent.source.0.to_le_bytes());
        bytes.extend(extent.offset.to_le_bytes());
        bytes.extend(extent.len.to_le_bytes());
    }
    bytes
}

/// What [`list`] wrote.
pub(crate) fn read_list(bytes: &[u8]) -> Option<Vec<Extent>> {
    let extent = |bytes: &[u8]| {
        let mut fields = Fields(bytes);
        Some(Extent { source: Source(fields.u32()?), offset: fields.u64()?, len: fields.u64()? })
    };
    bytes.chunks(LISTED).map(extent).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: Source = Source(0);

    fn extent(source: Source, offset: u64, len: u64) -> Extent {
        Extent { source, offset, len }
    }

    #[test]
    fn extents_are_made_plain() {
        let check = |extents: &[Extent], size: u64, expect: &[Extent]| {
            assert_eq!(plain(extents, size), expect);
        };
        let hole = |len| extent(Source::HOLE, 0, len);
        check(&[], 0, &[]);
        check(&[], 7, &[hole(7)]);
        check(&[extent(DATA, 512, 9)], 9, &[extent(DATA, 512, 9)]);
        check(&[extent(DATA, 512, 9)], 5, &[extent(DATA, 512, 5)]);
        check(&[extent(DATA, 512, 9)], 11, &[extent(DATA, 512, 9), hole(2)]);
        check(&[extent(DATA, 0, 4), extent(DATA, 9, 0), extent(DATA, 4, 4)], 8, &[extent(DATA, 0, 8)]);
        check(&[hole(3), extent(Source::HOLE, 77, 4)], 8, &[hole(8)]);
        check(
            &[extent(DATA, 0, 4), extent(Source(1), 4, 4)],
            8,
            &[extent(DATA, 0, 4), extent(Source(1), 4, 4)],
        );
    }

    #[test]
    fn chunks_are_as_large_as_they_can_be() {
        let slots = [Slot { digest: None, size: 3 << 40 }, Slot { digest: None, size: 1024 }];
        let check = |extents: &[Extent], expect: Result<(u64, u64), &str>| {
            let size: u64 = extents.iter().map(|extent| extent.len).sum();
            match (encode(extents, &slots, 100), expect) {
                (Ok((format, indexes)), Ok((chunk, number))) => {
                    assert_eq!((BLOCK << (format & BITS), count(format, size)), (chunk, Some(number)));
                    assert_eq!(indexes.len() as u64, number * INDEX as u64);
                    assert_eq!(decode(format, size, &indexes, 2).as_deref(), Some(extents));
                    assert_eq!(decode(format, size, &indexes[..indexes.len() - INDEX], 2), None);
                }
                (Err(why), Err(expect)) => assert!(why.contains(expect), "{why}"),
                (given, expect) => panic!("{given:?}, not {expect:?}"),
            }
        };
        let hole = |len| extent(Source::HOLE, 0, len);
        check(&[extent(DATA, 512, 1)], Ok((512, 1)));
        check(&[extent(DATA, 512, 512)], Ok((512, 1)));
        check(&[extent(DATA, 512, 513)], Ok((1024, 1)));
        check(&[extent(DATA, 0, 1 << 40)], Ok((1 << 40, 1)));
        check(&[extent(DATA, 512, (1 << 40) + 1)], Ok((1 << 40, 2)));
        check(&[hole(1)], Ok((512, 1)));
        check(&[hole(4096), extent(DATA, 512, 5000)], Ok((4096, 3)));
        check(&[extent(DATA, 512, 512), hole(512), extent(DATA, 1024, 3)], Ok((512, 3)));
        check(&[hole(512), extent(Source(1), 512, 512)], Ok((512, 2)));
        check(&[extent(DATA, 512, 100), hole(10)], Err("inside of a block"));
        check(&[extent(DATA, 700, 100)], Err("inside of a block of source 0"));
        check(&[extent(Source(1), 1024, 1)], Err("beyond source 1"));
        check(&[extent(Source(2), 0, 1)], Err("nothing was told"));
        check(&[extent(DATA, 2 << 40, 1)], Err("beyond 2 TiB"));
        check(&[extent(DATA, u64::MAX - 511, 1)], Err("beyond source 0"));
        check(&[hole(512), extent(DATA, 512, 512 * 200)], Err("need 201 chunks"));
    }
}
