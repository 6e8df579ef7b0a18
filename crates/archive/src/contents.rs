//! What an archive says it holds: its documents, understood.
//!
//! Where several kinds of documents stand side by side, as in every archive of Docker 25 and later, `index.json`
//! says what the images are, and `manifest.json` must agree with it where both speak of the same name.

mod budget;
mod docker;
mod documents;
mod legacy;
mod names;
mod oci;

use std::collections::HashMap;
use std::sync::Arc;

use ply_digest::Digest;
use ply_image::{BlobError, BlobSource, Config, Descriptor, DiffId, Document, Manifest, Region};
use ply_reference::Reference;

use self::documents::Documents;
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
    /// What the index lists and is no image, for a person: its name, its digest, and its type.
    pub passed_over: Vec<String>,
}

/// One image in an archive: what a name points to.
#[derive(Debug, Clone)]
pub struct Packed {
    /// Its names, tags and all; none for an image that nobody tagged.
    pub names: Vec<Reference>,
    /// The names a layout gives it, as spelled: `oci:DIR:NAME` finds it by these too.
    pub ref_names: Vec<String>,
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
    pub manifest: Option<Arc<Document<Manifest>>>,
    /// What the index says of it: its platform among other things.
    pub listed: Option<Descriptor>,
    /// The config; images that have the same one share it.
    pub config: Arc<Document<Config>>,
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
    /// Digest of the bytes as stored, where a document or a member's name promises one. What we found out ourselves
    /// is in `blob`.
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
        let mut documents = Documents::new(members);
        let (has_index, has_manifest) =
            (members.find("index.json")?.is_some(), members.find("manifest.json")?.is_some());
        let by = match (has_index, has_manifest) {
            (true, _) => "index.json",
            (false, true) => "manifest.json",
            (false, false) => "repositories",
        };
        match (has_index, has_manifest) {
            (true, true) => {
                oci::read(&mut documents, &mut contents)?;
                docker::reconcile(&mut documents, &mut contents)?;
            }
            (true, false) => oci::read(&mut documents, &mut contents)?,
            (false, true) => docker::read(&mut documents, &mut contents)?,
            (false, false) => legacy::read(&mut documents, &mut contents)?,
        }
        if contents.images.is_empty() {
            return Err(contents.no_image(by));
        }
        Ok(contents)
    }

    /// Why there is nothing to load, although a document lists what there is.
    fn no_image(&self, by: &str) -> ArchiveError {
        let first: Vec<&str> = self.passed_over.iter().map(String::as_str).take(3).collect();
        let only = if first.is_empty() { String::new() } else { format!(", only {}", first.join(", ")) };
        let more = if self.passed_over.len() > first.len() { ", …" } else { "" };
        ArchiveError::Member { member: by.to_owned(), why: format!("lists no image{only}{more}") }
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

impl Packed {
    fn new(root: Option<Descriptor>) -> Self {
        Self {
            names: Vec::new(),
            ref_names: Vec::new(),
            root,
            documents: Vec::new(),
            images: Vec::new(),
            further: Vec::new(),
            absent: Vec::new(),
        }
    }
}

impl PackedImage {
    /// The image's ID.
    #[must_use]
    pub fn id(&self) -> Digest {
        self.config.digest
    }
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
