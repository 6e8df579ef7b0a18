use std::collections::HashSet;
use std::fs;

use ply_digest::Digest;

use crate::error::io as io_error;
use crate::index_file::read_index;
use crate::lock::{self, Mode};
use crate::{Catalog, DerivedFile, Store, StoreError};

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// Blobs that nothing reached any more.
    pub blobs: Vec<Digest>,
    /// Bytes that all of it took, what was derived from it too.
    pub bytes: u64,
    /// Left-overs of transactions that never ended.
    pub left_overs: usize,
}

impl Store {
    /// Removes every blob that no name reaches, what was derived from layers that are no image's any more, and what
    /// broken-off transactions left behind. Waits until nobody uses the store.
    ///
    /// # Errors
    /// [`StoreError::Busy`] after thirty seconds; or a file cannot be removed.
    pub fn collect(&self) -> Result<Collected, StoreError> {
        if !self.layout.index().exists() {
            return Ok(Collected::default());
        }
        let _lock = lock::take_in_turn(&self.layout.lock(), &self.layout.private())?;
        let catalog = Catalog::load(self, &read_index(&self.layout)?)?;
        let reached = catalog.reached(self)?;
        // Else names could come back, after a power cut, whose blobs do not.
        self.settle()?;
        let mut collected = self.remove_left_overs();
        let stacks = catalog.stacks();
        let is_needed =
            |file: &DerivedFile| file.of.is_some_and(|of| stacks.contains(&of) || reached.contains(&of));
        collected.bytes = collected.bytes.saturating_add(self.remove_derived(is_needed));
        for blob in self.blobs()? {
            if !reached.contains(&blob.digest) {
                self.remove(&blob.digest, blob.size, &mut collected)?;
            }
        }
        Ok(collected)
    }

    /// Removes those of `candidates` that no name reaches, and what broken-off transactions left behind, if nobody
    /// uses the store at this moment; else the next collection does. Costs nothing for images it does not touch.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn collect_if_free(&self, candidates: &[Digest]) -> Result<Option<Collected>, StoreError> {
        let Some(_lock) = lock::take_if_free(&self.layout.lock(), Mode::Exclusive)? else {
            return Ok(None);
        };
        let reached = self.reached()?;
        self.settle()?;
        let mut collected = self.remove_left_overs();
        for digest in candidates.iter().filter(|d| !reached.contains(d)) {
            if let Ok(size) = ply_image::BlobSource::size(self, digest) {
                self.remove(digest, size, &mut collected)?;
            }
        }
        Ok(Some(collected))
    }

    /// What a collection would remove now.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn unreached(&self) -> Result<Vec<crate::StoredBlob>, StoreError> {
        let reached = self.reached()?;
        Ok(self.blobs()?.into_iter().filter(|blob| !reached.contains(&blob.digest)).collect())
    }

    /// Bytes that broken-off transactions left behind.
    #[must_use]
    pub fn left_over(&self) -> u64 {
        let ingests = fs::read_dir(self.layout.ingest()).into_iter().flatten().flatten();
        let dead = ingests.filter(|entry| crate::ingest::is_dead(&entry.path()));
        let files = dead.flat_map(|entry| fs::read_dir(entry.path()).into_iter().flatten().flatten());
        files.map(|file| file.metadata().map_or(0, |metadata| metadata.len())).fold(0, u64::saturating_add)
    }

    fn reached(&self) -> Result<HashSet<Digest>, StoreError> {
        let catalog = Catalog::load(self, &read_index(&self.layout)?)?;
        catalog.reached(self)
    }

    fn remove(&self, digest: &Digest, size: u64, collected: &mut Collected) -> Result<(), StoreError> {
        let path = self.layout.blob(digest);
        fs::remove_file(&path).map_err(io_error("remove", &path))?;
        collected.blobs.push(*digest);
        collected.bytes = collected.bytes.saturating_add(size);
        Ok(())
    }

    /// Files that were to take another's name: of the index and of what stands beside it. Whoever makes a store holds the lock.
    fn remove_unfinished_files(&self) {
        let Ok(Some(_lock)) = lock::take_if_free(&self.layout.index_lock(), Mode::Exclusive) else { return };
        for entry in fs::read_dir(self.layout.private()).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "new") {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Whoever takes part in a transaction holds the lock that we hold alone: all of these are dead.
    fn remove_left_overs(&self) -> Collected {
        let mut collected = Collected::default();
        collected.bytes = collected.bytes.saturating_add(self.left_over());
        for entry in fs::read_dir(self.layout.ingest()).into_iter().flatten().flatten() {
            let path = entry.path();
            let gone = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            collected.left_overs = collected.left_overs.saturating_add(usize::from(gone.is_ok()));
        }
        collected.left_overs = collected.left_overs.saturating_add(self.remove_unfinished_containers());
        self.remove_unfinished_files();
        collected
    }
}
