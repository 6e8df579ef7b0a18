use std::path::Path;

use ply_store::Store;

use crate::Error;
use crate::watch::{Silent, Watch};

/// Everything an operation needs besides its arguments: a store, somebody who watches, and how many threads.
pub struct Engine<'a> {
    /// The store.
    pub store: Store,
    /// Watches long work.
    pub watch: &'a dyn Watch,
    /// Threads to work with; 0 for one a core.
    pub threads: usize,
    /// Bytes of the plain tar of a layer that is loaded or pulled, at most. There is no limit of our own: memory does not grow
    /// with a layer, and the disk says when it is full.
    pub max_layer_size: Option<u64>,
    /// How registries are spoken to.
    #[cfg(feature = "registry")]
    pub registries: ply_registry::Settings,
}

impl std::fmt::Debug for Engine<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("store", &self.store)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

impl Engine<'static> {
    /// An engine on the store in this folder, watched by nobody.
    ///
    /// # Errors
    /// The store was written by a newer version, or cannot be read.
    pub fn open(root: &Path) -> Result<Self, Error> {
        Ok(Self {
            store: Store::open(root)?,
            watch: &Silent,
            threads: 0,
            max_layer_size: None,
            #[cfg(feature = "registry")]
            registries: ply_registry::Settings::from_environment(),
        })
    }
}

impl Engine<'_> {
    /// Threads to work with, at least one.
    pub(crate) fn threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            n => n,
        }
    }
}
