use std::collections::BTreeMap;

use ply_digest::Digest;
use serde::{Deserialize, Serialize};

use crate::document::{MANIFEST_LIMIT, Readable, null_is_default};
use crate::json::{Keys, Shape};
use crate::{Descriptor, Document, DocumentError, MediaType, Object};

/// Annotation of a manifest that we made, since none came with the image.
const MADE: &str = "plywood.made";

/// An image manifest: one config, a stack of layers ([OCI image-spec, manifest]), or Docker's schema 2 of it.
///
/// [OCI image-spec, manifest]: https://github.com/opencontainers/image-spec/blob/main/manifest.md
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a manifest: an object with schemaVersion, config and layers")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// Its own media type; some writers leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// The image config.
    pub config: Descriptor,
    /// The layers, from the bottom up.
    #[serde(deserialize_with = "null_is_default")]
    pub layers: Vec<Descriptor>,
    /// Free text by key, sorted.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// An index's list of manifests has no place here (CVE-2021-41190); read only to be refused.
    #[serde(default, skip_serializing)]
    manifests: Option<serde::de::IgnoredAny>,
}

impl Readable for Manifest {
    const WHAT: &'static str = "manifest";
    const LIMIT: u64 = MANIFEST_LIMIT;
    const KEYS: Keys<'static> = Keys {
        known: &[
            "schemaVersion",
            "mediaType",
            "config",
            "layers",
            "manifests",
            "digest",
            "size",
            "annotations",
        ],
        free: &["annotations"],
        shape: Shape::Object(&[("config", Descriptor::SHAPE), ("layers", Shape::List(&Descriptor::SHAPE))]),
    };

    fn check(&self) -> Result<(), String> {
        if self.schema_version != 2 {
            return Err(format!("has schemaVersion {}, not 2", self.schema_version));
        }
        if self.manifests.is_some() {
            return Err("has layers and manifests both, and so is neither manifest nor index".to_owned());
        }
        match &self.media_type {
            Some(kind) if !kind.as_str().is_empty() && !kind.is_manifest() => {
                Err(format!("calls itself {:?}", kind.as_str()))
            }
            _ => Ok(()),
        }
    }
}

impl Manifest {
    /// The manifest we write for an image that came without one: OCI types, the layers as they are stored, and a
    /// mark that nobody gave it to us; the same image gives the same bytes everywhere.
    #[must_use]
    pub fn make(config: &[u8], layers: &[Descriptor]) -> Document<Self> {
        let kind = |text| MediaType::new(text);
        let value = Self {
            schema_version: 2,
            media_type: Some(kind(MediaType::MANIFEST)),
            config: Descriptor::new(kind(MediaType::CONFIG), Digest::of(config), config.len() as u64),
            layers: layers.to_vec(),
            annotations: BTreeMap::from([(MADE.to_owned(), "true".to_owned())]),
            manifests: None,
        };
        // Strings, numbers and sorted maps: nothing here can fail to become JSON.
        let raw = serde_json::to_vec(&value).unwrap_or_default();
        Document { digest: Digest::of(&raw), raw, value }
    }

    /// The bytes of a manifest that says the same of other layers, in OCI's words: it may be given away. `raw`: its own bytes,
    /// of which what nobody here knows stays.
    ///
    /// # Errors
    /// `raw` is no object.
    pub fn with_layers(&self, raw: &[u8], layers: &[Descriptor]) -> Result<Vec<u8>, DocumentError> {
        let shape = |source| DocumentError::Shape { what: Self::WHAT, digest: Digest::of(raw), source };
        let mut object: Object = serde_json::from_slice(raw).map_err(shape)?;
        object.set("mediaType", MediaType::MANIFEST).map_err(shape)?;
        let mut config = self.config.clone();
        config.media_type = MediaType::new(MediaType::CONFIG);
        object.set("config", &config).map_err(shape)?;
        object.set("layers", layers).map_err(shape)?;
        if self.is_made() {
            let mut annotations = self.annotations.clone();
            annotations.remove(MADE);
            if annotations.is_empty() {
                object.remove("annotations");
            } else {
                object.set("annotations", &annotations).map_err(shape)?;
            }
        }
        serde_json::to_vec(&object).map_err(shape)
    }

    /// Whether [`make`](Self::make) wrote it: nobody gave us this manifest, so its digest means nothing to a
    /// registry.
    #[must_use]
    pub fn is_made(&self) -> bool {
        self.annotations.contains_key(MADE)
    }
}
