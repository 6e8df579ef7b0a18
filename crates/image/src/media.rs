use std::fmt;

use serde::{Deserialize, Serialize};

/// The media type of a blob, as spelled by whoever wrote the document ([OCI image-spec, media types]).
///
/// The label is kept and shown, and decides what kind a document is; how a layer is compressed is told by its
/// first bytes, never by its label.
///
/// [OCI image-spec, media types]: https://github.com/opencontainers/image-spec/blob/main/media-types.md
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MediaType(String);

impl MediaType {
    /// OCI image index.
    pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// OCI image manifest.
    pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// OCI image config.
    pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// A layer as a plain tar.
    pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    /// A layer as a gzip of a tar.
    pub const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// A layer as zstd of a tar.
    pub const LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
    /// Docker's manifest list.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker's manifest, schema 2.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

    /// The media type with this spelling.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// As spelled.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An index of manifests, OCI's or Docker's.
    #[must_use]
    pub fn is_index(&self) -> bool {
        matches!(self.as_str(), Self::INDEX | Self::DOCKER_LIST)
    }

    /// An image manifest, OCI's or Docker's.
    #[must_use]
    pub fn is_manifest(&self) -> bool {
        matches!(self.as_str(), Self::MANIFEST | Self::DOCKER_MANIFEST)
    }

    /// A layer of files in OCI's words.
    #[must_use]
    pub fn is_oci_layer(&self) -> bool {
        self.0.starts_with("application/vnd.oci.image.layer.")
    }

    /// A layer of files, as opposed to another kind of blob in a manifest's `layers`.
    #[must_use]
    pub fn is_layer(&self) -> bool {
        self.0.contains(".image.layer.") || self.0.contains(".image.rootfs.")
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
