//! Containers: a writable layer over an image of the store. Nothing runs in them; they are changed, looked at like images,
//! and become images.

mod commit;
mod copy;
mod host;
mod look;
mod merge;
mod names;
mod place;
mod tarball;

use std::path::Path;

use ply_image::{Platform, Timestamp};
use ply_overlay::Stack;
use ply_reference::IdPrefix;
use ply_rootfs::Upper;
use ply_store::{Container, ContainerFolder, ContainerId, ContainerLock, StoreError, is_container_name};
use ply_tree::{Last, TreeView, path};

pub use commit::Commit;
pub use copy::{Copied, Options};
pub(crate) use host::is_work;
pub use look::{Looked, Sizes};

use host::{HostGround, sweep};

use crate::files::{Files, LayerNumber, Need};
use crate::select::Meant;
use crate::{Engine, Error};

/// What a container is made with.
#[derive(Debug, Clone, Default)]
pub struct Create {
    /// What it is called; without it, two words drawn at random.
    pub name: Option<String>,
    /// Which platform of an image with several.
    pub platform: Option<Platform>,
    /// What is to be run, in place of the image's command.
    pub command: Vec<String>,
}

/// Whose files somebody wants to look at.
pub(crate) enum Subject<T> {
    /// A container's.
    Container(Box<Container>),
    /// An image's, as it was looked for.
    Image(T),
}

/// A container that is being changed: nobody else sees it meanwhile.
struct Changing {
    container: Container,
    files: Files,
    place: Place,
}

/// Where a container's layer is written.
enum Place {
    /// Where it lies.
    Layer(Upper),
    /// Where it is mounted: the kernel would not see what is done beside it.
    Mount(HostGround),
}

impl Engine<'_> {
    /// Makes a container: an empty writable layer over an image. The image stays for its sake, whatever becomes of its
    /// names.
    ///
    /// # Errors
    /// There is no such image in the store, the name is no name or taken, or the store cannot be written.
    pub fn create(&self, image: &str, options: &Create) -> Result<Container, Error> {
        if let Some(name) = options.name.as_deref().filter(|name| !is_container_name(name)) {
            let name = crate::error::shown(name);
            return Err(Error::Misuse(format!(
                "invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed, two at least"
            )));
        }
        // From before the image is looked up, so that nobody collects it in between.
        let hold = self.store.hold()?;
        let Meant::Stored(_, found) = self.meant(image)? else {
            return Err(Error::Misuse(format!("{image} is not loaded: `ply load` it first")));
        };
        let (_, read) = self.stored_image(&found.facts, &found.which(options.platform.as_ref()))?;
        let layers = read.layers().into_iter().map(|layer| layer.blob.digest);
        let mut container = Container {
            id: ContainerId::from_random(random()?),
            name: String::new(),
            created: Timestamp::now().to_string(),
            image: found
                .by_name
                .as_ref()
                .map_or_else(|| image.to_owned(), ply_reference::Reference::familiar),
            image_id: read.id(),
            manifest: read.manifest.digest,
            command: options.command.clone(),
            blobs: layers.collect(),
        };
        let files = self.files_below(Need::Headers, &container, 0)?;
        let stack = files.stack(None)?;
        let root = stack.node(stack.root()).map_err(files.failed())?;
        loop {
            container.name = match &options.name {
                Some(name) => name.clone(),
                None => names::draw(random()?),
            };
            let made = self.store.create_container(&hold, &container, |folder| {
                let upper = Upper::open(&folder.upper(), &folder.work(), &ply_rootfs::Options::default());
                let dressed = upper.and_then(|upper| upper.dress(b"", &root));
                dressed.map(|_| ()).map_err(Error::within(format!("container {}", container.name)))
            });
            match made {
                Err(Error::Store(StoreError::NameTaken { .. })) if options.name.is_none() => {}
                made => return made.map(|()| container),
            }
        }
    }

    /// Every container, the newest first.
    ///
    /// # Errors
    /// A record is damaged or cannot be read.
    pub fn containers(&self) -> Result<Vec<Container>, Error> {
        Ok(self.store.containers()?)
    }

    /// The container with a name, or whose ID begins so.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub fn container(&self, wanted: &str) -> Result<Container, Error> {
        let wanted = wanted.strip_prefix('/').unwrap_or(wanted);
        if let Some(container) = self.container_before_images(wanted)? {
            return Ok(container);
        }
        self.container_after_images(wanted)?
            .ok_or_else(|| Error::NoSuchContainer { wanted: crate::error::shown(wanted) })
    }

    /// What somebody means who wants to look at files: a container's name comes before an image's, which `image` looks for, and an
    /// image's ID before a container's.
    pub(crate) fn subject<T>(
        &self,
        wanted: &str,
        image: impl FnOnce() -> Result<T, Error>,
    ) -> Result<Subject<T>, Error> {
        if let Some(container) = self.container_before_images(wanted)? {
            return Ok(Subject::Container(Box::new(container)));
        }
        match image() {
            Err(none @ Error::NoSuchImage { .. }) => {
                let container = self.container_after_images(wanted)?.ok_or(none)?;
                Ok(Subject::Container(Box::new(container)))
            }
            image => Ok(Subject::Image(image?)),
        }
    }

    /// A container whose name this is.
    fn container_before_images(&self, wanted: &str) -> Result<Option<Container>, Error> {
        Ok(self.store.container_named(wanted)?)
    }

    /// A container whose ID begins so.
    fn container_after_images(&self, wanted: &str) -> Result<Option<Container>, Error> {
        let Ok(prefix) = IdPrefix::parse(wanted) else { return Ok(None) };
        let mut ids = self.store.container_ids()?;
        ids.retain(|id| id.begins_with(&prefix));
        match ids[..] {
            [] => Ok(None),
            [id] => Ok(self.store.container(&id)?),
            _ => {
                let count = ids.len();
                Err(Error::Misuse(format!("{wanted} begins {count} container IDs: write more digits")))
            }
        }
    }

    /// Removes a container and all that was changed in it; by `force` one that is mounted, and by its ID one whose record is
    /// damaged, as well.
    ///
    /// # Errors
    /// There is none, somebody uses it, or it cannot be removed.
    pub fn remove_container(&self, wanted: &str, force: bool) -> Result<(), Error> {
        let empty = |folder: &Path| -> Result<(), Error> {
            for part in [folder.join("upper"), folder.join("work"), folder.to_owned()] {
                ply_rootfs::empty(&part).map_err(Error::within(format!("container {wanted}")))?;
            }
            Ok(())
        };
        let none = || Error::NoSuchContainer { wanted: crate::error::shown(wanted) };
        match self.container(wanted) {
            Ok(container) => {
                if force {
                    self.end_mounts_of(&container.id)?;
                }
                let was_there = self.store.remove_container(&container, empty)?;
                was_there.then_some(()).ok_or_else(none)
            }
            Err(Error::Store(StoreError::Damaged { .. })) if force => {
                let prefix = IdPrefix::parse(wanted)?;
                let ids = self.store.container_ids()?;
                // Where several begin so, the record would not have been read.
                let id = ids.iter().find(|id| id.begins_with(&prefix)).ok_or_else(none)?;
                self.end_mounts_of(id)?;
                self.store.remove_damaged_container(id, empty)
            }
            Err(error) => Err(error),
        }
    }

    /// Unmounts a container, wherever it is mounted.
    fn end_mounts_of(&self, id: &ContainerId) -> Result<(), Error> {
        self.store.mounts_of(id)?.iter().rev().try_for_each(|mount| self.end(mount))
    }

    /// Deletes a file or directory of a container: what it is in a layer below stays there, hidden.
    ///
    /// # Errors
    /// There is no such file, or the layer cannot be written.
    pub fn delete(&self, container: &Container, wanted: &[u8]) -> Result<(), Error> {
        let changing = self.change(container)?;
        let (stack, lower) = (changing.files.stack(None)?, below(&changing.files)?);
        let found = changing.files.find(&stack, wanted, Last::Keep)?;
        let Some((above, _)) = path::split(&found.path) else {
            return Err(Error::Misuse(format!("the root of {} cannot be deleted", container.name)));
        };
        let upper = match &changing.place {
            Place::Layer(upper) => upper,
            Place::Mount(ground) => {
                return ply_rootfs::remove(ground.root(), &found.path).map_err(changing.files.failed());
            }
        };
        match changing.files.by_name(&lower, &found.path)? {
            Some(_) => {
                upper.copy_up(&lower, above).map_err(changing.files.failed())?;
                upper.whiteout(&found.path).map_err(changing.files.failed())
            }
            None => upper.remove(&found.path).map(drop).map_err(changing.files.failed()),
        }
    }

    /// Opens a container to be changed.
    fn change(&self, container: &Container) -> Result<Changing, Error> {
        let lock = self.change_container(container)?;
        let files = self.files_of_container(Need::Headers, container, lock)?;
        let folder = self.store.container_folder(&container.id);
        let place = match self.mount_of(container)? {
            Some(mount) => {
                sweep(&mount.directory).map_err(files.failed())?;
                Place::Mount(HostGround::within(&mount.directory).map_err(files.failed())?)
            }
            None => Place::Layer(open_layer(&folder).map_err(files.failed())?),
        };
        Ok(Changing { container: container.clone(), files, place })
    }

    /// Keeps everybody else from a container.
    pub(crate) fn change_container(&self, container: &Container) -> Result<ContainerLock, Error> {
        self.locked(container, self.store.change_container(&container.id))
    }

    /// Opens a container to be read; nobody changes it meanwhile.
    pub(crate) fn read_container(&self, container: &Container) -> Result<ContainerLock, Error> {
        self.locked(container, self.store.read_container(&container.id))
    }

    /// Whoever waited for a lock, or found none to take, may find that it was removed meanwhile.
    fn locked(
        &self,
        container: &Container,
        lock: Result<ContainerLock, StoreError>,
    ) -> Result<ContainerLock, Error> {
        match self.store.container(&container.id)? {
            Some(_) => Ok(lock?),
            None => Err(Error::NoSuchContainer { wanted: container.name.clone() }),
        }
    }
}

/// Opens a container's own layer, where nobody else is at work, and takes away what those left there who were killed.
pub(crate) fn open_layer(
    folder: &ContainerFolder,
) -> Result<Upper, Box<dyn std::error::Error + Send + Sync>> {
    sweep(&folder.upper())?;
    let upper = Upper::open(&folder.upper(), &folder.work(), &ply_rootfs::Options::default())?;
    upper.sweep()?;
    Ok(upper)
}

/// The union of the layers below a container's own.
fn below(files: &Files) -> Result<Stack<'_>, Error> {
    match files.len().checked_sub(2) {
        Some(top) => files.stack(Some(LayerNumber(top))),
        None => Stack::new(&[]).map_err(files.failed()),
    }
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let drawn = rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty());
        filled = filled.saturating_add(
            drawn.map_err(|error| Error::within("drawing an ID")(std::io::Error::from(error)))?,
        );
    }
    Ok(bytes)
}
