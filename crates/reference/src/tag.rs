use std::fmt;
use std::str::FromStr;

use crate::error::{ReferenceError, quote};
use crate::grammar::is_tag;

/// The last part of a name, after the colon: 1 to 128 of `A-Z a-z 0-9 _ . -`, not beginning with dot or dash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// The tag meant where none is given.
    pub const LATEST: &'static str = "latest";

    /// Reads a tag, without the colon.
    ///
    /// # Errors
    /// [`ReferenceError::Tag`] if it has another character, is empty or too long.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if is_tag(text) { Ok(Self(text.to_owned())) } else { Err(ReferenceError::Tag { tag: quote(text) }) }
    }

    /// The tag [`LATEST`](Self::LATEST).
    #[must_use]
    pub fn latest() -> Self {
        Self(Self::LATEST.to_owned())
    }

    /// As text, without the colon.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for Tag {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}
