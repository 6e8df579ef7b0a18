//! The files of an image in a registry: its layers are fetched into the store, without a name. There they are found the next
//! time, until something is pruned.

use ply_image::{BlobSource, Image, Platform, Region};
use ply_store::{Ingest, StoreError};

use super::Remote;
use super::fetch::Absent;
use super::layers::Layers;
use crate::view::View;
use crate::{Engine, Error};

impl Engine<'_> {
    /// Where the layers of an image lie, once they are here.
    pub(crate) fn fetched_regions(
        &self,
        remote: &Remote<'_>,
        platform: Option<&Platform>,
        view: &View,
    ) -> Result<Vec<Region>, Error> {
        let image = remote.one(platform)?;
        // Nothing is collected between their coming and their opening.
        let _hold = self.store.hold()?;
        let layers = self.keep_layers(remote, std::slice::from_ref(&image), true)?;
        let blobs = layers.dressed(&image).unwrap_or_else(|| image.manifest.value.layers.clone());
        let regions =
            blobs.iter().take(view.layers.len()).map(|blob| Ok(self.store.in_file(&blob.digest)?));
        regions.collect()
    }

    /// Fetches layers that are not here, and nothing names them. `any`: another blob of the same layer will do.
    pub(super) fn keep_layers(
        &self,
        remote: &Remote<'_>,
        images: &[Image],
        any: bool,
    ) -> Result<Layers, Error> {
        let mut layers = self.layers_of(images, any)?;
        let absent = std::mem::take(&mut layers.absent);
        // A store that cannot be written still answers of what it has.
        if !absent.is_empty() {
            keep(self.bring(self.store.begin()?, remote, absent)?)?;
        }
        Ok(layers)
    }

    /// Where the layers of images are; what is here is theirs.
    pub(super) fn layers_of(&self, images: &[Image], any: bool) -> Result<Layers, Error> {
        let catalog = self.store.catalog()?;
        let mut layers = Layers::default();
        for image in images {
            layers.add(self, &catalog, image, any)?;
        }
        layers.prove(self)?;
        Ok(layers)
    }

    /// Fetches layers into a transaction. Where some do not come those that came whole are kept, so that they need not come
    /// again.
    pub(super) fn bring(
        &self,
        ingest: Ingest,
        remote: &Remote<'_>,
        absent: Vec<Absent>,
    ) -> Result<Ingest, Error> {
        match self.fetch(&ingest, &remote.repository, absent) {
            Ok(()) => Ok(ingest),
            Err(error) => {
                let _ = keep(ingest);
                Err(error)
            }
        }
    }
}

/// Keeps what came, without a name.
pub(super) fn keep(ingest: Ingest) -> Result<(), Error> {
    Ok(ingest.commit(|_, _| Ok::<_, StoreError>(()))?)
}
