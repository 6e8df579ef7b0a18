//! What the compressed blobs of a layer are called: the same layer, compressed the same way, is the same blob, so that it need not
//! be compressed to know whether somebody has it.

use std::fs;

use ply_digest::Digest;
use ply_image::DiffId;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::sealed::{seal, unseal};

/// Twins of one layer that are remembered: who compresses it in more ways than that has a reason of their own.
const MOST: usize = 32;

/// A compressed blob of a layer; it need not be here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Twin {
    /// How it is compressed, by whom: `gzip:4`.
    pub encoding: String,
    /// Digest of the blob.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

impl Store {
    /// The twins of a layer, the latest last. What cannot be read is none.
    #[must_use]
    pub fn twins(&self, layer: &DiffId) -> Vec<Twin> {
        let raw = fs::read(self.layout.twins_of(layer)).unwrap_or_default();
        // One of another layer would be pushed in its place.
        match unseal(&layer.to_string(), &raw) {
            Ok((twins, true)) => serde_json::from_slice(twins).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// Remembers a twin. Best effort: it can be found out again.
    pub fn keep_twin(&self, layer: &DiffId, twin: Twin) {
        let mut twins = self.twins(layer);
        twins.retain(|known| known.digest != twin.digest);
        twins.push(twin);
        let first = twins.len().saturating_sub(MOST);
        let latest = serde_json::to_vec(twins.get(first..).unwrap_or_default());
        if let Ok(sealed) = latest.and_then(|twins| seal(&layer.to_string(), &twins)) {
            let _ = self.keep_file(&self.layout.twins_of(layer), &sealed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembered_once_the_latest_last() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let layer = DiffId(Digest::of(b"layer"));
        let twin = |bytes: &[u8]| Twin {
            encoding: "gzip:4".to_owned(),
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
        };
        store.keep_twin(&layer, twin(b"a"));
        assert_eq!(store.twins(&layer), [], "a folder that is no store of ours gets nothing");
        store.create().unwrap();
        store.keep_twin(&layer, twin(b"a"));
        store.keep_twin(&layer, twin(b"b"));
        store.keep_twin(&layer, twin(b"a"));
        assert_eq!(store.twins(&layer), [twin(b"b"), twin(b"a")]);
        for n in 0..100 {
            store.keep_twin(&layer, twin(&[n]));
        }
        assert_eq!(store.twins(&layer).len(), MOST);
        // Of no image's layer: the next collection takes it.
        assert!(store.collect().unwrap().bytes > 0);
        assert_eq!(store.twins(&layer), []);
    }
}
