//! What can be made again: plain tars of compressed layers, indexes of layers and of their unions, made when they are first
//! wanted.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ply_digest::Digest;
use ply_image::DiffId;

use crate::Store;

impl Store {
    /// The plain tar of a layer, where it was made already.
    #[must_use]
    pub fn made_plain_tar(&self, layer: &DiffId) -> Option<File> {
        File::open(self.layout.plain_tar(layer)).ok()
    }

    /// The plain tar of a layer, made by `make` where it is not there yet: written beside, synced, and renamed, so that what
    /// has the name is whole. `make` has compared it with the DiffID. `None` in a store that cannot be written.
    ///
    /// # Errors
    /// What `make` says.
    pub fn plain_tar<E>(
        &self,
        layer: &DiffId,
        make: impl FnOnce(&Arc<File>) -> Result<(), E>,
    ) -> Result<Option<File>, E> {
        if let Some(file) = self.made_plain_tar(layer) {
            return Ok(Some(file));
        }
        let path = self.layout.plain_tar(layer);
        let Ok(beside) = self.beside(&path) else { return Ok(None) };
        make(&beside.file)?;
        Ok(beside.keep(&path).ok())
    }

    /// The index of a layer, where one is kept: by its DiffID, or for a layer that is not of this store by whatever tells it
    /// apart from all others. Whether it is intact, and what it means, is for the caller to find out.
    #[must_use]
    pub fn layer_index(&self, of: &Digest) -> Option<File> {
        File::open(self.layout.layer_index(of)).ok()
    }

    /// Whether there is a place for what is derived: a folder that is no store of ours yet gets nothing.
    #[must_use]
    pub fn keeps_derived(&self) -> bool {
        self.layout.version().exists()
    }

    /// Keeps an index of a layer, in the place of one that may be there: written beside, synced, and renamed. Best effort,
    /// since it can be made again.
    pub fn keep_layer_index(&self, of: &Digest, index: &[u8]) {
        let _ = self.keep_index(&self.layout.layer_index(of), index);
    }

    /// Removes derived files of layers and unions that are not among these, and what was left half made; gives the bytes they
    /// took. What is in use stays readable for whoever has it open.
    pub(crate) fn remove_derived(&self, stays: impl Fn(&Digest) -> bool) -> u64 {
        let mut bytes = 0;
        let folders = [self.layout.layers(), self.layout.unions()].map(fs::read_dir);
        for entry in folders.into_iter().flatten().flatten().flatten() {
            let name = entry.file_name();
            let of = name.to_str().and_then(|name| name.split_once('.'));
            let is_kept = |(hex, kind): (&str, &str)| {
                matches!(kind, "tar" | "erofs") && Digest::from_hex(hex).is_ok_and(|digest| stays(&digest))
            };
            if !of.is_some_and(is_kept) {
                let size = entry.metadata().map_or(0, |found| found.len());
                bytes += if fs::remove_file(entry.path()).is_ok() { size } else { 0 };
            }
        }
        bytes
    }

    /// The index of a union of layers, where one is kept: by its ChainID, or for layers that are not of this store by whatever
    /// tells them apart from all others. Whether it is intact, and what it means, is for the caller to find out.
    #[must_use]
    pub fn union_index(&self, of: &Digest) -> Option<File> {
        File::open(self.layout.union_index(of)).ok()
    }

    /// Keeps an index of a union of layers, in the place of one that may be there: written beside, synced, and renamed.
    /// `None` in a store that cannot be written.
    #[must_use]
    pub fn keep_union_index(&self, of: &Digest, index: &[u8]) -> Option<File> {
        self.keep_index(&self.layout.union_index(of), index).ok()
    }

    fn keep_index(&self, path: &Path, index: &[u8]) -> io::Result<File> {
        let beside = self.beside(path)?;
        (&*beside.file).write_all(index)?;
        beside.keep(path)
    }

    fn beside(&self, path: &Path) -> io::Result<Beside> {
        if !self.keeps_derived() {
            return Err(io::ErrorKind::NotFound.into());
        }
        fs::create_dir_all(path.parent().unwrap_or(path))?;
        let beside = path.with_extension(format!("{}.new", std::process::id()));
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&beside)?;
        Ok(Beside { path: beside, file: Arc::new(file), kept: false })
    }
}

/// A derived file in the making.
struct Beside {
    path: PathBuf,
    file: Arc<File>,
    kept: bool,
}

impl Beside {
    fn keep(mut self, path: &Path) -> io::Result<File> {
        self.file.sync_data()?;
        fs::rename(&self.path, path)?;
        self.kept = true;
        File::open(path)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}
