//! Blobs on their way to a registry: what it has is not sent, what it has elsewhere is mounted, plain layers are compressed
//! while the first of their bytes are already on their way.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use ply_digest::{Digest, Progress};
use ply_image::{BlobSource, Descriptor, DiffId, Region};
use ply_layer::{Compression, Encoding};
use ply_reference::Name;
use ply_registry::{Begun, Bytes, Repository, Upload};
use ply_store::Twin;

use super::documents::Small;
use super::growing::{Growing, Grown, STEP};
use crate::documents::Outgoing;
use crate::new_image::layer_type;
use crate::pack::{called, stored};
use crate::transfer::{Budget, lock};
use crate::watch::{Task, TaskProgress};
use crate::workers::each;
use crate::{Engine, Error};

/// Uploads at once.
const CONNECTIONS: usize = 6;

/// What became of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// It was sent.
    Pushed,
    /// The registry had it.
    There,
    /// The registry had it in another repository.
    Mounted(Name),
}

/// Everything that sending takes.
pub(super) struct Sending<'s> {
    pub(super) engine: &'s Engine<'s>,
    pub(super) repository: &'s Repository<'s>,
    pub(super) source: &'s dyn BlobSource,
    /// How layers travel; `None`: compressed ones as they are, plain ones with gzip.
    pub(super) compress: Option<Encoding>,
    /// Repositories of the same registry that may have a blob.
    pub(super) elsewhere: HashMap<Digest, Name>,
}

/// How one layer travels.
enum Way {
    /// As it is stored.
    AsIs,
    /// Compressed, or inflated, on the way; the blob may be known from an earlier time.
    Packed(Encoding, Option<Twin>),
}

/// A layer, the blob that the registry has of it now, and how it came there.
pub(super) type Arrived = (DiffId, Descriptor, Sent);

impl Sending<'_> {
    /// Sends layers; what became of each, in their order.
    pub(super) fn layers(&self, layers: &[Outgoing]) -> Result<Vec<Arrived>, Error> {
        let task = |layer: &Outgoing| Task { label: layer.diff_id.0.short(), total: Some(layer.blob.size) };
        self.engine.watch.plan(&layers.iter().map(task).collect::<Vec<_>>());
        let sent = self.layers_watched(layers);
        self.engine.watch.finish();
        sent
    }

    fn layers_watched(&self, layers: &[Outgoing]) -> Result<Vec<Arrived>, Error> {
        let arrived: Mutex<Vec<Option<Arrived>>> = Mutex::new(layers.iter().map(|_| None).collect());
        let keep = |at: usize, blob: Descriptor, how: Sent| {
            if let (Some(place), Some(layer)) = (lock(&arrived).get_mut(at), layers.get(at)) {
                *place = Some((layer.diff_id, blob, how));
            }
            self.engine.watch.done(at);
        };
        let packing = Mutex::new(Vec::new());
        // The largest first; those to be compressed after the others have begun.
        let mut order: Vec<usize> = (0..layers.len()).collect();
        order.sort_by_key(|at| std::cmp::Reverse(layers.get(*at).map_or(0, |layer| layer.blob.size)));
        each(
            CONNECTIONS,
            &order,
            || (),
            |(), &at| {
                let Some(layer) = layers.get(at) else { return Ok(()) };
                let progress = TaskProgress { watch: self.engine.watch, task: at };
                match self.way(layer)? {
                    Way::AsIs => {
                        let how = self.as_is(&layer.blob, &progress)?;
                        keep(at, layer.blob.clone(), how);
                    }
                    Way::Packed(encoding, twin) => match twin {
                        Some(twin) if self.has(&twin)? => {
                            let blob =
                                Descriptor::new(layer_type(encoding.compression()), twin.digest, twin.size);
                            self.engine.remember(layer, encoding, &blob);
                            keep(at, blob, Sent::There);
                        }
                        _ => lock(&packing).push((at, encoding)),
                    },
                }
                Ok(())
            },
        )?;
        let mut packing = packing.into_inner().unwrap_or_else(PoisonError::into_inner);
        packing.sort_by_key(|(at, _)| std::cmp::Reverse(layers.get(*at).map_or(0, |layer| layer.blob.size)));
        self.pack_all(layers, &packing, &keep)?;
        Ok(arrived.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().collect())
    }

    fn way(&self, layer: &Outgoing) -> Result<Way, Error> {
        let encoding = match (self.compress, stored(self.source, &layer.blob)?) {
            (None, Compression::None) => Encoding::GZIP,
            (Some(wanted), stored) if wanted.compression() != stored => wanted,
            _ => return Ok(Way::AsIs),
        };
        let called = called(encoding);
        let twins = self.engine.store.twins(&layer.diff_id);
        Ok(Way::Packed(encoding, twins.into_iter().rev().find(|twin| twin.encoding == called)))
    }

    fn has(&self, twin: &Twin) -> Result<bool, Error> {
        Ok(self.repository.blob_size(&twin.digest)? == Some(twin.size))
    }

    /// Sends a blob as it is stored. Its digest is checked by who takes it.
    fn as_is(&self, blob: &Descriptor, progress: &dyn Progress) -> Result<Sent, Error> {
        if self.repository.blob_size(&blob.digest)? == Some(blob.size) {
            return Ok(Sent::There);
        }
        let begun = match self.elsewhere.get(&blob.digest) {
            Some(from) => match self.repository.mount(&blob.digest, from)? {
                Begun::Mounted => return Ok(Sent::Mounted(from.clone())),
                Begun::Upload(upload) => Some(*upload),
            },
            None => None,
        };
        let region = self.source.in_file(&blob.digest)?;
        if region.len != blob.size {
            let why = format!(
                "has {} bytes where there should be {}: `ply check` tells more",
                region.len, blob.size
            );
            return Err(Error::within(format!("blob {}", blob.digest))(why));
        }
        self.repository.push_blob(begun, &blob.digest, blob.size, &Lying(&region), progress)?;
        Ok(Sent::Pushed)
    }

    /// Sends documents.
    pub(super) fn small(&self, small: &[Small]) -> Result<(), Error> {
        each(
            CONNECTIONS,
            small,
            || (),
            |(), small| {
                let size = small.raw.len() as u64;
                if self.repository.blob_size(&small.digest)? != Some(size) {
                    self.repository.push_blob(None, &small.digest, size, &small.raw.as_slice(), &())?;
                }
                Ok(())
            },
        )
    }

    /// Compresses layers, one after the other on all cores, and sends each while it grows.
    fn pack_all(
        &self,
        layers: &[Outgoing],
        packing: &[(usize, Encoding)],
        keep: &(dyn Fn(usize, Descriptor, Sent) + Sync),
    ) -> Result<(), Error> {
        let failed: Mutex<Option<Error>> = Mutex::new(None);
        let connections = Budget::new(CONNECTIONS as u64);
        std::thread::scope(|scope| {
            for (at, encoding) in packing {
                let Some(layer) = layers.get(*at) else { continue };
                let connection = connections.take(1);
                if lock(&failed).is_some() {
                    break;
                }
                let begun = Growing::new(self.engine.store.root());
                let growing = match begun {
                    Ok(growing) => Arc::new(growing),
                    Err(error) => {
                        lock(&failed).get_or_insert(error);
                        break;
                    }
                };
                let progress = TaskProgress { watch: self.engine.watch, task: *at };
                let (sending, failed) = (Arc::clone(&growing), &failed);
                scope.spawn(move || {
                    let _connection = connection;
                    match self.send_growing(&sending) {
                        Ok(Some((digest, size, how))) => {
                            let blob = Descriptor::new(layer_type(encoding.compression()), digest, size);
                            self.engine.remember(layer, *encoding, &blob);
                            keep(*at, blob, how);
                        }
                        // Why it does not grow any more is told by who lets it grow.
                        Ok(None) => {}
                        Err(error) => {
                            lock(failed).get_or_insert(error);
                            sending.fail();
                        }
                    }
                });
                match self.engine.pack(self.source, layer, *encoding, growing.writer(), &progress) {
                    Ok(writer) => writer.finish(),
                    Err(error) => {
                        lock(failed).get_or_insert(error);
                        growing.fail();
                        break;
                    }
                }
            }
        });
        failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    /// Sends a blob while it grows; one that is small is asked for first, once its digest is known.
    fn send_growing(&self, growing: &Growing) -> Result<Option<(Digest, u64, Sent)>, Error> {
        let mut upload = None;
        loop {
            let (sent, least) =
                upload.as_ref().map_or((0, 0), |upload: &Upload<'_>| (upload.sent(), upload.least()));
            match growing.wait(sent, STEP.max(least)) {
                Grown::More(ready) => {
                    let upload = match &mut upload {
                        Some(upload) => upload,
                        None => upload.insert(self.repository.upload("a layer")?),
                    };
                    upload.send(growing, ready, &())?;
                }
                Grown::Whole(digest, size) => match upload.take() {
                    Some(mut upload) => {
                        upload.send(growing, size, &())?;
                        upload.finish(&digest)?;
                        return Ok(Some((digest, size, Sent::Pushed)));
                    }
                    None if self.repository.blob_size(&digest)? == Some(size) => {
                        return Ok(Some((digest, size, Sent::There)));
                    }
                    None => {
                        self.repository.push_blob(None, &digest, size, growing, &())?;
                        return Ok(Some((digest, size, Sent::Pushed)));
                    }
                },
                Grown::Failed => return Ok(None),
            }
        }
    }
}

/// A blob that lies in a file.
struct Lying<'a>(&'a Region);

impl Bytes for Lying<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = usize::try_from(self.0.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let most = left.min(buffer.len());
        self.0.file.read_at(buffer.get_mut(..most).unwrap_or_default(), self.0.offset.saturating_add(offset))
    }
}
