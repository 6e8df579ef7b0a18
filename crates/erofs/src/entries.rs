//! What a directory holds, in order.

use std::borrow::Cow;

use ply_tree::{NodeId, ReadAt, TreeError};

use crate::directory::{Block, Entry};
use crate::image::{Placed, damaged};
use crate::inode::Type;
use crate::superblock::BLOCK;
use crate::{ErofsError, Image};

/// A directory on its way. Holds one block of it.
pub(crate) struct Entries<'i, R> {
    image: &'i Image<R>,
    number: u64,
    placed: Placed,
    /// The next block.
    next: u64,
    block: Option<(Block, usize)>,
    last: Vec<u8>,
    /// The last directory in it: their numbers go up, so none has two names.
    directory: u64,
    /// How many of `.` and `..` are still to come.
    dots: u8,
    failed: bool,
}

impl<'i, R: ReadAt> Entries<'i, R> {
    pub(crate) fn new(image: &'i Image<R>, number: u64) -> Result<Self, ErofsError> {
        let placed = image.directory(number)?;
        let (last, failed) = (Vec::new(), false);
        Ok(Self { image, number, placed, next: 0, block: None, last, directory: 0, dots: 2, failed })
    }

    /// The next name but `.` and `..`, which must be there too.
    fn advance(&mut self) -> Result<Option<(Vec<u8>, NodeId)>, ErofsError> {
        let damaged = |why: &str| damaged(self.number, why);
        loop {
            let (block, at) = match &mut self.block {
                Some((block, at)) if *at < block.count() => (block, at),
                _ if self.next.saturating_mul(BLOCK) >= self.placed.inode.size => {
                    return if self.dots == 0 { Ok(None) } else { Err(damaged("it is not in itself")) };
                }
                _ => {
                    let block = self.image.block(self.number, &self.placed, self.next)?;
                    self.next = self.next.saturating_add(1);
                    self.block = Some((block, 0));
                    continue;
                }
            };
            let entry = block.get(*at).ok_or_else(|| damaged("a name means nothing"))?;
            *at = (*at).saturating_add(1);
            if *entry.name <= *self.last {
                return Err(damaged("its names are not sorted"));
            }
            self.last.clear();
            self.last.extend_from_slice(entry.name);
            match entry {
                Entry { name: b".", number, kind: Type::Directory } if number == self.number => {
                    self.dots = self.dots.saturating_sub(1)
                }
                // Whether it is right was seen on the way here.
                Entry { name: b"..", kind: Type::Directory, .. } => self.dots = self.dots.saturating_sub(1),
                Entry { name: b"." | b"..", .. } => return Err(damaged("it is not in itself")),
                Entry { kind: Type::Directory, number, .. } if number <= self.directory => {
                    return Err(damaged("the directories in it are not sorted"));
                }
                entry => {
                    if entry.kind == Type::Directory {
                        self.directory = entry.number;
                    }
                    return Ok(Some((entry.name.to_vec(), self.image.enter(self.number, &entry)?)));
                }
            }
        }
    }
}

impl<'i, R: ReadAt> Iterator for Entries<'i, R> {
    type Item = Result<(Cow<'i, [u8]>, NodeId), TreeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.advance();
        // One error, then no more.
        self.failed = next.is_err();
        next.map(|entry| entry.map(|(name, id)| (Cow::Owned(name), id))).map_err(TreeError::from).transpose()
    }
}
