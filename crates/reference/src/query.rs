use std::str::FromStr;

use crate::error::ReferenceError;
use crate::id_prefix::IdPrefix;
use crate::reference::Reference;

/// What a user typed where an image is expected.
///
/// | typed | means |
/// |---|---|
/// | `nginx`, `nginx:1.27`, `nginx@sha256:…` | a reference |
/// | `cafe`: 1 to 63 lower-case hex digits | the name, or else the beginning of an ID |
/// | exactly 64 hex digits | an ID |
/// | `sha256:` and 1 to 64 hex digits | an ID, or the beginning of one |
///
/// Docker refuses `sha256` as the name of an image, so that the last row hides none.
///
/// ```
/// use ply_reference::Query;
///
/// let typed = Query::parse("cafe")?;
/// assert_eq!(typed.reference().map(|name| name.canonical()).as_deref(), Some("docker.io/library/cafe"));
/// assert_eq!(typed.id().map(|id| id.digits()), Some(4));
/// # Ok::<(), ply_reference::ReferenceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Query {
    /// A name, with a tag, a digest, or neither. No tag has been added.
    Reference(Reference),
    /// An ID or the beginning of one.
    Id(IdPrefix),
    /// A word that may be both: the name is looked up first, then the ID.
    Either(Reference, IdPrefix),
}

impl Query {
    /// Tells references and IDs apart.
    ///
    /// # Errors
    /// What [`Reference::parse`] says of a text that is no ID either.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if let Some(id) = text.strip_prefix("sha256:").and_then(IdPrefix::from_hex) {
            return Ok(Self::Id(id));
        }
        match IdPrefix::from_hex(text) {
            Some(id) if id.digest().is_some() => Ok(Self::Id(id)),
            Some(id) => Ok(Self::Either(Reference::parse(text)?, id)),
            None => Ok(Self::Reference(Reference::parse(text)?)),
        }
    }

    /// The reference it may be: looked up first.
    #[must_use]
    pub fn reference(&self) -> Option<&Reference> {
        match self {
            Self::Reference(reference) | Self::Either(reference, _) => Some(reference),
            Self::Id(_) => None,
        }
    }

    /// The ID it may be: looked up where no name was found.
    #[must_use]
    pub fn id(&self) -> Option<&IdPrefix> {
        match self {
            Self::Id(id) | Self::Either(_, id) => Some(id),
            Self::Reference(_) => None,
        }
    }
}

impl FromStr for Query {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests;
