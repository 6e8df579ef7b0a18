//! Directory blocks: `struct erofs_dirent`s, then the names (`Documentation/filesystems/erofs.rst`, *Directories*). Names are
//! sorted by their bytes over all blocks, `.` and `..` among them.

use std::cmp::Ordering;

use crate::fields::{Fields, pad};
use crate::inode::Type;
use crate::superblock::BLOCK_LEN;

/// Bytes of an entry without its name.
const ENTRY: usize = 12;
/// The most a name has (`EROFS_NAME_LEN`).
pub(crate) const LONGEST_NAME: usize = 255;

/// A name, and what it points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) number: u64,
    pub(crate) kind: Type,
}

/// Bytes of a directory with names of these lengths.
pub(crate) fn size(names: impl Iterator<Item = usize>) -> usize {
    let (mut full, mut used) = (0_usize, 0_usize);
    for name in names {
        if used.saturating_add(ENTRY).saturating_add(name) > BLOCK_LEN {
            full = full.saturating_add(1);
            used = 0;
        }
        used = used.saturating_add(ENTRY.saturating_add(name));
    }
    full.saturating_mul(BLOCK_LEN).saturating_add(used)
}

/// A directory, of that size.
pub(crate) fn encode<'a>(entries: impl Iterator<Item = Entry<'a>>) -> Vec<u8> {
    let (mut bytes, mut block, mut used) = (Vec::new(), Vec::new(), 0_usize);
    for entry in entries {
        let len = ENTRY.saturating_add(entry.name.len());
        if used.saturating_add(len) > BLOCK_LEN {
            flush(&mut bytes, &block);
            pad(&mut bytes, BLOCK_LEN);
            block.clear();
            used = 0;
        }
        block.push(entry);
        used = used.saturating_add(len);
    }
    flush(&mut bytes, &block);
    bytes
}

fn flush(bytes: &mut Vec<u8>, block: &[Entry<'_>]) {
    let mut name_at = block.len().saturating_mul(ENTRY);
    for entry in block {
        bytes.extend(entry.number.to_le_bytes());
        // Less than a block.
        bytes.extend(u16::try_from(name_at).unwrap_or_default().to_le_bytes());
        bytes.extend([entry.kind as u8, 0]);
        name_at = name_at.saturating_add(entry.name.len());
    }
    bytes.extend(block.iter().flat_map(|entry| entry.name));
}

/// A block that is read.
#[derive(Debug)]
pub(crate) struct Block {
    bytes: [u8; BLOCK_LEN],
    len: usize,
    count: usize,
}

impl Block {
    /// The first `len` bytes count. `None` where the first name begins where none can.
    pub(crate) fn new(bytes: [u8; BLOCK_LEN], len: usize) -> Option<Self> {
        let names = usize::from(Fields(bytes.get(..len)?.get(8..)?).u16()?);
        let fits = names > 0 && names % ENTRY == 0 && names < len;
        fits.then_some(Self { bytes, len, count: names / ENTRY })
    }

    /// How many names it has; at least one.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// A name by its place; `None` where it means nothing.
    pub(crate) fn get(&self, at: usize) -> Option<Entry<'_>> {
        let bytes = self.bytes.get(..self.len)?;
        let mut fields = Fields(bytes.get(at.checked_mul(ENTRY)?..self.count.saturating_mul(ENTRY))?);
        let (number, begin, kind, _) =
            (fields.u64()?, fields.u16()?, Type::from_code(fields.u8()?)?, fields.u8()?);
        let rest = bytes.get(usize::from(begin)..)?;
        let name = if at.saturating_add(1) < self.count {
            let _ = fields.u64()?;
            rest.get(..usize::from(fields.u16()?).checked_sub(usize::from(begin))?)?
        } else {
            // Padded with zeros where other blocks follow.
            rest.split(|byte| *byte == 0).next()?
        };
        let is_name =
            (1..=LONGEST_NAME).contains(&name.len()) && !name.iter().any(|byte| matches!(byte, 0 | b'/'));
        is_name.then_some(Entry { name, number, kind })
    }

    /// How the first name compares with one.
    pub(crate) fn compare(&self, name: &[u8]) -> Option<Ordering> {
        self.get(0).map(|first| first.name.cmp(name))
    }

    /// The entry of this name. `Err` where some name on the way means nothing.
    pub(crate) fn find(&self, name: &[u8]) -> Result<Option<Entry<'_>>, ()> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            let entry = self.get(middle).ok_or(())?;
            match entry.name.cmp(name) {
                Ordering::Equal => return Ok(Some(entry)),
                Ordering::Less => low = middle.saturating_add(1),
                Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_packed_into_blocks_and_found() {
        let check = |names: &[String], blocks: usize| {
            let names: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
            let entries: Vec<Entry<'_>> =
                (1..).zip(&names).map(|(number, name)| Entry { name, number, kind: Type::Fifo }).collect();
            let bytes = encode(entries.iter().copied());
            assert_eq!(bytes.len(), size(names.iter().map(|name| name.len())));
            assert_eq!(bytes.len().div_ceil(BLOCK_LEN), blocks);
            let mut read = Vec::new();
            for piece in bytes.chunks(BLOCK_LEN) {
                let mut block = [0; BLOCK_LEN];
                block[..piece.len()].copy_from_slice(piece);
                let block = Block::new(block, piece.len()).unwrap();
                for at in 0..block.count() {
                    let entry = block.get(at).unwrap();
                    assert_eq!(block.find(entry.name), Ok(Some(entry)));
                    read.push((entry.name.to_vec(), entry.number));
                }
                assert_eq!(block.find(b"no such name"), Ok(None));
                assert_eq!(block.get(block.count()), None);
            }
            let expect: Vec<_> = entries.iter().map(|entry| (entry.name.to_vec(), entry.number)).collect();
            assert_eq!(read, expect);
        };
        check(&[".".into(), "..".into()], 1);
        check(&(0..100).map(|n| format!("{n:03}")).collect::<Vec<_>>(), 3);
        check(&["a".repeat(255), "b".repeat(255), "c".repeat(233)], 2);
        check(&["a".repeat(255), "b".repeat(233)], 1);
        check(&["a".repeat(255), "b".repeat(234)], 2);
    }

    #[test]
    fn a_block_that_means_nothing_is_told() {
        let mut good = [0; BLOCK_LEN];
        let bytes = encode([b".", &b".."[..]].into_iter().map(|name| Entry {
            name,
            number: 1,
            kind: Type::Directory,
        }));
        good[..bytes.len()].copy_from_slice(&bytes);
        let check = |at: usize, byte: u8, expect: &[bool]| {
            let mut bad = good;
            bad[at] = byte;
            let block = Block::new(bad, bytes.len());
            let read: Vec<bool> =
                block.iter().flat_map(|block| (0..block.count()).map(|at| block.get(at).is_some())).collect();
            assert_eq!(read, expect, "{at} {byte}");
        };
        check(0, 1, &[true, true]);
        // The first name begins at 0, inside an entry, at the end.
        check(8, 0, &[]);
        check(8, 13, &[]);
        check(8, 60, &[]);
        // An entry of no type, a second name before the first, beyond the end, no name.
        check(10, 8, &[false, true]);
        check(20, 3, &[false, false]);
        check(20, 200, &[false, false]);
        check(20, 24, &[false, true]);
        check(24, b'/', &[false, true]);
        check(24, 0, &[false, true]);
    }
}
