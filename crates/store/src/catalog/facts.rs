use ply_digest::Digest;
use ply_image::{
    BlobError, BlobSource, Descriptor, DiffId, Document, DocumentError, Image, Manifest, MediaType, Platform,
    Target, Timestamp,
};

/// What the documents below an entry of `index.json` say, found out once and kept in the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Digest of the manifest or index the entry points to.
    pub target: Digest,
    /// Its size in bytes.
    pub target_size: u64,
    /// Its media type.
    pub media_type: MediaType,
    /// The image for this host, or the best there is; `None` where its documents are absent or damaged.
    pub image: Option<ImageFacts>,
    /// Whether every document that must be here was read, so that all blobs it reaches are known.
    pub complete: bool,
}

/// What the documents of one image say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFacts {
    /// Digest of the config: the image's ID.
    pub id: Digest,
    /// Digest of the manifest.
    pub manifest: Digest,
    /// Whether the manifest is one we made, which no registry knows.
    pub made: bool,
    /// When the image was made.
    pub created: Option<Timestamp>,
    /// The layers, from the bottom up.
    pub layers: Vec<DiffId>,
}

/// What was found out about a layer from its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerFacts {
    /// Bytes of file content, as Docker counts an image's size.
    pub content: u64,
    /// Length of the plain tar in bytes.
    pub plain: u64,
}

impl Facts {
    /// Reads the documents below a descriptor; gives also every blob they name, documents included. Not all need be
    /// here.
    pub(crate) fn read(source: &dyn BlobSource, root: &Descriptor) -> (Self, Vec<Digest>) {
        let mut facts = Self {
            target: root.digest,
            target_size: root.size,
            media_type: root.media_type.clone(),
            image: None,
            complete: true,
        };
        let mut blobs = vec![root.digest];
        let Ok(target) = Target::read(source, root) else {
            facts.complete = false;
            return (facts, blobs);
        };
        blobs.extend(target.indexes.iter().flat_map(|i| i.value.manifests.iter().map(|d| d.digest)));
        for listed in &target.manifests {
            match Document::<Manifest>::read(source, &listed.digest) {
                Ok(manifest) => {
                    blobs.push(manifest.value.config.digest);
                    blobs.extend(manifest.value.layers.iter().map(|l| l.digest));
                }
                // An index may list what nobody brought along; a manifest that a name points to must be here.
                Err(DocumentError::Blob(BlobError::Absent(_))) if !target.indexes.is_empty() => {}
                Err(_) => facts.complete = false,
            }
        }
        blobs.sort_unstable();
        blobs.dedup();
        facts.image = choose(source, &target);
        (facts, blobs)
    }
}

/// The image for this host; where there is none, the first that is here.
fn choose(source: &dyn BlobSource, target: &Target) -> Option<ImageFacts> {
    let mut candidates = target.candidates(&Platform::host());
    candidates.extend(target.images().cloned());
    let image = candidates.iter().find_map(|d| Image::read(source, &d.digest).ok())?;
    Some(ImageFacts {
        id: image.id(),
        manifest: image.manifest.digest,
        made: image.manifest.value.is_made(),
        created: image.config.value.created(),
        layers: image.config.value.rootfs.diff_ids.clone(),
    })
}
