//! Which layers of an image in a registry are here already, as the very blob or in other clothes.

use std::collections::HashMap;

use ply_digest::Digest;
use ply_image::{BlobSource, Descriptor, DiffId, Image};
use ply_store::Catalog;

use super::fetch::Absent;
use crate::transfer::{Expected, Job, Origin, Walk, layer_place};
use crate::{Engine, Error};

/// Where a layer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Layer {
    /// Here, as the blob that the manifest names; an image here says that it is this layer.
    Here,
    /// Here, as the blob that the manifest names, and nobody here knows what is in it.
    Unproven,
    /// Here, as another blob.
    Dressed(Box<Descriptor>),
    /// Not here.
    Absent,
}

/// The layers of images in a registry, each blob once.
#[derive(Default)]
pub(super) struct Layers {
    known: HashMap<Digest, (DiffId, Layer)>,
    pub(super) absent: Vec<Absent>,
    unproven: Vec<(Descriptor, DiffId, String)>,
}

impl Layers {
    /// Looks for the layers of an image. `any`: another blob that holds the same layer will do.
    ///
    /// # Errors
    /// One blob is two layers, which no blob can be.
    pub(super) fn add(
        &mut self,
        engine: &Engine<'_>,
        catalog: &Catalog,
        image: &Image,
        any: bool,
    ) -> Result<(), Error> {
        let layers = image.layers();
        let here = engine.layer_blobs(catalog, &image.config.value.rootfs.diff_ids);
        let of = layers.len();
        for (at, layer) in layers.into_iter().enumerate() {
            let (blob, diff_id) = (layer.blob, layer.diff_id);
            let what = layer_place(at, of, &blob.digest.to_string());
            if let Some((known, _)) = self.known.get(&blob.digest) {
                if *known == diff_id {
                    continue;
                }
                return Err(Error::within(what)(format!(
                    "is both {known} and {diff_id}, as the configs say"
                )));
            }
            let blobs = here.get(&diff_id).map(Vec::as_slice).unwrap_or_default();
            let is_proven = blob.digest == diff_id.0 || blobs.iter().any(|known| known.digest == blob.digest);
            let found = match (engine.store.has(&blob.digest, blob.size), blobs.first()) {
                (true, _) if is_proven => Layer::Here,
                (true, _) => Layer::Unproven,
                (false, Some(other)) if any => Layer::Dressed(Box::new(other.clone())),
                (false, _) => Layer::Absent,
            };
            if let Some(facts) = catalog.layer(&diff_id) {
                let walk = Walk::up_to(engine.max_layer_size);
                walk.allow(facts.plain).map_err(Error::within(what.clone()))?;
            }
            self.known.insert(blob.digest, (diff_id, found.clone()));
            match found {
                Layer::Absent => self.absent.push(Absent { blob, diff_id, what }),
                Layer::Unproven => self.unproven.push((blob, diff_id, what)),
                Layer::Here | Layer::Dressed(_) => {}
            }
        }
        Ok(())
    }

    /// Reads what nobody here vouches for, and checks it against the config.
    pub(super) fn prove(&self, engine: &Engine<'_>) -> Result<(), Error> {
        let jobs = self.unproven.iter().map(|(blob, diff_id, what)| {
            Ok(Job {
                what: what.clone(),
                label: blob.digest.short(),
                from: Origin::Blob(&engine.store, blob.digest, engine.store.size(&blob.digest)?),
                expected: Expected { digest: Some(blob.digest), diff_id: Some(*diff_id) },
                stored: None,
                plain: None,
                walk: Some(Walk::up_to(engine.max_layer_size)),
            })
        });
        let jobs = jobs.collect::<Result<Vec<_>, Error>>()?;
        if !jobs.is_empty() {
            engine.transfer(jobs)?;
        }
        Ok(())
    }

    /// The blobs of an image as they are here; `None` where they are those that its manifest names.
    pub(super) fn dressed(&self, image: &Image) -> Option<Vec<Descriptor>> {
        let mut is_dressed = false;
        let blobs = image.manifest.value.layers.iter().map(|named| match self.known.get(&named.digest) {
            Some((_, Layer::Dressed(other))) => {
                is_dressed = true;
                Descriptor::clone(other)
            }
            _ => named.clone(),
        });
        let blobs: Vec<Descriptor> = blobs.collect();
        is_dressed.then_some(blobs)
    }
}
