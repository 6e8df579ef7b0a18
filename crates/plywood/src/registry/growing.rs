//! A compressed layer in the making, which is sent while it grows.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::sync::{Condvar, Mutex, PoisonError};

use ply_digest::{Digest, Hasher};
use ply_registry::Bytes;

use crate::Error;
use crate::files::temporary;
use crate::transfer::lock;

/// Bytes that are sent at once, so that a server's work overlaps with ours.
pub(super) const STEP: u64 = 16 << 20;

/// A compressed layer in the making, in a file without a name.
pub(super) struct Growing {
    file: File,
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Default)]
struct State {
    len: u64,
    digest: Option<Digest>,
    failed: bool,
}

pub(super) enum Grown {
    /// So much is there.
    More(u64),
    /// All of it is.
    Whole(Digest, u64),
    /// No more will come.
    Failed,
}

impl Growing {
    pub(super) fn new(store: &std::path::Path) -> Result<Self, Error> {
        Ok(Self { file: temporary(store)?, state: Mutex::default(), bell: Condvar::new() })
    }

    /// What the bytes are written into, in order.
    pub(super) fn writer(&self) -> Writer<'_> {
        Writer { growing: self, hasher: Hasher::new() }
    }

    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = lock(&self.state);
        if state.failed {
            return Err(io::Error::other("nobody sends it any more"));
        }
        let at = state.len;
        drop(state);
        self.file.write_all_at(bytes, at)?;
        state = lock(&self.state);
        state.len = at.saturating_add(bytes.len() as u64);
        drop(state);
        self.bell.notify_all();
        Ok(())
    }

    pub(super) fn fail(&self) {
        lock(&self.state).failed = true;
        self.bell.notify_all();
    }

    /// Waits until a step more is there than was sent, or all.
    pub(super) fn wait(&self, sent: u64, step: u64) -> Grown {
        let mut state = lock(&self.state);
        loop {
            match (state.failed, state.digest) {
                (true, _) => return Grown::Failed,
                (false, Some(digest)) => return Grown::Whole(digest, state.len),
                (false, None) if state.len >= sent.saturating_add(step) => {
                    return Grown::More(sent.saturating_add(step));
                }
                (false, None) => state = self.bell.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

impl Bytes for Growing {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }
}

/// What the encoder writes into.
pub(super) struct Writer<'a> {
    growing: &'a Growing,
    hasher: Hasher,
}

impl Writer<'_> {
    /// All is written.
    pub(super) fn finish(self) {
        lock(&self.growing.state).digest = Some(self.hasher.finalize());
        self.growing.bell.notify_all();
    }
}

impl Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.growing.append(bytes)?;
        self.hasher.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
