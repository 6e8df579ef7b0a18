//! From plain bytes to compressed ones, on several cores, the same bytes on any number of them.

mod crew;
mod gzip;
mod zstd;

use std::io::{self, Write};
use std::mem;
use std::thread;

use self::crew::Crew;
use super::Compression;

/// What to write, and how hard to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// The bytes as they are.
    None,
    /// Gzip members without name or time.
    Gzip {
        /// 0 (stored) to 9.
        level: u32,
    },
    /// Independent zstd frames with checksums.
    Zstd {
        /// 1 to 22; from 20 on memory is several hundred MiB a thread.
        level: i32,
    },
}

impl Encoding {
    /// Gzip, level 1: of real layers 2 % more than zlib's 6 leaves, in a third of the time; level 4 is as small.
    pub const GZIP: Self = Self::Gzip { level: 1 };
    /// zstd, level 3.
    pub const ZSTD: Self = Self::Zstd { level: 3 };

    /// What a reader will find.
    pub const fn compression(self) -> Compression {
        match self {
            Self::None => Compression::None,
            Self::Gzip { .. } => Compression::Gzip,
            Self::Zstd { .. } => Compression::Zstd,
        }
    }

    fn check(self) -> io::Result<()> {
        let valid = match self {
            Self::None => true,
            Self::Gzip { level } => level <= 9,
            Self::Zstd { level } => (1..=22).contains(&level),
        };
        if valid {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::InvalidInput, format!("there is no such level: {self:?}")))
    }
}

/// A writer that compresses into `writer`.
///
/// The bytes written depend on `encoding` and the plain bytes alone: not on `threads`, nor on how the plain bytes were
/// divided between calls, nor on time or processor. The plain bytes are cut into pieces of one size: of 512 KiB, each a
/// member, for gzip; of 2 MiB, each a frame, for zstd.
///
/// `threads` compress, 0 being as many as there are processors; with 1 all is done by the caller's thread. At most 32
/// pieces and 16 MiB of them wait or are worked on, whatever the number of threads.
///
/// # Errors
///
/// A level outside the range, or a thread that cannot be started.
///
/// # Examples
///
/// ```
/// use std::io::Write;
/// use ply_layer::{Encoding, encoder};
///
/// let pack = |threads| {
///     let mut encoder = encoder(Encoding::ZSTD, threads, Vec::new())?;
///     encoder.write_all(&[7; 5_000_000])?;
///     encoder.finish()
/// };
/// assert_eq!(pack(1)?, pack(3)?);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn encoder<W: Write>(encoding: Encoding, threads: usize, writer: W) -> io::Result<Encoder<W>> {
    encoding.check()?;
    let threads = if threads == 0 { thread::available_parallelism()?.get() } else { threads };
    let work = match encoding {
        Encoding::None => None,
        Encoding::Gzip { level } => Some(Work::new(gzip::PIECE, threads, || gzip::Packer::new(level))?),
        Encoding::Zstd { level } => Some(Work::new(zstd::PIECE, threads, || zstd::Packer::new(level))?),
    };
    Ok(Encoder { encoding, writer, work, failed: false })
}

/// A writer made by [`encoder`].
#[must_use = "what was written is incomplete until finish() is called"]
pub struct Encoder<W> {
    encoding: Encoding,
    writer: W,
    /// Nothing for [`Encoding::None`].
    work: Option<Work>,
    /// After an error bytes are missing: nothing more is taken.
    failed: bool,
}

/// What one thread keeps to compress pieces.
trait Pack: Send + 'static {
    fn pack(&mut self, piece: &[u8]) -> io::Result<Vec<u8>>;
}

/// Pieces on their way.
struct Work {
    crew: Crew,
    size: usize,
    plain: Vec<u8>,
}

impl Work {
    fn new<P: Pack>(size: usize, threads: usize, packer: impl Fn() -> io::Result<P>) -> io::Result<Self> {
        Ok(Self { crew: Crew::new(size, threads, packer)?, size, plain: Vec::new() })
    }

    /// Hands the piece at hand to the crew.
    fn submit(&mut self) -> io::Result<()> {
        let plain = mem::take(&mut self.plain);
        self.crew.submit(plain)
    }
}

impl<W: Write> Encoder<W> {
    /// Compresses and writes all that is left, and gives the writer back.
    ///
    /// # Errors
    ///
    /// What the writer said, now or before. It is not flushed.
    pub fn finish(mut self) -> io::Result<W> {
        self.attempt(|encoder| {
            let Some(work) = &mut encoder.work else { return Ok(()) };
            work.submit()?;
            encoder.write_packed(0)
        })?;
        Ok(self.writer)
    }

    /// Writes finished pieces in order, until no more than `left` are with the crew.
    fn write_packed(&mut self, left: usize) -> io::Result<()> {
        let Some(work) = &mut self.work else { return Ok(()) };
        while let Some(packed) = work.crew.next(left)? {
            self.writer.write_all(&packed)?;
        }
        Ok(())
    }

    fn attempt<T>(&mut self, action: impl FnOnce(&mut Self) -> io::Result<T>) -> io::Result<T> {
        if self.failed {
            return Err(io::Error::other("compressing goes on after an error"));
        }
        self.failed = true;
        let done = action(self)?;
        self.failed = false;
        Ok(done)
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(work) = &mut self.work else { return self.writer.write(bytes) };
        // A full piece waits for one more byte: no empty one must follow it.
        if work.plain.len() == work.size && !bytes.is_empty() {
            self.attempt(|encoder| {
                let Some(work) = &mut encoder.work else { return Ok(()) };
                work.submit()?;
                let limit = work.crew.limit();
                encoder.write_packed(limit)
            })?;
        }
        let Some(work) = &mut self.work else { return Ok(0) };
        let n = bytes.len().min(work.size.saturating_sub(work.plain.len()));
        work.plain.extend_from_slice(bytes.get(..n).unwrap_or_default());
        Ok(n)
    }

    /// Writes the pieces that are full, and flushes the writer. The piece at hand stays: its end must not depend on
    /// when somebody flushed.
    fn flush(&mut self) -> io::Result<()> {
        self.attempt(|encoder| {
            encoder.write_packed(0)?;
            encoder.writer.flush()
        })
    }
}

impl<W> std::fmt::Debug for Encoder<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").field("encoding", &self.encoding).finish_non_exhaustive()
    }
}
