use ply_digest::Digest;
use ply_image::{
    BlobError, BlobSource, Descriptor, DiffId, Document, DocumentError, Image, Manifest, MediaType, Platform,
    Target, Timestamp, chain_ids,
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

impl ImageFacts {
    /// DiffID and ChainID of its layers: what indexes and plain tars are called by.
    pub fn stack(&self) -> impl Iterator<Item = Digest> + '_ {
        let chains = chain_ids(&self.layers).into_iter().map(|chain| chain.0);
        chains.chain(self.layers.iter().map(|layer| layer.0))
    }
}

/// What was found out about a layer from its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerFacts {
    /// Bytes of file content, as Docker counts an image's size.
    pub content: u64,
    /// Length of the plain tar in bytes.
    pub plain: u64,
}

/// One of the images that a target holds: one a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlatformImage {
    /// Digest of the config: the image's ID.
    pub id: Digest,
    /// Digest of its manifest.
    pub manifest: Digest,
}

/// An image that an ID means, and the target that holds it; its platform need not be this host's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The image.
    pub image: PlatformImage,
    /// The target.
    pub facts: Facts,
}

/// All that the documents below a descriptor say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) facts: Facts,
    /// Every blob they name, documents included. Not all need be here.
    pub(super) blobs: Vec<Digest>,
    /// Every image that is here.
    pub(super) images: Vec<PlatformImage>,
}

impl Facts {
    /// Whether reading the documents again could tell no more.
    pub(super) const fn is_settled(&self) -> bool {
        self.complete && self.image.is_some()
    }
}

impl Reading {
    pub(super) fn read(source: &dyn BlobSource, root: &Descriptor) -> Self {
        let facts = Facts {
            target: root.digest,
            // What has this digest has one size, whatever `index.json` says.
            target_size: source.size(&root.digest).unwrap_or(root.size),
            media_type: root.media_type.clone(),
            image: None,
            complete: true,
        };
        let mut reading = Self { facts, blobs: vec![root.digest], images: Vec::new() };
        match Target::read(source, root) {
            Ok(target) => reading.read_below(source, &target),
            Err(_) => reading.facts.complete = false,
        }
        reading
    }

    fn read_below(&mut self, source: &dyn BlobSource, target: &Target) {
        self.blobs.extend(target.indexes.iter().flat_map(|i| i.value.manifests.iter().map(|d| d.digest)));
        for listed in &target.manifests {
            match Document::<Manifest>::read(source, &listed.digest) {
                Ok(manifest) => {
                    self.blobs.push(manifest.value.config.digest);
                    self.blobs.extend(manifest.value.layers.iter().map(|l| l.digest));
                }
                // An index may list what nobody brought along; a manifest that a name points to must be here.
                Err(DocumentError::Blob(BlobError::Absent(_))) if !target.indexes.is_empty() => {}
                Err(_) => self.facts.complete = false,
            }
        }
        self.blobs.sort_unstable();
        self.blobs.dedup();
        let images: Vec<Image> =
            target.images().filter_map(|listed| Image::read(source, &listed.digest).ok()).collect();
        self.facts.image = choose(target, &images).map(image_facts);
        self.images =
            images.iter().map(|i| PlatformImage { id: i.id(), manifest: i.manifest.digest }).collect();
        self.images.sort_unstable();
        self.images.dedup();
    }
}

/// The image for this host; where there is none, the first that is here.
fn choose<'a>(target: &Target, images: &'a [Image]) -> Option<&'a Image> {
    let here = |listed: &Descriptor| images.iter().find(|image| image.manifest.digest == listed.digest);
    target.candidates(&Platform::host()).iter().find_map(here).or_else(|| images.first())
}

fn image_facts(image: &Image) -> ImageFacts {
    ImageFacts {
        id: image.id(),
        manifest: image.manifest.digest,
        made: image.manifest.value.is_made(),
        created: image.config.value.created(),
        layers: image.config.value.rootfs.diff_ids.clone(),
    }
}
