use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::{MANIFEST_LIMIT, Readable, null_is_default};
use crate::json::{Keys, Shape};
use crate::{Descriptor, MediaType, Platform};

/// Deepest nesting of indexes that is followed.
pub const MAX_INDEX_DEPTH: usize = 8;

/// An image index: a list of manifests, one a platform, or of images in a layout ([OCI image-spec, index]).
///
/// [OCI image-spec, index]: https://github.com/opencontainers/image-spec/blob/main/image-index.md
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an index: an object with schemaVersion and manifests")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// Its own media type; some writers leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// What it lists.
    #[serde(deserialize_with = "null_is_default")]
    pub manifests: Vec<Descriptor>,
    /// Free text by key, sorted.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// A manifest's fields have no place here (CVE-2021-41190); read only to be refused.
    #[serde(default, skip_serializing)]
    config: Option<serde::de::IgnoredAny>,
    #[serde(default, skip_serializing)]
    layers: Option<serde::de::IgnoredAny>,
}

impl Readable for Index {
    const WHAT: &'static str = "index";
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
        shape: Shape::Object(&[("manifests", Shape::List(&Descriptor::SHAPE))]),
    };

    fn check(&self) -> Result<(), String> {
        if self.schema_version != 2 {
            return Err(format!("has schemaVersion {}, not 2", self.schema_version));
        }
        if self.config.is_some() || self.layers.is_some() {
            return Err("has manifests and layers both, and so is neither index nor manifest".to_owned());
        }
        match &self.media_type {
            Some(kind) if !kind.as_str().is_empty() && !kind.is_index() => {
                Err(format!("calls itself {:?}", kind.as_str()))
            }
            _ => Ok(()),
        }
    }
}

impl Index {
    /// An index of these manifests.
    #[must_use]
    pub fn new(manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(MediaType::new(MediaType::INDEX)),
            manifests,
            annotations: BTreeMap::new(),
            config: None,
            layers: None,
        }
    }

    /// The manifests for a platform, best first: an exact match before a compatible one. Attestations are never
    /// chosen; a manifest that names no platform answers only where no other does.
    #[must_use]
    pub fn candidates(&self, wanted: &Platform) -> Vec<&Descriptor> {
        let images = || self.manifests.iter().filter(|d| !d.is_attestation());
        let mut fits: Vec<&Descriptor> =
            images().filter(|d| d.platform.as_ref().is_some_and(|p| p.satisfies(wanted))).collect();
        let exact = wanted.clone().normal();
        fits.sort_by_key(|d| d.platform.as_ref().is_some_and(|p| p.clone().normal() != exact));
        fits.extend(images().filter(|d| d.platform.is_none()));
        fits
    }

    /// The platforms listed, joined by commas, for messages.
    #[must_use]
    pub fn platforms(&self) -> String {
        let names: Vec<String> = self
            .manifests
            .iter()
            .filter(|d| !d.is_attestation())
            .filter_map(|d| d.platform.as_ref().map(ToString::to_string))
            .collect();
        if names.is_empty() { "none named".to_owned() } else { names.join(", ") }
    }
}
