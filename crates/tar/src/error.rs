//! What can be wrong with an archive.

use std::io;

use thiserror::Error;

/// Why an archive cannot be read.
///
/// `member` is the path of the member it happened in, as far as it was known: escaped, cut when long, and empty where
/// no name was read yet. Offsets are bytes from the beginning of the archive.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TarError {
    /// The input ended too early: inside a member's data, or, with an empty `member`, inside a header.
    #[error("{}", truncated(member, *offset, *have, *want))]
    Truncated {
        /// Where the input ended.
        offset: u64,
        /// The member it ended in.
        member: String,
        /// How many bytes were there, of the member's data or of the header.
        have: u64,
        /// How many there should be.
        want: u64,
    },
    /// The archive breaks a rule of the format.
    #[error("{}{why} (header at byte {offset})", prefix(member))]
    Malformed {
        /// The header block that is wrong.
        offset: u64,
        /// The member it belongs to.
        member: String,
        /// Which rule, in words.
        why: String,
    },
    /// The archive may be right, but asks for more than [`Limits`](crate::Limits) allow.
    #[error("{}{what} is {asked}, over the limit of {limit} (header at byte {offset})", prefix(member))]
    Limit {
        /// The header block that asks.
        offset: u64,
        /// The member it belongs to.
        member: String,
        /// Which limit, in words.
        what: &'static str,
        /// What was asked for.
        asked: u64,
        /// What is allowed.
        limit: u64,
    },
    /// The reader under us failed.
    #[error("reading the archive at byte {offset}")]
    Io {
        /// Where.
        offset: u64,
        /// What the reader said.
        source: io::Error,
    },
}

impl TarError {
    pub(crate) fn malformed(offset: u64, member: &[u8], why: impl Into<String>) -> Self {
        Self::Malformed { offset, member: printable(member), why: why.into() }
    }
}

/// So that content can be read through [`io::Read`]: a truncated archive is [`io::ErrorKind::UnexpectedEof`], an error
/// of the reader keeps its kind, all else is [`io::ErrorKind::InvalidData`].
impl From<TarError> for io::Error {
    fn from(error: TarError) -> Self {
        let kind = match &error {
            TarError::Truncated { .. } => io::ErrorKind::UnexpectedEof,
            TarError::Malformed { .. } | TarError::Limit { .. } => io::ErrorKind::InvalidData,
            TarError::Io { source, .. } => source.kind(),
        };
        Self::new(kind, error)
    }
}

/// Longest name shown in an error, in bytes of the name.
const SHOWN: usize = 200;

/// A name as it may stand in a message: ASCII, escaped, and cut in its middle when long, since both ends tell.
pub(crate) fn printable(name: &[u8]) -> String {
    if name.len() <= SHOWN {
        return name.escape_ascii().to_string();
    }
    let (head, rest) = name.split_at(SHOWN / 2);
    let (_, tail) = rest.split_at(rest.len().saturating_sub(SHOWN / 2));
    format!("{}...{}", head.escape_ascii(), tail.escape_ascii())
}

fn prefix(member: &str) -> String {
    if member.is_empty() { String::new() } else { format!("{member}: ") }
}

fn truncated(member: &str, offset: u64, have: u64, want: u64) -> String {
    if member.is_empty() {
        format!("the archive ends at byte {offset}, inside a header, after {have} of its {want} bytes")
    } else {
        format!("the archive ends inside {member}, after {have} of its {want} bytes")
    }
}
