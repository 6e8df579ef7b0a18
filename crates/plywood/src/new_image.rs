//! An image that is made here: its new layer written into the store and hashed on the way, then its documents, and last
//! the names that point to it.

use std::io::{self, Write};
use std::ops::ControlFlow;

use ply_digest::{Digest, Hasher, Progress};
use ply_image::{
    BlobError, BlobSink, BlobSource, Config, Descriptor, DiffId, Document, Image, Manifest, MediaType,
    Platform,
};
use ply_layer::Compression;
use ply_reference::Reference;
use ply_store::Ingest;

use crate::point::point;
use crate::select::{Meant, descriptor};
use crate::transfer::{Counter, Indexes, Out, Walk, sniff};
use crate::{Engine, Error};

/// A transaction in which an image is made of others and of new layers. Nothing of others is collected while it lives.
#[must_use = "dropping it undoes the work; publish() names the image"]
pub(crate) struct NewImage<'a> {
    engine: &'a Engine<'a>,
    ingest: Ingest,
}

/// An image of the store that another one is made of.
#[derive(Debug)]
pub(crate) struct Parent {
    /// Its manifest, as it lies in the store.
    pub(crate) manifest: Descriptor,
    /// Its config.
    pub(crate) config: Document<Config>,
    /// The blobs of its layers as they are stored, from the bottom up; all of them are here.
    pub(crate) layers: Vec<Descriptor>,
}

/// A layer that was written into the store.
#[derive(Debug, Clone)]
pub(crate) struct NewLayer {
    pub(crate) diff_id: DiffId,
    /// The plain tar.
    pub(crate) blob: Descriptor,
}

/// An image that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its ID.
    pub id: Digest,
    /// Names that moved, and the ID of the image each had named.
    pub moved: Vec<(Reference, Digest)>,
}

impl<'a> NewImage<'a> {
    /// Begins.
    ///
    /// # Errors
    /// The store cannot be written.
    pub(crate) fn begin(engine: &'a Engine<'a>) -> Result<Self, Error> {
        Ok(Self { engine, ingest: engine.store.begin()? })
    }

    /// An image that the new one begins with.
    ///
    /// # Errors
    /// There is none, it is not loaded, or a blob of it is missing.
    pub(crate) fn parent(&self, wanted: &str, platform: Option<&Platform>) -> Result<Parent, Error> {
        let (found, which) = match self.engine.meant(wanted)? {
            Meant::Stored(_, found) => {
                let which = found.which(platform);
                (found, which)
            }
            Meant::Unloaded(_) | Meant::Remote(_) => {
                let shown = crate::error::shown(wanted);
                return Err(Error::Misuse(format!(
                    "{shown} is not in the store, and an image can be made only of what is: load it first"
                )));
            }
        };
        self.parent_of(self.engine.stored_image(&found.facts, &which)?.1)
    }

    /// The same of an image that was read already.
    ///
    /// # Errors
    /// A blob of it is missing.
    pub(crate) fn parent_of(&self, image: Image) -> Result<Parent, Error> {
        let layers =
            image.layers().into_iter().map(|layer| self.oci(layer.blob)).collect::<Result<_, Error>>()?;
        Ok(Parent { manifest: descriptor(&image), config: image.config, layers })
    }

    /// What an OCI manifest says of a stored layer: Docker's words become OCI's, and where there are none the bytes tell.
    fn oci(&self, blob: Descriptor) -> Result<Descriptor, Error> {
        let store = &self.engine.store;
        if !store.has(&blob.digest, blob.size) {
            return Err(BlobError::Absent(blob.digest).into());
        }
        if blob.media_type.is_oci_layer() {
            return Ok(blob);
        }
        let region = store.in_file(&blob.digest)?;
        let compression = sniff(&region).map_err(Error::within(format!("blob {}", blob.digest)))?;
        Ok(Descriptor { media_type: layer_type(compression), ..blob })
    }

    /// Writes a layer: `write` is given where its plain tar goes. Each byte is written once, counted and hashed as it
    /// passes; `progress` hears of it, and can stop it.
    ///
    /// # Errors
    /// What `write` says; the store cannot be written, the bytes are no tar, or somebody said stop.
    pub(crate) fn layer(
        &self,
        progress: &dyn Progress,
        write: impl FnOnce(&mut dyn Write) -> Result<(), Error>,
    ) -> Result<NewLayer, Error> {
        let blob = self.ingest.blob(None)?;
        let indexes = Indexes::new(&self.ingest);
        let mut passing = Passing {
            out: Out::of(&blob),
            hasher: Hasher::new(),
            counter: Counter::new(Walk::incoming(None, &indexes)),
            progress,
            failed: None,
        };
        let written = write(&mut passing);
        let Passing { hasher, counter, failed, .. } = passing;
        // What stopped the bytes says more than what `write` made of it.
        failed.map_or(Ok(()), Err)?;
        written?;
        let plain = hasher.len();
        let diff_id = DiffId(hasher.finalize());
        let facts = counter.finish(diff_id, plain).map_err(Error::within("the new layer"))?;
        self.ingest.finish(blob, diff_id.0);
        self.ingest.learn(diff_id, facts);
        let blob = Descriptor::new(layer_type(Compression::None), diff_id.0, plain);
        Ok(NewLayer { diff_id, blob })
    }

    /// Publishes the image: its config, a manifest for it, and its names. An image without a name is kept all the same.
    /// `layers` are the blobs of the config's layers, from the bottom up.
    ///
    /// # Errors
    /// The store cannot be written; then all is as before.
    pub(crate) fn publish(
        self,
        config: &Document<Config>,
        layers: &[Descriptor],
        names: &[Reference],
    ) -> Result<Made, Error> {
        let manifest = Manifest::make(&config.raw, layers);
        Image::check(&manifest, config)?;
        for raw in [&config.raw, &manifest.raw] {
            self.ingest.put(raw).map_err(Error::within("writing a document"))?;
        }
        let kind = MediaType::new(MediaType::MANIFEST);
        let root = Descriptor::new(kind, manifest.digest, manifest.raw.len() as u64);
        self.name(&root, config.digest, names)
    }

    /// Names an image whose documents are here.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub(crate) fn name(self, root: &Descriptor, id: Digest, names: &[Reference]) -> Result<Made, Error> {
        let moved = self.ingest.commit(|known, catalog| {
            if names.is_empty() {
                known.keep(root);
            }
            let id_of = |target: &Digest| Some(catalog.target(target)?.image?.id);
            let moved = names.iter().map(|name| point(known, id_of, name, root, id, false));
            moved.collect::<Result<Vec<_>, Error>>()
        })?;
        Ok(Made { id, moved: moved.into_iter().flatten().collect() })
    }
}

/// The media type of a layer, by how its bytes are compressed.
pub(crate) fn layer_type(compression: Compression) -> MediaType {
    MediaType::new(match compression {
        Compression::Gzip => MediaType::LAYER_GZIP,
        Compression::Zstd => MediaType::LAYER_ZSTD,
        Compression::None | Compression::Bzip2 | Compression::Xz => MediaType::LAYER,
    })
}

/// A layer's bytes on their way into the store.
struct Passing<'a> {
    out: Out,
    hasher: Hasher,
    counter: Counter<'a>,
    progress: &'a dyn Progress,
    /// Why the bytes were stopped; the writer above sees only that they were.
    failed: Option<Error>,
}

impl Passing<'_> {
    fn pass(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.out.write(bytes).map_err(Error::within("writing the new layer"))?;
        self.counter.push(bytes).map_err(Error::within("the new layer"))?;
        self.hasher.update(bytes);
        match self.progress.advance(bytes.len() as u64) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Interrupted),
        }
    }
}

impl Write for Passing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.pass(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(error) => {
                self.failed = Some(error);
                Err(io::Error::other("stopped"))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
