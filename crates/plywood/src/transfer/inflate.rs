//! A compressed layer on its way: one thread reads, stores and inflates it, another hashes what went in and what
//! came out, as two lanes. A fixed number of buffers goes round between them.

use std::io::{self, BufRead, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use ply_digest::{Digest, Hasher, Progress, update_many};
use ply_image::DiffId;
use ply_layer::{Compression, Limits, decoder};

use super::{BLOCK, Counter, Expected, Moved, Out, Walk};
use crate::Error;

/// Buffers of each kind on their way between the threads: enough that neither waits for the other's hiccups.
const BUFFERS: usize = 6;
/// Bytes in all buffers of one layer.
pub(super) const BUFFERED: u64 = 2 * (BUFFERS * BLOCK) as u64;

/// Where the plain bytes of a layer go.
pub(crate) enum Plain<'a> {
    /// To a place in a file, or nowhere.
    Out(Option<&'a Out>),
    /// Into a stream.
    Writer(&'a mut (dyn Write + Send)),
}

/// What becomes of a layer's bytes.
pub(crate) struct Outs<'a> {
    /// Where they go as they are.
    pub(crate) stored: Option<&'a Out>,
    /// Where they go plain.
    pub(crate) plain: Plain<'a>,
    /// What they are asked.
    pub(crate) walk: Walk<'a>,
}

impl<'a> Outs<'a> {
    /// They go plain to one place, and nowhere else.
    pub(crate) fn plain(plain: Plain<'a>) -> Self {
        Self { stored: None, plain, walk: Walk::default() }
    }
}

/// Why a layer could not be inflated.
#[derive(Debug)]
pub(crate) enum Failure {
    Read(io::Error),
    Write(io::Error),
    Tar(ply_tar::TarError),
    Interrupted,
}

impl Failure {
    /// The error, with what it happened to.
    pub(crate) fn at(self, what: &str) -> Error {
        match self {
            Self::Read(e) => Error::within(what)(e),
            Self::Write(e) => Error::within(format!("writing {what}"))(e),
            Self::Tar(e) => Error::within(what)(e),
            Self::Interrupted => Error::Interrupted,
        }
    }
}

/// A compressed blob that was read to its end. Whether it is a layer is another question: what came through a pipe may
/// be anything.
#[derive(Debug)]
pub(crate) struct Inflated {
    /// Digest of the bytes as stored.
    pub(crate) digest: Digest,
    /// Bytes as stored.
    pub(crate) size: u64,
    /// What the plain tar is, or why there is none.
    pub(crate) layer: Result<Moved, Failure>,
}

impl Inflated {
    /// The layer, compared with what was promised. What its bytes hash to says more than that they cannot be inflated.
    pub(crate) fn verified(self, what: &str, expected: Expected) -> Result<Moved, Error> {
        if let Some(promised) = expected.digest.filter(|promised| *promised != self.digest) {
            let (what, found) = (what.to_owned(), self.digest);
            return Err(Error::Mismatch { what, found, expected: promised, by: "its name" });
        }
        let moved = self.layer.map_err(|e| e.at(what))?;
        super::verify(what, expected, &moved)?;
        Ok(moved)
    }
}

/// A block on its way to be hashed.
enum Block {
    Raw(Vec<u8>),
    Plain(Vec<u8>),
}

/// Reads a compressed layer to its end: stores its bytes, gives its plain bytes on, and hashes and counts both. Progress is
/// told in compressed bytes.
///
/// # Errors
/// The bytes cannot be read or written, or somebody said stop. That they are no layer is in what comes back.
pub(crate) fn inflate(
    raw: impl Read + Send,
    compression: Compression,
    outs: Outs<'_>,
    progress: &dyn Progress,
) -> Result<Inflated, Failure> {
    let Outs { stored, plain, walk } = outs;
    let (to_hasher, blocks) = sync_channel(2 * BUFFERS);
    let (raw_back, raw_free) = sync_channel(BUFFERS);
    let (plain_back, plain_free) = sync_channel(BUFFERS);
    for back in [&raw_back, &plain_back] {
        for _ in 0..BUFFERS {
            // Both ends are here: it cannot fail.
            let _ = back.send(Vec::new());
        }
    }
    std::thread::scope(|scope| {
        let hashing = std::thread::Builder::new()
            .name("hash".to_owned())
            .spawn_scoped(scope, move || hash(blocks, plain, Counter::new(walk), [raw_back, plain_back]))
            .map_err(Failure::Read)?;
        let mut tee = Tee {
            inner: raw,
            block: Vec::new(),
            next: 0,
            ended: false,
            stored,
            progress,
            to_hasher: to_hasher.clone(),
            free: raw_free,
            failed: None,
        };
        let inflated = inflate_blocks(&mut tee, compression, &to_hasher, &plain_free, walk);
        let failed = tee.failed.take();
        // The hasher ends when nobody can send it anything any more.
        drop((tee, to_hasher, plain_free));
        let hashed = hashing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        match failed {
            Some(failure) => Err(failure),
            None => Ok(hashed.inflated(compression, inflated.err())),
        }
    })
}

/// The inflating side. An error says that the bytes are not what they should be; then, too, all of them are read,
/// stored and hashed. It ends early where the hashing side has gone.
fn inflate_blocks(
    tee: &mut Tee<'_, impl Read + Send>,
    compression: Compression,
    to_hasher: &SyncSender<Block>,
    free: &Receiver<Vec<u8>>,
    walk: Walk<'_>,
) -> io::Result<()> {
    let inflated = send_plain(tee, compression, to_hasher, free, walk);
    while tee.failed.is_none() && !tee.ended {
        tee.advance()?;
    }
    inflated
}

fn send_plain(
    tee: &mut Tee<'_, impl Read + Send>,
    compression: Compression,
    to_hasher: &SyncSender<Block>,
    free: &Receiver<Vec<u8>>,
    walk: Walk<'_>,
) -> io::Result<()> {
    let mut plain = decoder(compression, tee, &Limits::default()).map_err(io::Error::other)?;
    let mut sent = 0_u64;
    while let Ok(mut block) = free.recv() {
        block.resize(BLOCK, 0);
        let n = fill(&mut *plain, &mut block)?;
        block.truncate(n);
        sent = sent.saturating_add(n as u64);
        // What inflates without end is not inflated to its end.
        walk.allow(sent)?;
        if n == 0 || to_hasher.send(Block::Plain(block)).is_err() {
            break;
        }
    }
    Ok(())
}

/// Fills a block as far as the stream goes.
fn fill(reader: &mut dyn Read, block: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while let Some(rest) = block.get_mut(len..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(n) => len = len.saturating_add(n),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(len)
}

/// The compressed bytes: read in blocks, stored, lent to the decoder, then handed to the hasher.
struct Tee<'a, R> {
    inner: R,
    block: Vec<u8>,
    next: usize,
    ended: bool,
    stored: Option<&'a Out>,
    progress: &'a dyn Progress,
    to_hasher: SyncSender<Block>,
    free: Receiver<Vec<u8>>,
    /// What is not the decoder's fault, and would be taken for it.
    failed: Option<Failure>,
}

impl<R: Read> Tee<'_, R> {
    /// Hands over the block that was used up, and reads the next.
    fn advance(&mut self) -> io::Result<()> {
        let gone = || io::Error::other("nobody hashes any more");
        let used = std::mem::take(&mut self.block);
        self.next = 0;
        if !used.is_empty() {
            self.to_hasher.send(Block::Raw(used)).map_err(|_| gone())?;
        }
        let mut block = self.free.recv().map_err(|_| gone())?;
        block.resize(BLOCK, 0);
        let n = match fill(&mut self.inner, &mut block) {
            Ok(n) => n,
            Err(e) => return self.fail(Failure::Read(e)),
        };
        block.truncate(n);
        self.ended = n == 0;
        if let Some(out) = self.stored
            && let Err(e) = out.write(&block)
        {
            return self.fail(Failure::Write(e));
        }
        if self.progress.advance(n as u64).is_break() {
            return self.fail(Failure::Interrupted);
        }
        self.block = block;
        Ok(())
    }

    fn fail(&mut self, failure: Failure) -> io::Result<()> {
        self.failed = Some(failure);
        Err(io::Error::other("stopped"))
    }
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut available = self.fill_buf()?;
        let n = available.read(buffer)?;
        self.consume(n);
        Ok(n)
    }
}

impl<R: Read> BufRead for Tee<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.next >= self.block.len() && !self.ended {
            self.advance()?;
        }
        Ok(self.block.get(self.next..).unwrap_or_default())
    }

    fn consume(&mut self, n: usize) {
        self.next = self.next.saturating_add(n);
    }
}

/// What the hashing side found.
struct Hashed<'a> {
    raw: Hasher,
    plain: Hasher,
    /// What was counted, or why the plain bytes are no tar.
    counted: Result<Counter<'a>, ply_tar::TarError>,
}

impl Hashed<'_> {
    /// `inflated`: what the decoder found wrong.
    fn inflated(self, compression: Compression, inflated: Option<io::Error>) -> Inflated {
        let (size, plain) = (self.raw.len(), self.plain.len());
        let digest = self.raw.finalize();
        let diff_id = DiffId(self.plain.finalize());
        let moved = |facts| Moved { digest, size, diff_id, compression, facts };
        let layer = match inflated {
            Some(error) => Err(Failure::Read(error)),
            None => {
                let facts = self.counted.and_then(|counter| counter.finish(diff_id, plain));
                facts.map(moved).map_err(Failure::Tar)
            }
        };
        Inflated { digest, size, layer }
    }
}

/// The hashing side: a raw block waits for a plain one, so that the two go through as lanes.
fn hash<'a>(
    blocks: Receiver<Block>,
    mut plain: Plain<'_>,
    counter: Counter<'a>,
    [raw_back, plain_back]: [SyncSender<Vec<u8>>; 2],
) -> Result<Hashed<'a>, Failure> {
    let (mut of_raw, mut of_plain) = (Hasher::new(), Hasher::new());
    let mut counted = Ok(counter);
    let mut waiting: Option<Vec<u8>> = None;
    for block in blocks {
        match block {
            Block::Raw(raw) => {
                if let Some(before) = waiting.replace(raw) {
                    of_raw.update(&before);
                    let _ = raw_back.send(before);
                }
            }
            Block::Plain(bytes) => {
                if let Some(raw) = waiting.take() {
                    update_many(&mut [(&mut of_plain, &bytes), (&mut of_raw, &raw)]);
                    let _ = raw_back.send(raw);
                } else {
                    of_plain.update(&bytes);
                }
                counted = counted.and_then(|mut counter| counter.push(&bytes).map(|()| counter));
                match &mut plain {
                    Plain::Out(out) => out.map_or(Ok(()), |out| out.write(&bytes)),
                    Plain::Writer(writer) => writer.write_all(&bytes),
                }
                .map_err(Failure::Write)?;
                let _ = plain_back.send(bytes);
            }
        }
    }
    if let Some(raw) = waiting {
        of_raw.update(&raw);
    }
    Ok(Hashed { raw: of_raw, plain: of_plain, counted })
}
