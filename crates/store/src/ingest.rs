use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use ply_digest::Digest;
use ply_image::{BlobSink, DiffId};
use rustix::fs::{RenameFlags, renameat_with};

use crate::error::io as io_error;
use crate::store::{Hold, sync_folder};
use crate::{Catalog, LayerFacts, Names, Store, StoreError};

/// How many files are synced at once: the disk likes a queue, and more than this gains nothing.
const SYNCERS: usize = 8;
/// Bytes of two files that are compared at once.
const COMPARED: usize = 128 << 10;

/// A transaction: blobs on their way into the store.
///
/// Nothing is seen by anybody until [`commit`](Self::commit). While it lives, nothing is collected.
#[derive(Debug)]
#[must_use = "dropping it undoes the work; commit() publishes it"]
pub struct Ingest {
    store: Store,
    folder: PathBuf,
    next: AtomicU64,
    finished: Mutex<Vec<(PathBuf, Digest)>>,
    facts: Mutex<Vec<(DiffId, LayerFacts)>>,
    /// Layers whose index was written.
    indexed: Mutex<Vec<DiffId>>,
    hold: Hold,
    #[expect(dead_code, reason = "its lock says that the transaction is under way")]
    alive: File,
}

/// A blob on its way in: a file nobody else knows of, to be written at any offset.
///
/// It is not kept open: a transaction may hold more blobs than a process may hold files.
#[derive(Debug)]
#[must_use = "finish() names it by its digest"]
pub struct IngestBlob {
    path: PathBuf,
}

impl IngestBlob {
    /// Opens the file for reading and writing.
    ///
    /// # Errors
    /// The system's word.
    pub fn open(&self) -> Result<File, StoreError> {
        let file = OpenOptions::new().read(true).write(true).open(&self.path);
        file.map_err(io_error("open", &self.path))
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// [`StoreError::NoSpace`], or the system's word.
    pub fn write(&self, bytes: &[u8]) -> Result<(), StoreError> {
        self.open()?.write_all(bytes).map_err(io_error("write", &self.path))
    }

    /// Whether nothing was written to it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|found| found.len() == 0)
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Ingest {
    pub(crate) fn begin(store: &Store) -> Result<Self, StoreError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let hold = store.hold()?;
        sweep(&store.layout.ingest());
        loop {
            let name = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            let folder = store.layout.ingest().join(name);
            match fs::create_dir(&folder) {
                Ok(()) => {}
                // Left over from a process that had our number before.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(e) => return Err(io_error("create", &folder)(e)),
            }
            // Somebody who sweeps may have been quicker than our lock.
            if let Some(alive) = lock_folder(&folder).map_err(io_error("lock", &folder))? {
                return Ok(Self {
                    store: store.clone(),
                    folder,
                    next: AtomicU64::new(0),
                    finished: Mutex::default(),
                    facts: Mutex::default(),
                    indexed: Mutex::default(),
                    hold,
                    alive,
                });
            }
        }
    }

    /// The store this goes into.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Starts a blob. With a size, its space is taken at once: a disk that is too small says so now, and the
    /// file lies in one piece.
    ///
    /// # Errors
    /// [`StoreError::NoSpace`], or the file cannot be made.
    pub fn blob(&self, size: Option<u64>) -> Result<IngestBlob, StoreError> {
        let path = self.folder.join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = file.map_err(io_error("create", &path))?;
        if let Some(size) = size.filter(|&size| size > 0) {
            self.preallocate(&path, &file, size)?;
        }
        Ok(IngestBlob { path })
    }

    fn preallocate(&self, path: &Path, file: &File, size: u64) -> Result<(), StoreError> {
        use rustix::fs::{FallocateFlags, fallocate, fstatfs};
        use rustix::io::Errno;
        // Memory is zeroed when it is taken, and written once more by us: on tmpfs a load would take a third longer.
        if fstatfs(file).is_ok_and(|found| found.f_type == TMPFS) {
            let free = self.store.free_space();
            return if free >= size { Ok(()) } else { Err(no_space(&self.store, size, free)) };
        }
        match fallocate(file, FallocateFlags::empty(), 0, size) {
            // A file system that cannot is one that will do without.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            Err(Errno::NOSPC | Errno::DQUOT) => Err(no_space(&self.store, size, self.store.free_space())),
            Err(e) => Err(io_error("preallocate", path)(e.into())),
        }
    }

    /// Names a blob by its digest, which the caller has computed over all its bytes. It is published by
    /// [`commit`](Self::commit).
    pub fn finish(&self, blob: IngestBlob, digest: Digest) {
        lock(&self.finished).push((blob.path, digest));
    }

    /// Drops a blob that is not wanted after all.
    pub fn discard(&self, blob: IngestBlob) {
        let _ = fs::remove_file(&blob.path);
        drop(blob);
    }

    /// Remembers what was found out about a layer while its bytes went past.
    pub fn learn(&self, layer: DiffId, facts: LayerFacts) {
        lock(&self.facts).push((layer, facts));
    }

    /// Takes the index of a layer that came in. Best effort: it can be made again, and who opens it finds out whether it is
    /// whole. So it is not made durable.
    pub fn index(&self, of: DiffId, index: &[u8]) {
        if fs::write(self.index_path(&of), index).is_ok() {
            lock(&self.indexed).push(of);
        }
    }

    fn index_path(&self, of: &DiffId) -> PathBuf {
        self.folder.join(format!("{}.erofs", of.0.hex()))
    }

    /// Makes every finished blob durable, moves it to its digest, and then lets `change` edit the names: all or
    /// nothing, with the names last.
    ///
    /// # Errors
    /// A blob or the index could not be written, or `change` refused: the store's names are as before.
    pub fn commit<R, E: From<StoreError>>(
        self,
        change: impl FnOnce(&mut Names, &Catalog) -> Result<R, E>,
    ) -> Result<R, E> {
        let finished = std::mem::take(&mut *lock(&self.finished));
        sync_all(&finished)?;
        let changed = match self.publish_all(&finished, change) {
            Ok(changed) => changed,
            Err(error) => {
                self.withdraw(&finished);
                return Err(error);
            }
        };
        let indexed = std::mem::take(&mut *lock(&self.indexed));
        if !indexed.is_empty() && fs::create_dir_all(self.store.layout.layers()).is_ok() {
            for of in indexed {
                let _ = fs::rename(self.index_path(&of), self.store.layout.layer_index(&of.0));
            }
        }
        Ok(changed)
    }

    fn publish_all<R, E: From<StoreError>>(
        &self,
        finished: &[(PathBuf, Digest)],
        change: impl FnOnce(&mut Names, &Catalog) -> Result<R, E>,
    ) -> Result<R, E> {
        for (path, digest) in finished {
            self.publish(path, digest)?;
        }
        // What was here already may have come from somebody who was killed before this.
        sync_folder(&self.store.layout.blobs())?;
        let facts = std::mem::take(&mut *lock(&self.facts));
        self.store.edit_held(&self.hold, &facts, change)
    }

    /// Takes back blobs that no name came to point to, unless somebody uses the store: he may have found them already, and
    /// then the next collection takes them. Whatever stood in the way, a full disk perhaps, is no reason to leave more there.
    fn withdraw(self, finished: &[(PathBuf, Digest)]) {
        let store = self.store.clone();
        let digests: Vec<Digest> = finished.iter().map(|(_, digest)| *digest).collect();
        // Gives up our own hold.
        drop(self);
        let _ = store.collect_if_free(&digests);
    }

    /// Moves a blob to its digest. Where one lies there already the two are compared: what lies there stays, so that mounts
    /// of it go on sharing it, unless it is damaged.
    fn publish(&self, path: &Path, digest: &Digest) -> Result<(), StoreError> {
        use rustix::fs::CWD;
        use rustix::io::Errno;
        let to = self.store.layout.blob(digest);
        match renameat_with(CWD, path, CWD, &to, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(()),
            Err(Errno::EXIST) => {
                if fs::symlink_metadata(&to).is_ok_and(|old| old.is_file())
                    && same_bytes(path, &to).unwrap_or(false)
                {
                    return Ok(());
                }
            }
            // A file system without it: an existing blob is replaced by the same bytes.
            Err(Errno::INVAL | Errno::NOSYS) => {}
            Err(e) => return Err(io_error("rename", &to)(e.into())),
        }
        fs::rename(path, &to).map_err(io_error("rename", &to))
    }
}

/// Whether two files have the same bytes.
fn same_bytes(a: &Path, b: &Path) -> io::Result<bool> {
    let (a, b) = (File::open(a)?, File::open(b)?);
    let len = a.metadata()?.len();
    if len != b.metadata()?.len() {
        return Ok(false);
    }
    let (mut of_a, mut of_b) = (vec![0; COMPARED], vec![0; COMPARED]);
    for at in (0..len).step_by(COMPARED) {
        let size = usize::try_from(len.saturating_sub(at)).unwrap_or(COMPARED).min(COMPARED);
        let (of_a, of_b) =
            (of_a.get_mut(..size).unwrap_or_default(), of_b.get_mut(..size).unwrap_or_default());
        a.read_exact_at(of_a, at)?;
        b.read_exact_at(of_b, at)?;
        if of_a != of_b {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Removes what transactions left behind whose process is gone: the kernel gives locks back when one dies.
fn sweep(ingest: &Path) {
    for entry in fs::read_dir(ingest).into_iter().flatten().flatten() {
        let path = entry.path();
        if let Ok(Some(_lock)) = lock_folder(&path) {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// Whether nobody is at work on a transaction any more.
pub(crate) fn is_dead(folder: &Path) -> bool {
    lock_folder(folder).is_ok_and(|lock| lock.is_some())
}

/// The folder, locked; `None` where somebody else has it or has removed it.
fn lock_folder(path: &Path) -> io::Result<Option<File>> {
    use rustix::fs::{FlockOperation, flock};
    let folder = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(path.exists().then_some(folder)),
        Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl BlobSink for Ingest {
    fn has(&self, digest: &Digest, size: u64) -> bool {
        self.store.has(digest, size)
    }

    fn put(&self, bytes: &[u8]) -> io::Result<Digest> {
        let digest = Digest::of(bytes);
        if self.store.has(&digest, bytes.len() as u64)
            && fs::read(self.store.layout.blob(&digest)).is_ok_and(|here| here == bytes)
        {
            return Ok(digest);
        }
        let blob = self.blob(None).map_err(io::Error::other)?;
        blob.write(bytes).map_err(io::Error::other)?;
        self.finish(blob, digest);
        Ok(digest)
    }
}

/// `TMPFS_MAGIC` of `linux/magic.h`.
const TMPFS: rustix::fs::FsWord = 0x0102_1994;

fn no_space(store: &Store, needed: u64, free: u64) -> StoreError {
    StoreError::NoSpace { path: store.root().to_owned(), needed, free }
}

/// Makes files durable, several at once.
fn sync_all(files: &[(PathBuf, Digest)]) -> Result<(), StoreError> {
    let next = AtomicU64::new(0);
    let failed = Mutex::new(None);
    let work = || {
        while let Some((path, _)) =
            usize::try_from(next.fetch_add(1, Ordering::Relaxed)).ok().and_then(|at| files.get(at))
        {
            if let Err(e) = File::open(path).and_then(|file| file.sync_data()) {
                *lock(&failed) = Some(io_error("sync", path)(e));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..SYNCERS.min(files.len()) {
            scope.spawn(work);
        }
        work();
    });
    failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).map_or(Ok(()), Err)
}

/// A thread that panicked while it pushed to a list left the list whole.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
