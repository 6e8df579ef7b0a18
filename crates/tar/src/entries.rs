//! The stream driver: a reader that cannot seek, members with their content.

use std::io::{self, Read};

use crate::block::BLOCK;
use crate::content::{Cursor, Part};
use crate::{End, Entry, Limits, Machine, TarError, Want};

/// Bytes read at once to pass over content.
const SKIP: usize = 64 << 10;

/// Reads an archive from a stream: [`next_entry`](Entries::next_entry), then the content of that member through
/// [`Read`], as a user sees it, holes of a sparse file as zeros. What is left of it is passed over at the next call.
///
/// Headers are read 512 bytes at a time, content in the caller's sizes: put a [`std::io::BufReader`] below where a read
/// is dear. After the last member the reader stands right behind the trailer; what follows is the caller's.
///
/// ```
/// use std::io::Read;
/// use ply_tar::{Entries, Entry, Limits, Writer};
///
/// let mut writer = Writer::new(Vec::new());
/// writer.append(&Entry::file("motd", 3), &b"hi\n"[..])?;
/// let archive = writer.finish()?;
///
/// let mut entries = Entries::new(&archive[..], Limits::default());
/// while let Some(entry) = entries.next_entry()? {
///     let mut content = String::new();
///     entries.read_to_string(&mut content)?;
///     assert_eq!((&entry.path[..], &content[..]), (&b"motd"[..], "hi\n"));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Entries<R> {
    reader: R,
    machine: Machine,
    cursor: Cursor,
    scratch: Vec<u8>,
    end: Option<End>,
}

impl<R: Read> Entries<R> {
    /// At the beginning of an archive.
    pub fn new(reader: R, limits: Limits) -> Self {
        let (machine, cursor) = (Machine::new(limits), Cursor::default());
        Self { reader, machine, cursor, scratch: Vec::new(), end: None }
    }

    /// The next member; `None` at the end of the archive, and from then on.
    ///
    /// # Errors
    ///
    /// Any [`TarError`]. There is no way on after one.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, TarError> {
        self.cursor = Cursor::default();
        while self.end.is_none() {
            match self.machine.wants() {
                Want::Rest => self.end = Some(self.machine.finish(0)?),
                Want::Skip(wanted) => self.skip(wanted)?,
                Want::Block => {
                    let mut block = [0; BLOCK];
                    let have = self.fill(&mut block)?;
                    if have < BLOCK {
                        self.end = Some(self.machine.finish(have)?);
                    } else if let Some(entry) = self.machine.feed(&block)? {
                        self.cursor = Cursor::new(&entry);
                        return Ok(Some(entry));
                    }
                }
            }
        }
        Ok(None)
    }

    /// How the archive ended, once [`next_entry`](Entries::next_entry) gave `None`.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// The reader, where it stands.
    pub fn into_inner(self) -> R {
        self.reader
    }

    fn skip(&mut self, wanted: u64) -> Result<(), TarError> {
        self.scratch.resize(SKIP, 0);
        let mut left = wanted;
        while left > 0 {
            let count = usize::try_from(left).unwrap_or(SKIP).min(SKIP);
            let read = read_some(&mut self.reader, self.scratch.get_mut(..count).unwrap_or_default());
            let read = read.map_err(|source| TarError::Io { offset: self.machine.offset(), source })?;
            if read == 0 {
                self.end = Some(self.machine.finish(0)?);
                return Ok(());
            }
            self.machine.skipped(read as u64);
            left = left.saturating_sub(read as u64);
        }
        Ok(())
    }

    /// Reads until the block is full or the input is over; how many bytes there are.
    fn fill(&mut self, block: &mut [u8; BLOCK]) -> Result<usize, TarError> {
        let mut have = 0;
        while let Some(rest) = block.get_mut(have..).filter(|rest| !rest.is_empty()) {
            let read = read_some(&mut self.reader, rest);
            match read.map_err(|source| TarError::Io { offset: self.machine.offset(), source })? {
                0 => break,
                read => have = have.saturating_add(read),
            }
        }
        Ok(have)
    }
}

fn clip(buffer: &mut [u8], most: u64) -> &mut [u8] {
    let count = usize::try_from(most).unwrap_or(usize::MAX).min(buffer.len());
    buffer.get_mut(..count).unwrap_or_default()
}

/// The content of the member last returned; errors of the archive come as [`io::Error`] with the [`TarError`] inside.
impl<R: Read> Read for Entries<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.cursor.part() {
            Part::End => Ok(0),
            Part::Hole(len) => {
                let hole = clip(buffer, len);
                hole.fill(0);
                self.cursor.advance(hole.len() as u64);
                Ok(hole.len())
            }
            Part::Data(len) => {
                let wanted = clip(buffer, len);
                let read = self.reader.read(wanted)?;
                if read == 0 && !wanted.is_empty() {
                    self.machine.finish(0)?;
                }
                self.cursor.advance(read as u64);
                self.machine.skipped(read as u64);
                Ok(read)
            }
        }
    }
}

fn read_some(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
