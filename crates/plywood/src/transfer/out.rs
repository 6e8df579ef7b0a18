use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use ply_store::IngestBlob;
use rustix::fs::{Advice, fadvise};

use super::lock;

/// How many bytes are written before the disk is told to start. With it a load takes 0.74 of `cp && sync`,
/// without 1.10: the disk works while we do (`cargo xtask bench --peers`).
pub(crate) const WRITE_BACK: u64 = 8 << 20;

/// A place in a file that bytes are written to, in order.
#[derive(Debug)]
pub(crate) struct Out {
    file: OnceLock<Arc<File>>,
    /// What is opened when the first byte comes: there may be more files to write than a process may hold open.
    path: PathBuf,
    at: AtomicU64,
    /// What may have the same bytes already: while it has, nothing is written.
    old: Mutex<Option<Old>>,
    flushed: AtomicU64,
}

/// A file that is compared with what comes, and room for a block of it.
#[derive(Debug)]
struct Old {
    file: File,
    block: Vec<u8>,
}

impl Out {
    /// A place in a file that is open.
    pub(crate) fn new(file: Arc<File>, start: u64) -> Self {
        Self { file: file.into(), ..Self::at_path(PathBuf::new(), start) }
    }

    /// A blob on its way into the store.
    pub(crate) fn of(blob: &IngestBlob) -> Self {
        Self::at_path(blob.path().to_owned(), 0)
    }

    fn at_path(path: PathBuf, start: u64) -> Self {
        let (at, flushed) = (AtomicU64::new(start), AtomicU64::new(start));
        Self { file: OnceLock::new(), path, at, old: Mutex::new(None), flushed }
    }

    /// A blob on its way into the store, where `old` may be the same: then nothing is written.
    pub(crate) fn unless(blob: &IngestBlob, old: File) -> Self {
        Self { old: Mutex::new(Some(Old { file: old, block: Vec::new() })), ..Self::of(blob) }
    }

    /// Whether the next bytes are those of the old file. Where they are not, what was the same before is copied from it.
    fn is_old(&self, bytes: &[u8], at: u64) -> io::Result<bool> {
        let mut place = lock(&self.old);
        let Some(Old { file, block }) = place.as_mut() else { return Ok(false) };
        block.resize(bytes.len(), 0);
        if file.read_exact_at(block, at).is_ok() && block == bytes {
            return Ok(true);
        }
        io::copy(&mut file.take(at), &mut self.file()?)?;
        *place = None;
        Ok(false)
    }

    fn file(&self) -> io::Result<&File> {
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        let file = OpenOptions::new().write(true).open(&self.path)?;
        Ok(self.file.get_or_init(|| Arc::new(file)))
    }

    /// Writes the next bytes. One thread writes at a time; the counters are atomic so that a reference is enough.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.write_next(bytes).map_err(|source| match self.path.as_os_str().is_empty() {
            true => source,
            false => refused(self.path.display().to_string(), source),
        })
    }

    fn write_next(&self, bytes: &[u8]) -> io::Result<()> {
        let at = self.at.load(Ordering::Relaxed);
        if self.is_old(bytes, at)? {
            self.at.store(at.saturating_add(bytes.len() as u64), Ordering::Relaxed);
            return Ok(());
        }
        let file = self.file()?;
        file.write_all_at(bytes, at)?;
        let end = at.saturating_add(bytes.len() as u64);
        self.at.store(end, Ordering::Relaxed);
        let flushed = self.flushed.load(Ordering::Relaxed);
        if end.saturating_sub(flushed) >= WRITE_BACK {
            start_write_back(file, flushed, end.saturating_sub(flushed));
            self.flushed.store(end, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Something of ours that the system does not let us read or write.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
struct Refused {
    what: String,
    source: io::Error,
}

/// Says what of ours was refused: whoever reads or writes says for what, and not where that lies.
pub(crate) fn refused(what: String, source: io::Error) -> io::Error {
    io::Error::new(source.kind(), Refused { what, source })
}

/// Tells the disk to start writing, and does not wait.
///
/// `sync_file_range` would be the plain call for it; the kernel does the same for `POSIX_FADV_DONTNEED`, and drops
/// what is clean already, which is what a stream of data wants.
fn start_write_back(file: &File, offset: u64, len: u64) {
    let _ = fadvise(file, offset, std::num::NonZeroU64::new(len), Advice::DontNeed);
}
