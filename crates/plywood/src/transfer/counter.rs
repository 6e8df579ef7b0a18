use std::sync::atomic::{AtomicU64, Ordering};

use ply_image::DiffId;
use ply_layer::changeset::Reader;
use ply_store::{Ingest, LayerFacts};
use ply_tar::{Entry, Kind, Limits, TarError, Walker};
use ply_tree::Source;

use crate::files::encode_layer;

/// Entries in all trees together that are drawn while layers come in: 24 MiB of them. What there is no room for gets its index
/// when somebody first looks at it.
const ROOM: u64 = 100_000;

/// Where indexes go that are made of layers while their bytes go past.
#[derive(Debug)]
pub(crate) struct Indexes<'a> {
    ingest: &'a Ingest,
    room: AtomicU64,
}

impl<'a> Indexes<'a> {
    pub(crate) fn new(ingest: &'a Ingest) -> Self {
        Self { ingest, room: AtomicU64::new(ROOM) }
    }

    fn take(&self) -> bool {
        let left = |room: u64| room.checked_sub(1);
        self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok()
    }
}

/// How the headers of a layer are walked while its bytes go past: to count its content, always.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Walk<'a> {
    /// Bytes of the plain tar, at most, where somebody set a limit.
    pub(crate) longest: Option<u64>,
    /// Where its index goes, if it has none.
    pub(crate) indexes: Option<&'a Indexes<'a>>,
}

impl<'a> Walk<'a> {
    /// Of a layer that comes in, and of which an index is wanted.
    pub(crate) fn incoming(longest: Option<u64>, indexes: &'a Indexes<'a>) -> Self {
        Self { longest, indexes: Some(indexes) }
    }

    /// Of a layer that has its index, or needs none.
    pub(crate) fn up_to(longest: Option<u64>) -> Self {
        Self { longest, indexes: None }
    }

    /// Whether it may be so long.
    pub(crate) fn allow(&self, plain: u64) -> Result<(), TarError> {
        let Some(limit) = self.longest.filter(|longest| plain > *longest) else { return Ok(()) };
        let what = "the length of the layer's plain tar, as far as it was read,";
        Err(TarError::Limit { offset: 0, member: String::new(), what, asked: plain, limit })
    }
}

/// A layer's tree in the making.
#[derive(Debug)]
struct Drawing<'a> {
    reader: Reader,
    taken: u64,
    into: &'a Indexes<'a>,
}

impl Drop for Drawing<'_> {
    fn drop(&mut self) {
        self.into.room.fetch_add(self.taken, Ordering::Relaxed);
    }
}

impl Drawing<'_> {
    /// Whether it goes on: what is no changeset, or too large, is for who looks at it.
    fn push(&mut self, entry: &Entry) -> bool {
        let is_taken = self.into.take();
        self.taken = self.taken.saturating_add(u64::from(is_taken));
        is_taken && self.reader.push(entry).is_ok()
    }

    fn finish(mut self, diff_id: DiffId, plain: u64, skipped: u64) {
        let mut reader = std::mem::replace(&mut self.reader, Reader::new(Source(0), 0));
        reader.passed_over(skipped);
        let Ok(changeset) = reader.finish() else { return };
        if let Some(index) = encode_layer(&changeset, &diff_id.0, plain) {
            self.into.ingest.index(diff_id, &index);
        }
    }
}

/// Counts the content of a layer's files while its bytes go past, what Docker calls its size; and draws its tree, where
/// an index is wanted.
#[derive(Debug)]
pub(crate) struct Counter<'a> {
    walker: Walker,
    content: u64,
    /// Bytes of the tar so far.
    plain: u64,
    walk: Walk<'a>,
    drawing: Option<Drawing<'a>>,
}

impl<'a> Counter<'a> {
    pub(crate) fn new(walk: Walk<'a>) -> Self {
        let draw = |into| Drawing { reader: Reader::new(Source(0), 0), taken: 0, into };
        Self {
            walker: Walker::new(Limits::default()),
            content: 0,
            plain: 0,
            walk,
            drawing: walk.indexes.map(draw),
        }
    }

    /// The next bytes of the tar.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), TarError> {
        self.plain = self.plain.saturating_add(bytes.len() as u64);
        self.walk.allow(self.plain)?;
        let (content, drawing) = (&mut self.content, &mut self.drawing);
        self.walker.push(bytes, |entry| {
            *content = content.saturating_add(content_of(entry));
            if drawing.as_mut().is_some_and(|drawing| !drawing.push(entry)) {
                *drawing = None;
            }
        })
    }

    /// The end of the tar, which has this digest and so many bytes: what is known of it.
    pub(crate) fn finish(self, diff_id: DiffId, plain: u64) -> Result<LayerFacts, TarError> {
        let end = self.walker.finish()?;
        if let Some(drawing) = self.drawing {
            drawing.finish(diff_id, plain, end.skipped);
        }
        Ok(LayerFacts { content: self.content, plain })
    }
}

/// Bytes a member adds to an image's size, as Docker sums them up over a layer's unpacked files: a file has what it
/// seems to have, holes too; a symbolic link the length of its target; a hard link nothing of its own.
pub(crate) fn content_of(entry: &Entry) -> u64 {
    match entry.kind {
        Kind::File => entry.size,
        Kind::Symlink => entry.link.len() as u64,
        Kind::HardLink | Kind::CharDevice | Kind::BlockDevice | Kind::Directory | Kind::Fifo => 0,
    }
}
