//! The names that an archive gives its images. What stands in `manifest.json`, `repositories` and `index.json` names
//! what is to be tagged, so each has a tag, and none a digest.

use std::collections::HashSet;

use ply_digest::Digest;
use ply_image::{Descriptor, annotation};
use ply_reference::{Name, Reference, Tag};

use crate::ArchiveError;
use crate::error::shown;

/// A name of `manifest.json`.
pub(super) fn tag(text: &str, by: &str) -> Result<Reference, ArchiveError> {
    let name = parse(text, by)?;
    if name.digest().is_some() {
        return Err(wrong(text, by, &"a digest is no name to give"));
    }
    Ok(name)
}

/// A name of `repositories`, which has repository and tag apart: neither may hide the other.
pub(super) fn repository_and_tag(repository: &str, tag: &str, by: &str) -> Result<Reference, ArchiveError> {
    let text = || format!("{repository}:{tag}");
    let name = Name::parse(repository).map_err(|e| wrong(&text(), by, &e))?;
    let tag = Tag::parse(tag).map_err(|e| wrong(&text(), by, &e))?;
    Ok(Reference::from(name).with_tag(tag))
}

/// containerd's annotation holds a full name; the specification's may hold one, or only a tag. A bare word could
/// be either, so it names nothing; `oci:DIR:WORD` still finds it.
pub(super) fn of_entry(entry: &Descriptor, by: &str) -> Result<Option<Reference>, ArchiveError> {
    let full = entry.annotations.get(annotation::CONTAINERD_NAME).filter(|name| !name.is_empty());
    let text = match (full, ref_name(entry)) {
        (Some(full), _) => full,
        (None, Some(name)) if name.contains([':', '/']) => name,
        (None, _) => return Ok(None),
    };
    let name = parse(text, by)?;
    if let Some(digest) = name.digest().filter(|digest| **digest != entry.digest) {
        return Err(wrong(text, by, &lies(digest, &entry.digest)));
    }
    // What containerd calls `name@digest` was pulled so, and has no tag.
    Ok(name.tag().is_some().then(|| name.without_digest()))
}

fn lies(named: &Digest, listed: &Digest) -> String {
    format!("it is {}, not {}", listed.short(), named.short())
}

/// The name a layout gives an image, as spelled.
pub(super) fn ref_name(entry: &Descriptor) -> Option<&String> {
    entry.annotations.get(annotation::REF_NAME).filter(|name| !name.is_empty())
}

/// Each name once, in the order they came.
pub(super) fn once(names: &mut Vec<Reference>) {
    let mut seen = HashSet::new();
    let first: Vec<bool> = names.iter().map(|name| seen.insert(name)).collect();
    let mut first = first.into_iter();
    names.retain(|_| first.next().unwrap_or_default());
}

fn parse(text: &str, by: &str) -> Result<Reference, ArchiveError> {
    Reference::parse(text).map(Reference::with_default_tag).map_err(|e| wrong(text, by, &e))
}

fn wrong(text: &str, by: &str, why: &dyn std::fmt::Display) -> ArchiveError {
    ArchiveError::Member { member: by.to_owned(), why: format!("names an image {}: {why}", shown(text)) }
}
