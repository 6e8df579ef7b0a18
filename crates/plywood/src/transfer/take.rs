//! A stream that may be a layer, read to its end: stored as it comes, hashed as it is and as it is when plain.

use std::io::{BufReader, Read};
use std::sync::mpsc::sync_channel;

use ply_digest::{Digest, Hasher, Progress};
use ply_image::DiffId;
use ply_layer::Compression;
use ply_tar::TarError;

use super::{BLOCK, Counter, Failure, Inflated, Moved, Out, Outs, Plain, Walk, inflate};

/// From this size on a stream is hashed on another thread than it is read and written on.
const THREAD: u64 = 1 << 20;
/// Blocks on their way between the reader and the hasher.
const BLOCKS: usize = 16;

/// Reads a stream of about `size` bytes. What it is not is told in what comes back: nobody may want it.
///
/// # Errors
/// It cannot be read or written, or somebody said stop.
pub(crate) fn take(
    stream: impl Read + Send,
    size: u64,
    stored: Option<&Out>,
    walk: Walk<'_>,
    progress: &dyn Progress,
) -> Result<Inflated, Failure> {
    let buffered = BufReader::with_capacity(BLOCK, stream);
    let (compression, reader) = ply_layer::sniff(buffered).map_err(Failure::Read)?;
    match compression {
        Compression::None if size < THREAD => copy_here(reader, stored, Counter::new(walk), progress),
        Compression::None => copy(reader, stored, Counter::new(walk), progress),
        compression => {
            let outs = Outs { stored, plain: Plain::Out(None), walk };
            inflate(reader, compression, outs, progress)
        }
    }
}

/// What a plain stream is, block by block.
struct Plainly<'a> {
    hasher: Hasher,
    /// What is no tar may be no layer; whether it is one is known at the end.
    counted: Result<Counter<'a>, TarError>,
}

impl<'a> Plainly<'a> {
    fn new(counter: Counter<'a>) -> Self {
        Self { hasher: Hasher::new(), counted: Ok(counter) }
    }

    fn push(mut self, bytes: &[u8]) -> Self {
        self.hasher.update(bytes);
        self.counted = self.counted.and_then(|mut counter| counter.push(bytes).map(|()| counter));
        self
    }

    fn finish(self) -> Inflated {
        let size = self.hasher.len();
        let digest: Digest = self.hasher.finalize();
        let diff_id = DiffId(digest);
        let moved = |facts| Moved { digest, size, diff_id, compression: Compression::None, facts };
        let facts = self.counted.and_then(|counter| counter.finish(diff_id, size));
        Inflated { digest, size, layer: facts.map(moved).map_err(Failure::Tar) }
    }
}

/// The next block, read and written; nothing at the end.
fn pass(
    stream: &mut impl Read,
    block: &mut Vec<u8>,
    stored: Option<&Out>,
    progress: &dyn Progress,
) -> Result<bool, Failure> {
    block.resize(BLOCK, 0);
    let n = stream.read(block).map_err(Failure::Read)?;
    block.truncate(n);
    stored.map_or(Ok(()), |out| out.write(block)).map_err(Failure::Write)?;
    if progress.advance(n as u64).is_break() {
        return Err(Failure::Interrupted);
    }
    Ok(n > 0)
}

/// All on this thread: what is small is done before another one has begun.
fn copy_here(
    mut stream: impl Read,
    stored: Option<&Out>,
    counter: Counter<'_>,
    progress: &dyn Progress,
) -> Result<Inflated, Failure> {
    let mut plainly = Plainly::new(counter);
    let mut block = Vec::new();
    while pass(&mut stream, &mut block, stored, progress)? {
        plainly = plainly.push(&block);
    }
    Ok(plainly.finish())
}

/// Reads and writes on this thread, hashes and counts on another.
fn copy(
    mut stream: impl Read,
    stored: Option<&Out>,
    counter: Counter<'_>,
    progress: &dyn Progress,
) -> Result<Inflated, Failure> {
    let (to_hasher, blocks) = sync_channel::<Vec<u8>>(BLOCKS);
    let (back, free) = sync_channel(BLOCKS);
    for _ in 0..BLOCKS {
        let _ = back.send(Vec::new());
    }
    std::thread::scope(|scope| {
        let hashing = scope.spawn(move || {
            let mut plainly = Plainly::new(counter);
            for block in blocks {
                plainly = plainly.push(&block);
                let _ = back.send(block);
            }
            plainly.finish()
        });
        let read = (|| {
            while let Ok(mut block) = free.recv() {
                if !pass(&mut stream, &mut block, stored, progress)? || to_hasher.send(block).is_err() {
                    break;
                }
            }
            Ok(())
        })();
        drop(to_hasher);
        let hashed = hashing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        read.map(|()| hashed)
    })
}
