//! Blobs in memory, and a count of how often one was opened.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

use std::collections::HashMap;
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};

use ply_digest::Digest;
use ply_image::{BlobError, BlobSource, Descriptor, MediaType, Region};

#[derive(Default)]
pub(crate) struct Memory {
    blobs: HashMap<Digest, Vec<u8>>,
    opened: AtomicUsize,
}

impl Memory {
    /// Keeps a blob; gives a descriptor of it.
    pub(crate) fn put(&mut self, kind: &str, text: &str) -> Descriptor {
        let digest = Digest::of(text.as_bytes());
        self.blobs.insert(digest, text.into());
        Descriptor::new(MediaType::new(kind), digest, text.len() as u64)
    }

    /// Keeps an index of these; gives a descriptor of it.
    pub(crate) fn index(&mut self, listed: &[Descriptor]) -> Descriptor {
        let manifests = serde_json::to_string(listed).unwrap();
        self.put(MediaType::INDEX, &format!(r#"{{"schemaVersion":2,"manifests":{manifests}}}"#))
    }

    /// Keeps a manifest without layers, and its config; gives a descriptor of it.
    pub(crate) fn image(&mut self, comment: &str) -> Descriptor {
        let config = self.put(MediaType::CONFIG, &format!(r#"{{"comment":"{comment}","rootfs":{{}}}}"#));
        let config = serde_json::to_string(&config).unwrap();
        self.put(MediaType::MANIFEST, &format!(r#"{{"schemaVersion":2,"config":{config},"layers":[]}}"#))
    }

    /// Replaces the bytes of a blob, and not its name.
    pub(crate) fn damage(&mut self, digest: &Digest) {
        self.blobs.insert(*digest, b"{}".to_vec());
    }

    pub(crate) fn forget(&mut self, digest: &Digest) {
        self.blobs.remove(digest);
    }

    pub(crate) fn opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }
}

impl BlobSource for Memory {
    fn open(&self, digest: &Digest) -> Result<Box<dyn Read + Send + '_>, BlobError> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(self.blobs.get(digest).ok_or(BlobError::Absent(*digest))?.as_slice()))
    }

    fn size(&self, digest: &Digest) -> Result<u64, BlobError> {
        self.blobs.get(digest).map(|blob| blob.len() as u64).ok_or(BlobError::Absent(*digest))
    }

    fn region(&self, _: &Digest) -> Result<Option<Region>, BlobError> {
        Ok(None)
    }
}
