//! Whole images, put into the registry.

use serde_json::{Value, json};

use super::Liar;
use crate::{Made, descriptor, gzip, made, sha256, zstd};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// How layers are packed, and whose media types are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// OCI, plain tars.
    Plain,
    /// OCI, gzip.
    Gzip,
    /// OCI, zstd.
    Zstd,
    /// Docker's schema 2, gzip.
    Docker,
}

/// An image in the registry.
#[derive(Debug, Clone)]
pub struct Served {
    /// The digest of its manifest.
    pub manifest: String,
    /// The digest of its config, which is the image's ID.
    pub config: String,
    /// The digests of its layers as they are served, from the bottom up.
    pub layers: Vec<String>,
    /// What it was made of.
    pub image: Made,
}

impl Liar {
    /// Adds an image of these plain tars, packed by gzip.
    pub fn image<'a>(&self, repository: &str, tag: impl Into<Option<&'a str>>, layers: &[Vec<u8>]) -> Served {
        self.packed_image(repository, tag, made(layers.to_vec()), Packing::Gzip)
    }

    /// Adds an image.
    pub fn packed_image<'a>(
        &self,
        repository: &str,
        tag: impl Into<Option<&'a str>>,
        image: Made,
        packing: Packing,
    ) -> Served {
        let (media_type, config_type, layer_type) = packing.media_types();
        let blobs: Vec<Vec<u8>> = image.layers.iter().map(|layer| packing.pack(layer)).collect();
        let layers: Vec<Value> = blobs.iter().map(|blob| descriptor(layer_type, blob)).collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": descriptor(config_type, &image.config),
            "layers": layers,
        });
        for blob in blobs.into_iter().chain([image.config.clone()]) {
            self.blob_in(repository, blob);
        }
        let digests = layers.iter().map(|layer| layer["digest"].as_str().unwrap().to_owned());
        Served {
            manifest: self.manifest(repository, tag, media_type, manifest.to_string()),
            config: sha256(&image.config),
            layers: digests.collect(),
            image,
        }
    }

    /// Adds an index of manifests that are here, each with its platform: `linux/arm64/v8`. Gives its digest.
    pub fn index<'a>(
        &self,
        repository: &str,
        tag: impl Into<Option<&'a str>>,
        manifests: &[(&str, &str)],
    ) -> String {
        let listed = manifests.iter().map(|(platform, digest)| {
            let (media_type, bytes) = self.manifest_of(repository, digest).expect("the manifest is here");
            let mut listed = descriptor(&media_type, &bytes);
            let keys = ["os", "architecture", "variant"].into_iter();
            listed["platform"] =
                keys.zip(platform.split('/')).map(|(key, word)| (key, json!(word))).collect();
            listed
        });
        let listed: Vec<Value> = listed.collect();
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed});
        self.manifest(repository, tag, INDEX, index.to_string())
    }
}

impl Packing {
    fn pack(self, layer: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => layer.to_vec(),
            Self::Gzip | Self::Docker => gzip(layer),
            Self::Zstd => zstd(layer),
        }
    }

    /// Of a manifest, a config and a layer.
    fn media_types(self) -> (&'static str, &'static str, &'static str) {
        const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
        const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
        match self {
            Self::Plain => (MANIFEST, CONFIG, "application/vnd.oci.image.layer.v1.tar"),
            Self::Gzip => (MANIFEST, CONFIG, "application/vnd.oci.image.layer.v1.tar+gzip"),
            Self::Zstd => (MANIFEST, CONFIG, "application/vnd.oci.image.layer.v1.tar+zstd"),
            Self::Docker => (
                "application/vnd.docker.distribution.manifest.v2+json",
                "application/vnd.docker.container.image.v1+json",
                "application/vnd.docker.image.rootfs.diff.tar.gzip",
            ),
        }
    }
}
