use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::catalog::Catalog;
use crate::error::io as io_error;
use crate::index_file::{Names, read_index, write_index};
use crate::layout::Layout;
use crate::lock::{self, Lock, Mode};
use crate::{Ingest, StoreError};

/// The newest format of what stands under `ply/`.
const FORMAT: u32 = 1;

/// A store of images in a folder: a plain OCI image layout, and private files under `ply/`.
///
/// Opening changes nothing; a folder that is not there is an empty store, made by the first change.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) layout: Layout,
}

impl Store {
    /// Opens the store in this folder.
    ///
    /// # Errors
    /// The folder was written by a newer version, or cannot be read.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let store = Self { layout: Layout { root: root.to_owned() } };
        if fs::metadata(root).is_ok_and(|found| !found.is_dir()) {
            return Err(io_error("open", root)(io::ErrorKind::NotADirectory.into()));
        }
        let path = store.layout.version();
        match fs::read_to_string(&path) {
            Ok(text) => match text.trim().parse::<u32>() {
                Ok(1..=FORMAT) => Ok(store),
                _ => {
                    let found = text.trim().chars().take(20).collect::<String>().escape_debug().to_string();
                    Err(StoreError::Newer { path, found, known: FORMAT })
                }
            },
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(store),
            Err(e) => Err(io_error("read", &path)(e)),
        }
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.layout.root()
    }

    /// Bytes that can still be written.
    #[must_use]
    pub fn free_space(&self) -> u64 {
        let mut at = self.layout.root();
        while !at.exists() {
            match at.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => at = parent,
                _ => return 0,
            }
        }
        crate::error::free_space(at)
    }

    /// Keeps every blob where it is until the guard is dropped: whoever reads blobs holds one.
    ///
    /// # Errors
    /// Another process collects for longer than thirty seconds.
    pub fn hold(&self) -> Result<Hold, StoreError> {
        // Who holds one already would keep waiting the one whom he lets go first.
        if HOLDS.load(Ordering::Relaxed) == 0 {
            lock::give_way(&self.layout.private());
        }
        match lock::take(&self.layout.lock(), Mode::Shared) {
            Ok(lock) => Ok(Hold::new(Some(lock))),
            // Nobody can collect in a store where no lock can be made.
            Err(StoreError::Io { source, .. }) if unlockable(&source) => Ok(Hold::new(None)),
            Err(e) => Err(e),
        }
    }

    /// What the store holds, in one read. While it lives, no blob is collected: what it leads to is still there.
    ///
    /// # Errors
    /// Another process collects for longer than thirty seconds; `index.json` is damaged or cannot be read. A catalog that is missing, stale or damaged is no error: it is
    /// made again.
    pub fn catalog(&self) -> Result<Catalog, StoreError> {
        let hold = self.hold()?;
        let bytes = read_index(&self.layout)?;
        Ok(Catalog::load(self, &bytes)?.held(hold))
    }

    /// The entry of `index.json` for a canonical name, annotated as it stands there.
    ///
    /// # Errors
    /// `index.json` is damaged or cannot be read.
    pub fn entry(&self, name: &str) -> Result<Option<ply_image::Descriptor>, StoreError> {
        let names = Names::parse(&self.layout, &read_index(&self.layout)?)?;
        Ok(names.get(name).cloned())
    }

    /// Starts taking blobs in.
    ///
    /// # Errors
    /// The store cannot be made or written.
    pub fn begin(&self) -> Result<Ingest, StoreError> {
        self.create()?;
        Ingest::begin(self)
    }

    /// Changes names: reads `index.json` again under its lock, lets `change` edit, and replaces the file by
    /// rename. A reader sees the old names or the new ones.
    ///
    /// # Errors
    /// What `change` says, with nothing changed; or the store cannot be written.
    pub fn edit<R, E: From<StoreError>>(
        &self,
        change: impl FnOnce(&mut Names, &Catalog) -> Result<R, E>,
    ) -> Result<R, E> {
        self.create()?;
        let hold = self.hold()?;
        self.edit_held(&hold, &[], change)
    }

    /// As [`edit`](Self::edit), for whoever holds the blobs already, with facts about layers to remember.
    pub(crate) fn edit_held<R, E: From<StoreError>>(
        &self,
        _hold: &Hold,
        facts: &[(ply_image::DiffId, crate::LayerFacts)],
        change: impl FnOnce(&mut Names, &Catalog) -> Result<R, E>,
    ) -> Result<R, E> {
        let _lock = lock::take(&self.layout.index_lock(), Mode::Exclusive)?;
        let bytes = read_index(&self.layout)?;
        let mut catalog = Catalog::load(self, &bytes)?;
        catalog.learn(facts);
        let mut names = Names::parse(&self.layout, &bytes)?;
        let result = change(&mut names, &catalog)?;
        if names.changed() || !bytes.starts_with(b"{") {
            let new = write_index(&self.layout, &names, bytes.len())?;
            let catalog = catalog.follow(self, &names, &new);
            catalog.save(&self.layout);
            return Ok(result);
        }
        if !facts.is_empty() {
            catalog.save(&self.layout);
        }
        self.settle()?;
        Ok(result)
    }

    /// Keeps facts about layers that were found out later; best effort, since they can be found out again.
    pub fn remember(&self, facts: &[(ply_image::DiffId, crate::LayerFacts)]) {
        if self.layout.index().exists()
            && let Ok(hold) = self.hold()
        {
            let _ = self.edit_held::<(), StoreError>(&hold, facts, |_, _| Ok(()));
        }
    }

    /// Makes what is not there yet. Each step can be repeated, so that a crash between two does no harm.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(&self) -> Result<(), StoreError> {
        let layout = &self.layout;
        if layout.version().exists() && layout.index().exists() && layout.ingest().exists() {
            return Ok(());
        }
        read_index(layout)?;
        for folder in [layout.blobs(), layout.ingest()] {
            fs::create_dir_all(&folder).map_err(io_error("create", &folder))?;
        }
        let _lock = lock::take(&layout.index_lock(), Mode::Exclusive)?;
        place(layout, &layout.oci_layout(), br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        place(layout, &layout.index(), Names::EMPTY.as_bytes())?;
        drop(lock::open(&layout.lock()).map_err(io_error("create", &layout.lock()))?);
        for folder in [layout.root.join("blobs"), layout.root.clone()] {
            sync_folder(&folder)?;
        }
        sync_above(&layout.root)?;
        // Last, since a store that has it is not made again: all else is durable by now. That it is itself need not be.
        place(layout, &layout.version(), format!("{FORMAT}\n").as_bytes())
    }

    /// Makes durable what names say now: who wrote them may have been killed before. For whoever relies on them.
    ///
    /// # Errors
    /// The system's word.
    pub fn settle(&self) -> Result<(), StoreError> {
        sync_folder(&self.layout.root)
    }
}

/// Holds in this process, of any store.
static HOLDS: AtomicUsize = AtomicUsize::new(0);

/// Keeps blobs from being collected while it lives.
#[derive(Debug)]
#[must_use = "dropping it lets blobs be collected"]
pub struct Hold {
    #[expect(dead_code, reason = "held for its drop")]
    lock: Option<Lock>,
}

impl Hold {
    fn new(lock: Option<Lock>) -> Self {
        HOLDS.fetch_add(1, Ordering::Relaxed);
        Self { lock }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        HOLDS.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(crate) fn unlockable(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::NotADirectory
    )
}

/// Writes a file that is not there yet, whole or not at all.
fn place(layout: &Layout, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    if path.exists() {
        return Ok(());
    }
    let beside = layout.beside(path);
    let write = || write_new(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    write().map_err(io_error("write", path))
}

/// Writes a file durably, a new one always: after a power cut the name may stand for a file that has another name as
/// well, which must stay whole.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}

/// Makes renames and new files in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(io_error("sync", path))
}

/// Makes a folder durable that was made, and all above it that may have been made for it.
fn sync_above(folder: &Path) -> Result<(), StoreError> {
    let whole = fs::canonicalize(folder).map_err(io_error("look at", folder))?;
    for above in whole.ancestors().skip(1) {
        match sync_folder(above) {
            // What may not be read was not made by us, and some file systems know no such thing.
            Err(StoreError::Io { source, .. })
                if unlockable(&source)
                    || matches!(source.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {}
            other => other?,
        }
    }
    Ok(())
}
