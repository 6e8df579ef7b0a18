//! What an archive says it holds: its documents, understood.
//!
//! Where several kinds of documents stand side by side, as in every archive of Docker 25 and later, `index.json`
//! says what the images are, and `manifest.json` must agree with it where both speak of the same name.

mod docker;
mod legacy;
mod oci;

use std::collections::HashMap;

use ply_digest::Digest;
use ply_image::json::Keys;
use ply_image::{BlobError, BlobSource, Config, Descriptor, DiffId, Document, Manifest, Region};
use ply_reference::Reference;

use crate::error::shown;
use crate::members::{Member, Members, blob_name};
use crate::{Archive, ArchiveError};

/// The images in an archive.
#[derive(Debug, Default)]
pub struct Contents {
    /// In the order the archive lists them.
    pub images: Vec<Packed>,
    /// Documents that we made, by digest: manifests of images that came without one.
    pub made: HashMap<Digest, Vec<u8>>,
    /// The member that holds a blob, where its name does not say so.
    pub places: HashMap<Digest, Member>,
}

/// One image in an archive: what a name points to.
#[derive(Debug, Clone)]
pub struct Packed {
    /// Its names, tags and all; none for an image that nobody tagged.
    pub names: Vec<Reference>,
    /// The name a layout gives it, as spelled: `oci:DIR:NAME` finds it by this too.
    pub ref_name: Option<String>,
    /// The manifest or index it is; `None` where none came along and none can be made before the layers were
    /// read.
    pub root: Option<Descriptor>,
    /// The blobs of documents to keep as they came: indexes and the manifests of attestations. The manifest of an
    /// image is kept with the image, so that where it is, the image is.
    pub documents: Vec<Descriptor>,
    /// The images that are here, one a platform; attestations are not images.
    pub images: Vec<PackedImage>,
    /// Further blobs to keep: what attestations name.
    pub further: Vec<Descriptor>,
    /// Platforms that the index lists and whose documents are not here.
    pub absent: Vec<String>,
}

/// An image for one platform.
#[derive(Debug, Clone)]
pub struct PackedImage {
    /// The manifest, if one came along.
    pub manifest: Option<Document<Manifest>>,
    /// What the index says of it: its platform among other things.
    pub listed: Option<Descriptor>,
    /// The config.
    pub config: Document<Config>,
    /// The layers, from the bottom up.
    pub layers: Vec<PackedLayer>,
}

/// A layer of an image in an archive.
#[derive(Debug, Clone)]
pub struct PackedLayer {
    /// Digest of its plain tar, as the config says.
    pub diff_id: DiffId,
    /// The blob, as the manifest says.
    pub blob: Option<Descriptor>,
    /// Digest of the bytes as stored, where a document or a member's name promises one.
    pub digest: Option<Digest>,
    /// The name a document gives it.
    pub wanted: String,
    /// The member that holds it; `None` in an archive that leaves it to the receiver.
    pub member: Option<Member>,
}

impl Contents {
    /// Understands the documents of an archive.
    ///
    /// # Errors
    /// There is no image, a document is not what it should be, or two documents contradict each other.
    pub fn read(members: &dyn Members) -> Result<Self, ArchiveError> {
        let mut contents = Self::default();
        if members.find("index.json")?.is_some() {
            oci::read(members, &mut contents)?;
            if members.find("manifest.json")?.is_some() {
                docker::reconcile(members, &mut contents)?;
            }
        } else if members.find("manifest.json")?.is_some() {
            docker::read(members, &mut contents)?;
        } else {
            legacy::read(members, &mut contents)?;
        }
        Ok(contents)
    }

    /// Reads a blob's member and its digest from the places known.
    pub(crate) fn member(
        &self,
        members: &dyn Members,
        digest: &Digest,
    ) -> Result<Option<Member>, ArchiveError> {
        match self.places.get(digest) {
            Some(member) => Ok(Some(member.clone())),
            None => members.find(&blob_name(digest)),
        }
    }
}

impl PackedImage {
    /// The image's ID.
    #[must_use]
    pub const fn id(&self) -> Digest {
        self.config.digest
    }
}

/// Reads a document of an archive that is not a blob.
pub(crate) fn read_named(members: &dyn Members, name: &str, limit: u64) -> Result<Vec<u8>, ArchiveError> {
    let member = members
        .find(name)?
        .ok_or_else(|| ArchiveError::Missing { wanted: shown(name), by: "the archive".to_owned() })?;
    members.read(&member, limit)
}

/// Reads JSON of an archive that is not a blob, strictly.
pub(crate) fn parse_named<T: for<'de> serde::Deserialize<'de>>(
    members: &dyn Members,
    name: &str,
    keys: Keys<'_>,
) -> Result<T, ArchiveError> {
    let raw = read_named(members, name, ply_image::CONFIG_LIMIT)?;
    let wrong = |e: serde_json::Error| ArchiveError::Member {
        member: shown(name),
        why: format!("is not what it should be: {}", shown(&e.to_string())),
    };
    ply_image::json::check(&raw, keys).map_err(wrong)?;
    serde_json::from_slice(&raw).map_err(wrong)
}

/// Reads a config, whatever `manifest.json` calls it.
pub(crate) fn parse_config(members: &dyn Members, name: &str) -> Result<Document<Config>, ArchiveError> {
    let raw = read_named(members, name, ply_image::CONFIG_LIMIT).map_err(|error| match error {
        ArchiveError::Missing { wanted, .. } => {
            ArchiveError::Missing { wanted, by: "manifest.json".to_owned() }
        }
        error => error,
    })?;
    Document::parse(raw).map_err(|source| ArchiveError::Document { member: shown(name), source })
}

/// A name as an archive gives it, with a tag.
pub(crate) fn parse_name(text: &str, by: &str) -> Result<Reference, ArchiveError> {
    Reference::parse(text).map(Reference::with_default_tag).map_err(|e| ArchiveError::Member {
        member: by.to_owned(),
        why: format!("names an image {}: {e}", shown(text)),
    })
}

/// An archive's blobs by digest: members of its layout, documents we made, and what its documents placed.
impl BlobSource for Archive {
    fn open(&self, digest: &Digest) -> Result<Box<dyn std::io::Read + Send + '_>, BlobError> {
        if let Some(raw) = self.contents.made.get(digest) {
            return Ok(Box::new(raw.as_slice()));
        }
        let member = self.blob(digest)?;
        self.members.open(&member).map_err(|e| unreadable(digest, &member, e))
    }

    fn size(&self, digest: &Digest) -> Result<u64, BlobError> {
        match self.contents.made.get(digest) {
            Some(raw) => Ok(raw.len() as u64),
            None => Ok(self.blob(digest)?.size),
        }
    }

    fn region(&self, digest: &Digest) -> Result<Option<Region>, BlobError> {
        if self.contents.made.contains_key(digest) {
            return Ok(None);
        }
        let member = self.blob(digest)?;
        self.members.region(&member).map_err(|e| unreadable(digest, &member, e))
    }
}

impl Archive {
    /// The member that holds a blob; `None` where it is not here, or is no member's.
    ///
    /// # Errors
    /// A link on the way leaves the archive.
    pub fn member(&self, digest: &Digest) -> Result<Option<Member>, ArchiveError> {
        self.contents.member(&*self.members, digest)
    }

    fn blob(&self, digest: &Digest) -> Result<Member, BlobError> {
        self.member(digest)
            .map_err(|e| BlobError::Io { digest: *digest, at: None, source: std::io::Error::other(e) })?
            .ok_or(BlobError::Absent(*digest))
    }
}

fn unreadable(digest: &Digest, member: &Member, error: ArchiveError) -> BlobError {
    BlobError::Io { digest: *digest, at: Some(shown(&member.name)), source: std::io::Error::other(error) }
}
