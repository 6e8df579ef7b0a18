//! Readers and writers that hash what passes through them.

use std::io::{self, Read, Write};

use crate::{Digest, Hasher};

/// Hashes what is read through it.
#[derive(Debug)]
pub struct HashingReader<R> {
    inner: R,
    hasher: Hasher,
}

impl<R> HashingReader<R> {
    /// Hashes what `inner` gives from here on.
    pub const fn new(inner: R) -> Self {
        Self { inner, hasher: Hasher::new() }
    }

    /// How many bytes have been read so far.
    pub const fn len(&self) -> u64 {
        self.hasher.len()
    }

    /// Whether nothing has been read so far.
    pub const fn is_empty(&self) -> bool {
        self.hasher.is_empty()
    }

    /// The inner reader, the digest of the bytes read so far, and how many they are.
    pub fn into_parts(self) -> (R, Digest, u64) {
        let len = self.hasher.len();
        (self.inner, self.hasher.finalize(), len)
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(part(buffer, read)?);
        Ok(read)
    }
}

/// Hashes what is written through it: the bytes the inner writer took, no others.
#[derive(Debug)]
pub struct HashingWriter<W> {
    inner: W,
    hasher: Hasher,
}

impl<W> HashingWriter<W> {
    /// Hashes what is written to `inner` from here on.
    pub const fn new(inner: W) -> Self {
        Self { inner, hasher: Hasher::new() }
    }

    /// How many bytes have been written so far.
    pub const fn len(&self) -> u64 {
        self.hasher.len()
    }

    /// Whether nothing has been written so far.
    pub const fn is_empty(&self) -> bool {
        self.hasher.is_empty()
    }

    /// The inner writer, not flushed, the digest of the bytes written so far, and how many they are.
    pub fn into_parts(self) -> (W, Digest, u64) {
        let len = self.hasher.len();
        (self.inner, self.hasher.finalize(), len)
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(part(bytes, written)?);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The first `len` of `bytes`; an inner reader or writer that claims more than it was offered is at fault.
fn part(bytes: &[u8], len: usize) -> io::Result<&[u8]> {
    bytes
        .get(..len)
        .ok_or_else(|| io::Error::other("hashing: the inner stream claims more bytes than it was given"))
}

#[cfg(test)]
mod tests;
