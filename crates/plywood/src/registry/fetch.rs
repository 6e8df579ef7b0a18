//! Layers out of a registry into the store: fetched over several connections, and behind them inflated, hashed and
//! counted.

use std::fs::{File, OpenOptions};
use std::io::{self, Cursor, Read};
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ply_image::{Descriptor, DiffId};
use ply_layer::Compression;
use ply_registry::{Bytes, Download, Place, RegistryError, Repository, download};
use ply_store::{Ingest, IngestBlob};
use rustix::fs::{Advice, fadvise};

use crate::transfer::{Budget, Expected, Indexes, Moved, WRITE_BACK, Walk, lock, refused, take};
use crate::watch::{Task, TaskProgress};
use crate::workers::each;
use crate::{Engine, Error};

/// Connections to a registry at once: more would not be kinder to it.
const CONNECTIONS: usize = 6;

/// A layer that is not here.
pub(super) struct Absent {
    pub(super) blob: Descriptor,
    pub(super) diff_id: DiffId,
    /// For messages: `layer 3 of 11 (sha256:…)`.
    pub(super) what: String,
}

/// A blob's file, written at many places at once and read behind.
struct Arriving {
    path: PathBuf,
    /// Open while bytes come: there may be more blobs than a process may hold files open.
    file: Mutex<Option<Arc<File>>>,
    /// Bytes that the disk has not been told of.
    dirty: AtomicU64,
}

impl Arriving {
    fn new(blob: &IngestBlob) -> Self {
        Self { path: blob.path().to_owned(), file: Mutex::new(None), dirty: AtomicU64::new(0) }
    }

    fn file(&self) -> io::Result<Arc<File>> {
        let mut file = lock(&self.file);
        if let Some(file) = &*file {
            return Ok(Arc::clone(file));
        }
        let opened = Arc::new(OpenOptions::new().read(true).write(true).open(&self.path)?);
        Ok(Arc::clone(file.insert(opened)))
    }

    fn close(&self) {
        *lock(&self.file) = None;
    }
}

impl Place for Arriving {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let file = self.file()?;
        file.write_all_at(bytes, offset).map_err(|e| refused(self.path.display().to_string(), e))?;
        let len = bytes.len() as u64;
        let dirty = self.dirty.fetch_add(len, Ordering::Relaxed).saturating_add(len);
        if dirty >= WRITE_BACK {
            self.dirty.store(0, Ordering::Relaxed);
            let from = offset.saturating_add(len).saturating_sub(WRITE_BACK);
            let _ = fadvise(&file, from, NonZeroU64::new(WRITE_BACK), Advice::DontNeed);
        }
        Ok(())
    }
}

impl Bytes for Arriving {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file()?.read_at(buffer, offset)
    }
}

impl Engine<'_> {
    /// Fetches layers, the largest first. Those that came whole are in the transaction, also where others failed.
    pub(super) fn fetch(
        &self,
        ingest: &Ingest,
        repository: &Repository<'_>,
        mut absent: Vec<Absent>,
    ) -> Result<(), Error> {
        absent.sort_by_key(|layer| std::cmp::Reverse(layer.blob.size));
        let task = |layer: &Absent| Task { label: layer.blob.digest.short(), total: Some(layer.blob.size) };
        self.watch.plan(&absent.iter().map(task).collect::<Vec<_>>());
        let fetched = self.fetch_watched(ingest, repository, &absent);
        self.watch.finish();
        fetched
    }

    fn fetch_watched(
        &self,
        ingest: &Ingest,
        repository: &Repository<'_>,
        absent: &[Absent],
    ) -> Result<(), Error> {
        let blobs =
            absent.iter().map(|layer| ingest.blob(Some(layer.blob.size))).collect::<Result<Vec<_>, _>>()?;
        let places: Vec<Arriving> = blobs.iter().map(Arriving::new).collect();
        let progress: Vec<TaskProgress<'_>> =
            (0..absent.len()).map(|task| TaskProgress { watch: self.watch, task }).collect();
        let downloads: Vec<Download<'_>> = absent
            .iter()
            .zip(&places)
            .zip(&progress)
            .map(|((layer, place), progress)| {
                Download::new(layer.blob.digest, layer.blob.size, place, progress)
            })
            .collect();
        let indexes = Indexes::new(ingest);
        let walk = Walk::incoming(self.max_layer_size, &indexes);
        let budget = Budget::inflating();
        let whole: Vec<_> = blobs.into_iter().map(|blob| Mutex::new(Some(blob))).collect();
        let numbers: Vec<usize> = (0..absent.len()).collect();
        let failed = Mutex::new(None);
        std::thread::scope(|scope| {
            scope.spawn(|| download(repository, &downloads, CONNECTIONS));
            let taken = each(
                self.threads(),
                &numbers,
                || (),
                |(), &at| {
                    let (Some(layer), Some(download), Some(place), Some(blob)) =
                        (absent.get(at), downloads.get(at), places.get(at), whole.get(at))
                    else {
                        return Ok(());
                    };
                    // After a failure only what has come whole is taken, so that it need not come again.
                    match &*lock(&failed) {
                        None => {}
                        Some(error) if !matches!(error, Error::Interrupted) && download.is_whole() => {}
                        Some(_) => return Ok(()),
                    }
                    let moved = match arrive(layer, download, walk, &budget) {
                        Ok(moved) => moved,
                        Err(error) => {
                            lock(&failed).get_or_insert(error);
                            return Ok(());
                        }
                    };
                    place.close();
                    if let Some(blob) = lock(blob).take() {
                        ingest.finish(blob, moved.digest);
                    }
                    ingest.learn(moved.diff_id, moved.facts);
                    self.watch.done(at);
                    Ok(())
                },
            );
            // Nobody reads behind any more: what failed ends the others.
            downloads.iter().for_each(Download::abandon);
            taken
        })?;
        lock(&failed).take().map_or(Ok(()), Err)
    }
}

/// Reads a layer while it comes, and checks it.
fn arrive(layer: &Absent, download: &Download<'_>, walk: Walk<'_>, budget: &Budget) -> Result<Moved, Error> {
    let failed = |error: Error| match download.failure() {
        Some(RegistryError::Interrupted) => Error::Interrupted,
        Some(cause) => cause.into(),
        None => error,
    };
    let mut reader = download.reader();
    let mut head = Vec::new();
    let read = reader.by_ref().take(Compression::HEAD as u64).read_to_end(&mut head);
    read.map_err(|e| failed(Error::within(layer.what.clone())(e)))?;
    let _share = budget.take_for(&head);
    let stream = Cursor::new(head).chain(reader);
    let expected = Expected { digest: Some(layer.blob.digest), diff_id: Some(layer.diff_id) };
    let taken = take(stream, layer.blob.size, None, walk, &()).map_err(|e| failed(e.at(&layer.what)))?;
    // What did not come says more than what its absence did to the rest.
    if let Some(cause) = download.failure() {
        return Err(cause.into());
    }
    taken.verified(&layer.what, expected)
}
