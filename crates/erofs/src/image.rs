use std::borrow::Cow;
use std::fmt;

use ply_tree::{Node, NodeId, ReadAt, TreeError, TreeView};

use crate::cache::{Cache, read_exactly};
use crate::chunks;
use crate::directory::{Block, Entry};
use crate::entries::Entries;
use crate::inode::{self, Inode, Layout, Type};
use crate::leaf::{self, Parts};
use crate::superblock::{BLOCK, BLOCK_LEN, OFFSET, RECORD, ROOT, Superblock, read_table};
use crate::{ErofsError, Form, Slot, xattr};

/// An image, looked at as a tree.
///
/// Nothing of it is believed: what means nothing is an error, and each directory is entered once at most, so that a walk
/// ends. Whether all of it is as it was written only [`check`](Self::check) tells.
///
/// Holds 512 KiB of the image, and the device table. A node that is read takes memory by what stands in the image of it.
pub struct Image<R> {
    pub(crate) cache: Cache<R>,
    pub(crate) head: Superblock,
    slots: Vec<Slot>,
}

/// An inode, and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed {
    pub(crate) inode: Inode,
    at: u64,
}

impl Placed {
    fn xattrs_len(&self) -> u64 {
        xattr::area_len(self.inode.xattr_words) as u64
    }

    /// Where that begins which stands behind it.
    fn behind(&self) -> u64 {
        self.at.saturating_add(inode::LEN as u64).saturating_add(self.xattrs_len())
    }
}

impl<R: ReadAt> Image<R> {
    /// Reads the head of an image: the superblock, which is checked, and the device table.
    ///
    /// # Errors
    /// [`ErofsError::Foreign`], [`ErofsError::Damaged`], [`ErofsError::Read`].
    pub fn open(bytes: R) -> Result<Self, ErofsError> {
        let mut block = [0; BLOCK_LEN];
        read_exactly(&bytes, OFFSET as u64, &mut block)?;
        let head = Superblock::from_block(&block)?;
        // The last byte is there, and none behind it.
        read_exactly(&bytes, head.size().saturating_sub(1), &mut [0])?;
        let end = bytes.read_at(&mut [0], head.size());
        if end.map_err(|source| ErofsError::Read { offset: head.size(), len: 1, source })? > 0 {
            return Err(ErofsError::damaged("superblock", "the index goes on behind its end"));
        }
        let cache = Cache::new(bytes, head.size());
        let table = (OFFSET + RECORD) as u64;
        let table = cache.read_vec(table, u64::from(head.slots).saturating_mul(RECORD as u64))?;
        let slots = read_table(&table, head.blocks)?;
        Ok(Self { cache, head, slots })
    }

    /// What the image is for.
    #[must_use]
    pub fn form(&self) -> Form {
        self.head.form
    }

    /// Where file data lies, by the number of a [`Source`](ply_tree::Source).
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// How many inodes it says to have.
    #[must_use]
    pub fn inodes(&self) -> u64 {
        self.head.inodes
    }

    /// Bytes of the image.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.head.size()
    }

    pub(crate) fn placed(&self, number: u64) -> Result<Placed, ErofsError> {
        let damaged = |why: &str| damaged(number, why);
        let at = self.head.inode_at(number).ok_or_else(|| damaged("there is none of this number"))?;
        let mut bytes = [0; inode::LEN];
        self.cache.read(at, &mut bytes)?;
        let inode =
            Inode::from_bytes(&bytes).ok_or_else(|| damaged("it has what this version never writes"))?;
        Ok(Placed { inode, at })
    }

    /// Data that lies in the image, from an offset on: blocks, and what stands behind the inode.
    pub(crate) fn read_data(
        &self,
        placed: &Placed,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<(), ErofsError> {
        let in_blocks = match placed.inode.layout {
            Layout::Plain => placed.inode.size,
            Layout::Inline => (placed.inode.size / BLOCK).saturating_mul(BLOCK),
            Layout::Chunks => 0,
        };
        let blocks =
            usize::try_from(in_blocks.saturating_sub(offset)).unwrap_or(usize::MAX).min(buffer.len());
        let (blocks, tail) = buffer.split_at_mut(blocks);
        if !blocks.is_empty() {
            self.cache
                .read(u64::from(placed.inode.place).saturating_mul(BLOCK).saturating_add(offset), blocks)?;
        }
        if !tail.is_empty() {
            self.cache.read(placed.behind().saturating_add(offset.saturating_sub(in_blocks)), tail)?;
        }
        Ok(())
    }

    /// Indexes of its chunks, or else the data that lies in the image; nothing of a directory.
    fn rest(&self, number: u64, placed: &Placed) -> Result<Vec<u8>, ErofsError> {
        let Inode { kind, layout, size, place, .. } = placed.inode;
        match (kind, layout) {
            (Type::File, Layout::Chunks) => {
                let count = chunks::count(place, size);
                let count = count.ok_or_else(|| damaged(number, "its chunks are of no form"))?;
                let at = placed.behind().next_multiple_of(chunks::INDEX as u64);
                self.cache.read_vec(at, count.saturating_mul(chunks::INDEX as u64))
            }
            (Type::File | Type::Symlink, Layout::Plain | Layout::Inline) => {
                if size > self.cache.size() {
                    return Err(damaged(number, "it is larger than the index"));
                }
                let mut data = vec![0; usize::try_from(size).unwrap_or_default()];
                self.read_data(placed, 0, &mut data)?;
                Ok(data)
            }
            (Type::Directory, Layout::Plain | Layout::Inline) => Ok(Vec::new()),
            (_, Layout::Plain) if size == 0 => Ok(Vec::new()),
            _ => Err(damaged(number, "it has data that it cannot have")),
        }
    }

    fn read_node(&self, id: NodeId) -> Result<Node, ErofsError> {
        let (number, kind) = told(id)?;
        let placed = self.placed(number)?;
        if placed.inode.kind != kind {
            return Err(damaged(number, "it is not what its name says"));
        }
        let xattrs = self.cache.read_vec(placed.at.saturating_add(inode::LEN as u64), placed.xattrs_len())?;
        let data = self.rest(number, &placed)?;
        let parts = Parts { inode: placed.inode, xattrs, data };
        leaf::node(&parts, self.head.form, self.slots.len())
            .ok_or_else(|| damaged(number, "what stands behind it means nothing"))
    }

    /// A directory to be read.
    pub(crate) fn directory(&self, number: u64) -> Result<Placed, ErofsError> {
        let placed = self.placed(number)?;
        if placed.inode.kind != Type::Directory || placed.inode.layout == Layout::Chunks {
            return Err(damaged(number, "it is no directory"));
        }
        if placed.inode.size > self.cache.size() {
            return Err(damaged(number, "it is larger than the index"));
        }
        Ok(placed)
    }

    /// A block of a directory.
    pub(crate) fn block(&self, number: u64, placed: &Placed, block: u64) -> Result<Block, ErofsError> {
        let offset = block.saturating_mul(BLOCK);
        let len =
            usize::try_from(placed.inode.size.saturating_sub(offset)).unwrap_or(BLOCK_LEN).min(BLOCK_LEN);
        let mut bytes = [0; BLOCK_LEN];
        self.read_data(placed, offset, bytes.get_mut(..len).unwrap_or_default())?;
        Block::new(bytes, len).ok_or_else(|| damaged(number, "its names begin where none can"))
    }

    /// The entry of a name in a directory: the last block whose first name is not greater has it.
    fn find<T>(
        &self,
        number: u64,
        name: &[u8],
        take: impl FnOnce(Entry<'_>) -> T,
    ) -> Result<Option<T>, ErofsError> {
        let placed = self.directory(number)?;
        let meaningless = || damaged(number, "a name means nothing");
        let (mut low, mut high, mut candidate) = (0, placed.inode.size.div_ceil(BLOCK), None);
        while low < high {
            let middle = low.midpoint(high);
            let block = self.block(number, &placed, middle)?;
            if block.compare(name).ok_or_else(meaningless)?.is_gt() {
                high = middle;
            } else {
                low = middle.saturating_add(1);
                candidate = Some(block);
            }
        }
        let Some(block) = candidate else { return Ok(None) };
        Ok(block.find(name).map_err(|()| meaningless())?.map(take))
    }

    /// What an entry of a directory points at. A directory must say that it lies there: so each lies in one only.
    pub(crate) fn enter(&self, number: u64, entry: &Entry<'_>) -> Result<NodeId, ErofsError> {
        if entry.kind == Type::Directory {
            let above = self.find(entry.number, b"..", |dots| dots.number)?;
            if above != Some(number) || entry.number == number {
                return Err(damaged(entry.number, "a directory that lies somewhere else"));
            }
        }
        tell(entry).ok_or_else(|| damaged(entry.number, "there is none of this number"))
    }

    fn find_node(&self, directory: NodeId, name: &[u8]) -> Result<Option<NodeId>, ErofsError> {
        let (number, kind) = told(directory)?;
        if kind != Type::Directory || matches!(name, b"." | b"..") {
            return Ok(None);
        }
        let found = self.find(number, name, |entry| (entry.number, entry.kind))?;
        found.map(|(to, kind)| self.enter(number, &Entry { name, number: to, kind })).transpose()
    }
}

impl<R: ReadAt> TreeView for Image<R> {
    fn root(&self) -> NodeId {
        NodeId(u64::from(ROOT) << KIND_BITS | Type::Directory as u64)
    }

    fn node(&self, id: NodeId) -> Result<Cow<'_, Node>, TreeError> {
        Ok(Cow::Owned(self.read_node(id)?))
    }

    fn lookup(&self, directory: NodeId, name: &[u8]) -> Result<Option<NodeId>, TreeError> {
        Ok(self.find_node(directory, name)?)
    }

    fn entries(&self, directory: NodeId) -> Result<ply_tree::Entries<'_>, TreeError> {
        let (number, kind) = told(directory)?;
        if kind != Type::Directory {
            return Ok(Box::new(std::iter::empty()));
        }
        Ok(Box::new(Entries::new(self, number)?))
    }
}

/// Of a node's number, those that say what the name that led there takes it for.
const KIND_BITS: u32 = 3;

fn tell(entry: &Entry<'_>) -> Option<NodeId> {
    let number = entry.number.checked_mul(1 << KIND_BITS)?;
    Some(NodeId(number | entry.kind as u64))
}

pub(crate) fn told(id: NodeId) -> Result<(u64, Type), ErofsError> {
    let number = id.0 >> KIND_BITS;
    let kind = u8::try_from(id.0 & ((1 << KIND_BITS) - 1)).ok().and_then(Type::from_code);
    Ok((number, kind.ok_or_else(|| damaged(number, "there is none of this number"))?))
}

pub(crate) fn damaged(number: u64, why: &str) -> ErofsError {
    ErofsError::damaged(format!("inode {number}"), why)
}

impl<R> fmt::Debug for Image<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image").field("head", &self.head).finish_non_exhaustive()
    }
}
