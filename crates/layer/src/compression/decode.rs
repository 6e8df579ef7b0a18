//! From compressed bytes to plain ones.

mod bzip2;
mod gzip;
mod xz;
mod zstd;

use std::io::{self, BufRead, Read};

use super::{Compression, CompressionError};

/// How much memory a decoder may take because its input says so.
///
/// Gzip and bzip2 need no limit: their formats allow 32 KiB and 3.7 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Base 2 logarithm of the largest window of a zstd frame, in bytes: 10 to 31. The default is 27, 128 MiB, what
    /// `zstd` itself takes without `--long`; RFC 8878, section 3.1.1.1.2, asks decoders for 8 MiB at least.
    pub zstd_window_log: u32,
    /// Memory for an xz stream, in bytes: its dictionary and a little more. The default is 128 MiB; `xz -9` needs 65.
    pub xz_memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { zstd_window_log: 27, xz_memory: 128 << 20 }
    }
}

/// A reader of the plain bytes of `reader`.
///
/// It reads what the format allows to be joined: gzip members, zstd frames and skippable frames, bzip2 and xz streams,
/// xz padding. Zero bytes may follow the last gzip member, as after a tar written to a tape; other bytes are an error
/// in every format, as they are for Go and so for Docker.
///
/// It takes bytes straight out of `reader`'s buffer (128 KiB is a good size) and writes them straight into the
/// caller's (the same), so a caller of many small reads wraps it in a [`BufReader`](io::BufReader). Before it answers
/// 0 it has read `reader` to its end, so a hash of the compressed bytes is complete. It never answers 0 before all
/// checksums and lengths have been compared. After an error it goes on failing.
///
/// # Errors
///
/// [`CompressionError::Start`] when a library's decoder cannot be set up: no memory, or a limit out of range. The
/// reader's own errors are described there too.
pub fn decoder<'a, R: BufRead + Send + 'a>(
    compression: Compression,
    reader: R,
    limits: &Limits,
) -> Result<Box<dyn Read + Send + 'a>, CompressionError> {
    Ok(match compression {
        Compression::None => Box::new(reader),
        Compression::Gzip => Box::new(Decoded::new(reader, compression, gzip::Members::new())),
        Compression::Zstd => {
            Box::new(Decoded::new(reader, compression, zstd::Frames::new(limits.zstd_window_log)?))
        }
        Compression::Bzip2 => Box::new(Decoded::new(reader, compression, bzip2::Streams::new())),
        Compression::Xz => Box::new(Decoded::new(reader, compression, xz::Streams::new(limits.xz_memory)?)),
    })
}

/// What a step did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Step {
    /// Bytes used up of the input.
    read: usize,
    /// Bytes written to the output.
    written: usize,
}

/// Why a step failed; where is known to [`Decoded`].
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fault {
    Truncated,
    Corrupt(String),
    OverLimit(String),
}

/// One format: a machine that is pushed along by pieces of input and room for output.
trait Codec {
    /// Goes on as far as `input` or `output` last; `output` is never empty.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Fault>;

    /// The input is over: writes what is still held back, then 0 if this is a place to end.
    fn end(&mut self, output: &mut [u8]) -> Result<usize, Fault>;
}

struct Decoded<R, C> {
    reader: R,
    compression: Compression,
    codec: C,
    /// Compressed bytes used up so far.
    at: u64,
    failed: Option<Fault>,
}

impl<R: BufRead, C: Codec> Decoded<R, C> {
    fn new(reader: R, compression: Compression, codec: C) -> Self {
        Self { reader, compression, codec, at: 0, failed: None }
    }

    fn fail(&mut self, fault: Fault) -> io::Error {
        let (compression, at) = (self.compression, self.at);
        let error = match fault.clone() {
            Fault::Truncated => CompressionError::Truncated { compression, at },
            Fault::Corrupt(what) => CompressionError::Corrupt { compression, at, what },
            Fault::OverLimit(what) => CompressionError::OverLimit { compression, what },
        };
        self.failed = Some(fault);
        error.into()
    }
}

impl<R: BufRead, C: Codec> Read for Decoded<R, C> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        if output.is_empty() {
            return Ok(0);
        }
        if let Some(fault) = self.failed.clone() {
            return Err(self.fail(fault));
        }
        loop {
            let input = self.reader.fill_buf()?;
            if input.is_empty() {
                return self.codec.end(output).map_err(|fault| self.fail(fault));
            }
            match self.codec.step(input, output) {
                Ok(Step { read: 0, written: 0 }) => {
                    return Err(self.fail(Fault::Corrupt("its decoder makes no progress".to_owned())));
                }
                Ok(Step { read, written }) => {
                    self.reader.consume(read);
                    self.at = self.at.saturating_add(read as u64);
                    if written > 0 {
                        return Ok(written);
                    }
                }
                Err(fault) => return Err(self.fail(fault)),
            }
        }
    }
}
