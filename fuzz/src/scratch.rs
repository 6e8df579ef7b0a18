//! A folder in memory, where there is one, that goes with its owner.

use std::path::Path;

use tempfile::TempDir;

/// A new folder.
#[derive(Debug)]
pub struct Scratch(TempDir);

impl Scratch {
    /// In `/dev/shm`, since a disk would be most of the time.
    ///
    /// # Panics
    /// It cannot be made.
    #[must_use]
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let mut named = tempfile::Builder::new();
        // What a crash leaves behind can be told.
        let named = named.prefix("ply-fuzz-");
        let folder = if memory.is_dir() { named.tempdir_in(memory) } else { named.tempdir() };
        Self(folder.expect("a folder can be made"))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}
