use ply_image::{ChainId, Config, Descriptor, DiffId, Document, Timestamp};
use ply_reference::Reference;

/// An image to look at, from the store or from an archive.
#[derive(Debug, Clone)]
pub struct View {
    /// Its names.
    pub names: Vec<Reference>,
    /// `name@digest` for each repository, where the digest is one that somebody gave.
    pub digests: Vec<String>,
    /// What the names point to: manifest or index; `None` where that cannot be known before all is read.
    pub target: Option<Descriptor>,
    /// Whether we made the manifest: then its digest means nothing to a registry.
    pub made: bool,
    /// The manifest for the platform in question.
    pub manifest: Option<Descriptor>,
    /// The config.
    pub config: Document<Config>,
    /// The layers, from the bottom up.
    pub layers: Vec<ViewLayer>,
}

/// A layer of an image to look at.
#[derive(Debug, Clone)]
pub struct ViewLayer {
    /// Digest of the plain tar.
    pub diff_id: DiffId,
    /// Digest of this layer and all below.
    pub chain_id: ChainId,
    /// The blob as stored, where it is known.
    pub blob: Option<Descriptor>,
    /// Bytes of file content, as Docker counts them; `None` where they were not counted.
    pub content: Option<u64>,
}

impl View {
    /// Bytes of file content of all layers, hidden ones too: what Docker calls the size.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.layers.iter().try_fold(0, |all: u64, layer| Some(all.saturating_add(layer.content?)))
    }

    /// When the image was made.
    #[must_use]
    pub fn created(&self) -> Option<Timestamp> {
        self.config.value.created()
    }
}
