//! The digest: its bytes, its spelling, and what is wrong with other spellings.

use std::{fmt, str::FromStr};

use crate::Hasher;

/// What bytes are called: their SHA-256.
///
/// Written `sha256:` and 64 lower-case hexadecimal digits, as the OCI image specification has it
/// (`descriptor.md`, *Digests*). Sorts as its text does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// Why a text is not a digest this crate can check. The text in it is escaped and cut to 80 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// Well formed, but of an algorithm other than `sha256`.
    #[error("reading a digest: \"{text}\" is not sha256, the only algorithm supported")]
    UnknownAlgorithm {
        /// The whole digest.
        text: String,
    },
    /// Not of the form `sha256:` and 64 lower-case hexadecimal digits.
    #[error("reading a digest: \"{text}\" is not {expected}")]
    Malformed {
        /// What was found.
        text: String,
        /// What should have been there.
        expected: &'static str,
    },
}

impl Digest {
    /// The digest with these 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes, most significant first.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        hasher.finalize()
    }

    /// Reads exactly 64 lower-case hexadecimal digits, without an algorithm before them.
    ///
    /// # Errors
    /// [`DigestError::Malformed`] for anything else, upper case included: one digest has one spelling.
    pub fn from_hex(hex: &str) -> Result<Self, DigestError> {
        let malformed = || malformed(hex, "64 lower-case hexadecimal digits");
        let digits: &[u8; 64] = hex.as_bytes().try_into().map_err(|_| malformed())?;
        let mut bytes = [0; 32];
        for (byte, &[high, low]) in bytes.iter_mut().zip(digits.as_chunks().0) {
            *byte = nibble(high).ok_or_else(malformed)? << 4 | nibble(low).ok_or_else(malformed)?;
        }
        Ok(Self(bytes))
    }

    /// All 64 hexadecimal digits, without `sha256:`.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// The first 12 hexadecimal digits, as people are shown them.
    pub fn short(&self) -> String {
        hex(&self.0[..6])
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    /// Reads `sha256:` and 64 lower-case hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, DigestError> {
        let Some((algorithm, encoded)) = text.split_once(':') else {
            return Err(malformed(text, "an algorithm, a colon and hexadecimal digits"));
        };
        if algorithm == "sha256" {
            return Self::from_hex(encoded);
        }
        if is_algorithm(algorithm) && is_encoded(encoded) {
            return Err(DigestError::UnknownAlgorithm { text: quotable(text) });
        }
        Err(malformed(text, "an algorithm, a colon and hexadecimal digits"))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("sha256:{}", self.hex()))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn hex(bytes: &[u8]) -> String {
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect()
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => digit.checked_sub(b'0'),
        b'a'..=b'f' => digit.checked_sub(b'a' - 10),
        _ => None,
    }
}

/// `descriptor.md`, *Digests*: components of `[a-z0-9]+`, one of `+._-` between two.
fn is_algorithm(text: &str) -> bool {
    text.split(['+', '.', '_', '-']).all(|component| {
        !component.is_empty() && component.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    })
}

/// `descriptor.md`, *Digests*: `[a-zA-Z0-9=_-]+`.
fn is_encoded(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"=_-".contains(&b))
}

fn malformed(text: &str, expected: &'static str) -> DigestError {
    DigestError::Malformed { text: quotable(text), expected }
}

/// Fit for an error message: what came from outside may hold control characters, or be huge.
fn quotable(text: &str) -> String {
    const MOST: usize = 80;
    let mut escaped: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    if escaped.chars().nth(MOST).is_some() || text.chars().nth(MOST).is_some() {
        escaped = escaped.chars().take(MOST).collect();
        escaped.push('…');
    }
    escaped
}

#[cfg(test)]
mod tests;
