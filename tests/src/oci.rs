//! OCI layouts made from nothing.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::{Made, Tarball, sha256};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Blobs by digest, and what `index.json` lists.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// Blobs, by the 64 digits of their names, which need not be theirs.
    pub blobs: BTreeMap<String, Vec<u8>>,
    /// Descriptors in `index.json`.
    pub listed: Vec<Value>,
}

/// What a document says of a blob.
pub fn descriptor(media_type: &str, blob: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": sha256(blob), "size": blob.len()})
}

/// A descriptor with an annotation.
pub fn named(mut descriptor: Value, key: &str, name: &str) -> Value {
    descriptor["annotations"][key] = json!(name);
    descriptor
}

impl Layout {
    /// Adds a blob; gives its descriptor.
    pub fn blob(&mut self, media_type: &str, blob: impl Into<Vec<u8>>) -> Value {
        let blob = blob.into();
        let descriptor = descriptor(media_type, &blob);
        self.blobs.insert(crate::hex(&blob), blob);
        descriptor
    }

    /// Adds an image, its layers as these blobs; gives the descriptor of its manifest.
    pub fn image(&mut self, image: &Made, layer_type: &str, layers: Vec<Vec<u8>>) -> Value {
        let config = self.blob(CONFIG, image.config.clone());
        let layers: Vec<Value> = layers.into_iter().map(|layer| self.blob(layer_type, layer)).collect();
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
        self.blob(MANIFEST, manifest.to_string())
    }

    /// Adds an image with plain layers.
    pub fn plain(&mut self, image: &Made) -> Value {
        self.image(image, "application/vnd.oci.image.layer.v1.tar", image.layers.clone())
    }

    /// Adds an index of these manifests.
    pub fn index(&mut self, manifests: &[Value]) -> Value {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        self.blob(INDEX, index.to_string())
    }

    /// Lists a manifest or index.
    #[must_use]
    pub fn list(mut self, descriptor: Value) -> Self {
        self.listed.push(descriptor);
        self
    }

    /// `index.json`.
    pub fn index_json(&self) -> String {
        json!({"schemaVersion": 2, "manifests": self.listed}).to_string()
    }

    /// As a tar: blobs, then the index, then the mark of a layout, as BuildKit writes them.
    pub fn tar(&self) -> Tarball {
        let mut tar = Tarball::new().folder("blobs/").folder("blobs/sha256/");
        for (name, blob) in &self.blobs {
            tar = tar.file(&format!("blobs/sha256/{name}"), blob);
        }
        tar.file("index.json", self.index_json()).file("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#)
    }

    /// As a folder.
    pub fn write(&self, folder: &Path) {
        std::fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
        for (name, blob) in &self.blobs {
            std::fs::write(folder.join("blobs/sha256").join(name), blob).unwrap();
        }
        std::fs::write(folder.join("index.json"), self.index_json()).unwrap();
        std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    }
}
