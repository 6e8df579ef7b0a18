//! Containers: records of writable layers over images. A record keeps the blobs of its image from being collected.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ply_digest::Digest;
use ply_reference::IdPrefix;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::io as io_error;
use crate::lock::{self, Lock, Mode};
use crate::sealed::{seal, unseal};
use crate::store::{Hold, sync_folder, unlockable, write_new};
use crate::{Store, StoreError};

/// What a container is told apart by: 64 hex digits that mean nothing, drawn at random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerId(Digest);

impl ContainerId {
    /// An ID of random bytes.
    #[must_use]
    pub const fn from_random(bytes: [u8; 32]) -> Self {
        Self(Digest::from_bytes(bytes))
    }

    /// The first twelve digits.
    #[must_use]
    pub fn short(&self) -> String {
        self.0.short()
    }

    /// Whether it begins so.
    #[must_use]
    pub fn begins_with(&self, prefix: &IdPrefix) -> bool {
        prefix.matches(&self.0)
    }
}

impl std::fmt::Display for ContainerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.hex())
    }
}

impl Serialize for ContainerId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContainerId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Digest::from_hex(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// A container: a writable layer over an image, as its `config.json` tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// What it is told apart by.
    pub id: ContainerId,
    /// What people call it: letters, digits, `_`, `.` and `-`, two at least.
    pub name: String,
    /// When it was made (RFC 3339).
    pub created: String,
    /// What it was made from, as somebody called it.
    pub image: String,
    /// The image's ID: the digest of its config.
    pub image_id: Digest,
    /// The image's manifest.
    pub manifest: Digest,
    /// What is to be run in it, in place of the image's command; empty for the image's own.
    #[serde(default)]
    pub command: Vec<String>,
    /// The blobs that stay for its sake: manifest, config and layers.
    pub blobs: Vec<Digest>,
}

/// Where a container's writable layer lies.
#[derive(Debug, Clone)]
pub struct ContainerFolder {
    root: PathBuf,
}

impl ContainerFolder {
    /// The writable layer, in the kernel overlayfs's own format.
    #[must_use]
    pub fn upper(&self) -> PathBuf {
        self.root.join("upper")
    }

    /// A folder beside it to work in.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// A folder beside it for who runs something in it.
    #[must_use]
    pub fn bundle(&self) -> PathBuf {
        self.root.join("bundle")
    }

    fn config(&self) -> PathBuf {
        self.root.join("config.json")
    }

    fn remove<E: From<StoreError>>(&self, empty: impl FnOnce(&Path) -> Result<(), E>) -> Result<(), E> {
        empty(&self.root)?;
        Ok(fs::remove_dir(&self.root).map_err(io_error("remove", &self.root))?)
    }
}

/// Keeps others from changing a container, or from looking at it while it changes.
#[derive(Debug)]
#[must_use = "dropping it gives the lock back"]
pub struct ContainerLock {
    #[expect(dead_code, reason = "held for its drop")]
    lock: Option<Lock>,
}

impl Store {
    /// Where a container's writable layer lies.
    #[must_use]
    pub fn container_folder(&self, id: &ContainerId) -> ContainerFolder {
        ContainerFolder { root: self.layout.containers().join(id.to_string()) }
    }

    /// Every container, the newest first.
    ///
    /// # Errors
    /// A record is damaged or cannot be read.
    pub fn containers(&self) -> Result<Vec<Container>, StoreError> {
        let ids = self.container_ids()?;
        let read = ids.iter().map(|id| self.container(id));
        let mut containers: Vec<Container> =
            read.filter_map(Result::transpose).collect::<Result<_, StoreError>>()?;
        containers.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
        Ok(containers)
    }

    /// The ID of every container that is there or in the making.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn container_ids(&self) -> Result<Vec<ContainerId>, StoreError> {
        let folder = self.layout.containers();
        let entries = match fs::read_dir(&folder) {
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Vec::new());
            }
            entries => entries.map_err(io_error("list", &folder))?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry.map_err(io_error("list", &folder))?.file_name();
            ids.extend(name.to_str().and_then(|name| Digest::from_hex(name).ok()).map(ContainerId));
        }
        Ok(ids)
    }

    /// The container with an ID.
    ///
    /// # Errors
    /// Its record is damaged or cannot be read.
    pub fn container(&self, id: &ContainerId) -> Result<Option<Container>, StoreError> {
        let path = self.container_folder(id).config();
        let raw = match fs::read(&path) {
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            raw => raw.map_err(io_error("read", &path))?,
        };
        let damaged = |source: Box<dyn std::error::Error + Send + Sync>| StoreError::Damaged { path, source };
        let (record, _) = match unseal(&id.to_string(), &raw) {
            Ok(unsealed) => unsealed,
            Err(why) => return Err(damaged(why.into())),
        };
        match serde_json::from_slice::<Container>(record) {
            Ok(container) if container.id == *id => Ok(Some(container)),
            Ok(container) => Err(damaged(format!("it tells of container {}", container.id).into())),
            Err(error) => Err(damaged(error.into())),
        }
    }

    /// The container with a name, found without a look at any other.
    ///
    /// # Errors
    /// As [`container`](Self::container).
    pub fn container_named(&self, name: &str) -> Result<Option<Container>, StoreError> {
        if !is_container_name(name) {
            return Ok(None);
        }
        match self.named(name) {
            // A name outlives its container if somebody stops the removal half-way.
            Some(id) => Ok(self.container(&id)?.filter(|container| container.name == name)),
            None => Ok(None),
        }
    }

    fn named(&self, name: &str) -> Option<ContainerId> {
        let to = fs::read_link(self.layout.container_names().join(name)).ok()?;
        Digest::from_hex(to.file_name()?.to_str()?).ok().map(ContainerId)
    }

    /// Makes a container: `make` fills its folder, and then its record is written. `hold` is one that was taken before its
    /// image was looked up.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`]; what `make` says; or the store cannot be written. Then there is no such container.
    pub fn create_container<E: From<StoreError>>(
        &self,
        _hold: &Hold,
        container: &Container,
        make: impl FnOnce(&ContainerFolder) -> Result<(), E>,
    ) -> Result<(), E> {
        let names = self.layout.container_names();
        fs::create_dir_all(&names).map_err(io_error("create", &names))?;
        self.close_containers()?;
        let folder = self.container_folder(&container.id);
        let folders = [folder.upper(), folder.work()];
        let made = folders
            .iter()
            .try_for_each(|path| fs::create_dir_all(path).map_err(io_error("create", path)))
            .map_err(E::from)
            .and_then(|()| make(&folder))
            .and_then(|()| Ok(self.publish_container(&folder, container)?));
        if made.is_err() {
            let _ = fs::remove_dir_all(&folder.root);
        }
        made
    }

    /// Keeps everybody else out of the folder of containers: set-user-ID programs of an image lie there as they are.
    fn close_containers(&self) -> Result<(), StoreError> {
        let folder = self.layout.containers();
        fs::create_dir_all(&folder).map_err(io_error("create", &folder))?;
        let found = fs::metadata(&folder).map_err(io_error("look at", &folder))?;
        if found.mode() & 0o077 == 0 {
            return Ok(());
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).map_err(io_error("close", &folder))
    }

    /// The name first, under a lock, and the record last: what has a record has its name.
    fn publish_container(&self, folder: &ContainerFolder, container: &Container) -> Result<(), StoreError> {
        let names = self.layout.container_names();
        let _lock = lock::take(&self.layout.containers_lock(), Mode::Exclusive)?;
        if let Some(other) = self.container_named(&container.name)? {
            return Err(StoreError::NameTaken { name: other.name, by: other.id });
        }
        let name = names.join(&container.name);
        match fs::remove_file(&name) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(io_error("remove", &name)(e)),
            _ => {}
        }
        let target = Path::new("../containers").join(container.id.to_string());
        std::os::unix::fs::symlink(target, &name).map_err(io_error("create", &name))?;
        let published = self.write_record(folder, container);
        if published.is_err() {
            let _ = fs::remove_file(&name);
        }
        published
    }

    fn write_record(&self, folder: &ContainerFolder, container: &Container) -> Result<(), StoreError> {
        // Its name is durable before it, or the record could be there after a power cut and the name not.
        for folder in [&self.layout.container_names(), &self.layout.containers(), &self.layout.private()] {
            sync_folder(folder)?;
        }
        let (path, beside) = (folder.config(), folder.root.join("config.json.new"));
        let write = || -> io::Result<()> {
            write_new(&beside, &seal(&container.id.to_string(), &serde_json::to_vec(container)?)?)?;
            fs::rename(&beside, &path)
        };
        write().map_err(io_error("write", &path))?;
        sync_folder(&folder.root)
    }

    /// Waits until nobody changes a container, and keeps it as it is.
    ///
    /// # Errors
    /// Another process changes it for longer than thirty seconds.
    pub fn read_container(&self, id: &ContainerId) -> Result<ContainerLock, StoreError> {
        match lock::take_folder(&self.container_folder(id).root, Mode::Shared) {
            Ok(lock) => Ok(ContainerLock { lock: Some(lock) }),
            Err(StoreError::Io { source, .. }) if unlockable(&source) => Ok(ContainerLock { lock: None }),
            Err(e) => Err(e),
        }
    }

    /// Waits until nobody uses a container, and keeps others from it.
    ///
    /// # Errors
    /// Another process uses it for longer than thirty seconds.
    pub fn change_container(&self, id: &ContainerId) -> Result<ContainerLock, StoreError> {
        let lock = lock::take_folder(&self.container_folder(id).root, Mode::Exclusive)?;
        Ok(ContainerLock { lock: Some(lock) })
    }

    /// Removes a container: its record first, and then, by `empty`, what lies in its folder. Says whether it was there
    /// still, when nobody else used it.
    ///
    /// # Errors
    /// Somebody uses it for longer than thirty seconds, or it cannot be removed.
    pub fn remove_container<E: From<StoreError>>(
        &self,
        container: &Container,
        empty: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<bool, E> {
        let folder = self.container_folder(&container.id);
        let _lock = match self.change_container(&container.id) {
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(false);
            }
            lock => lock?,
        };
        self.refuse_mounted(&container.id, &container.name)?;
        if !self.unpublish_container(&folder, container)? {
            return Ok(false);
        }
        folder.remove(empty)?;
        Ok(true)
    }

    /// Removes a container whose record cannot be read, by its ID alone. Its name goes with the next collection.
    ///
    /// # Errors
    /// As [`remove_container`](Self::remove_container); there is no such folder.
    pub fn remove_damaged_container<E: From<StoreError>>(
        &self,
        id: &ContainerId,
        empty: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<(), E> {
        let _lock = self.change_container(id)?;
        self.refuse_mounted(id, &id.short())?;
        let folder = self.container_folder(id);
        let path = folder.config();
        fs::remove_file(&path).map_err(io_error("remove", &path))?;
        folder.remove(empty)
    }

    /// An error if it is mounted: for whoever holds its lock, as whoever mounts it does.
    fn refuse_mounted(&self, id: &ContainerId, name: &str) -> Result<(), StoreError> {
        match self.mounts_of(id)?.first() {
            Some(mount) => Err(StoreError::Mounted { name: name.to_owned(), at: mount.directory.clone() }),
            None => Ok(()),
        }
    }

    /// The record first, and the name last, under the lock of those who give names: the same name may be given again at
    /// once, and would be taken from who has it then.
    fn unpublish_container(
        &self,
        folder: &ContainerFolder,
        container: &Container,
    ) -> Result<bool, StoreError> {
        let _lock = lock::take(&self.layout.containers_lock(), Mode::Exclusive)?;
        let path = folder.config();
        match fs::remove_file(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            removed => removed.map_err(io_error("remove", &path))?,
        }
        sync_folder(&folder.root)?;
        if self.named(&container.name) == Some(container.id) {
            let name = self.layout.container_names().join(&container.name);
            fs::remove_file(&name).map_err(io_error("remove", &name))?;
        }
        Ok(true)
    }

    /// The blobs that containers keep; `None` where a record is damaged, so that nobody can say.
    pub(crate) fn kept_by_containers(&self) -> Result<Option<Vec<Digest>>, StoreError> {
        match self.containers() {
            Ok(containers) => {
                let keep =
                    containers.into_iter().flat_map(|c| c.blobs.into_iter().chain([c.manifest, c.image_id]));
                Ok(Some(keep.collect()))
            }
            Err(StoreError::Damaged { .. }) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Removes the folders of containers that have no record: they were never finished, or not removed to the end. Whoever
    /// makes one holds the lock that the caller holds alone.
    pub(crate) fn remove_unfinished_containers(&self) -> usize {
        let unfinished = |id: &ContainerId| !self.container_folder(id).config().exists();
        let ids = self.container_ids().unwrap_or_default();
        let removed = ids.iter().filter(|id| unfinished(id)).filter(|id| {
            let root = self.container_folder(id).root;
            // Somebody who removes it may be at it still.
            match File::open(&root) {
                Ok(folder) => {
                    // Else the record of one that was removed could come back, after a power cut, and its files would not.
                    matches!(lock::try_flock(&folder, Mode::Exclusive), Ok(true))
                        && folder.sync_all().is_ok()
                        && fs::remove_dir_all(&root).is_ok()
                }
                Err(_) => false,
            }
        });
        let removed = removed.count();
        self.remove_names_of_no_container();
        removed
    }

    /// A name outlives its container where a removal was killed.
    fn remove_names_of_no_container(&self) {
        let names = self.layout.container_names();
        for entry in fs::read_dir(&names).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| self.named(name));
            if id.is_some_and(|id| !self.container_folder(&id).config().exists()) {
                let _ = fs::remove_file(names.join(name));
            }
        }
    }
}

/// Whether a container may be called so: as Docker has it, `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
#[must_use]
pub fn is_container_name(name: &str) -> bool {
    let (first, rest) = name.as_bytes().split_first().unwrap_or((&b' ', &[]));
    // A file system takes no longer ones.
    name.len() <= 255
        && first.is_ascii_alphanumeric()
        && !rest.is_empty()
        && rest.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::is_container_name;

    #[test]
    fn names_are_dockers() {
        let check = |name: &str, expect: bool| assert_eq!(is_container_name(name), expect, "{name}");
        // moby, daemon/names: RestrictedNamePattern.
        check("web", true);
        check("0a", true);
        check("a.b-c_D", true);
        check("a", false);
        check("", false);
        check("-a", false);
        check(".a", false);
        check("a/b", false);
        check("a:b", false);
        check("größe", false);
        check(&"a".repeat(255), true);
        check(&"a".repeat(256), false);
    }
}
