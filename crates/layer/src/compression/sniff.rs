//! Looking at the first bytes of a stream without losing them.

use std::io::{self, BufRead, Read};

use super::Compression;

/// Tells the compression of a stream by its first bytes, and gives back a reader that still has them.
///
/// A pipe may hand out fewer bytes than a magic number has, so the first [`Compression::PREFIX`] bytes are
/// collected, unless the reader's buffer already holds as many.
///
/// # Errors
///
/// What the reader says while the first bytes are read.
pub fn sniff<R: BufRead>(mut reader: R) -> io::Result<(Compression, Sniffed<R>)> {
    let buffered = filled(&mut reader)?;
    if buffered.len() >= Compression::PREFIX {
        let compression = Compression::detect(buffered);
        return Ok((
            compression,
            Sniffed { prefix: [0; Compression::PREFIX], next: 0, end: 0, inner: reader },
        ));
    }
    let mut prefix = [0; Compression::PREFIX];
    let mut end = 0;
    while let Some(rest) = prefix.get_mut(end..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(n) => end = end.saturating_add(n),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let compression = Compression::detect(prefix.get(..end).unwrap_or_default());
    Ok((compression, Sniffed { prefix, next: 0, end, inner: reader }))
}

fn filled<R: BufRead>(reader: &mut R) -> io::Result<&[u8]> {
    loop {
        match reader.fill_buf() {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    // Filled above, so this only lends the buffer.
    reader.fill_buf()
}

/// A reader whose first bytes have been looked at; it reads as if nothing had happened.
#[derive(Debug)]
pub struct Sniffed<R> {
    prefix: [u8; Compression::PREFIX],
    next: usize,
    end: usize,
    inner: R,
}

impl<R> Sniffed<R> {
    fn prefix(&self) -> &[u8] {
        self.prefix.get(self.next..self.end).unwrap_or_default()
    }
}

impl<R: BufRead> Read for Sniffed<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.prefix().is_empty() {
            return self.inner.read(buf);
        }
        let n = self.prefix().read(buf)?;
        self.next = self.next.saturating_add(n);
        Ok(n)
    }
}

impl<R: BufRead> BufRead for Sniffed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.next < self.end { Ok(self.prefix()) } else { self.inner.fill_buf() }
    }

    fn consume(&mut self, amount: usize) {
        if self.next < self.end {
            self.next = self.end.min(self.next.saturating_add(amount));
        } else {
            self.inner.consume(amount);
        }
    }
}

#[cfg(test)]
mod tests;
