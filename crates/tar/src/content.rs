//! Where one is in a member's content: in stored bytes or in a hole.

use crate::{Entry, Segment};

/// A place in a content, going forward.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    /// What is stored, the last first, so that one is done with by `pop`.
    segments: Vec<Segment>,
    at: u64,
    size: u64,
}

/// What lies at the cursor, and for how many bytes, never zero.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Data(u64),
    Hole(u64),
    End,
}

impl Cursor {
    pub(crate) fn new(entry: &Entry) -> Self {
        let segments = match &entry.sparse {
            Some(segments) => segments.iter().rev().copied().collect(),
            None if entry.stored > 0 => vec![Segment { offset: 0, len: entry.stored }],
            None => Vec::new(),
        };
        Self { segments, at: 0, size: entry.size }
    }

    pub(crate) fn part(&self) -> Part {
        match self.segments.last() {
            Some(segment) if self.at < segment.offset => Part::Hole(segment.offset.saturating_sub(self.at)),
            Some(segment) => Part::Data(segment.offset.saturating_add(segment.len).saturating_sub(self.at)),
            None if self.at < self.size => Part::Hole(self.size.saturating_sub(self.at)),
            None => Part::End,
        }
    }

    /// `count` bytes of what [`part`](Cursor::part) told are done with.
    pub(crate) fn advance(&mut self, count: u64) {
        self.at = self.at.saturating_add(count);
        if self.segments.last().is_some_and(|segment| self.at >= segment.offset.saturating_add(segment.len)) {
            self.segments.pop();
        }
    }
}
