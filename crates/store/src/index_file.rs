use std::collections::{BTreeSet, HashMap};
use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use ply_digest::Digest;
use ply_image::{Descriptor, Index, annotation};
use ply_reference::Reference;

use crate::StoreError;
use crate::error::io as io_error;
use crate::layout::Layout;
use crate::store::{sync_folder, write_new};

/// The names of a store: what its `index.json` lists, open for change.
///
/// A name is one entry; an image without a name is an entry without one. Entries that other tools put there
/// stay as they are.
#[derive(Debug)]
pub struct Names {
    index: Index,
    /// In the order of the file; `None` where one was taken away.
    entries: Vec<Option<Entry>>,
    /// The entry of each name, the first of several.
    by_name: HashMap<String, usize>,
    /// The others, rising: another tool may have written a name twice.
    again: Vec<usize>,
    /// The entries of each target, rising; made when first asked for, since most changes do without.
    by_target: Option<HashMap<Digest, BTreeSet<usize>>>,
    /// Of each target, the entries that the file calls nothing.
    uncalled: HashMap<Digest, Vec<usize>>,
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
        let listed = std::mem::take(&mut index.manifests);
        let mut names = Self {
            index,
            entries: Vec::with_capacity(listed.len()),
            by_name: HashMap::with_capacity(listed.len()),
            again: Vec::new(),
            by_target: None,
            uncalled: HashMap::new(),
            changed: false,
        };
        listed.into_iter().for_each(|target| names.push(Entry::new(target)));
        Ok(names)
    }

    pub(crate) fn changed(&self) -> bool {
        self.changed
    }

    /// The bytes of an `index.json` that says this.
    fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut index = self.index.clone();
        index.manifests = self.entries().map(|entry| entry.target.clone()).collect();
        serde_json::to_vec(&index)
    }

    /// Every entry, in the order of the file.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().flatten()
    }

    fn push(&mut self, entry: Entry) {
        let at = self.entries.len();
        if let Some(by_target) = &mut self.by_target {
            by_target.entry(entry.target.digest).or_default().insert(at);
        }
        if !entry.is_called() {
            self.uncalled.entry(entry.target.digest).or_default().push(at);
        }
        if let Some(name) = &entry.name
            && *self.by_name.entry(name.clone()).or_insert(at) != at
        {
            self.again.push(at);
        }
        self.entries.push(Some(entry));
    }

    fn take(&mut self, at: usize) -> Option<Entry> {
        let entry = self.entries.get_mut(at)?.take()?;
        if let Some(of_target) = self.by_target.as_mut().and_then(|all| all.get_mut(&entry.target.digest)) {
            of_target.remove(&at);
        }
        if let Some(name) = entry.name.as_ref().filter(|name| self.by_name.get(*name) == Some(&at)) {
            self.by_name.remove(name);
            if let Some(next) = self.again.iter().position(|at| self.is_called(*at, name)) {
                self.by_name.insert(name.clone(), self.again.remove(next));
            }
        }
        self.changed = true;
        Some(entry)
    }

    fn is_called(&self, at: usize, name: &str) -> bool {
        self.entries.get(at).is_some_and(|e| e.as_ref().is_some_and(|e| e.name.as_deref() == Some(name)))
    }

    /// What a name points to. Names are canonical: `docker.io/library/nginx:latest`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Descriptor> {
        let entry = self.entries.get(*self.by_name.get(name)?)?.as_ref()?;
        Some(&entry.target)
    }

    /// The names that point to a target, in the order of the file.
    pub fn names_of(&self, target: &Digest) -> impl Iterator<Item = &str> {
        self.entries()
            .filter(|entry| entry.target.digest == *target)
            .filter_map(|entry| entry.name.as_deref())
    }

    /// The entries of a target, rising.
    fn of_target(&mut self, target: &Digest) -> Vec<usize> {
        let by_target = self.by_target.get_or_insert_with(|| {
            let mut by_target: HashMap<Digest, BTreeSet<usize>> = HashMap::new();
            for (at, entry) in self.entries.iter().enumerate() {
                if let Some(entry) = entry {
                    by_target.entry(entry.target.digest).or_default().insert(at);
                }
            }
            by_target
        });
        by_target.get(target).into_iter().flatten().copied().collect()
    }

    /// Points a name at a target, and gives back what it pointed at before. An entry for the same target
    /// without a name goes: the target has one now.
    pub fn set(&mut self, name: &str, target: &Descriptor) -> Option<Descriptor> {
        let mut target = bare(target);
        for key in [annotation::CONTAINERD_NAME, annotation::REF_NAME] {
            target.annotations.insert(key.to_owned(), name.to_owned());
        }
        for at in self.uncalled.remove(&target.digest).unwrap_or_default() {
            self.take(at);
        }
        let old = self.by_name.get(name).copied();
        let entry = Entry { name: Some(name.to_owned()), target };
        self.changed = true;
        let Some(at) = old else {
            self.push(entry);
            return None;
        };
        // In place, so that the file keeps its order.
        let digest = entry.target.digest;
        let place = self.entries.get_mut(at)?;
        let before = place.replace(entry)?.target;
        if let Some(by_target) = &mut self.by_target {
            by_target.entry(before.digest).or_default().remove(&at);
            by_target.entry(digest).or_default().insert(at);
        }
        Some(before)
    }

    /// Keeps a target without a name, unless an entry for it is there.
    pub fn keep(&mut self, target: &Descriptor) {
        if self.of_target(&target.digest).is_empty() {
            self.push(Entry::new(bare(target)));
            self.changed = true;
        }
    }

    /// Takes a name away; gives back what it pointed at.
    pub fn remove(&mut self, name: &str) -> Option<Descriptor> {
        let at = *self.by_name.get(name)?;
        self.take(at).map(|entry| entry.target)
    }

    /// Takes every entry for a target away, with or without a name; gives them back.
    pub fn remove_target(&mut self, target: &Digest) -> Vec<Descriptor> {
        let all = self.of_target(target);
        all.into_iter().filter_map(|at| self.take(at)).map(|entry| entry.target).collect()
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
        // Without it what the blobs are called is lost, and the next collection would take them all.
        Err(e) if e.kind() == io::ErrorKind::NotFound && is_lost(layout) => {
            let source =
                "it is missing: put back a copy, or remove ply/version to begin without names".into();
            Err(StoreError::Damaged { path, source })
        }
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(Names::EMPTY.as_bytes().to_vec())
        }
        Err(e) => Err(io_error("read", &path)(e)),
    }
}

/// Whether a store that is ours has blobs and no index: none is ever without, since the index is made first.
fn is_lost(layout: &Layout) -> bool {
    let has_blobs = || fs::read_dir(layout.blobs()).is_ok_and(|mut blobs| blobs.next().is_some());
    layout.version().exists() && has_blobs()
}

/// Replaces `index.json`, which has `before` bytes, durably. On a full disk what is spare is given up for it, so that images
/// can always be removed; but not for an index that grows, which would take what the next removal needs.
pub(crate) fn write_index(layout: &Layout, names: &Names, before: usize) -> Result<Vec<u8>, StoreError> {
    let path = layout.beside(&layout.index());
    let bytes = names.to_json().map_err(|e| io_error("write", &path)(e.into()))?;
    let replaced = write_index_beside(layout, &path, &bytes, bytes.len() <= before)
        .and_then(|()| fs::rename(&path, layout.index()).map_err(io_error("rename", &path)));
    if replaced.is_err() {
        let _ = fs::remove_file(&path);
    }
    replaced?;
    sync_folder(layout.root())?;
    keep_reserve(layout, bytes.len() as u64);
    Ok(bytes)
}

fn write_index_beside(
    layout: &Layout,
    path: &Path,
    bytes: &[u8],
    may_give_up: bool,
) -> Result<(), StoreError> {
    let mut written = write_new(path, bytes);
    // The catalog can be made again.
    for spare in [layout.reserve(), layout.catalog()] {
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        let is_full = written.as_ref().is_err_and(|e| full.contains(&e.kind()));
        if is_full && may_give_up && fs::remove_file(spare).is_ok() {
            written = write_new(path, bytes);
        }
    }
    written.map_err(io_error("write", path))
}

/// A spare file at least as large as the index, best effort: twice as large, since the index grows, or where there is no room
/// for that as large as it is now.
fn keep_reserve(layout: &Layout, index: u64) {
    let path = layout.reserve();
    let has = || fs::metadata(&path).map_or(0, |found| found.len());
    for want in [index.saturating_mul(2).max(64 << 10), index.next_multiple_of(4096)] {
        if has() >= want {
            return;
        }
        // What it has stays its own, should it get no more.
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let _ = file.map(|file| rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, want));
    }
    if has() == 0 {
        let _ = fs::remove_file(&path);
    }
}
