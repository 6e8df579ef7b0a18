//! Whether an image is as it was written, to the last bit.

use std::collections::HashMap;

use ply_tree::{NodeId, ReadAt, TreeView, walk};

use crate::image::{damaged, told};
use crate::inode::Type;
use crate::superblock::{self, BLOCK_LEN, OFFSET};
use crate::{ErofsError, Image, encode};

/// Bytes that are hashed and compared at once; more than the head has.
const PIECE: usize = 128 << 10;

impl<R: ReadAt> Image<R> {
    /// Reads all of the image: its digest; all names and inodes, how many there are and how many names each has; and
    /// whether the tree that they make would be written with these bytes.
    ///
    /// Takes memory for another such image and its names.
    ///
    /// # Errors
    /// [`ErofsError::Damaged`], [`ErofsError::Read`].
    pub fn check(&self) -> Result<(), ErofsError> {
        self.verify()?;
        self.check_digest()?;
        self.check_tree()?;
        let again = encode(self, self.form(), self.slots()).map_err(|why| match why {
            ErofsError::Unfit { .. } => ErofsError::damaged("tree", why.to_string()),
            ErofsError::Tree { source } => ErofsError::of_image(source),
            other => other,
        })?;
        if again.len() as u64 != self.size() {
            return Err(ErofsError::damaged("superblock", format!("the tree takes {} bytes", again.len())));
        }
        self.pieces(|at, bytes| {
            let begin = usize::try_from(at).unwrap_or(usize::MAX);
            let expect = again.get(begin..).unwrap_or_default();
            match bytes.iter().zip(expect).position(|(a, b)| a != b) {
                None => Ok(()),
                Some(place) => {
                    let place = format!("byte {}", begin.saturating_add(place));
                    Err(ErofsError::damaged(place, "the tree would be written otherwise"))
                }
            }
        })
    }

    /// Sums all bytes of the image up: whether they are those that were written, whatever they say. CRC-32C, which finds what
    /// disks do, and not what somebody does on purpose; [`check`](Self::check) hashes them.
    ///
    /// # Errors
    /// [`ErofsError::Damaged`], [`ErofsError::Read`].
    pub fn verify(&self) -> Result<(), ErofsError> {
        let mut sum = 0;
        self.unsealed(|bytes| sum = crc32c::crc32c_append(sum, bytes))?;
        if sum != self.head.sum {
            return Err(ErofsError::damaged("index", "the sum of its bytes is another"));
        }
        Ok(())
    }

    fn check_digest(&self) -> Result<(), ErofsError> {
        let mut hasher = ply_digest::Hasher::new();
        self.unsealed(|bytes| hasher.update(bytes))?;
        if superblock::identity(&hasher.finalize()) != self.head.identity {
            return Err(ErofsError::damaged("index", "its digest is another"));
        }
        Ok(())
    }

    /// All bytes, without what is made of them.
    fn unsealed(&self, mut take: impl FnMut(&[u8])) -> Result<(), ErofsError> {
        self.pieces(|at, bytes| {
            if at > 0 {
                take(bytes);
                return Ok(());
            }
            let mut head = bytes.to_vec();
            superblock::unseal(&mut head);
            take(&head);
            Ok(())
        })
    }

    /// Counts names and inodes. No directory may share blocks with another: a walk would take longer than the image is.
    fn check_tree(&self) -> Result<(), ErofsError> {
        let (mut bytes, mut directories) = (0_u64, 0_u64);
        let mut names: HashMap<NodeId, u32> = HashMap::new();
        let mut enter = |id| {
            directories = directories.saturating_add(1);
            let (number, _) = told(id)?;
            bytes = bytes.saturating_add(self.directory(number)?.inode.size);
            if bytes > self.size() {
                return Err(damaged(number, "it shares its names with another directory"));
            }
            Ok(())
        };
        enter(self.root())?;
        let mut steps = walk(self, self.root()).map_err(ErofsError::of_image)?;
        while let Some(id) = steps.advance().map_err(ErofsError::of_image)? {
            if told(id)?.1 == Type::Directory {
                enter(id)?;
            } else {
                let count = names.entry(id).or_default();
                *count = count.saturating_add(1);
            }
        }
        for (id, count) in &names {
            if self.node(*id).map_err(ErofsError::of_image)?.links != *count {
                return Err(damaged(told(*id)?.0, &format!("it has {count} names, and says otherwise")));
            }
        }
        if directories.saturating_add(names.len() as u64) != self.inodes() {
            return Err(ErofsError::damaged("superblock", "the number of inodes is another"));
        }
        Ok(())
    }

    fn pieces(&self, mut each: impl FnMut(u64, &[u8]) -> Result<(), ErofsError>) -> Result<(), ErofsError> {
        const { assert!(PIECE >= OFFSET + BLOCK_LEN, "the head is in the first piece") };
        let (mut at, mut buffer) = (0, vec![0; PIECE]);
        while at < self.size() {
            let len = usize::try_from(self.size().saturating_sub(at)).unwrap_or(PIECE).min(PIECE);
            let piece = buffer.get_mut(..len).unwrap_or_default();
            self.cache.read_exactly(at, piece)?;
            each(at, piece)?;
            at = at.saturating_add(len as u64);
        }
        Ok(())
    }
}
