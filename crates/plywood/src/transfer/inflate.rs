//! A compressed layer on its way: one thread reads, stores and inflates it, another hashes what went in and what
//! came out, as two lanes. A fixed number of buffers goes round between them.

use std::io::{self, BufRead, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use ply_digest::{Hasher, Progress, update_many};
use ply_image::DiffId;
use ply_layer::{Compression, Limits, decoder};
use ply_store::LayerFacts;

use super::{BLOCK, Counter, Moved, Out};
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

/// A block on its way to be hashed.
enum Block {
    Raw(Vec<u8>),
    Plain(Vec<u8>),
}

/// Reads a compressed layer to its end: stores its bytes in `stored`, gives its plain bytes to `plain`, and
/// hashes and counts both. Progress is told in compressed bytes.
pub(crate) fn inflate(
    raw: impl Read + Send,
    compression: Compression,
    stored: Option<&Out>,
    plain: Plain<'_>,
    progress: &dyn Progress,
) -> Result<Moved, Failure> {
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
            .spawn_scoped(scope, move || hash(blocks, plain, [raw_back, plain_back]))
            .map_err(Failure::Read)?;
        let reader = Tee {
            inner: raw,
            block: Vec::new(),
            next: 0,
            stored,
            progress,
            to_hasher: to_hasher.clone(),
            free: raw_free,
            failed: None,
        };
        let inflated = inflate_blocks(reader, compression, &to_hasher, &plain_free);
        // The hasher ends when nobody can send it anything any more.
        drop((to_hasher, plain_free));
        let hashed = hashing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match (inflated, hashed) {
            // Where the hasher stopped, the inflater only found nobody listening.
            (_, Err(e)) | (Err(e), Ok(_)) => Err(e),
            (Ok(()), Ok(hashed)) => Ok(hashed.moved(compression)),
        }
    })
}

/// The inflating side. Ends early where the hashing side has gone.
fn inflate_blocks(
    reader: Tee<'_, impl Read + Send>,
    compression: Compression,
    to_hasher: &SyncSender<Block>,
    free: &Receiver<Vec<u8>>,
) -> Result<(), Failure> {
    let stop = std::sync::Mutex::new(None);
    let mut plain = decoder(compression, Watched { tee: reader, stop: &stop }, &Limits::default())
        .map_err(|e| Failure::Read(io::Error::other(e)))?;
    let result = loop {
        let Ok(mut block) = free.recv() else { break Ok(()) };
        block.resize(BLOCK, 0);
        match fill(&mut *plain, &mut block) {
            Ok(0) => break Ok(()),
            Ok(n) => block.truncate(n),
            Err(e) => break Err(Failure::Read(e)),
        }
        if to_hasher.send(Block::Plain(block)).is_err() {
            break Ok(());
        }
    };
    drop(plain);
    super::lock(&stop).take().map_or(result, Err)
}

/// Fills a block as far as the stream goes.
fn fill(reader: &mut dyn Read, block: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while let Some(rest) = block.get_mut(len..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(n) => len += n,
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
    stored: Option<&'a Out>,
    progress: &'a dyn Progress,
    to_hasher: SyncSender<Block>,
    free: Receiver<Vec<u8>>,
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
        let n = fill(&mut self.inner, &mut block)?;
        block.truncate(n);
        if let Some(out) = self.stored
            && let Err(e) = out.write(&block)
        {
            self.failed = Some(Failure::Write(e));
            return Err(io::Error::other("cannot store"));
        }
        if self.progress.advance(n as u64).is_break() {
            self.failed = Some(Failure::Interrupted);
            return Err(io::Error::other("stopped"));
        }
        self.block = block;
        Ok(())
    }
}

/// A tee whose own failures are kept from being taken for the decoder's.
struct Watched<'a, 'b, R> {
    tee: Tee<'a, R>,
    stop: &'b std::sync::Mutex<Option<Failure>>,
}

impl<R: Read> Read for Watched<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut available = self.fill_buf()?;
        let n = available.read(buffer)?;
        self.consume(n);
        Ok(n)
    }
}

impl<R: Read> BufRead for Watched<'_, '_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.tee.next >= self.tee.block.len() {
            let advanced = self.tee.advance();
            if let Some(failure) = self.tee.failed.take() {
                *super::lock(self.stop) = Some(failure);
            }
            advanced?;
        }
        Ok(self.tee.block.get(self.tee.next..).unwrap_or_default())
    }

    fn consume(&mut self, n: usize) {
        self.tee.next += n;
    }
}

/// What the hashing side found.
struct Hashed {
    raw: Hasher,
    plain: Hasher,
    content: u64,
}

impl Hashed {
    fn moved(self, compression: Compression) -> Moved {
        let (size, plain) = (self.raw.len(), self.plain.len());
        Moved {
            digest: self.raw.finalize(),
            size,
            diff_id: DiffId(self.plain.finalize()),
            compression,
            facts: LayerFacts { content: self.content, plain },
        }
    }
}

/// The hashing side: a raw block waits for a plain one, so that the two go through as lanes.
fn hash(
    blocks: Receiver<Block>,
    mut plain: Plain<'_>,
    [raw_back, plain_back]: [SyncSender<Vec<u8>>; 2],
) -> Result<Hashed, Failure> {
    let (mut of_raw, mut of_plain) = (Hasher::new(), Hasher::new());
    let mut counter = Counter::default();
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
                counter.push(&bytes).map_err(Failure::Tar)?;
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
    let content = counter.finish().map_err(Failure::Tar)?;
    Ok(Hashed { raw: of_raw, plain: of_plain, content })
}
