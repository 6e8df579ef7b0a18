//! The push driver: bytes go past.

use crate::block::BLOCK;
use crate::{End, Entry, Limits, Machine, TarError, Want};

/// Reads an archive whose bytes go past for another reason, as when they are hashed or copied. Blocks may be of any
/// size; content costs a subtraction, whatever its length.
///
/// ```
/// use ply_tar::{Entry, Limits, Walker};
///
/// let mut archive = ply_tar::header_bytes(&Entry::file("motd", 3))?;
/// archive.extend_from_slice(b"hi\n");
/// let mut walker = Walker::new(Limits::default());
/// let mut names = Vec::new();
/// for piece in archive.chunks(7) {
///     walker.push(piece, |entry| names.push(entry.path.clone()))?;
/// }
/// assert_eq!(walker.finish()?.members, 1);
/// assert_eq!(names, [b"motd"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "without `finish` a truncated archive goes unnoticed"]
pub struct Walker {
    machine: Machine,
    /// The beginning of a block that came in pieces.
    block: [u8; BLOCK],
    have: usize,
}

impl Walker {
    /// At the beginning of an archive.
    pub fn new(limits: Limits) -> Self {
        Self { machine: Machine::new(limits), block: [0; BLOCK], have: 0 }
    }

    /// Takes the next bytes, and calls `on_entry` as soon as the headers of a member are complete.
    ///
    /// # Errors
    ///
    /// [`TarError::Malformed`], [`TarError::Limit`]. There is no way on after one; [`finish`](Walker::finish) fails.
    pub fn push(&mut self, mut bytes: &[u8], mut on_entry: impl FnMut(&Entry)) -> Result<(), TarError> {
        while !bytes.is_empty() {
            match self.machine.wants() {
                Want::Rest => return Ok(()),
                Want::Skip(wanted) => {
                    let count = usize::try_from(wanted).unwrap_or(usize::MAX).min(bytes.len());
                    self.machine.skipped(count as u64);
                    bytes = bytes.get(count..).unwrap_or_default();
                }
                Want::Block => {
                    let entry = if let (0, Some((block, rest))) = (self.have, bytes.split_first_chunk()) {
                        bytes = rest;
                        self.machine.feed(block)?
                    } else {
                        let room = self.block.get_mut(self.have..).unwrap_or_default();
                        let (piece, rest) = bytes.split_at(room.len().min(bytes.len()));
                        for (place, byte) in room.iter_mut().zip(piece) {
                            *place = *byte;
                        }
                        self.have = self.have.saturating_add(piece.len());
                        bytes = rest;
                        if self.have < BLOCK {
                            return Ok(());
                        }
                        self.have = 0;
                        self.machine.feed(&self.block)?
                    };
                    if let Some(entry) = entry {
                        on_entry(&entry);
                    }
                }
            }
        }
        Ok(())
    }

    /// Says that no more bytes come.
    ///
    /// # Errors
    ///
    /// [`TarError::Truncated`] unless an archive may end here; [`TarError::Malformed`] after a failed
    /// [`push`](Walker::push).
    pub fn finish(self) -> Result<End, TarError> {
        self.machine.finish(self.have)
    }
}
