//! Images whose layers travel in other clothes: packed again into one file that has no name, with documents that say so.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use ply_archive::{PlannedImage, PlannedLayer, PlannedPlatform};
use ply_digest::{Digest, Hasher};
use ply_image::{BlobError, BlobSource, Descriptor, DiffId, Document, MediaType, Region};
use ply_layer::Encoding;

use super::{Options, Sources, omitted};
use crate::documents::{Documents, Outgoing};
use crate::new_image::layer_type;
use crate::pack::stored;
use crate::transfer::RegionReader;
use crate::watch::{Task, TaskProgress};
use crate::{Engine, Error};

/// Layers that were packed again, one after the other in a file.
#[derive(Debug)]
pub(crate) struct Repacked {
    file: Arc<File>,
    len: u64,
    places: HashMap<Digest, (u64, u64)>,
}

impl Engine<'_> {
    /// Packs the layers that are in other clothes than is wanted, and gives the images documents that name the new blobs.
    pub(super) fn repack(
        &self,
        images: &mut Vec<PlannedImage>,
        sources: &Sources<'_>,
        wanted: Encoding,
        options: &Options,
    ) -> Result<Repacked, Error> {
        let documents: Vec<Documents<'_>> =
            images.iter().map(|image| Documents::of(image, sources)).collect();
        let (mut blobs, mut packed) = (HashMap::new(), Vec::new());
        for layer in documents.iter().flat_map(Documents::layers) {
            if blobs.insert(layer.diff_id, layer.blob.clone()).is_none()
                && stored(sources, &layer.blob)? != wanted.compression()
            {
                packed.push(layer);
            }
        }
        let mut repacked = Repacked::new(self)?;
        let task = |layer: &Outgoing| Task { label: layer.diff_id.0.short(), total: Some(layer.blob.size) };
        self.watch.plan(&packed.iter().map(task).collect::<Vec<_>>());
        let result = packed.iter().enumerate().try_for_each(|(at, layer)| -> Result<(), Error> {
            let progress = TaskProgress { watch: self.watch, task: at };
            let writer = self.pack(sources, layer, wanted, repacked.writer(), &progress)?;
            let blob = writer.finish(layer_type(wanted.compression()));
            self.remember(layer, wanted, &blob);
            blobs.insert(layer.diff_id, blob);
            self.watch.done(at);
            Ok(())
        });
        self.watch.finish();
        result?;
        let dressed = images
            .iter()
            .zip(&documents)
            .map(|(image, documents)| dressed(image, documents, &blobs, options));
        *images = dressed.collect::<Result<_, Error>>()?;
        Ok(repacked)
    }
}

/// An image with other blobs as layers.
fn dressed(
    image: &PlannedImage,
    documents: &Documents<'_>,
    blobs: &HashMap<DiffId, Descriptor>,
    options: &Options,
) -> Result<PlannedImage, Error> {
    let written = documents.written(blobs)?;
    if options.preserve_digests && written.root.digest != image.root.digest {
        return Err(crate::documents::other_digest());
    }
    let mut raws: Vec<Vec<u8>> = written.below.into_iter().map(|(_, raw)| raw).collect();
    raws.push(written.raw);
    let platforms = image.images.iter().zip(&raws).map(|(platform, raw)| {
        let layers = platform.layers.iter().map(|layer| {
            let blob = blobs.get(&layer.diff_id).unwrap_or(&layer.blob).clone();
            PlannedLayer { omitted: omitted(options, layer.diff_id, blob.digest), blob, ..layer.clone() }
        });
        let layers = layers.collect();
        Ok(PlannedPlatform {
            manifest: Document::parse(raw.clone())?,
            config: platform.config.clone(),
            layers,
        })
    });
    let images = platforms.collect::<Result<_, Error>>()?;
    let is_index =
        |blob: &&Descriptor| documents.indexes.iter().any(|(index, _)| index.digest == blob.digest);
    let further = image.blobs.iter().filter(|blob| !is_index(blob)).cloned().collect();
    let names = image.names.clone();
    Ok(PlannedImage { names, root: written.root, documents: raws, blobs: further, images })
}

impl Repacked {
    /// In the store's own folder where that can be written, since the folder for temporary files may be memory.
    fn new(engine: &Engine<'_>) -> Result<Self, Error> {
        let file = crate::files::temporary(engine.store.root())?;
        Ok(Self { file: Arc::new(file), len: 0, places: HashMap::new() })
    }

    fn writer(&mut self) -> Writer<'_> {
        Writer { len: 0, hasher: Hasher::new(), repacked: self }
    }
}

impl BlobSource for Repacked {
    fn open(&self, digest: &Digest) -> Result<Box<dyn Read + Send + '_>, BlobError> {
        Ok(Box::new(RegionReader::new(&self.in_file(digest)?)))
    }

    fn size(&self, digest: &Digest) -> Result<u64, BlobError> {
        Ok(self.in_file(digest)?.len)
    }

    fn region(&self, digest: &Digest) -> Result<Option<Region>, BlobError> {
        let (offset, len) = *self.places.get(digest).ok_or(BlobError::Absent(*digest))?;
        Ok(Some(Region { file: Arc::clone(&self.file), offset, len }))
    }
}

/// A layer on its way to the end of the file.
struct Writer<'a> {
    repacked: &'a mut Repacked,
    len: u64,
    hasher: Hasher,
}

impl Writer<'_> {
    /// All is written.
    fn finish(self, media_type: MediaType) -> Descriptor {
        let (digest, offset) = (self.hasher.finalize(), self.repacked.len);
        self.repacked.places.insert(digest, (offset, self.len));
        self.repacked.len = self.repacked.len.saturating_add(self.len);
        Descriptor::new(media_type, digest, self.len)
    }
}

impl Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.repacked.file.write_all_at(bytes, self.repacked.len.saturating_add(self.len))?;
        self.hasher.update(bytes);
        self.len = self.len.saturating_add(bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
