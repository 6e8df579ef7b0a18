use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use ply_image::{DiffId, Region};
use ply_layer::Compression;
use ply_store::Store;
use ply_tree::{ReadAt, Source, Sources};

use super::Files;
use crate::transfer::{Expected, Out, Plain, RegionReader, inflate, lock, sniff};
use crate::watch::Silent;
use crate::{Error, watch::TaskProgress};

/// The bytes of a layer's plain tar: where they lie, or what they are made from when somebody first asks.
#[derive(Debug)]
pub struct LayerBytes {
    diff_id: DiffId,
    packed: Region,
    compression: Compression,
    /// Where a plain tar that is made is kept; in a file without a name if nowhere.
    store: Option<Store>,
    plain: OnceLock<Region>,
}

impl LayerBytes {
    /// Of a compressed layer, whose plain tar the store may have from an earlier time.
    pub(super) fn new(diff_id: DiffId, packed: Region, store: Option<Store>) -> Result<Self, Error> {
        let what = || format!("layer {diff_id}");
        let compression = sniff(&packed).map_err(Error::within(what()))?;
        let plain = OnceLock::new();
        if compression == Compression::None {
            let _ = plain.set(packed.clone());
        } else if let Some(file) = store.as_ref().and_then(|store| store.made_plain_tar(&diff_id)) {
            let _ = plain.set(whole(Arc::new(file)).map_err(Error::within(what()))?);
        }
        Ok(Self { diff_id, packed, compression, store, plain })
    }

    /// What there is of the layer without making anything: its plain tar, or what that is to be made from.
    pub(super) fn at_hand(&self) -> (&Region, Compression) {
        self.plain.get().map_or((&self.packed, self.compression), |plain| (plain, Compression::None))
    }

    /// Where the plain bytes lie. A compressed layer is inflated once, whole, and compared with its DiffID before a byte of
    /// it is read: what was made is kept in the store where it can be.
    ///
    /// # Errors
    /// It cannot be inflated, is not what its DiffID says, or there is no room for it.
    pub fn plain(&self) -> Result<&Region, Error> {
        if let Some(region) = self.plain.get() {
            return Ok(region);
        }
        let file = match &self.store {
            Some(store) => store.plain_tar(&self.diff_id, |file| self.inflate(file))?,
            None => None,
        };
        let file = match file {
            Some(file) => Arc::new(file),
            None => {
                let file = Arc::new(unnamed().map_err(Error::within("making a temporary file"))?);
                self.inflate(&file)?;
                file
            }
        };
        let region = whole(file).map_err(Error::within(format!("layer {}", self.diff_id)))?;
        Ok(self.plain.get_or_init(|| region))
    }

    fn inflate(&self, file: &Arc<File>) -> Result<(), Error> {
        let what = format!("layer {}", self.diff_id);
        let out = Out::new(Arc::clone(file), 0);
        let progress = TaskProgress { watch: &Silent, task: 0 };
        let raw = RegionReader::new(&self.packed);
        inflate(raw, self.compression, None, Plain::Out(Some(&out)), &progress)
            .map_err(|e| e.at(&what))?
            .verified(&what, Expected { digest: None, diff_id: Some(self.diff_id) })?;
        Ok(())
    }
}

impl Files {
    /// Makes the plain bytes of a layer, so that many can read them at once.
    pub(super) fn prepare(&self, source: u32) -> Result<(), Error> {
        let bytes = usize::try_from(source).ok().and_then(|at| self.bytes.get(at));
        bytes.map_or(Ok(()), |bytes| bytes.plain().map(|_| ()))
    }
}

fn whole(file: Arc<File>) -> io::Result<Region> {
    let len = file.metadata()?.len();
    Ok(Region { file, offset: 0, len })
}

/// A file that is gone when it is closed, whatever happens.
fn unnamed() -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    Ok(File::from(open(std::env::temp_dir(), flags, Mode::RUSR | Mode::WUSR)?))
}

impl ReadAt for LayerBytes {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let Region { file, offset: start, len } = self.plain().map_err(io::Error::other)?;
        let left = usize::try_from(len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        file.read_at(buffer.get_mut(..wanted).unwrap_or_default(), start + offset)
    }
}

impl Files {
    /// Makes the plain tars of all compressed layers, several at once.
    ///
    /// # Errors
    /// As [`LayerBytes::plain`].
    pub(crate) fn make_plain(&self, threads: usize) -> Result<(), Error> {
        make_plain(&self.bytes, threads)
    }
}

pub(super) fn make_plain(layers: &[LayerBytes], threads: usize) -> Result<(), Error> {
    let packed: Vec<&LayerBytes> = layers.iter().filter(|b| b.plain.get().is_none()).collect();
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(None);
    let work = || {
        while let Some(bytes) = packed.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = bytes.plain() {
                lock(&failed).get_or_insert(error);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(packed.len()) {
            scope.spawn(work);
        }
        work();
    });
    let failed = lock(&failed).take();
    failed.map_or(Ok(()), Err)
}

impl Sources for Files {
    fn source(&self, source: Source) -> io::Result<&dyn ReadAt> {
        let bytes = usize::try_from(source.0).ok().and_then(|at| self.bytes.get(at));
        bytes.map(|bytes| bytes as &dyn ReadAt).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
