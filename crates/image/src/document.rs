use ply_digest::Digest;
use serde::{Deserialize, Deserializer};

use crate::json::{self, Keys};
use crate::{BlobSource, DocumentError};

/// Largest manifest or index that is read, in bytes: what registries take.
pub const MANIFEST_LIMIT: u64 = 4 << 20;
/// Largest image config that is read, in bytes.
pub const CONFIG_LIMIT: u64 = 8 << 20;

/// A document and the very bytes it was read from. The bytes count: the digest is of those.
#[derive(Debug, Clone)]
pub struct Document<T> {
    /// The bytes, as they came.
    pub raw: Vec<u8>,
    /// Their digest.
    pub digest: Digest,
    /// What they say.
    pub value: T,
}

/// What a document type must say of itself to be read.
pub trait Readable: for<'de> Deserialize<'de> {
    /// For messages: `manifest`.
    const WHAT: &'static str;
    /// Largest size in bytes.
    const LIMIT: u64;
    /// How its keys must be spelled.
    const KEYS: Keys<'static>;

    /// Rules that the shape alone does not show.
    ///
    /// # Errors
    /// Which one is broken, worded for a person.
    fn check(&self) -> Result<(), String>;
}

impl<T: Readable> Document<T> {
    /// Reads a document from its bytes.
    ///
    /// # Errors
    /// Not JSON, not of this shape, too large, a key given twice, or a rule of the type broken.
    pub fn parse(raw: Vec<u8>) -> Result<Self, DocumentError> {
        Self::parse_within(raw, T::LIMIT)
    }

    /// As [`parse`](Self::parse), with another limit on its size: an archive's own index is no blob.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_within(raw: Vec<u8>, limit: u64) -> Result<Self, DocumentError> {
        let size = raw.len() as u64;
        if size > limit {
            return Err(DocumentError::TooLarge { what: T::WHAT, size, limit });
        }
        let digest = Digest::of(&raw);
        let shape = |source| DocumentError::Shape { what: T::WHAT, digest, source };
        json::check(&raw, T::KEYS).map_err(shape)?;
        let value: T = serde_json::from_slice(&raw).map_err(shape)?;
        value.check().map_err(|why| DocumentError::Rule { what: T::WHAT, digest, why })?;
        Ok(Self { raw, digest, value })
    }

    /// Reads the document with this digest from a source, and checks the bytes against it.
    ///
    /// # Errors
    /// As [`parse`](Self::parse); the blob is absent, unreadable, or not what its digest says.
    pub fn read(source: &dyn BlobSource, digest: &Digest) -> Result<Self, DocumentError> {
        let raw = read_raw(source, digest, T::WHAT, T::LIMIT)?;
        Self::parse(raw)
    }
}

/// Reads a manifest or an index as it stands, checked against its digest and not understood.
///
/// # Errors
/// The blob is absent, unreadable, larger than 4 MiB, or not what its digest says.
pub fn raw_document(source: &dyn BlobSource, digest: &Digest) -> Result<Vec<u8>, DocumentError> {
    read_raw(source, digest, "manifest", MANIFEST_LIMIT)
}

/// Reads a small blob whole and checks it against its digest.
pub(crate) fn read_raw(
    source: &dyn BlobSource,
    digest: &Digest,
    what: &'static str,
    limit: u64,
) -> Result<Vec<u8>, DocumentError> {
    use std::io::Read;
    let size = source.size(digest)?;
    if size > limit {
        return Err(DocumentError::TooLarge { what, size, limit });
    }
    let mut raw = Vec::new();
    source
        .open(digest)?
        .take(limit.saturating_add(1))
        .read_to_end(&mut raw)
        .map_err(|source| crate::BlobError::Io { digest: *digest, at: None, source })?;
    let found = Digest::of(&raw);
    if found != *digest {
        return Err(DocumentError::Digest { what, expected: *digest, found });
    }
    Ok(raw)
}

/// Go writes `null` for an empty list or map.
pub(crate) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}
