//! From plain bytes to compressed ones, on several cores, the same bytes on any number of them.

mod crew;
mod gzip;
mod zstd;

use std::io::{self, Write};
use std::mem;
use std::thread;

use flate2::Crc;

use self::crew::Crew;
use super::Compression;

/// What to write, and how hard to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// The bytes as they are.
    None,
    /// One gzip member without name or time.
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
    /// Gzip, level 6.
    pub const GZIP: Self = Self::Gzip { level: 6 };
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
/// divided between calls, nor on time or processor. The plain bytes are cut into pieces of one size. A gzip piece is
/// compressed with the last 32 KiB before it as a dictionary and ends on a byte, as `pigz` does, all of them in one
/// member; a zstd piece is a frame.
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
        Encoding::Gzip { level } => {
            Some(Work::new(gzip::PIECE, gzip::DICTIONARY, threads, || Ok(gzip::Packer { level }))?)
        }
        Encoding::Zstd { level } => Some(Work::new(zstd::PIECE, 0, threads, || zstd::Packer::new(level))?),
    };
    Ok(Encoder { encoding, writer, work, started: false, failed: false })
}

/// A writer made by [`encoder`].
#[must_use = "what was written is incomplete until finish() is called"]
pub struct Encoder<W> {
    encoding: Encoding,
    writer: W,
    /// Nothing for [`Encoding::None`].
    work: Option<Work>,
    /// Whether the head has been written.
    started: bool,
    /// After an error bytes are missing: nothing more is taken.
    failed: bool,
}

/// One piece of plain bytes.
struct Piece {
    /// The plain bytes just before it, as far as they may be referred to.
    before: Vec<u8>,
    plain: Vec<u8>,
    last: bool,
}

/// A piece compressed.
struct Packed {
    bytes: Vec<u8>,
    /// Of the plain bytes, where the format wants it.
    crc: Crc,
}

/// What one thread keeps to compress pieces.
trait Pack: Send + 'static {
    fn pack(&mut self, piece: &Piece) -> io::Result<Packed>;
}

/// Pieces on their way.
struct Work {
    crew: Crew,
    size: usize,
    dictionary: usize,
    before: Vec<u8>,
    plain: Vec<u8>,
    crc: Crc,
    length: u64,
}

impl Work {
    fn new<P: Pack>(
        size: usize,
        dictionary: usize,
        threads: usize,
        packer: impl Fn() -> io::Result<P>,
    ) -> io::Result<Self> {
        let crew = Crew::new(size, threads, packer)?;
        Ok(Self { crew, size, dictionary, before: Vec::new(), plain: Vec::new(), crc: Crc::new(), length: 0 })
    }

    /// Hands the piece at hand to the crew.
    fn submit(&mut self, last: bool) -> io::Result<()> {
        let plain = mem::take(&mut self.plain);
        self.length += plain.len() as u64;
        let tail = plain.get(plain.len().saturating_sub(self.dictionary)..).unwrap_or_default().to_vec();
        let before = mem::replace(&mut self.before, tail);
        self.crew.submit(Piece { before, plain, last })
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
            work.submit(true)?;
            encoder.write_packed(0)?;
            encoder.write_tail()
        })?;
        Ok(self.writer)
    }

    /// Writes finished pieces in order, until no more than `left` are with the crew.
    fn write_packed(&mut self, left: usize) -> io::Result<()> {
        if !self.started {
            self.started = true;
            self.write_head()?;
        }
        let Some(work) = &mut self.work else { return Ok(()) };
        while let Some(packed) = work.crew.next(left)? {
            work.crc.combine(&packed.crc);
            self.writer.write_all(&packed.bytes)?;
        }
        Ok(())
    }

    fn write_head(&mut self) -> io::Result<()> {
        match self.encoding {
            Encoding::Gzip { level } => self.writer.write_all(&gzip::head(level)),
            Encoding::None | Encoding::Zstd { .. } => Ok(()),
        }
    }

    fn write_tail(&mut self) -> io::Result<()> {
        match (self.encoding, &self.work) {
            (Encoding::Gzip { .. }, Some(work)) => self.writer.write_all(&gzip::tail(&work.crc, work.length)),
            _ => Ok(()),
        }
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
        // A full piece waits for one more byte, since the last piece is marked as such.
        if work.plain.len() == work.size && !bytes.is_empty() {
            self.attempt(|encoder| {
                let Some(work) = &mut encoder.work else { return Ok(()) };
                work.submit(false)?;
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
