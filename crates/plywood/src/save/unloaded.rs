//! Images that are saved from the archive they lie in, without being loaded.

use std::io::Read;

use ply_archive::{Archive, Format, Packed, PackedImage, Place, PlannedImage, PlannedPlatform};
use ply_digest::Digest;
use ply_image::{BlobError, BlobSource, Region};
use ply_store::Store;

use super::repack::Repacked;
use super::{Options, omitted, one_platform, planned_layer};
use crate::select::{Platforms, is_wanted, not_in, platform_of};
use crate::{Engine, Error};

/// Where the blobs of what is saved lie: in the store, in archives that are not loaded, or packed again.
pub(crate) struct Sources<'a> {
    pub(crate) store: &'a Store,
    pub(crate) archives: &'a [Archive],
    pub(crate) repacked: Option<&'a Repacked>,
}

impl<'a> Sources<'a> {
    fn first<T>(
        &self,
        digest: &Digest,
        ask: impl Fn(&'a dyn BlobSource) -> Result<T, BlobError>,
    ) -> Result<T, BlobError> {
        let archives = self.archives.iter().map(|archive| archive as &dyn BlobSource);
        let repacked = self.repacked.map(|repacked| repacked as &dyn BlobSource);
        for source in std::iter::once(self.store as &dyn BlobSource).chain(archives).chain(repacked) {
            match ask(source) {
                Err(BlobError::Absent(_)) => {}
                other => return other,
            }
        }
        Err(BlobError::Absent(*digest))
    }
}

impl BlobSource for Sources<'_> {
    fn open(&self, digest: &Digest) -> Result<Box<dyn Read + Send + '_>, BlobError> {
        self.first(digest, |source| source.open(digest))
    }

    fn size(&self, digest: &Digest) -> Result<u64, BlobError> {
        self.first(digest, |source| source.size(digest))
    }

    fn region(&self, digest: &Digest) -> Result<Option<Region>, BlobError> {
        self.first(digest, |source| source.region(digest))
    }
}

impl Engine<'_> {
    /// Lays out the images of an archive that is not loaded: the one that is named, or all.
    pub(crate) fn planned_unloaded(
        &self,
        place: &Place,
        options: &Options,
        archives: &mut Vec<Archive>,
    ) -> Result<Vec<PlannedImage>, Error> {
        let path = place.path.display().to_string();
        let archive = Archive::open(&place.path).map_err(Error::within(path.clone()))?;
        let wanted = |packed: &&Packed| place.name.as_ref().is_none_or(|name| is_wanted(packed, name));
        let planned = archive
            .contents
            .images
            .iter()
            .filter(wanted)
            .map(|packed| self.planned_packed(&archive, packed, options))
            .collect::<Result<Vec<_>, _>>()
            .map_err(Error::within(path.clone()))?;
        if planned.is_empty() {
            return Err(Error::within(path)(not_in(&archive, place.name.as_deref().unwrap_or_default())));
        }
        archives.push(archive);
        Ok(planned)
    }

    fn planned_packed(
        &self,
        archive: &Archive,
        packed: &Packed,
        options: &Options,
    ) -> Result<PlannedImage, Error> {
        let chosen = chosen(packed, options)?;
        one_platform(options, chosen.iter().map(|image| platform_of(image)))?;
        let unknown =
            || Error::Misuse("layers that no manifest describes are compressed: load it first".to_owned());
        let mut images = Vec::new();
        for image in chosen {
            let manifest = image.manifest.as_deref().ok_or_else(unknown)?.clone();
            let layers = image.layers.iter().map(|layer| {
                let blob = layer.blob.clone().ok_or_else(unknown)?;
                let omitted = omitted(options, layer.diff_id, blob.digest);
                planned_layer(archive, options.format, layer.diff_id, blob, None, omitted)
            });
            let layers = layers.collect::<Result<_, Error>>()?;
            images.push(PlannedPlatform { manifest, config: (*image.config).clone(), layers });
        }
        let here = |d: &&ply_image::Descriptor| archive.size(&d.digest).is_ok_and(|size| size == d.size);
        let blobs = packed.documents.iter().chain(&packed.further).filter(here).cloned().collect();
        Ok(PlannedImage {
            names: packed.names.clone(),
            root: packed.root.clone().ok_or_else(unknown)?,
            documents: Vec::new(),
            blobs,
            images,
        })
    }
}

/// As for what is stored: the host's for Docker's format, all that are here for the other.
fn chosen<'a>(packed: &'a Packed, options: &Options) -> Result<Vec<&'a PackedImage>, Error> {
    match &options.platforms {
        Platforms::Host if options.format == Format::Docker => Ok(vec![crate::select::choose(packed, None)?]),
        Platforms::Host | Platforms::All => Ok(packed.images.iter().collect()),
        Platforms::These(wanted) => {
            wanted.iter().map(|platform| crate::select::choose(packed, Some(platform))).collect()
        }
    }
}
