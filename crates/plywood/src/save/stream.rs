//! An archive into a stream: one member after the other, read and hashed on one thread, written on another.

use std::io::{self, Write};
use std::sync::mpsc::sync_channel;

use ply_archive::{Entry, Source};
use ply_digest::{Digest, Hasher, Progress};
use ply_image::{BlobSource, DiffId, Region};

use super::Saving;
use crate::transfer::{BLOCK, Expected, Outs, Plain, RegionReader, inflate};
use crate::watch::TaskProgress;
use crate::{Engine, Error};

/// Blocks on their way from the reader to the writer.
const BLOCKS: usize = 16;

pub(super) fn write(engine: &Engine<'_>, saving: &Saving, out: &mut (dyn Write + Send)) -> Result<(), Error> {
    match saving.compress {
        None => write_plain(engine, saving, out)?,
        Some(encoding) => {
            let failed = || Error::within("writing the archive");
            let mut encoder = ply_layer::encoder(encoding, engine.threads(), &mut *out).map_err(failed())?;
            write_plain(engine, saving, &mut encoder)?;
            encoder.finish().map_err(failed())?;
        }
    }
    out.flush().map_err(Error::within("writing the archive"))
}

fn write_plain(engine: &Engine<'_>, saving: &Saving, out: &mut (dyn Write + Send)) -> Result<(), Error> {
    let failed = || Error::within("writing the archive");
    let progress = TaskProgress::alone(engine.watch, "archive", Some(saving.plan.total));
    for entry in &saving.plan.entries {
        out.write_all(&entry.header).map_err(failed())?;
        write_content(&saving.sources(engine), entry, out, &progress)?;
        out.write_all(zeros(entry.padding() as u64)).map_err(failed())?;
    }
    out.write_all(zeros(ply_archive::Plan::END)).map_err(failed())?;
    Ok(())
}

fn zeros(n: u64) -> &'static [u8] {
    static ZEROS: [u8; 1024] = [0; 1024];
    usize::try_from(n).ok().and_then(|n| ZEROS.get(..n)).unwrap_or(&ZEROS)
}

pub(super) fn write_content(
    source: &dyn BlobSource,
    entry: &Entry,
    out: &mut (dyn Write + Send),
    progress: &dyn Progress,
) -> Result<(), Error> {
    match &entry.source {
        Source::Bytes(bytes) => out.write_all(bytes).map_err(Error::within("writing the archive")),
        Source::Blob(digest) => {
            let from = source.in_file(digest)?;
            if from.len != entry.len {
                return Err(wrong_size(digest, from.len, entry.len));
            }
            copy(&from, digest, out, progress)
        }
        Source::Plain(digest, diff_id) => {
            let mut counted = Counted { out, len: 0, limit: entry.len };
            write_plain_layer(&source.in_file(digest)?, *digest, *diff_id, &mut counted, progress)?;
            let len = counted.len;
            if len == entry.len { Ok(()) } else { Err(wrong_size(&diff_id.0, len, entry.len)) }
        }
    }
}

/// Writes the plain bytes of a layer, and checks them, its stored bytes too.
pub(crate) fn write_plain_layer(
    from: &Region,
    digest: Digest,
    diff_id: DiffId,
    out: &mut (dyn Write + Send),
    progress: &dyn Progress,
) -> Result<(), Error> {
    if digest == diff_id.0 {
        return copy(from, &digest, out, progress);
    }
    let what = format!("blob {digest}");
    let compression = crate::transfer::sniff(from).map_err(Error::within(what.clone()))?;
    inflate(RegionReader::new(from), compression, Outs::plain(Plain::Writer(out)), progress)
        .map_err(|e| e.at(&what))?
        .verified(&what, Expected { digest: Some(digest), diff_id: Some(diff_id) })?;
    Ok(())
}

/// Bytes of a member whose header is written already: more than it promised must not follow.
struct Counted<'a> {
    out: &'a mut (dyn Write + Send),
    len: u64,
    limit: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.len.saturating_add(bytes.len() as u64) > self.limit {
            return Err(io::Error::other("longer than it was when it was loaded"));
        }
        let n = self.out.write(bytes)?;
        self.len = self.len.saturating_add(n as u64);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Reads and hashes on another thread, writes on this one.
fn copy(
    from: &Region,
    digest: &Digest,
    out: &mut (dyn Write + Send),
    progress: &dyn Progress,
) -> Result<(), Error> {
    let what = format!("blob {digest}");
    let (to_writer, blocks) = sync_channel::<Vec<u8>>(BLOCKS);
    let (back, free) = sync_channel(BLOCKS);
    for _ in 0..BLOCKS {
        let _ = back.send(Vec::new());
    }
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut reader = RegionReader::new(from);
            let mut hasher = Hasher::new();
            let to_writer = to_writer;
            let free = free;
            while let Ok(mut block) = free.recv() {
                block.resize(BLOCK, 0);
                let n = io::Read::read(&mut reader, &mut block)?;
                block.truncate(n);
                hasher.update(&block);
                if n == 0 || to_writer.send(block).is_err() {
                    break;
                }
            }
            Ok::<_, io::Error>(hasher.finalize())
        });
        let written = (|| {
            for block in blocks {
                out.write_all(&block).map_err(Error::within("writing the archive"))?;
                if progress.advance(block.len() as u64).is_break() {
                    return Err(Error::Interrupted);
                }
                let _ = back.send(block);
            }
            Ok(())
        })();
        drop(back);
        let found = reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        written?;
        let found = found.map_err(Error::within(what.clone()))?;
        if found == *digest {
            return Ok(());
        }
        Err(Error::Mismatch { what, found, expected: *digest, by: "its name" })
    })
}

pub(super) fn wrong_size(digest: &Digest, found: u64, expected: u64) -> Error {
    let why = format!("has {found} bytes where there should be {expected}: `ply check` tells more");
    Error::within(format!("blob {digest}"))(why)
}
