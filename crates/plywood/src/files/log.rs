//! `log`: what each layer did to a path.

use std::io::{self, Read};

use ply_overlay::{Event, OverlayError, Version, history, same_place};
use ply_tree::{Last, TreeError, find, path};

use super::{Files, LayerNumber};
use crate::Error;
use crate::transfer::BLOCK;

/// The history of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Whose history it is, clean.
    pub path: Vec<u8>,
    /// Whether that is another path than was asked for: no layer has that one, but links in it lead here.
    pub by_links: bool,
    /// What each layer did that did anything, newest first; at least one.
    pub events: Vec<Event>,
}

impl Files {
    /// What each layer did to a path, newest first; `None` if no layer ever had it. Files of one size are read and compared.
    ///
    /// A history goes by names: `bin/sh` is what layers have at `bin/sh`. Where none has anything there because `bin` is a
    /// link, as it is now or was in the newest layer that tells, the history is that of the path it leads to.
    ///
    /// # Errors
    /// A layer is damaged.
    pub fn log(&self, wanted: &[u8]) -> Result<Option<Log>, Error> {
        let asked = path::clean(wanted);
        let events = self.history(&asked)?;
        if !events.is_empty() {
            return Ok(Some(Log { path: asked, by_links: false, events }));
        }
        let Some(path) = self.led_to(wanted)? else { return Ok(None) };
        let events = self.history(&path)?;
        Ok((!events.is_empty()).then_some(Log { path, by_links: true, events }))
    }

    fn history(&self, path: &[u8]) -> Result<Vec<Event>, Error> {
        history(&self.trees(None), path, |a, b| self.same_content(a, b).map_err(Stop::Reading)).map_err(
            |stop| match stop {
                Stop::Overlay(error) => self.failed()(error),
                Stop::Reading(error) => error,
            },
        )
    }

    /// Where links in a path lead: in the union of all layers, else in that of all but the topmost, and so on down.
    fn led_to(&self, wanted: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        for top in (0..self.len()).rev() {
            match find(&self.stack(Some(LayerNumber(top)))?, wanted, Last::Keep) {
                Ok(Some(found)) => return Ok(Some(found.path)),
                Ok(None) | Err(TreeError::NotADirectory { .. } | TreeError::TooManyLinks { .. }) => {}
                Err(error) => return Err(self.failed()(error)),
            }
        }
        Ok(None)
    }

    /// Whether two versions of a file have the same bytes: by where they lie, else by reading both.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn same_content(&self, a: &Version, b: &Version) -> Result<bool, Error> {
        if same_place(a, b).map_err(self.failed())? {
            return Ok(true);
        }
        match (self.content_of(a), self.content_of(b)) {
            (Some(a), Some(b)) => same_bytes(a, b).map_err(self.failed()),
            _ => Ok(false),
        }
    }
}

/// Why a history ends early.
enum Stop {
    Overlay(OverlayError),
    Reading(Error),
}

impl From<OverlayError> for Stop {
    fn from(error: OverlayError) -> Self {
        Self::Overlay(error)
    }
}

/// Whether two readers give the same bytes; reads no further than the block that tells.
fn same_bytes(mut a: impl Read, mut b: impl Read) -> io::Result<bool> {
    let (mut of_a, mut of_b) = (vec![0; BLOCK], vec![0; BLOCK]);
    loop {
        let (n, m) = (fill(&mut a, &mut of_a)?, fill(&mut b, &mut of_b)?);
        if of_a.get(..n) != of_b.get(..m) {
            return Ok(false);
        }
        if n == 0 {
            return Ok(true);
        }
    }
}

/// Reads until the buffer is full or nothing is left.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time, as a file in many stretches does.
    struct Few<'a>(&'a [u8], usize);

    impl Read for Few<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(buffer.len());
            self.0.read(&mut buffer[..n])
        }
    }

    #[test]
    fn bytes_are_compared_block_by_block() {
        let check = |a: &[u8], b: &[u8], expect: bool| {
            for few in [1, 1000, BLOCK + 1] {
                assert_eq!(same_bytes(Few(a, few), b).unwrap(), expect, "{} {} {few}", a.len(), b.len());
                assert_eq!(same_bytes(b, Few(a, few)).unwrap(), expect, "{} {} {few}", b.len(), a.len());
            }
        };
        let long = vec![7; 2 * BLOCK];
        let mut other = long.clone();
        other[2 * BLOCK - 1] = 8;
        check(b"", b"", true);
        check(b"a", b"", false);
        check(b"abc", b"abc", true);
        check(b"abc", b"abd", false);
        check(&long, &long, true);
        check(&long, &other, false);
        check(&long, &long[..BLOCK], false);
        check(&long, &long[1..], false);
    }
}
