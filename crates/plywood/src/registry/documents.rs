//! What a registry asks of documents beyond what an archive does: all that an index lists, and the small blobs before them.

use std::collections::HashSet;
use std::io::Read;

use ply_digest::Digest;
use ply_image::{BlobSource, Descriptor, Document, Index, MediaType};

use crate::documents::Documents;
use crate::{Error, Watch};

/// A small blob: a config, or what an attestation says.
pub(super) struct Small {
    pub(super) digest: Digest,
    pub(super) raw: Vec<u8>,
}

/// Largest blob of an attestation.
const ATTESTATION_LIMIT: u64 = 64 << 20;

impl Documents<'_> {
    /// An index that lists more than is here cannot be pushed: one image travels alone then, several under an index of them, and
    /// `watch` hears of it.
    pub(super) fn reduce(&mut self, watch: &dyn Watch) -> Result<(), Error> {
        let manifests = self.platforms.iter().map(|image| image.manifest.digest);
        let ours: HashSet<Digest> = manifests.collect();
        let documents = self.indexes.iter().map(|(index, _)| index.digest);
        let documents = documents.chain(self.attestations.iter().map(|(blob, _)| blob.digest));
        let here: HashSet<Digest> = documents.chain(ours.iter().copied()).collect();
        let listed: Vec<Vec<Descriptor>> = self.indexes.iter().map(|(_, raw)| listed(raw)).collect();
        let is_under_one = !self.indexes.is_empty() || self.platforms.len() < 2;
        if is_under_one && listed.iter().flatten().all(|listed| here.contains(&listed.digest)) {
            return Ok(());
        }
        self.attestations.clear();
        self.indexes.clear();
        if let [_] = self.platforms.as_slice() {
            watch.note(
                "Not all multiplatform-content is present, only the available single-platform image is pushed",
            );
            return Ok(());
        }
        watch.note("Not all multiplatform-content is present, only the available platforms are pushed");
        let listed = listed.into_iter().flatten().filter(|listed| ours.contains(&listed.digest));
        let index = Index::new(listed.collect());
        let raw = serde_json::to_vec(&index).map_err(Error::within("writing an index"))?;
        let kind = MediaType::new(MediaType::INDEX);
        self.indexes.push((Descriptor::new(kind, Digest::of(&raw), raw.len() as u64), raw));
        Ok(())
    }

    /// Configs, and what attestations say.
    pub(super) fn small(&self, source: &dyn BlobSource) -> Result<Vec<Small>, Error> {
        let configs = self.platforms.iter().map(|image| &image.config);
        let mut small: Vec<Small> =
            configs.map(|config| Small { digest: config.digest, raw: config.raw.clone() }).collect();
        for (_, manifest) in &self.attestations {
            for blob in std::iter::once(&manifest.value.config).chain(&manifest.value.layers) {
                let mut raw = Vec::new();
                let read = source.open(&blob.digest)?.take(ATTESTATION_LIMIT).read_to_end(&mut raw);
                read.map_err(Error::within(format!("blob {}", blob.digest)))?;
                small.push(Small { digest: blob.digest, raw });
            }
        }
        let mut seen = HashSet::new();
        small.retain(|small| seen.insert(small.digest));
        Ok(small)
    }
}

/// What an index lists.
fn listed(raw: &[u8]) -> Vec<Descriptor> {
    Document::<Index>::parse(raw.to_vec()).map_or_else(|_| Vec::new(), |index| index.value.manifests)
}
