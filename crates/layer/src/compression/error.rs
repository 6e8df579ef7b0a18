//! What can go wrong with compressed bytes.

use std::io;

use super::Compression;

/// Why bytes cannot be decompressed.
///
/// A reader made by [`decoder`](super::decoder) hands these out inside an [`io::Error`]: `Truncated` with the kind
/// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof), the others with [`InvalidData`](io::ErrorKind::InvalidData).
/// `error.get_ref().and_then(|e| e.downcast_ref::<CompressionError>())` finds them again; an error without one came
/// from the reader below.
#[derive(Debug, thiserror::Error)]
pub enum CompressionError {
    /// The input ended inside a member, frame or stream, or before the first.
    #[error("{compression} data is truncated: it ends after {at} bytes")]
    Truncated {
        /// The compression that was being decoded.
        compression: Compression,
        /// Length of the compressed input, in bytes.
        at: u64,
    },
    /// The input breaks the rules of its format, or a checksum or length in it is wrong.
    #[error("{compression} data is corrupt near byte {at}: {what}")]
    Corrupt {
        /// The compression that was being decoded.
        compression: Compression,
        /// How many compressed bytes had been used up before.
        at: u64,
        /// Which rule was broken.
        what: String,
    },
    /// Decoding would take more memory than [`Limits`](super::Limits) allows.
    #[error("{compression} data needs too much memory to decode: {what}")]
    OverLimit {
        /// The compression that was being decoded.
        compression: Compression,
        /// What was asked for, and the limit.
        what: String,
    },
    /// A decoder could not be set up.
    #[error("starting to decode {compression}")]
    Start {
        /// The compression that was to be decoded.
        compression: Compression,
        /// What its library said.
        source: io::Error,
    },
    /// No compression has this name.
    #[error("no compression is called {0:?}: it is one of none, gzip, zstd, bzip2 and xz")]
    UnknownName(String),
}

impl From<CompressionError> for io::Error {
    fn from(error: CompressionError) -> Self {
        let kind = match &error {
            CompressionError::Truncated { .. } => io::ErrorKind::UnexpectedEof,
            CompressionError::Corrupt { .. } | CompressionError::OverLimit { .. } => {
                io::ErrorKind::InvalidData
            }
            CompressionError::Start { source, .. } => source.kind(),
            CompressionError::UnknownName(_) => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}
