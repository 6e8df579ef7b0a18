//! Small images for stores, and a look at what lies on disk.
// Not every test file needs all of it.
#![allow(dead_code, clippy::unwrap_used, reason = "functions that tests share count as no tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ply_digest::Digest;
use ply_image::{BlobSink, Descriptor, Manifest, MediaType};
use ply_store::{Ingest, Store, StoreError};

/// An image without layers; the comment makes its ID its own.
pub(crate) struct Small {
    pub(crate) config: Vec<u8>,
    pub(crate) manifest: Vec<u8>,
    pub(crate) target: Descriptor,
    pub(crate) id: Digest,
}

impl Small {
    pub(crate) fn new(comment: &str) -> Self {
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","comment":"{comment}","created":"2026-11-23T19:14:38Z","rootfs":{{"type":"layers","diff_ids":[]}}}}"#
        );
        let manifest = Manifest::make(config.as_bytes(), &[]);
        let kind = MediaType::new(MediaType::MANIFEST);
        let target = Descriptor::new(kind, manifest.digest, manifest.raw.len() as u64);
        Self { id: manifest.value.config.digest, config: config.into(), manifest: manifest.raw, target }
    }

    pub(crate) fn put(&self, ingest: &Ingest) {
        ingest.put(&self.config).unwrap();
        ingest.put(&self.manifest).unwrap();
    }

    /// Writes the blobs as any program could.
    pub(crate) fn write(&self, root: &Path) {
        for blob in [&self.config, &self.manifest] {
            fs::write(root.join("blobs/sha256").join(Digest::of(blob).hex()), blob).unwrap();
        }
    }
}

/// Brings an image in under a canonical name.
pub(crate) fn add(store: &Store, name: &str, image: &Small) {
    let ingest = store.begin().unwrap();
    image.put(&ingest);
    ingest.commit::<_, StoreError>(|names, _| Ok(names.set(name, &image.target))).unwrap();
}

pub(crate) fn full(name: &str) -> String {
    format!("docker.io/library/{name}")
}

/// Every name in the store and the ID it stands for; an image without a name has an empty one.
pub(crate) fn listed(store: &Store) -> Vec<(String, Option<Digest>)> {
    let catalog = store.catalog().unwrap();
    catalog.records().map(|r| (r.name.unwrap_or_default(), r.facts.image.map(|i| i.id))).collect()
}

/// Every file below a folder, and its bytes.
pub(crate) fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// The blobs in the store, by their digests.
pub(crate) fn blobs(store: &Store) -> Vec<Digest> {
    store.blobs().unwrap().into_iter().map(|blob| blob.digest).collect()
}
