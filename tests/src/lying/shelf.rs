//! What a registry holds.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::upload::Upload;
use crate::sha256;

/// In place of a repository: all of them.
pub(super) const EVERYWHERE: &str = "";

/// Blobs, manifests and unfinished uploads.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    blobs: HashMap<String, Arc<Vec<u8>>>,
    /// Which repository has which blob.
    held: HashSet<(String, String)>,
    /// By repository and reference, a tag or a digest.
    manifests: BTreeMap<(String, String), Manifest>,
    pub(super) uploads: HashMap<String, Upload>,
    pub(super) uploads_begun: usize,
    pub(super) tags_at_once: Option<usize>,
}

#[derive(Debug, Clone)]
pub(super) struct Manifest {
    pub(super) media_type: String,
    pub(super) digest: String,
    pub(super) bytes: Arc<Vec<u8>>,
}

impl Shelf {
    pub(super) fn add_blob(&mut self, repository: &str, bytes: Vec<u8>) -> String {
        let digest = sha256(&bytes);
        self.blobs.insert(digest.clone(), Arc::new(bytes));
        self.held.insert((repository.to_owned(), digest.clone()));
        digest
    }

    pub(super) fn blob(&self, repository: &str, digest: &str) -> Option<&Arc<Vec<u8>>> {
        let held = |place: &str| self.held.contains(&(place.to_owned(), digest.to_owned()));
        self.blobs.get(digest).filter(|_| held(repository) || held(EVERYWHERE))
    }

    /// Makes a blob of one repository one of another as well; of any, where it is not said which. Whether there is one.
    pub(super) fn mount(&mut self, digest: &str, from: Option<&str>, to: &str) -> bool {
        let found = match from {
            Some(from) => self.blob(from, digest).is_some(),
            None => self.blobs.contains_key(digest),
        };
        if found {
            self.held.insert((to.to_owned(), digest.to_owned()));
        }
        found
    }

    pub(super) fn add_manifest(
        &mut self,
        repository: &str,
        reference: Option<&str>,
        media_type: &str,
        bytes: Vec<u8>,
    ) -> String {
        let digest = sha256(&bytes);
        let manifest =
            Manifest { media_type: media_type.to_owned(), digest: digest.clone(), bytes: Arc::new(bytes) };
        for reference in [Some(&*digest), reference].into_iter().flatten() {
            self.manifests.insert((repository.to_owned(), reference.to_owned()), manifest.clone());
        }
        digest
    }

    pub(super) fn manifest(&self, repository: &str, reference: &str) -> Option<&Manifest> {
        self.manifests.get(&(repository.to_owned(), reference.to_owned()))
    }

    /// The tags of a repository, sorted; none where nothing is in it.
    pub(super) fn tags(&self, repository: &str) -> Option<Vec<&str>> {
        let mut references = self.manifests.keys().filter(|(place, _)| place == repository).peekable();
        references.peek()?;
        Some(references.map(|(_, reference)| &**reference).filter(|name| !name.contains(':')).collect())
    }
}
