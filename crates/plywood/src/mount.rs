//! `mount`: the root filesystem of an image as a directory, by the kernel, with nothing unpacked. What is mounted is an index
//! of the union, and the files that the layers lie in: plain tars of the store, or an archive that is not loaded.

mod files;
mod index;
mod placed;

use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};

use ply_archive::Place;
use ply_image::Platform;
use ply_reference::Reference;
use ply_rootfs::{Detached, Live, MountError, can_mount, unmount};
use ply_store::{Mount, MountTable};
use rustix::fs::{Mode, OFlags, open};

use crate::files::{Located, split_down, unnamed};
use crate::{Engine, Error};

pub use files::Since;

use index::Index;

/// How to mount.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Set-user-ID and set-group-ID bits and file capabilities work.
    pub suid: bool,
    /// Device files work.
    pub dev: bool,
}

/// A mount that is there.
#[derive(Debug, Clone)]
pub struct Listed {
    /// What its record says.
    pub mount: Mount,
    /// Of an image that is not loaded: what became of the file it is in.
    pub since: Since,
}

impl Engine<'_> {
    /// Mounts the root filesystem of an image, read-only, over a directory. Of the store, its layers are what is mounted; of
    /// an archive that is not loaded the archive itself, and nothing is copied: its content is not compared with the digests.
    /// Gives what was odd in layers and taken all the same, and what of them is left out, in words.
    ///
    /// # Errors
    /// There is no such image or directory; it takes root and a kernel that can; layers are compressed and not of the store.
    pub fn mount(
        &self,
        wanted: &str,
        platform: Option<&Platform>,
        directory: &Path,
        options: Options,
    ) -> Result<Vec<String>, Error> {
        can_mount()?;
        let (directory, fd) = target(directory)?;
        // From before the image is looked up, so that nobody collects it before there is a record.
        let hold = self.store.hold()?;
        let located = self.locate_image(wanted, platform)?;
        let mut record = Mount {
            id: 0,
            boot: MountTable::now()?.boot().to_owned(),
            directory,
            image: named(wanted, &located),
            image_id: located.view.config.digest,
            union: located.view.layers.last().map(|layer| layer.chain_id),
            suid: options.suid,
            dev: options.dev,
            from: None,
            files: Vec::new(),
            blobs: Vec::new(),
        };
        match &located.store {
            Some(_) => record.blobs = blobs(&located),
            None => {
                record.from = place(wanted)?;
                record.files = files::of(&located)?;
            }
        }
        let (mounted, warnings) = match self.again(&record)? {
            Some(mounted) => (mounted, Vec::new()),
            None => self.anew(located, Live { suid: options.suid, devices: options.dev })?,
        };
        record.id = mounted.id()?;
        // What was read of it may be of another archive than what will be.
        if let Some(changed) = record.files.iter().find(|known| Since::of(known) != Since::Same) {
            let path = changed.path.display();
            return Err(Error::Misuse(format!("{path} was changed while it was read: mount it again")));
        }
        self.store
            .record_mount::<Error>(&hold, &record, || Ok(mounted.attach(rustix::fd::AsFd::as_fd(&fd))?))?;
        Ok(warnings)
    }

    /// The same image once more, where it is mounted alike already and its files are as they were: then the kernel caches
    /// them once.
    fn again(&self, record: &Mount) -> Result<Option<Detached>, Error> {
        let is_alike = |mount: &&Mount| {
            let of =
                |mount: &Mount| (mount.image_id, mount.union, mount.suid, mount.dev, mount.from.is_some());
            of(mount) == of(record) && mount.files == record.files
        };
        let mounts = self.store.mounts()?;
        Ok(mounts.iter().filter(is_alike).find_map(|mount| Detached::again(&mount.directory, mount.id)))
    }

    fn anew(&self, located: Located, live: Live) -> Result<(Detached, Vec<String>), Error> {
        let Index { file, data, warnings } = self.index(located)?;
        let data: Vec<&File> = data.iter().map(|file| &**file).collect();
        Ok((self.detached(&file, &data, live)?, warnings))
    }

    /// Where the index's file system cannot carry it (it is in memory, or an overlay) a copy in a temporary file may do.
    fn detached(&self, index: &File, data: &[&File], live: Live) -> Result<Detached, Error> {
        let first = Detached::new(index, data, live);
        if !matches!(first, Err(MountError::IndexPlace)) {
            return Ok(first?);
        }
        for folder in [std::env::temp_dir(), PathBuf::from("/var/tmp"), self.store.root().to_owned()] {
            let Ok(copy) = copy(index, &folder) else { continue };
            match Detached::new(&copy, data, live) {
                Err(MountError::IndexPlace) => {}
                mounted => return Ok(mounted?),
            }
        }
        Ok(first?)
    }

    /// An image, and no container.
    fn locate_image(&self, wanted: &str, platform: Option<&Platform>) -> Result<Located, Error> {
        let refused = || Err(Error::Misuse("a container cannot be mounted yet".to_owned()));
        if self.container_before_images(wanted)?.is_some() {
            return refused();
        }
        match self.locate(wanted, platform) {
            Err(Error::NoSuchImage { .. }) if self.container_after_images(wanted)?.is_some() => refused(),
            located => located,
        }
    }

    /// The mounts that are there, by directory.
    ///
    /// # Errors
    /// What is mounted cannot be found out, or the store not read.
    pub fn mounts(&self) -> Result<Vec<Listed>, Error> {
        let mounts = self.store.mounts()?.into_iter();
        Ok(mounts.map(|mount| Listed { since: Since::of_all(&mount.files), mount }).collect())
    }

    /// Unmounts an image from a directory.
    ///
    /// # Errors
    /// No image of this store is mounted there, or something in it is in use.
    pub fn unmount(&self, directory: &Path) -> Result<(), Error> {
        let shown = || directory.display().to_string();
        let path = std::fs::canonicalize(directory).map_err(Error::within(shown()))?;
        let mounts = self.store.mounts()?;
        let table = MountTable::now()?;
        let here: Vec<&Mount> = mounts.iter().filter(|mount| mount.directory == path).collect();
        let Some(mount) = here.iter().find(|mount| !table.is_covered(mount)) else {
            return Err(Error::Misuse(match here[..] {
                [] => format!("{}: no image is mounted there", shown()),
                _ => format!("{}: something else is mounted over the image", shown()),
            }));
        };
        unmount(&path)?;
        Ok(self.store.forget_mount(mount)?)
    }
}

/// A directory that something is to stand over: its path, over no link, and itself.
fn target(directory: &Path) -> Result<(PathBuf, rustix::fd::OwnedFd), Error> {
    let within = || Error::within(directory.display().to_string());
    let path = std::fs::canonicalize(directory).map_err(within())?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = open(&path, flags, Mode::empty()).map_err(|errno| within()(io::Error::from(errno)))?;
    Ok((path, fd))
}

fn copy(file: &File, folder: &Path) -> io::Result<File> {
    let (mut from, mut copy) = (file, unnamed(folder)?);
    from.rewind()?;
    io::copy(&mut from, &mut copy)?;
    Ok(copy)
}

/// Where an image lies that is not loaded.
fn place(wanted: &str) -> Result<Option<PathBuf>, Error> {
    let Some(place) = Place::parse(split_down(wanted).0) else { return Ok(None) };
    let path = std::fs::canonicalize(&place.path).map_err(Error::within(place.path.display().to_string()))?;
    Ok(Some(path))
}

/// An image as a list calls it: by the place it was found in, by its name with a tag, or as it was asked for.
fn named(wanted: &str, located: &Located) -> String {
    let by_name = Reference::parse(wanted).ok().map(Reference::with_default_tag);
    let name = by_name.filter(|name| located.view.names.contains(name));
    name.map_or_else(|| wanted.to_owned(), |name| name.familiar())
}

/// What a mounted image of the store needs.
fn blobs(located: &Located) -> Vec<ply_digest::Digest> {
    let view = &located.view;
    let layers = view.layers.iter().filter_map(|layer| layer.blob.as_ref()).map(|blob| blob.digest);
    let manifest = view.manifest.iter().map(|manifest| manifest.digest);
    layers.chain(manifest).chain([view.config.digest]).collect()
}
