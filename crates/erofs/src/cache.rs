//! Pages of what an image lies in, held for a while.

use std::io;
use std::sync::{Mutex, PoisonError};

use ply_tree::ReadAt;

use crate::ErofsError;

/// Bytes that are read at once.
const PAGE: usize = 4096;
/// Pages that are held: 512 KiB. Each place in the image has one page it can be in.
const PAGES: usize = 128;
/// The same two, where places in the image are counted.
const PAGE_LEN: u64 = PAGE as u64;
const PLACES: u64 = PAGES as u64;

/// An image's bytes. Read, not mapped: a disk that fails must be an error, and with a map it is a signal.
pub(crate) struct Cache<R> {
    bytes: R,
    size: u64,
    pages: Mutex<Vec<Page>>,
}

struct Page {
    /// Which page of the image, from 1 on; 0 for none.
    number: u64,
    bytes: Vec<u8>,
}

impl<R: ReadAt> Cache<R> {
    /// Over the first `size` bytes.
    pub(crate) fn new(bytes: R, size: u64) -> Self {
        let empty = || Page { number: 0, bytes: Vec::new() };
        Self { bytes, size, pages: Mutex::new((0..PAGES).map(|_| empty()).collect()) }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Fills a buffer from a place on.
    pub(crate) fn read(&self, mut at: u64, mut buffer: &mut [u8]) -> Result<(), ErofsError> {
        self.within(at, buffer.len() as u64)?;
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        while !buffer.is_empty() {
            let number = at / PAGE_LEN;
            let [offset, which] = [at % PAGE_LEN, number % PLACES].map(|n| usize::try_from(n).unwrap_or(0));
            let Some(page) = pages.get_mut(which) else { break };
            if page.number != number.saturating_add(1) {
                page.number = 0;
                let begin = number.saturating_mul(PAGE_LEN);
                let len = usize::try_from(self.size.saturating_sub(begin)).unwrap_or(PAGE).min(PAGE);
                page.bytes.resize(len, 0);
                self.read_exactly(begin, &mut page.bytes)?;
                page.number = number.saturating_add(1);
            }
            let found = page.bytes.get(offset..).unwrap_or_default();
            let len = found.len().min(buffer.len());
            let (now, later) = buffer.split_at_mut(len);
            now.copy_from_slice(found.get(..len).unwrap_or_default());
            buffer = later;
            at = at.saturating_add(len as u64);
        }
        Ok(())
    }

    /// As many bytes from a place on, if there are.
    pub(crate) fn read_vec(&self, at: u64, len: u64) -> Result<Vec<u8>, ErofsError> {
        // Before there is memory for them.
        self.within(at, len)?;
        let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
        self.read(at, &mut bytes)?;
        Ok(bytes)
    }

    /// The same, past the pages.
    pub(crate) fn read_exactly(&self, at: u64, buffer: &mut [u8]) -> Result<(), ErofsError> {
        read_exactly(&self.bytes, at, buffer)
    }

    fn within(&self, at: u64, len: u64) -> Result<(), ErofsError> {
        if at.checked_add(len).is_none_or(|end| end > self.size) {
            return Err(ErofsError::damaged(
                format!("byte {at}"),
                "something ends beyond the end of the index",
            ));
        }
        Ok(())
    }
}

/// Fills a buffer from a place on.
pub(crate) fn read_exactly(bytes: &impl ReadAt, offset: u64, buffer: &mut [u8]) -> Result<(), ErofsError> {
    let (mut done, len) = (0, buffer.len());
    let fault = |source| ErofsError::Read { offset, len, source };
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match bytes.read_at(rest, offset.saturating_add(done as u64)) {
            Ok(0) => {
                let end = format!("byte {}", offset.saturating_add(done as u64));
                return Err(ErofsError::damaged(end, "the index ends here, and should not"));
            }
            Ok(n) => done = done.saturating_add(n),
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => return Err(fault(why)),
        }
    }
    Ok(())
}
