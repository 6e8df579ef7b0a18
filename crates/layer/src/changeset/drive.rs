//! Three ways a layer's tar comes.

use std::io::{Read, Seek};

use ply_tar::{Entries, Limits, Walker};

use super::{Changeset, ReadError, Reader};

/// Reads a tar that can seek: headers and nothing else.
///
/// ```
/// use std::io::Cursor;
/// use ply_layer::changeset::{Reader, read};
/// use ply_tar::{Entry, Limits, Writer};
/// use ply_tree::Source;
///
/// let mut tar = Writer::new(Vec::new());
/// tar.append(&Entry::file("motd", 3), &b"hi\n"[..])?;
/// let tar = Cursor::new(tar.finish()?);
///
/// let layer = read(tar, Reader::new(Source(0), 0), Limits::default())?;
/// assert_eq!(layer.counts.bytes, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Any [`ReadError`].
pub fn read(tar: impl Read + Seek, mut reader: Reader, limits: Limits) -> Result<Changeset, ReadError> {
    let mut entries = ply_tar::index(tar, limits)?;
    for entry in entries.by_ref() {
        reader.push(&entry?)?;
    }
    reader.passed_over(entries.end().map_or(0, |end| end.skipped));
    reader.finish()
}

/// Reads a tar that cannot seek, to its end; content is passed over.
///
/// # Errors
/// Any [`ReadError`].
pub fn read_stream(tar: impl Read, mut reader: Reader, limits: Limits) -> Result<Changeset, ReadError> {
    let mut entries = Entries::new(tar, limits);
    while let Some(entry) = entries.next_entry()? {
        reader.push(&entry)?;
    }
    reader.passed_over(entries.end().map_or(0, |end| end.skipped));
    reader.finish()
}

/// Reads a tar that goes past on its way elsewhere, to be hashed or stored, in pieces of any size.
///
/// ```
/// use ply_layer::changeset::{Feed, Reader};
/// use ply_tar::{Entry, Limits, Writer};
/// use ply_tree::Source;
///
/// let mut tar = Writer::new(Vec::new());
/// tar.append(&Entry::file("motd", 3), &b"hi\n"[..])?;
///
/// let mut feed = Feed::new(Reader::new(Source(0), 0), Limits::default());
/// for piece in tar.finish()?.chunks(1000) {
///     feed.push(piece)?;
/// }
/// assert_eq!(feed.finish()?.counts.files, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "`finish` gives the tree"]
pub struct Feed {
    walker: Walker,
    reader: Reader,
    refused: Option<ReadError>,
}

impl Feed {
    /// At the beginning of a tar.
    pub fn new(reader: Reader, limits: Limits) -> Self {
        Self { walker: Walker::new(limits), reader, refused: None }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// Any [`ReadError`]. There is no way on after one.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), ReadError> {
        let (reader, refused) = (&mut self.reader, &mut self.refused);
        self.walker.push(bytes, |entry| {
            if refused.is_none() {
                *refused = reader.push(entry).err();
            }
        })?;
        self.refused.take().map_or(Ok(()), Err)
    }

    /// Says that no more bytes come: the tree.
    ///
    /// # Errors
    /// Any [`ReadError`].
    pub fn finish(mut self) -> Result<Changeset, ReadError> {
        let end = self.walker.finish()?;
        self.reader.passed_over(end.skipped);
        self.reader.finish()
    }
}
