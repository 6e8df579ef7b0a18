use std::collections::HashSet;
use std::sync::Arc;

use ply_digest::Digest;

use crate::document::Readable;
use crate::index::MAX_INDEX_DEPTH;
use crate::{
    BlobSource, ChainId, Config, Descriptor, DiffId, Document, DocumentError, Index, Manifest, Platform,
};

/// An image for one platform: its documents, read and checked against their digests and each other.
#[derive(Debug, Clone)]
pub struct Image {
    /// The manifest, as it came or as we made it.
    pub manifest: Document<Manifest>,
    /// The config; its digest is the image's ID.
    pub config: Document<Config>,
}

/// One layer of an image, as its documents tell.
#[derive(Debug, Clone)]
pub struct Layer {
    /// Digest of the plain tar.
    pub diff_id: DiffId,
    /// Digest of this layer and all below it.
    pub chain_id: ChainId,
    /// The blob that holds it.
    pub blob: Descriptor,
}

impl Image {
    /// Reads an image's documents through its manifest.
    ///
    /// # Errors
    /// A document is absent, damaged, or not what it should be; manifest and config disagree.
    pub fn read(source: &dyn BlobSource, manifest: &Digest) -> Result<Self, DocumentError> {
        let manifest = Document::<Manifest>::read(source, manifest)?;
        let config = Document::<Config>::read(source, &manifest.value.config.digest)?;
        Self::new(manifest, config)
    }

    /// Puts a manifest and its config together.
    ///
    /// # Errors
    /// They do not belong together: another config, or another number of layers.
    pub fn new(manifest: Document<Manifest>, config: Document<Config>) -> Result<Self, DocumentError> {
        Self::check(&manifest, &config)?;
        Ok(Self { manifest, config })
    }

    /// Whether a manifest and a config belong together.
    ///
    /// # Errors
    /// They do not: another config, or another number of layers.
    pub fn check(manifest: &Document<Manifest>, config: &Document<Config>) -> Result<(), DocumentError> {
        let rule = |why| DocumentError::Rule { what: Manifest::WHAT, digest: manifest.digest, why };
        let promised = &manifest.value.config;
        if promised.digest != config.digest {
            return Err(rule(format!("names config {}, not {}", promised.digest, config.digest)));
        }
        if promised.size != config.raw.len() as u64 {
            return Err(rule(format!(
                "says its config has {} bytes, but it has {}",
                promised.size,
                config.raw.len()
            )));
        }
        let (have, want) = (manifest.value.layers.len(), config.value.rootfs.diff_ids.len());
        if have != want {
            return Err(rule(format!("has {have} layers, but its config names {want}")));
        }
        Ok(())
    }

    /// The image's ID: the digest of its config.
    #[must_use]
    pub const fn id(&self) -> Digest {
        self.config.digest
    }

    /// The layers, from the bottom up.
    #[must_use]
    pub fn layers(&self) -> Vec<Layer> {
        let diff_ids = &self.config.value.rootfs.diff_ids;
        diff_ids
            .iter()
            .zip(self.config.value.chain_ids())
            .zip(&self.manifest.value.layers)
            .map(|((&diff_id, chain_id), blob)| Layer { diff_id, chain_id, blob: blob.clone() })
            .collect()
    }
}

/// Reads the index with a digest.
pub type ReadIndex<'a> = dyn FnMut(&Digest) -> Result<Arc<Document<Index>>, DocumentError> + 'a;

/// What a name points to, with every document below it: one manifest, or an index of several.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where the name points.
    pub root: Descriptor,
    /// The indexes, the root one first; none where the name points to a manifest.
    pub indexes: Vec<Arc<Document<Index>>>,
    /// The manifests in the order they are listed, attestations among them.
    pub manifests: Vec<Descriptor>,
}

impl Target {
    /// Walks from a descriptor to the manifests below it. What the source lacks is left out: an index may
    /// list platforms that nobody brought along.
    ///
    /// # Errors
    /// A document is damaged, or indexes are nested more than [`MAX_INDEX_DEPTH`] deep.
    pub fn read(source: &dyn BlobSource, root: &Descriptor) -> Result<Self, DocumentError> {
        Self::read_with(root, &mut |digest| Document::read(source, digest).map(Arc::new))
    }

    /// As [`read`](Self::read), with a function that reads an index: whoever walks from many descriptors can keep
    /// what they share.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_with(root: &Descriptor, read: &mut ReadIndex<'_>) -> Result<Self, DocumentError> {
        let mut target = Self { root: root.clone(), indexes: Vec::new(), manifests: Vec::new() };
        let mut seen = HashSet::from([root.digest]);
        target.walk(read, root, MAX_INDEX_DEPTH, &mut seen)?;
        Ok(target)
    }

    fn walk(
        &mut self,
        read: &mut ReadIndex<'_>,
        at: &Descriptor,
        depth: usize,
        seen: &mut HashSet<Digest>,
    ) -> Result<(), DocumentError> {
        if !Self::is_index(read, at)? {
            self.manifests.push(at.clone());
            return Ok(());
        }
        if depth == 0 {
            let why = format!("is nested more than {MAX_INDEX_DEPTH} deep");
            return Err(DocumentError::Rule { what: Index::WHAT, digest: at.digest, why });
        }
        let index = match read(&at.digest) {
            Err(DocumentError::Blob(crate::BlobError::Absent(_))) if depth < MAX_INDEX_DEPTH => return Ok(()),
            other => other?,
        };
        self.indexes.push(Arc::clone(&index));
        for below in &index.value.manifests {
            if seen.insert(below.digest) {
                self.walk(read, below, depth.saturating_sub(1), seen)?;
            }
        }
        Ok(())
    }

    /// By its label, or, where a careless writer left that out, by what the document is.
    fn is_index(read: &mut ReadIndex<'_>, at: &Descriptor) -> Result<bool, DocumentError> {
        if at.media_type.is_index() || at.media_type.is_manifest() {
            return Ok(at.media_type.is_index());
        }
        match read(&at.digest) {
            Ok(_) => Ok(true),
            Err(
                DocumentError::Shape { .. }
                | DocumentError::Rule { .. }
                | DocumentError::Blob(crate::BlobError::Absent(_)),
            ) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// The manifests that are images, not attestations.
    pub fn images(&self) -> impl Iterator<Item = &Descriptor> {
        self.manifests.iter().filter(|d| !d.is_attestation())
    }

    /// The images for a platform, best first. A single image answers whatever it says of itself, as long as
    /// nobody asked for another platform by name.
    #[must_use]
    pub fn candidates(&self, wanted: &Platform) -> Vec<Descriptor> {
        if self.indexes.is_empty() {
            return self.manifests.clone();
        }
        let listed = Index::new(self.manifests.clone());
        listed.candidates(wanted).into_iter().cloned().collect()
    }

    /// The platforms listed, joined by commas, for messages.
    #[must_use]
    pub fn platforms(&self) -> String {
        Index::new(self.manifests.clone()).platforms()
    }
}
