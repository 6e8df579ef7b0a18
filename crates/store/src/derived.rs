//! What can be made again: plain tars of compressed layers, indexes of layers and of their unions, made when they are first
//! wanted.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ply_digest::Digest;
use ply_image::DiffId;

use crate::error::io as io_error;
use crate::lock;
use crate::{Store, StoreError};

/// A file that can be made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DerivedFile {
    /// What it is.
    pub kind: DerivedKind,
    /// What it is of: a DiffID, a ChainID, or what tells a layer or union apart that is not the store's.
    pub of: Option<Digest>,
    /// Bytes.
    pub size: u64,
    path: PathBuf,
}

/// What a derived file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DerivedKind {
    /// The plain tar of a compressed layer.
    PlainTar,
    /// The index of a layer.
    LayerIndex,
    /// The index of a union of layers, to be mounted.
    UnionIndex,
    /// Sums of the blocks of a layer's plain tar.
    Sums,
    /// What the compressed blobs of a layer are called.
    Twins,
    /// Left half made.
    Unfinished,
}

impl DerivedKind {
    fn of(name: &str, is_union: bool) -> (Self, Option<Digest>) {
        let parts = name.split_once('.').and_then(|(hex, kind)| Some((Digest::from_hex(hex).ok()?, kind)));
        match parts {
            Some((of, "tar")) if !is_union => (Self::PlainTar, Some(of)),
            Some((of, "sums")) if !is_union => (Self::Sums, Some(of)),
            Some((of, "json")) if !is_union => (Self::Twins, Some(of)),
            Some((of, "erofs")) => (if is_union { Self::UnionIndex } else { Self::LayerIndex }, Some(of)),
            _ => (Self::Unfinished, None),
        }
    }
}

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

    /// Removes the plain tar of a layer that was made and turned out to be damaged; says where it was.
    #[must_use]
    pub fn drop_plain_tar(&self, layer: &DiffId) -> PathBuf {
        let path = self.layout.plain_tar(layer);
        let _ = fs::remove_file(&path);
        path
    }

    /// Sums of the blocks of a layer's plain tar, where they are kept. What they mean is for the caller to find out.
    #[must_use]
    pub fn layer_sums(&self, layer: &DiffId) -> Option<Vec<u8>> {
        fs::read(self.layout.sums_of(layer)).ok()
    }

    /// Keeps them. Best effort, since they can be made again.
    pub fn keep_layer_sums(&self, layer: &DiffId, sums: &[u8]) {
        let _ = self.keep_file(&self.layout.sums_of(layer), sums);
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

    /// Keeps an index of a layer, in the place of one that may be there: written beside, and renamed. Best effort, since it can
    /// be made again.
    pub fn keep_layer_index(&self, of: &Digest, index: &[u8]) {
        let _ = self.keep_file(&self.layout.layer_index(of), index);
    }

    /// All that is derived.
    #[must_use]
    pub fn derived(&self) -> Vec<DerivedFile> {
        let layout = &self.layout;
        let folders = [
            (layout.layers(), false),
            (layout.unions(), true),
            (layout.sums(), false),
            (layout.twins(), false),
        ];
        let mut found = Vec::new();
        for (folder, is_union) in folders {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let (name, path) = (entry.file_name(), entry.path());
                let (kind, of) = DerivedKind::of(&name.to_string_lossy(), is_union);
                let size = entry.metadata().map_or(0, |metadata| metadata.len());
                found.push(DerivedFile { kind, of, size, path });
            }
        }
        found
    }

    /// Removes derived files but those that stay; gives the bytes they took. What is in use stays readable for whoever has it
    /// open.
    pub(crate) fn remove_derived(&self, stays: impl Fn(&DerivedFile) -> bool) -> u64 {
        let going = self.derived().into_iter().filter(|file| !stays(file));
        going
            .filter(|file| fs::remove_file(&file.path).is_ok())
            .map(|file| file.size)
            .fold(0, u64::saturating_add)
    }

    /// Removes all that is derived: it is made again when somebody wants it. Gives the bytes that were freed.
    ///
    /// # Errors
    /// [`StoreError::Busy`] after thirty seconds; or a file cannot be removed.
    pub fn drop_derived(&self) -> Result<u64, StoreError> {
        if !self.keeps_derived() {
            return Ok(0);
        }
        let _lock = lock::take_in_turn(&self.layout.lock(), &self.layout.private())?;
        let mut freed = 0_u64;
        for DerivedFile { path, size, .. } in self.derived() {
            match fs::remove_file(&path) {
                Ok(()) => freed = freed.saturating_add(size),
                // Left half made, and finished meanwhile.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(io_error("remove", &path)(e)),
            }
        }
        Ok(freed)
    }

    /// The index of a union of layers, where one is kept: by its ChainID, or for layers that are not of this store by whatever
    /// tells them apart from all others. Whether it is intact, and what it means, is for the caller to find out.
    #[must_use]
    pub fn union_index(&self, of: &Digest) -> Option<File> {
        File::open(self.layout.union_index(of)).ok()
    }

    /// Keeps an index of a union of layers, in the place of one that may be there: written beside, and renamed. `None` in a store that cannot be written.
    #[must_use]
    pub fn keep_union_index(&self, of: &Digest, index: &[u8]) -> Option<File> {
        self.keep_file(&self.layout.union_index(of), index).ok()
    }

    /// Who opens it finds out whether it is whole: it is not made durable.
    pub(crate) fn keep_file(&self, path: &Path, bytes: &[u8]) -> io::Result<File> {
        let beside = self.beside(path)?;
        (&*beside.file).write_all(bytes)?;
        beside.rename(path)
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
    fn keep(self, path: &Path) -> io::Result<File> {
        self.file.sync_data()?;
        self.rename(path)
    }

    fn rename(mut self, path: &Path) -> io::Result<File> {
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
