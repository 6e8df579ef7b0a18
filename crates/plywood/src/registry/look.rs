//! The files of an image in a registry: its layers are fetched into the store, without a name. There they are found the next
//! time, until something is pruned.

use ply_image::{BlobError, BlobSource, Image, Platform, Region};
use ply_store::StoreError;

use super::Remote;
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
        let layers = self.bring(remote, &[&image])?;
        let blobs = layers.dressed(&image).unwrap_or_else(|| image.manifest.value.layers.clone());
        let regions = blobs
            .iter()
            .take(view.layers.len())
            .map(|blob| Ok(self.store.region(&blob.digest)?.ok_or(BlobError::Absent(blob.digest))?));
        regions.collect()
    }

    /// Fetches the layers that are not here, as the very blobs that the manifests name.
    pub(super) fn bring_very(&self, remote: &Remote<'_>, images: &[&Image]) -> Result<(), Error> {
        self.bring_as(remote, images, false).map(drop)
    }

    /// Fetches the layers that are not here; other blobs of the same layers will do.
    fn bring(&self, remote: &Remote<'_>, images: &[&Image]) -> Result<Layers, Error> {
        self.bring_as(remote, images, true)
    }

    fn bring_as(&self, remote: &Remote<'_>, images: &[&Image], any: bool) -> Result<Layers, Error> {
        let catalog = self.store.catalog()?;
        let mut layers = Layers::default();
        for image in images {
            layers.add(self, &catalog, image, any)?;
        }
        layers.prove(self)?;
        let absent = std::mem::take(&mut layers.absent);
        if !absent.is_empty() {
            let ingest = self.store.begin()?;
            let fetched = self.fetch(&ingest, &remote.repository, absent);
            ingest.commit(|_, _| Ok::<_, StoreError>(()))?;
            fetched?;
        }
        Ok(layers)
    }
}
