use std::io::{self, Read};

use crate::{Extent, Source};

/// Bytes that can be read at any place, by several at once.
pub trait ReadAt: Send + Sync {
    /// Reads some bytes from a place on; 0 at the end.
    ///
    /// # Errors
    /// What lies behind cannot be read.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

/// The table behind [`Source`]: what a tree's owner keeps.
pub trait Sources: Send + Sync {
    /// What a number stands for. May open or make something, so ask once a file.
    ///
    /// # Errors
    /// There is no such number, or what it stands for is not to be had.
    fn source(&self, source: Source) -> io::Result<&dyn ReadAt>;
}

/// The content of a file, from its beginning to its end.
#[allow(missing_debug_implementations, reason = "sources can be anything")]
pub struct Content<'a> {
    sources: &'a dyn Sources,
    extents: &'a [Extent],
    /// How much of the first extent is read.
    done: u64,
    /// Bytes left of the file.
    left: u64,
}

impl<'a> Content<'a> {
    /// The content of a file of `size` bytes that lie in these extents.
    #[must_use]
    pub fn new(sources: &'a dyn Sources, extents: &'a [Extent], size: u64) -> Self {
        Self { sources, extents, done: 0, left: size }
    }

    /// The same without its first bytes; nothing of it is read.
    #[must_use]
    pub fn after(mut self, mut bytes: u64) -> Self {
        bytes = bytes.min(self.left);
        self.left = self.left.saturating_sub(bytes);
        self.done = self.done.saturating_add(bytes);
        while let Some((extent, others)) = self.extents.split_first().filter(|(e, _)| e.len <= self.done) {
            self.done = self.done.saturating_sub(extent.len);
            self.extents = others;
        }
        self
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let clip = |len: u64| usize::try_from(len).unwrap_or(usize::MAX).min(buffer.len());
        loop {
            if self.left == 0 || buffer.is_empty() {
                return Ok(0);
            }
            let (source, offset, rest) = match self.extents.split_first() {
                None => (Source::HOLE, 0, self.left),
                Some((extent, others)) if extent.len <= self.done => {
                    self.extents = others;
                    self.done = 0;
                    continue;
                }
                Some((extent, _)) => (
                    extent.source,
                    extent.offset.saturating_add(self.done),
                    extent.len.saturating_sub(self.done),
                ),
            };
            let wanted = clip(rest.min(self.left));
            let buffer = buffer.get_mut(..wanted).unwrap_or_default();
            let n = if source == Source::HOLE {
                buffer.fill(0);
                wanted
            } else {
                self.sources.source(source)?.read_at(buffer, offset)?
            };
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.done = self.done.saturating_add(n as u64);
            self.left = self.left.saturating_sub(n as u64);
            return Ok(n);
        }
    }
}
