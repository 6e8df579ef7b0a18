//! Which blobs of the store hold a layer: the same tar may lie there plain and compressed.

use std::collections::{HashMap, HashSet};

use ply_image::{Descriptor, DiffId, Image};
use ply_store::Catalog;

use crate::Engine;

impl Engine<'_> {
    /// The blobs of the store that hold these layers, by what the images here say of them.
    pub(crate) fn layer_blobs(
        &self,
        catalog: &Catalog,
        wanted: &[DiffId],
    ) -> HashMap<DiffId, Vec<Descriptor>> {
        let wanted: HashSet<DiffId> = wanted.iter().copied().collect();
        let mut blobs: HashMap<DiffId, Vec<Descriptor>> = HashMap::new();
        for record in catalog.records() {
            let Some(known) = record.facts.image else { continue };
            if !known.layers.iter().any(|id| wanted.contains(id)) {
                continue;
            }
            let Ok(image) = Image::read(&self.store, &known.manifest) else { continue };
            for layer in image.layers() {
                if wanted.contains(&layer.diff_id) && self.store.has(&layer.blob.digest, layer.blob.size) {
                    let blobs = blobs.entry(layer.diff_id).or_default();
                    if blobs.iter().all(|known| known.digest != layer.blob.digest) {
                        blobs.push(layer.blob);
                    }
                }
            }
        }
        blobs
    }
}
