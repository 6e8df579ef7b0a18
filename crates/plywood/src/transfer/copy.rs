//! A plain blob on its way: read, counted, written, while the pump hashes it.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use ply_digest::{Digest, Feed};
use ply_image::{DiffId, Region};
use ply_layer::Compression;
use ply_store::LayerFacts;

use super::{Counter, Job, Moved, verify};
use crate::Error;
use crate::watch::Watch;

/// One blob, for [`ply_digest::pump`].
///
/// A failure is kept, and the stream ends there: the other blobs go on, and `finish` tells.
pub(super) struct Copy<'a> {
    at: usize,
    job: Job<'a>,
    /// While bytes come: opened for the first one, closed after the last.
    reader: Option<RegionReader>,
    counter: Option<Counter<'a>>,
    failed: Option<Error>,
    /// What it turned out to be, once all of it is hashed.
    moved: Option<Result<Moved, Error>>,
    watch: &'a dyn Watch,
}

/// The pump is stopped from outside, and only so.
#[derive(Debug)]
pub(super) struct Stop;

impl<'a> Copy<'a> {
    pub(super) fn new(at: usize, job: Job<'a>, watch: &'a dyn Watch) -> Self {
        let counter = job.walk.map(Counter::new);
        Self { at, job, reader: None, counter, failed: None, moved: None, watch }
    }

    /// Reads a block, writes it, counts it; the pump hashes it afterwards, while it is warm.
    fn step(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let what = || self.job.what.clone();
        let reader = match &mut self.reader {
            Some(reader) => reader,
            None => self.reader.insert(RegionReader::new(&self.job.from.open()?)),
        };
        let n = reader.read(buffer).map_err(|e| truncated(&self.job.what, reader, e))?;
        let block = buffer.get(..n).unwrap_or_default();
        // A plain layer is both what is stored and what comes out.
        for out in [&self.job.stored, &self.job.plain].into_iter().flatten() {
            out.write(block).map_err(Error::within(format!("writing {}", what())))?;
        }
        if let Some(counter) = &mut self.counter {
            counter.push(block).map_err(Error::within(what()))?;
        }
        Ok(n)
    }

    /// The files are closed, so that the next blob can have them.
    fn close(&mut self) {
        (self.reader, self.job.stored, self.job.plain) = (None, None, None);
    }

    pub(super) fn finish(self) -> (usize, Result<Moved, Error>) {
        // It was read to its end, or the pump was stopped.
        (self.at, self.moved.unwrap_or(Err(Error::Interrupted)))
    }

    fn result(&mut self, digest: Digest) -> Result<Moved, Error> {
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        let (size, diff_id) = (self.job.from.len(), DiffId(digest));
        let facts = LayerFacts { content: 0, plain: size };
        let mut moved = Moved { digest, size, diff_id, compression: Compression::None, facts };
        // What the bytes hash to says more than that they are no tar.
        verify(&self.job.what, self.job.expected, &moved)?;
        if let Some(counter) = self.counter.take() {
            moved.facts = counter.finish(diff_id, size).map_err(Error::within(self.job.what.clone()))?;
        }
        Ok(moved)
    }
}

impl Feed for Copy<'_> {
    type Error = Stop;

    fn size_hint(&self) -> u64 {
        self.job.from.len()
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Stop> {
        if self.failed.is_some() {
            return Ok(0);
        }
        let n = self.step(buffer).unwrap_or_else(|e| {
            self.failed = Some(e);
            0
        });
        if self.watch.advance(self.at, n as u64).is_break() {
            return Err(Stop);
        }
        if n == 0 {
            self.close();
            self.watch.done(self.at);
        }
        Ok(n)
    }

    fn hashed(&mut self, digest: &Digest) {
        self.moved = Some(self.result(*digest));
    }
}

/// Reads a region in order, by position: many can read one file at once.
#[derive(Debug)]
pub(crate) struct RegionReader {
    file: Arc<File>,
    at: u64,
    left: u64,
    len: u64,
}

impl RegionReader {
    pub(crate) fn new(region: &Region) -> Self {
        advise(region);
        Self { file: Arc::clone(&region.file), at: region.offset, left: region.len, len: region.len }
    }
}

impl Read for RegionReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let want = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..want).filter(|b| !b.is_empty()) else {
            return Ok(0);
        };
        let n = self.file.read_at(buffer, self.at)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at = self.at.saturating_add(n as u64);
        self.left = self.left.saturating_sub(n as u64);
        Ok(n)
    }
}

/// Doubles the kernel's read-ahead: with the archive not in the page cache a load takes 0.81 of `cp && sync`,
/// without 1.38 (`cargo xtask bench --peers`).
fn advise(region: &Region) {
    use rustix::fs::{Advice, fadvise};
    let _ = fadvise(&*region.file, region.offset, std::num::NonZeroU64::new(region.len), Advice::Sequential);
}

/// A file that became shorter since its headers were read says where it ends.
fn truncated(what: &str, reader: &RegionReader, error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        let why =
            format!("it ends after {} of its {} bytes", reader.len.saturating_sub(reader.left), reader.len);
        return Error::Within { place: what.to_owned(), source: why.into() };
    }
    Error::within(format!("reading {what}"))(error)
}

/// How the bytes in a region are compressed, by the first of them.
pub(crate) fn sniff(region: &Region) -> io::Result<Compression> {
    let head = head(region)?;
    Ok(Compression::detect(head.get(..Compression::PREFIX).unwrap_or(&head)))
}

/// The first bytes in a region.
pub(super) fn head(region: &Region) -> io::Result<Vec<u8>> {
    let left = region.len.min(Compression::HEAD as u64);
    let mut head = Vec::new();
    let mut reader =
        RegionReader { file: Arc::clone(&region.file), at: region.offset, left, len: region.len };
    reader.read_to_end(&mut head)?;
    Ok(head)
}
