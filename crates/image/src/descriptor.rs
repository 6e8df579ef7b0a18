use std::collections::BTreeMap;

use ply_digest::Digest;
use serde::{Deserialize, Serialize};

use crate::document::null_is_default;
use crate::json::Shape;
use crate::{MediaType, Platform};

/// Keys of annotations that this project reads or writes.
pub mod annotation {
    /// The full name of an image, as containerd writes it.
    pub const CONTAINERD_NAME: &str = "io.containerd.image.name";
    /// The name of an image in a layout ([OCI image-spec, annotations]).
    ///
    /// [OCI image-spec, annotations]: https://github.com/opencontainers/image-spec/blob/main/annotations.md
    pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
    /// What a manifest says of another one; BuildKit marks attestations with it.
    pub const DOCKER_REFERENCE_TYPE: &str = "vnd.docker.reference.type";
}

/// What a document says of a blob it points to: type, digest, size ([OCI image-spec, descriptor]).
///
/// [OCI image-spec, descriptor]: https://github.com/opencontainers/image-spec/blob/main/descriptor.md
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a descriptor: an object with mediaType, digest and size")]
pub struct Descriptor {
    /// Media type; empty where a careless writer left it out.
    #[serde(default)]
    pub media_type: MediaType,
    /// Digest of the blob as stored.
    pub digest: Digest,
    /// Size of the blob in bytes, as stored.
    pub size: u64,
    /// Free text by key, sorted.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The platform a manifest is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Where else the blob can be had. Never fetched unasked.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// The blob itself, in base64, where it is small.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// What a manifest that is no image is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

impl Descriptor {
    /// A descriptor, as far as objects stand in it.
    pub(crate) const SHAPE: Shape<'static> = Shape::Object(&[("platform", Shape::OBJECT)]);

    /// A descriptor with nothing optional.
    #[must_use]
    pub fn new(media_type: MediaType, digest: Digest, size: u64) -> Self {
        Self {
            media_type,
            digest,
            size,
            annotations: BTreeMap::new(),
            platform: None,
            urls: Vec::new(),
            data: None,
            artifact_type: None,
        }
    }

    /// A BuildKit attestation: kept with its index, never chosen as an image.
    #[must_use]
    pub fn is_attestation(&self) -> bool {
        self.annotations.contains_key(annotation::DOCKER_REFERENCE_TYPE)
            || self.platform.as_ref().is_some_and(|p| p.os == "unknown" && p.architecture == "unknown")
    }

    /// The name the descriptor carries: containerd's full name, else the layout's.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.annotations
            .get(annotation::CONTAINERD_NAME)
            .or_else(|| self.annotations.get(annotation::REF_NAME))
            .map(String::as_str)
            .filter(|name| !name.is_empty())
    }
}
