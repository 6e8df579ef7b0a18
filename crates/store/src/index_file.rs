use std::fs::{self, File};
use std::io::{self, Write};

use ply_digest::Digest;
use ply_image::{Descriptor, Index, annotation};

use crate::StoreError;
use crate::error::io as io_error;
use crate::layout::Layout;
use crate::store::sync_folder;

/// The names of a store: what its `index.json` lists, open for change.
///
/// A name is one entry; an image without a name is an entry without one. Entries that other tools put there
/// stay as they are.
#[derive(Debug)]
pub struct Names {
    index: Index,
    changed: bool,
}

impl Names {
    /// An index of nothing.
    pub(crate) const EMPTY: &str =
        r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

    pub(crate) fn parse(layout: &Layout, bytes: &[u8]) -> Result<Self, StoreError> {
        let damaged = |source: serde_json::Error| StoreError::Damaged {
            path: layout.index(),
            source: Box::new(source),
        };
        let index = serde_json::from_slice(bytes).map_err(damaged)?;
        Ok(Self { index, changed: false })
    }

    pub(crate) fn changed(&self) -> bool {
        self.changed
    }

    /// Every entry, in the order of the file.
    #[must_use]
    pub fn entries(&self) -> &[Descriptor] {
        &self.index.manifests
    }

    /// What a name points to. Names are canonical: `docker.io/library/nginx:latest`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Descriptor> {
        self.index.manifests.iter().find(|d| d.name() == Some(name))
    }

    /// Points a name at a target, and gives back what it pointed at before. An entry for the same target
    /// without a name goes: the target has one now.
    pub fn set(&mut self, name: &str, target: &Descriptor) -> Option<Descriptor> {
        let mut entry = bare(target);
        for key in [annotation::CONTAINERD_NAME, annotation::REF_NAME] {
            entry.annotations.insert(key.to_owned(), name.to_owned());
        }
        self.index.manifests.retain(|d| d.name().is_some() || d.digest != target.digest);
        self.changed = true;
        if let Some(old) = self.index.manifests.iter_mut().find(|d| d.name() == Some(name)) {
            return Some(std::mem::replace(old, entry));
        }
        self.index.manifests.push(entry);
        None
    }

    /// Keeps a target without a name, unless an entry for it is there.
    pub fn keep(&mut self, target: &Descriptor) {
        if !self.index.manifests.iter().any(|d| d.digest == target.digest) {
            self.index.manifests.push(bare(target));
            self.changed = true;
        }
    }

    /// Takes a name away; gives back what it pointed at.
    pub fn remove(&mut self, name: &str) -> Option<Descriptor> {
        let at = self.index.manifests.iter().position(|d| d.name() == Some(name))?;
        self.changed = true;
        Some(self.index.manifests.remove(at))
    }

    /// Takes every entry for a target away, with or without a name; gives them back.
    pub fn remove_target(&mut self, target: &Digest) -> Vec<Descriptor> {
        let (gone, kept) = std::mem::take(&mut self.index.manifests)
            .into_iter()
            .partition(|d: &Descriptor| d.digest == *target);
        self.index.manifests = kept;
        let gone: Vec<Descriptor> = gone;
        self.changed |= !gone.is_empty();
        gone
    }
}

/// A descriptor less the names it may carry from elsewhere.
fn bare(target: &Descriptor) -> Descriptor {
    let mut entry = target.clone();
    entry.annotations.remove(annotation::CONTAINERD_NAME);
    entry.annotations.remove(annotation::REF_NAME);
    entry
}

/// The bytes of `index.json`; those of an empty index where there is none.
pub(crate) fn read_index(layout: &Layout) -> Result<Vec<u8>, StoreError> {
    let path = layout.index();
    match fs::read(&path) {
        Ok(bytes) => Ok(bytes),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(Names::EMPTY.as_bytes().to_vec())
        }
        Err(e) => Err(io_error("read", &path)(e)),
    }
}

/// Replaces `index.json`, durably. On a full disk the reserve is given up for it, so that images can always be
/// removed.
pub(crate) fn write_index(layout: &Layout, names: &Names) -> Result<Vec<u8>, StoreError> {
    let path = layout.new_index();
    let bytes = serde_json::to_vec(&names.index).map_err(|e| io_error("write", &path)(e.into()))?;
    let write = || -> io::Result<()> {
        let mut file = File::create(&path)?;
        file.write_all(&bytes)?;
        file.sync_data()
    };
    let written = match write() {
        Err(e) if e.kind() == io::ErrorKind::StorageFull && fs::remove_file(layout.reserve()).is_ok() => {
            write()
        }
        other => other,
    };
    written.map_err(io_error("write", &path))?;
    fs::rename(&path, layout.index()).map_err(io_error("rename", &path))?;
    sync_folder(layout.root())?;
    keep_reserve(layout, bytes.len() as u64);
    Ok(bytes)
}

/// A spare file at least as large as the index, best effort.
fn keep_reserve(layout: &Layout, index: u64) {
    let path = layout.reserve();
    let want = (index * 2).max(64 << 10);
    if fs::metadata(&path).is_ok_and(|m| m.len() >= want) {
        return;
    }
    let made = File::create(&path)
        .and_then(|f| Ok(rustix::fs::fallocate(&f, rustix::fs::FallocateFlags::empty(), 0, want)?));
    if made.is_err() {
        let _ = fs::remove_file(&path);
    }
}
