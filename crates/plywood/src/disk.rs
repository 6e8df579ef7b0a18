//! `df`: what lies in the store, and how much of it can be had back.

use std::collections::{HashMap, HashSet};

use ply_digest::Digest;
use ply_image::Timestamp;
use ply_reference::Reference;
use ply_store::{DerivedKind, Record};

use crate::{Engine, Error};

/// Things of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Part {
    /// How many there are.
    pub count: usize,
    /// Bytes they take.
    pub bytes: u64,
    /// Of those, bytes that can be had back without losing what has a name.
    pub reclaimable: u64,
}

impl Part {
    fn add(&mut self, bytes: u64, is_reclaimable: bool) {
        self.count = self.count.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        self.reclaimable = self.reclaimable.saturating_add(if is_reclaimable { bytes } else { 0 });
    }
}

/// What lies in a store. Sizes are of files as they lie there: of compressed layers, compressed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiskUse {
    /// Images, by ID: their documents and layers, each once. Those without a name can be had back by `prune`.
    pub images: Part,
    /// Layers of several images.
    pub shared_layers: Part,
    /// Layers of one image.
    pub own_layers: Part,
    /// Containers, by the content of what was written in them; those that are mounted cannot be had back.
    pub containers: Part,
    /// Indexes of layers and unions.
    pub indexes: Part,
    /// Plain tars of compressed layers.
    pub plain_tars: Part,
    /// Blobs that nothing reaches, and what broken-off work left behind.
    pub left_overs: Part,
    /// Each image, the newest first.
    pub each: Vec<ImageUse>,
}

/// What an image takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageUse {
    /// The image.
    pub id: Digest,
    /// Its names.
    pub names: Vec<Reference>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Bytes of it that other images have as well.
    pub shared: u64,
    /// Bytes of it alone.
    pub own: u64,
    /// Containers that were made from it.
    pub containers: usize,
}

/// The blobs of an image.
struct Gathered {
    first: Record,
    names: Vec<Reference>,
    blobs: HashSet<Digest>,
    /// Its documents among them, which are no layers.
    documents: HashSet<Digest>,
}

impl Engine<'_> {
    /// What lies in the store.
    ///
    /// # Errors
    /// It cannot be read, or a record of a container is damaged.
    pub fn disk_use(&self) -> Result<DiskUse, Error> {
        let mut found = DiskUse::default();
        let images = self.gather()?;
        let sizes: HashMap<Digest, u64> =
            self.store.blobs()?.into_iter().map(|blob| (blob.digest, blob.size)).collect();
        let size = |digest: &Digest| sizes.get(digest).copied().unwrap_or_default();
        let mut users: HashMap<Digest, usize> = HashMap::new();
        for digest in images.values().flat_map(|image| &image.blobs) {
            let count = users.entry(*digest).or_default();
            *count = count.saturating_add(1);
        }
        let (containers, mounts) = (self.containers()?, self.store.mounts()?);
        let used: HashSet<Digest> = containers
            .iter()
            .map(|container| container.image_id)
            .chain(mounts.iter().map(|mount| mount.image_id))
            .collect();
        let is_needed = |id: &Digest, image: &Gathered| !image.names.is_empty() || used.contains(id);
        let needed: HashSet<&Digest> = images
            .iter()
            .filter(|(id, image)| is_needed(id, image))
            .flat_map(|(_, image)| &image.blobs)
            .collect();
        let documents: HashSet<&Digest> = images.values().flat_map(|image| &image.documents).collect();
        found.images.count = images.len();
        for (digest, users) in &users {
            found.images.bytes = found.images.bytes.saturating_add(size(digest));
            found.images.reclaimable = found.images.reclaimable.saturating_add(if needed.contains(digest) {
                0
            } else {
                size(digest)
            });
            if !documents.contains(digest) {
                let part = if *users > 1 { &mut found.shared_layers } else { &mut found.own_layers };
                part.add(size(digest), false);
            }
        }
        for container in &containers {
            let is_mounted = mounts.iter().any(|mount| mount.container == Some(container.id));
            found.containers.add(self.written(container)?, !is_mounted);
        }
        for file in self.store.derived() {
            let part = match file.kind {
                DerivedKind::LayerIndex
                | DerivedKind::UnionIndex
                | DerivedKind::Sums
                | DerivedKind::Twins => &mut found.indexes,
                DerivedKind::PlainTar => &mut found.plain_tars,
                DerivedKind::Unfinished => &mut found.left_overs,
            };
            part.add(file.size, true);
        }
        for blob in self.store.unreached()? {
            found.left_overs.add(blob.size, true);
        }
        if let bytes @ 1.. = self.store.left_over() {
            found.left_overs.add(bytes, true);
        }
        let mut made: HashMap<Digest, usize> = HashMap::new();
        for container in &containers {
            let count = made.entry(container.image_id).or_default();
            *count = count.saturating_add(1);
        }
        found.each = images
            .iter()
            .map(|(id, image)| {
                let of = |is_shared: bool| {
                    let blobs = image.blobs.iter().filter(|blob| (users.get(blob) > Some(&1)) == is_shared);
                    blobs.map(size).fold(0, u64::saturating_add)
                };
                ImageUse {
                    id: *id,
                    names: image.names.clone(),
                    created: image.first.facts.image.as_ref().and_then(|image| image.created),
                    shared: of(true),
                    own: of(false),
                    containers: made.get(id).copied().unwrap_or_default(),
                }
            })
            .collect();
        found.each.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.names.cmp(&b.names)));
        Ok(found)
    }

    /// Images by ID, with the blobs of all that points to each.
    fn gather(&self) -> Result<HashMap<Digest, Gathered>, Error> {
        let catalog = self.store.catalog()?;
        let mut images: HashMap<Digest, Gathered> = HashMap::new();
        for record in catalog.records() {
            let Some(facts) = record.facts.image.clone() else { continue };
            let name = record.name.as_ref().and_then(|name| crate::select::parse_canonical(name));
            let target = record.facts.target;
            let image = images.entry(facts.id).or_insert_with(|| Gathered {
                first: record,
                names: Vec::new(),
                blobs: HashSet::new(),
                documents: HashSet::new(),
            });
            image.names.extend(name);
            image.blobs.extend(catalog.blobs(&target));
            let platforms = catalog.images(&target).into_iter();
            image.documents.extend(platforms.flat_map(|image| [image.id, image.manifest]));
            image.documents.extend([target, facts.id, facts.manifest]);
        }
        images.values_mut().for_each(|image| image.names.sort());
        Ok(images)
    }
}
