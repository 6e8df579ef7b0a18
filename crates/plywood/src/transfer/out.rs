use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{Advice, fadvise};

/// How many bytes are written before the disk is told to start. With it a load takes 0.74 of `cp && sync`,
/// without 1.10: the disk works while we do (`cargo xtask bench --peers`).
const WRITE_BACK: u64 = 8 << 20;

/// A place in a file that bytes are written to, in order.
#[derive(Debug)]
pub(crate) struct Out {
    file: Arc<File>,
    start: u64,
    at: AtomicU64,
    flushed: AtomicU64,
}

impl Out {
    pub(crate) fn new(file: Arc<File>, start: u64) -> Self {
        Self { file, start, at: AtomicU64::new(start), flushed: AtomicU64::new(start) }
    }

    /// Bytes written so far.
    pub(crate) fn len(&self) -> u64 {
        self.at.load(Ordering::Relaxed) - self.start
    }

    /// Writes the next bytes. One thread writes at a time; the counters are atomic so that a reference is enough.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let at = self.at.load(Ordering::Relaxed);
        self.file.write_all_at(bytes, at)?;
        let end = at + bytes.len() as u64;
        self.at.store(end, Ordering::Relaxed);
        let flushed = self.flushed.load(Ordering::Relaxed);
        if end - flushed >= WRITE_BACK {
            start_write_back(&self.file, flushed, end - flushed);
            self.flushed.store(end, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Tells the disk to start writing, and does not wait.
///
/// `sync_file_range` would be the plain call for it; the kernel does the same for `POSIX_FADV_DONTNEED`, and drops
/// what is clean already, which is what a stream of data wants.
fn start_write_back(file: &File, offset: u64, len: u64) {
    let _ = fadvise(file, offset, std::num::NonZeroU64::new(len), Advice::DontNeed);
}
