use std::fmt;
use std::str::FromStr;

use ply_digest::Digest;

use crate::error::{ReferenceError, quote};
use crate::grammar::is_identifier;
use crate::name::Name;
use crate::tag::Tag;

/// What people write to mean an image: a repository's name, and perhaps a tag, a digest, or both.
///
/// Printed, it is the [familiar](Reference::familiar) form, as Docker shows names to people; the
/// [canonical](Reference::canonical) one has to be asked for. Both, parsed again, are the same reference.
///
/// ```
/// use ply_reference::Reference;
///
/// let short = Reference::parse("nginx")?;
/// assert_eq!(short.canonical(), "docker.io/library/nginx");
/// assert_eq!(short.with_default_tag().to_string(), "nginx:latest");
/// # Ok::<(), ply_reference::ReferenceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    name: Name,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

impl Reference {
    /// Reads `NAME[:TAG][@DIGEST]`, familiar or full, by the grammar of the distribution project.
    ///
    /// The rules are those of its `ParseNormalizedNamed`. No tag is added: see [`with_default_tag`](Self::with_default_tag).
    ///
    /// # Errors
    /// The rule that was broken. A bare word of exactly 64 hex digits is an ID and refused; [`Query`](crate::Query) takes it.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if text.contains("://") {
            return Err(ReferenceError::Url { text: quote(text) });
        }
        if is_identifier(text) {
            return Err(ReferenceError::LooksLikeId { text: quote(text) });
        }
        let (tagged, digest) = match text.split_once('@') {
            Some((tagged, digest)) => (tagged, Some(digest)),
            None => (text, None),
        };
        let (name, tag) = split_tag(tagged);
        Ok(Self {
            name: Name::normalize(name)?,
            tag: tag.map(Tag::parse).transpose()?,
            digest: digest.map(read_digest).transpose()?,
        })
    }

    /// The repository.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The tag, if one was given.
    #[must_use]
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The digest, if one was given: that of a manifest or an index, as a registry names it.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same with `:latest`, where there is neither tag nor digest.
    #[must_use]
    pub fn with_default_tag(self) -> Self {
        if self.tag.is_none() && self.digest.is_none() { self.with_tag(Tag::latest()) } else { self }
    }

    /// The same with this tag instead; a digest stays.
    #[must_use]
    pub fn with_tag(&self, tag: Tag) -> Self {
        Self { tag: Some(tag), ..self.clone() }
    }

    /// The same with this digest instead; a tag stays.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// The same without a tag; a digest stays.
    #[must_use]
    pub fn without_tag(&self) -> Self {
        Self { tag: None, ..self.clone() }
    }

    /// The same without a digest; a tag stays.
    #[must_use]
    pub fn without_digest(&self) -> Self {
        Self { digest: None, ..self.clone() }
    }

    /// The repository alone.
    #[must_use]
    pub fn into_name(self) -> Name {
        self.name
    }

    /// The full form: `docker.io/library/nginx:1.27@sha256:…`.
    #[must_use]
    pub fn canonical(&self) -> String {
        self.follow(self.name.canonical())
    }

    /// The form people know: `nginx:1.27@sha256:…`. See [`Name::familiar`].
    #[must_use]
    pub fn familiar(&self) -> String {
        self.follow(self.name.familiar())
    }

    /// The name, then tag and digest.
    fn follow(&self, mut text: String) -> String {
        if let Some(tag) = &self.tag {
            text.push(':');
            text.push_str(tag.as_str());
        }
        if let Some(digest) = &self.digest {
            text.push('@');
            text.push_str(&digest.to_string());
        }
        text
    }
}

/// A tag's colon stands after the last slash; one before it belongs to a port.
fn split_tag(text: &str) -> (&str, Option<&str>) {
    let last = text.rsplit('/').next().unwrap_or(text);
    let Some((_, tag)) = last.split_once(':') else { return (text, None) };
    let name = text.strip_suffix(tag).and_then(|name| name.strip_suffix(':'));
    (name.unwrap_or(text), Some(tag))
}

fn read_digest(text: &str) -> Result<Digest, ReferenceError> {
    text.parse().map_err(|source| ReferenceError::Digest { source })
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.familiar())
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl From<Name> for Reference {
    fn from(name: Name) -> Self {
        Self { name, tag: None, digest: None }
    }
}
