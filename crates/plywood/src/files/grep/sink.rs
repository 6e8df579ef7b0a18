use std::cell::Cell;
use std::io::{self, Read};
use std::ops::Range;

use grep_searcher::{Searcher, Sink, SinkMatch};

use super::Want;

/// Takes matches from a searcher as ripgrep's printer does: lines until a zero byte comes, and then no more than that there
/// is a match.
pub(super) struct Lines<'z, F> {
    want: Want,
    stop: Option<&'z Cell<bool>>,
    take: F,
    count: u64,
    /// Where the first zero byte is.
    zero: Option<u64>,
    /// Whether something matched after it was seen.
    is_binary: bool,
}

impl<'z, F: FnMut(u64, &[u8]) -> bool> Lines<'z, F> {
    /// `take` gets the number of a line and the line without its end, and says whether to go on. Once `stop` is
    /// true, a match is the last.
    pub(super) const fn new(want: Want, stop: Option<&'z Cell<bool>>, take: F) -> Self {
        Self { want, stop, take, count: 0, zero: None, is_binary: false }
    }

    /// How many lines matched; not all of them where no more was wanted.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// Where the first zero byte is, if that kept a line back.
    pub(super) fn binary(&self) -> Option<u64> {
        self.zero.filter(|_| self.is_binary)
    }
}

impl<F: FnMut(u64, &[u8]) -> bool> Sink for &mut Lines<'_, F> {
    type Error = io::Error;

    fn matched(&mut self, _: &Searcher, found: &SinkMatch<'_>) -> Result<bool, io::Error> {
        self.count = self.count.saturating_add(1);
        self.is_binary = self.zero.is_some();
        if self.stop.is_some_and(Cell::get) {
            return Ok(false);
        }
        Ok(match self.want {
            Want::Name => false,
            Want::Count => true,
            Want::Lines if self.is_binary => false,
            Want::Lines => {
                let line = found.bytes();
                (self.take)(found.line_number().unwrap_or(0), line.strip_suffix(b"\n").unwrap_or(line))
            }
        })
    }

    fn binary_data(&mut self, _: &Searcher, offset: u64) -> Result<bool, io::Error> {
        self.zero.get_or_insert(offset);
        Ok(true)
    }
}

/// Content, with an eye on zero bytes.
pub(super) struct LookForZero<'z, R> {
    pub(super) content: R,
    /// Becomes true with the first one.
    pub(super) zero: Option<&'z Cell<bool>>,
}

impl<R: Read> Read for LookForZero<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.content.read(buffer)?;
        if let Some(zero) = self.zero.filter(|zero| !zero.get()) {
            zero.set(buffer.get(..n).is_some_and(|read| read.contains(&0)));
        }
        Ok(n)
    }
}

/// What was found in a file, until it is its turn.
#[derive(Debug, Default)]
pub(super) struct Hits {
    pub(super) count: u64,
    pub(super) binary: Option<u64>,
    /// All lines, one behind the other.
    text: Vec<u8>,
    lines: Vec<(u64, Range<usize>)>,
}

impl Hits {
    pub(super) fn push(&mut self, number: u64, line: &[u8]) {
        let start = self.text.len();
        self.text.extend_from_slice(line);
        self.lines.push((number, start..self.text.len()));
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.lines.iter().map(|(number, at)| (*number, self.text.get(at.clone()).unwrap_or_default()))
    }

    /// About how much memory a line takes.
    pub(super) const fn held_by(line: &[u8]) -> usize {
        line.len().saturating_add(size_of::<(u64, Range<usize>)>())
    }

    pub(super) const fn held(&self) -> usize {
        self.text.len().saturating_add(self.lines.len().saturating_mul(size_of::<(u64, Range<usize>)>()))
    }
}
