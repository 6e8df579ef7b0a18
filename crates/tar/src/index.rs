//! The seekable driver: headers only.

use std::io::{Read, Seek, SeekFrom};

use crate::block::BLOCK;
use crate::{End, Entry, Limits, Machine, TarError, Want};

/// The members of an archive that can seek, from its beginning. Reads the headers and nothing else: a block of 512 bytes
/// and a seek for a member, whatever its size. Each member's data is known to lie inside the input when it is returned.
///
/// ```
/// use std::io::Cursor;
/// use ply_tar::{Entry, Limits, Writer};
///
/// let mut writer = Writer::new(Vec::new());
/// writer.append(&Entry::file("motd", 3), &b"hi\n"[..])?;
/// let archive = Cursor::new(writer.finish()?);
///
/// let entries = ply_tar::index(archive, Limits::default())?.collect::<Result<Vec<_>, _>>()?;
/// assert_eq!((entries[0].data_offset, entries[0].stored), (512, 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`TarError::Io`] if the input's length cannot be told.
pub fn index<R: Read + Seek>(mut reader: R, limits: Limits) -> Result<Index<R>, TarError> {
    let length = reader.seek(SeekFrom::End(0)).map_err(|source| TarError::Io { offset: 0, source })?;
    Ok(Index { reader, length, position: length, machine: Machine::new(limits), end: None, failed: false })
}

/// The iterator [`index`] returns. After an error it is over.
#[derive(Debug)]
pub struct Index<R> {
    reader: R,
    length: u64,
    /// Where the reader stands.
    position: u64,
    machine: Machine,
    end: Option<End>,
    failed: bool,
}

impl<R: Read + Seek> Index<R> {
    /// How the archive ended, once the iterator gave `None` without an error.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// The reader, standing anywhere.
    pub fn into_inner(self) -> R {
        self.reader
    }

    fn step(&mut self) -> Result<Option<Entry>, TarError> {
        while self.end.is_none() {
            let left = self.length.saturating_sub(self.machine.offset());
            match self.machine.wants() {
                Want::Rest => self.end = Some(self.machine.finish(0)?),
                Want::Skip(wanted) => {
                    self.machine.skipped(wanted.min(left));
                    if wanted > left {
                        self.end = Some(self.machine.finish(0)?);
                    }
                }
                Want::Block if left < BLOCK as u64 => {
                    self.end = Some(self.machine.finish(usize::try_from(left).unwrap_or(0))?);
                }
                Want::Block => {
                    let block = self.block()?;
                    if let Some(entry) = self.machine.feed(&block)? {
                        self.check_inside(&entry)?;
                        return Ok(Some(entry));
                    }
                }
            }
        }
        Ok(None)
    }

    /// The block at the machine's offset.
    fn block(&mut self) -> Result<[u8; BLOCK], TarError> {
        let offset = self.machine.offset();
        let failed = |source| TarError::Io { offset, source };
        if self.position != offset {
            self.position = self.reader.seek(SeekFrom::Start(offset)).map_err(failed)?;
        }
        let mut block = [0; BLOCK];
        self.reader.read_exact(&mut block).map_err(failed)?;
        self.position = self.position.saturating_add(BLOCK as u64);
        Ok(block)
    }

    fn check_inside(&mut self, entry: &Entry) -> Result<(), TarError> {
        let left = self.length.saturating_sub(entry.data_offset);
        if entry.stored > left {
            self.machine.skipped(left);
            self.machine.finish(0)?;
        }
        Ok(())
    }
}

impl<R: Read + Seek> Iterator for Index<R> {
    type Item = Result<Entry, TarError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let step = self.step();
        self.failed = step.is_err();
        step.transpose()
    }
}
