//! How the bytes of a layer or an archive are packed, told by their first bytes.

mod decode;
mod encode;
mod error;
mod memory;
mod sniff;

use std::fmt;
use std::str::FromStr;

pub use decode::{Limits, decoder};
pub use encode::{Encoder, Encoding, encoder};
pub use error::CompressionError;
pub use sniff::{Sniffed, sniff};

/// How bytes are compressed.
///
/// [`Display`](fmt::Display) and [`FromStr`] use the lower-case names `none`, `gzip`, `zstd`, `bzip2` and `xz`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Compression {
    /// Not at all.
    None,
    /// Members of DEFLATE data: RFC 1952.
    Gzip,
    /// Zstandard frames: RFC 8878.
    Zstd,
    /// Streams of bzip2 blocks.
    Bzip2,
    /// The .xz file format, version 1.2.
    Xz,
}

impl Compression {
    /// How many bytes [`detect`](Self::detect) looks at, at most.
    pub const PREFIX: usize = 10;

    /// Tells the compression by the magic number; labels and file names are not asked.
    ///
    /// What is no magic number, and what is too short for one, is [`Compression::None`]. Ten bytes tell all;
    /// fewer may be all that a short input has.
    ///
    /// - gzip: `1f 8b` and the method 8, the only one there is (RFC 1952, section 2.3.1).
    /// - zstd: a frame, or a skippable frame, `50..5f 2a 4d 18` (RFC 8878, sections 3.1.1 and 3.1.2), as Docker
    ///   takes them. LZ4 shares skippable frames; such an input fails when it is decoded.
    /// - bzip2: `BZh1` to `BZh9` and the magic of the first block or of the end: a tar whose first member is
    ///   called `BZh9` is none.
    /// - xz: the six bytes of a stream header (section 2.1.1.1). The older .lzma has no magic number, and is not
    ///   known here.
    pub fn detect(prefix: &[u8]) -> Self {
        match prefix {
            [0x1f, 0x8b, 8, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]
            | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            _ => Self::None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Compression {
    type Err = CompressionError;

    fn from_str(name: &str) -> Result<Self, CompressionError> {
        [Self::None, Self::Gzip, Self::Zstd, Self::Bzip2, Self::Xz]
            .into_iter()
            .find(|compression| compression.name() == name)
            .ok_or_else(|| CompressionError::UnknownName(name.to_owned()))
    }
}

#[cfg(test)]
mod tests;
