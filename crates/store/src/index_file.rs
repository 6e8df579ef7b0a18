use std::fs::{self, File};
use std::io::{self, Write};

use ply_digest::Digest;
use ply_image::{Descriptor, Index, annotation};
use ply_reference::Reference;

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
    entries: Vec<Entry>,
    changed: bool,
}

/// What a store's `index.json` lists, one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its canonical name: `docker.io/library/nginx:latest`.
    pub name: Option<String>,
    /// What it points to, annotated as it stands in the file.
    pub target: Descriptor,
}

impl Entry {
    fn new(target: Descriptor) -> Self {
        Self { name: canonical_name(&target), target }
    }

    /// Whether the file calls it anything, be it a word that is no name.
    fn is_called(&self) -> bool {
        self.target.name().is_some()
    }
}

/// containerd's annotation holds a full name; the specification's may hold one, or only a tag. A bare word could
/// be either, so it names nothing.
fn canonical_name(target: &Descriptor) -> Option<String> {
    let full = target.annotations.get(annotation::CONTAINERD_NAME).filter(|name| !name.is_empty());
    let name = match full {
        Some(name) => name,
        None => target.annotations.get(annotation::REF_NAME).filter(|name| name.contains([':', '/']))?,
    };
    Reference::parse(name).ok().map(|name| name.with_default_tag().canonical())
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
        let mut index: Index = serde_json::from_slice(bytes).map_err(damaged)?;
        let entries = std::mem::take(&mut index.manifests).into_iter().map(Entry::new).collect();
        Ok(Self { index, entries, changed: false })
    }

    pub(crate) fn changed(&self) -> bool {
        self.changed
    }

    /// The bytes of an `index.json` that says this.
    fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut index = self.index.clone();
        index.manifests = self.entries.iter().map(|entry| entry.target.clone()).collect();
        serde_json::to_vec(&index)
    }

    /// Every entry, in the order of the file.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.name.as_deref() == Some(name))
    }

    /// What a name points to. Names are canonical: `docker.io/library/nginx:latest`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Descriptor> {
        self.position(name).and_then(|at| self.entries.get(at)).map(|entry| &entry.target)
    }

    /// Points a name at a target, and gives back what it pointed at before. An entry for the same target
    /// without a name goes: the target has one now.
    pub fn set(&mut self, name: &str, target: &Descriptor) -> Option<Descriptor> {
        let mut target = bare(target);
        for key in [annotation::CONTAINERD_NAME, annotation::REF_NAME] {
            target.annotations.insert(key.to_owned(), name.to_owned());
        }
        self.entries.retain(|old| old.is_called() || old.target.digest != target.digest);
        self.changed = true;
        let entry = Entry { name: Some(name.to_owned()), target };
        if let Some(old) = self.position(name).and_then(|at| self.entries.get_mut(at)) {
            return Some(std::mem::replace(old, entry).target);
        }
        self.entries.push(entry);
        None
    }

    /// Keeps a target without a name, unless an entry for it is there.
    pub fn keep(&mut self, target: &Descriptor) {
        if !self.entries.iter().any(|entry| entry.target.digest == target.digest) {
            self.entries.push(Entry::new(bare(target)));
            self.changed = true;
        }
    }

    /// Takes a name away; gives back what it pointed at.
    pub fn remove(&mut self, name: &str) -> Option<Descriptor> {
        let at = self.position(name)?;
        self.changed = true;
        Some(self.entries.remove(at).target)
    }

    /// Takes every entry for a target away, with or without a name; gives them back.
    pub fn remove_target(&mut self, target: &Digest) -> Vec<Descriptor> {
        let gone: Vec<Descriptor> =
            self.entries.extract_if(.., |entry| entry.target.digest == *target).map(|e| e.target).collect();
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
    let bytes = names.to_json().map_err(|e| io_error("write", &path)(e.into()))?;
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
