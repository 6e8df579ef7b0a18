//! The writer: members one after the other.

use std::io::{self, Read, Write};

use thiserror::Error;

use crate::Entry;
use crate::block::{BLOCK, padding};
use crate::encode::header_bytes;
use crate::error::printable;

/// What stands at the end of an archive: two blocks of zeros.
pub const TRAILER: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// Bytes of content copied at once.
const COPY: usize = 64 << 10;

/// Why a member cannot be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// No header can hold the entry.
    #[error("writing {member}: {why}")]
    Entry {
        /// Its path, escaped, cut when long.
        member: String,
        /// What does not fit.
        why: &'static str,
    },
    /// The content is not as long as its header says; the header is written, so the archive is spoiled.
    #[error("writing {member}: its header says {declared} bytes, its content has {}{had}", if *more { "more than " } else { "" })]
    Content {
        /// Its path, escaped, cut when long.
        member: String,
        /// Bytes the header says.
        declared: u64,
        /// Bytes that came.
        had: u64,
        /// Whether there were more, which were not read.
        more: bool,
    },
    /// The content cannot be read.
    #[error("reading the content of {member}")]
    Read {
        /// Its path, escaped, cut when long.
        member: String,
        /// What the reader said.
        source: io::Error,
    },
    /// The archive cannot be written.
    #[error("writing the archive at byte {offset}")]
    Write {
        /// Where.
        offset: u64,
        /// What the writer said.
        source: io::Error,
    },
}

/// Writes an archive: the same members give the same bytes, always.
///
/// Only what an [`Entry`] says is written, and it says nothing of time, user or machine unless told to. Content is
/// written out whole, that of a sparse file too. To lay out an archive at known offsets, and fill it from several
/// threads, take [`header_bytes`], [`padding`] and [`TRAILER`] instead.
///
/// ```
/// use ply_tar::{Entry, Writer};
///
/// let mut writer = Writer::new(Vec::new());
/// writer.append(&Entry::directory("etc/"), std::io::empty())?;
/// let offset = writer.append(&Entry::file("etc/motd", 3), &b"hi\n"[..])?;
/// assert_eq!(offset, 1024);
/// assert_eq!(writer.finish()?.len(), 512 + 512 + 512 + 1024);
/// # Ok::<(), ply_tar::WriteError>(())
/// ```
#[derive(Debug)]
#[must_use = "without `finish` the archive has no end"]
pub struct Writer<W> {
    writer: W,
    offset: u64,
    buffer: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// At the beginning of an archive.
    pub fn new(writer: W) -> Self {
        Self { writer, offset: 0, buffer: Vec::new() }
    }

    /// Bytes written so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Writes a member whole; the offset of its content. `content` must have `entry.size` bytes, and for a kind without
    /// content none.
    ///
    /// # Errors
    ///
    /// Any [`WriteError`]. After any but [`WriteError::Entry`] the archive is spoiled.
    pub fn append(&mut self, entry: &Entry, mut content: impl Read) -> Result<u64, WriteError> {
        let mut sink = self.begin(entry)?;
        let start = sink.start;
        let mut buffer = std::mem::take(&mut sink.writer.buffer);
        buffer.resize(COPY, 0);
        loop {
            let read = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(WriteError::Read { member: printable(&entry.path), source }),
            };
            sink.push(buffer.get(..read).unwrap_or_default())?;
        }
        sink.writer.buffer = buffer;
        sink.finish()?;
        Ok(start)
    }

    /// Writes a member's headers; its content is then pushed.
    ///
    /// # Errors
    ///
    /// [`WriteError::Entry`], and nothing is written; [`WriteError::Write`].
    pub fn begin<'a>(&'a mut self, entry: &'a Entry) -> Result<Content<'a, W>, WriteError> {
        let headers = header_bytes(entry)?;
        self.write(&headers)?;
        let size = if entry.kind.has_content() { entry.size } else { 0 };
        let start = self.offset;
        Ok(Content { writer: self, path: &entry.path, start, size, left: size })
    }

    /// Writes the trailer, flushes, and gives the writer back.
    ///
    /// # Errors
    ///
    /// [`WriteError::Write`].
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.write(&TRAILER)?;
        let offset = self.offset;
        self.writer.flush().map_err(|source| WriteError::Write { offset, source })?;
        Ok(self.writer)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let offset = self.offset;
        self.writer.write_all(bytes).map_err(|source| WriteError::Write { offset, source })?;
        self.offset = offset.saturating_add(bytes.len() as u64);
        Ok(())
    }
}

/// The content of a member under way.
#[derive(Debug)]
#[must_use = "without `finish` the member has no padding, and the archive is spoiled"]
pub struct Content<'a, W> {
    writer: &'a mut Writer<W>,
    path: &'a [u8],
    start: u64,
    size: u64,
    left: u64,
}

impl<W: Write> Content<'_, W> {
    /// Writes the next bytes.
    ///
    /// # Errors
    ///
    /// [`WriteError::Content`] if there are more than the header says, [`WriteError::Write`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let left = self.left.checked_sub(bytes.len() as u64).ok_or_else(|| self.wrong_length(true))?;
        self.writer.write(bytes)?;
        self.left = left;
        Ok(())
    }

    /// Writes the padding.
    ///
    /// # Errors
    ///
    /// [`WriteError::Content`] if there were fewer bytes than the header says, [`WriteError::Write`].
    pub fn finish(self) -> Result<(), WriteError> {
        if self.left > 0 {
            return Err(self.wrong_length(false));
        }
        let padding = usize::try_from(padding(self.size)).unwrap_or(0);
        self.writer.write(TRAILER.get(..padding).unwrap_or_default())
    }

    fn wrong_length(&self, more: bool) -> WriteError {
        let had = if more { self.size } else { self.size.saturating_sub(self.left) };
        WriteError::Content { member: printable(self.path), declared: self.size, had, more }
    }
}
