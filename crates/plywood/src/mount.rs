//! `mount`: the root filesystem of an image or a container as a directory, with nothing unpacked. What is mounted is an index
//! of the union, and the files that the layers lie in: plain tars of the store, or an archive that is not loaded. A container's
//! own layer is laid over it, by the kernel's overlayfs.

mod container;
mod files;
#[cfg_attr(not(feature = "fuse"), path = "mount/without_fuse.rs")]
mod fuse;
mod index;
mod kernel;
mod placed;

use std::io;
use std::path::{Path, PathBuf};

use ply_archive::Place;
use ply_image::Platform;
use ply_reference::Reference;
use ply_rootfs::{Detached, Live, MountError, can_mount, unmount};
use ply_store::{Hold, Mount, MountTable, StoreError};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags, open};

use crate::containers::Subject;
use crate::files::{Located, split_down, verify};
use crate::watch::TaskProgress;
use crate::{Engine, Error};

use kernel::Shown;

pub use files::Since;
pub use fuse::Served;
pub use ply_store::Way;

/// How to mount.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Set-user-ID and set-group-ID bits and file capabilities work.
    pub suid: bool,
    /// Device files work.
    pub dev: bool,
    /// What shows the files; without it the kernel, from loop devices where it does not take them as they lie.
    pub way: Option<Way>,
    /// Hashes the layers before anything is mounted, and compares them with their DiffIDs.
    pub verify: bool,
    /// Of an image that is not loaded: keeps plain tars of compressed layers in the store.
    pub cache: bool,
}

impl Options {
    const fn live(self) -> Live {
        Live { suid: self.suid, devices: self.dev }
    }
}

/// What was mounted.
#[derive(Debug, Default)]
#[must_use = "what is to be served goes when it is dropped"]
pub struct Mounted {
    /// Layers that were hashed, since that was asked for.
    pub verified: Option<usize>,
    /// What was odd in layers and taken all the same, and what of them is left out, in words.
    pub warnings: Vec<String>,
    /// A mount that this process must serve.
    pub served: Option<Served>,
}

/// A mount that is there.
#[derive(Debug, Clone)]
pub struct Listed {
    /// What its record says.
    pub mount: Mount,
    /// Of an image that is not loaded: what became of the file it is in.
    pub since: Since,
}

/// The directory to mount over.
struct Target {
    /// Over no link.
    path: PathBuf,
    fd: OwnedFd,
}

impl Engine<'_> {
    /// Mounts the root filesystem of an image, read-only, or of a container, over a directory. Of the store, its layers are
    /// what is mounted; of an archive that is not loaded the archive itself, and nothing is copied: its content is compared
    /// with the digests only when that is asked for.
    ///
    /// # Errors
    /// There is no such image or directory; it takes root and a kernel that can, and then [`by_fuse`] says whether it may
    /// be asked for once more with [`Way::Fuse`]; layers are compressed and not of the store.
    pub fn mount(
        &self,
        wanted: &str,
        platform: Option<&Platform>,
        directory: &Path,
        options: Options,
    ) -> Result<Mounted, Error> {
        if options.way != Some(Way::Fuse) {
            can_mount()?;
        }
        let target = Target::open(directory)?;
        // From before the image is looked up, so that nobody collects it before there is a record.
        let hold = self.store.hold()?;
        match self.subject(wanted, || self.locate(wanted, platform))? {
            Subject::Image(located) => self.mount_image(&hold, wanted, located, &target, options),
            Subject::Container(_) if options.way == Some(Way::Fuse) => Err(Error::Misuse(
                "a container is mounted by the kernel's overlayfs alone, which takes root: `ply cp` changes it without"
                    .to_owned(),
            )),
            Subject::Container(container) => self.mount_container(&hold, &container, &target, options),
        }
    }

    fn mount_image(
        &self,
        hold: &Hold,
        wanted: &str,
        mut located: Located,
        target: &Target,
        options: Options,
    ) -> Result<Mounted, Error> {
        self.lay_plain(&mut located, options.cache)?;
        let mut record = self.record(&named(wanted, &located), &located, target, options)?;
        if located.store.is_none() {
            record.from = place(wanted)?;
            record.files = files::of(&located)?;
        }
        let verified = self.verify_layers(&located, options)?;
        if options.way == Some(Way::Fuse) {
            return Ok(Mounted { verified, ..self.serve(record, located, target, options)? });
        }
        let (Shown { mounted, way }, mut warnings) = match self.again(&record, options)? {
            Some(again) => (again, Vec::new()),
            None => self.shown(located, options)?,
        };
        record.way = way;
        unchanged(&record)?;
        warnings.extend(self.attach(hold, &mut record, &mounted, target)?);
        Ok(Mounted { verified, warnings, served: None })
    }

    /// Puts a mount in its place, and writes down that it is there. Where no store can be written, that is a warning.
    fn attach(
        &self,
        hold: &Hold,
        record: &mut Mount,
        mounted: &Detached,
        target: &Target,
    ) -> Result<Option<String>, Error> {
        record.id = mounted.id()?;
        let attach = || Ok(mounted.attach(target.fd.as_fd())?);
        match self.store.record_mount::<Error>(hold, record, attach) {
            Err(Error::Store(StoreError::Io { source, .. })) if is_read_only(&source) => {
                attach()?;
                Ok(Some(unlisted(target, "umount")))
            }
            done => done.map(|()| None),
        }
    }

    fn record(
        &self,
        name: &str,
        located: &Located,
        target: &Target,
        options: Options,
    ) -> Result<Mount, Error> {
        Ok(Mount {
            id: 0,
            boot: MountTable::now()?.boot().to_owned(),
            directory: target.path.clone(),
            image: name.to_owned(),
            container: None,
            way: Way::Kernel,
            image_id: located.view.config.digest,
            union: located.view.layers.last().map(|layer| layer.chain_id),
            suid: options.suid,
            dev: options.dev,
            from: None,
            files: Vec::new(),
            blobs: if located.store.is_some() { blobs(located) } else { Vec::new() },
        })
    }

    /// The same image once more, where it is mounted alike already and its files are as they were: then the kernel caches
    /// them once.
    fn again(&self, record: &Mount, options: Options) -> Result<Option<Shown>, Error> {
        let is_alike = |mount: &&Mount| {
            let of = |mount: &Mount| {
                let (live, from) = ((mount.suid, mount.dev), mount.from.is_some());
                (mount.image_id, mount.union, mount.container, live, from)
            };
            of(mount) == of(record) && mount.files == record.files
        };
        let is_shown_so = |mount: &&Mount| match options.way {
            Some(way) => mount.way == way,
            None => mount.way != Way::Fuse,
        };
        let mounts = self.store.mounts()?;
        let mut alike = mounts.iter().filter(is_shown_so).filter(is_alike);
        Ok(alike.find_map(|mount| {
            let mounted = Detached::again(&mount.directory, mount.id)?;
            Some(Shown { mounted, way: mount.way })
        }))
    }

    /// Hashes all layers where that is asked for; says how many those are.
    fn verify_layers(&self, located: &Located, options: Options) -> Result<Option<usize>, Error> {
        if !options.verify {
            return Ok(None);
        }
        let lens = located.bytes.iter().map(|bytes| bytes.at_hand().0.len);
        let progress = TaskProgress::alone(self.watch, "verify", Some(lens.fold(0, u64::saturating_add)));
        verify(self.threads(), &located.bytes, &progress)?;
        Ok(Some(located.bytes.len()))
    }

    /// The mounts that are there, by directory.
    ///
    /// # Errors
    /// What is mounted cannot be found out, or the store not read.
    pub fn mounts(&self) -> Result<Vec<Listed>, Error> {
        let mounts = self.store.mounts()?.into_iter();
        Ok(mounts.map(|mount| Listed { since: Since::of_mount(&mount), mount }).collect())
    }

    /// Unmounts an image from a directory.
    ///
    /// # Errors
    /// No image of this store is mounted there, or something in it is in use.
    pub fn unmount(&self, directory: &Path) -> Result<(), Error> {
        let shown = || directory.display().to_string();
        let path = mounted_at(directory).map_err(Error::within(shown()))?;
        let mounts = self.store.mounts()?;
        let table = MountTable::now()?;
        let here: Vec<&Mount> = mounts.iter().filter(|mount| mount.directory == path).collect();
        let Some(mount) = here.iter().find(|mount| !table.is_covered(mount)) else {
            return Err(Error::Misuse(match here[..] {
                [] => format!("{}: no image is mounted there", shown()),
                _ => format!("{}: something else is mounted over the image", shown()),
            }));
        };
        self.end(mount)
    }

    /// Unmounts what is recorded.
    pub(crate) fn end(&self, mount: &Mount) -> Result<(), Error> {
        match unmount(&mount.directory) {
            Err(MountError::NotPermitted) if mount.way == Way::Fuse => fuse::end(&mount.directory)?,
            ended => ended?,
        }
        Ok(self.store.forget_mount(mount)?)
    }
}

/// A directory, over no link. What was served through FUSE by a process that is gone cannot be looked at, but unmounted.
fn mounted_at(directory: &Path) -> io::Result<PathBuf> {
    match (std::fs::canonicalize(directory), directory.file_name()) {
        (Err(error), Some(name))
            if error.raw_os_error() == Some(rustix::io::Errno::NOTCONN.raw_os_error()) =>
        {
            let above = directory.parent().filter(|above| !above.as_os_str().is_empty());
            Ok(std::fs::canonicalize(above.unwrap_or(Path::new(".")))?.join(name))
        }
        (found, _) => found,
    }
}

impl Target {
    fn open(directory: &Path) -> Result<Self, Error> {
        let within = || Error::within(directory.display().to_string());
        let path = std::fs::canonicalize(directory).map_err(within())?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = open(&path, flags, Mode::empty()).map_err(|errno| within()(io::Error::from(errno)))?;
        Ok(Self { path, fd })
    }
}

/// What was read of an archive may be of another than what will be.
fn unchanged(record: &Mount) -> Result<(), Error> {
    match record.files.iter().find(|known| Since::of(known) != Since::Same) {
        Some(changed) => {
            let path = changed.path.display();
            Err(Error::Misuse(format!("{path} was changed while it was read: mount it again")))
        }
        None => Ok(()),
    }
}

fn unlisted(target: &Target, program: &str) -> String {
    let at = target.path.display();
    format!("{at} is in no list, since the store cannot be written: `{program} {at}` takes it away")
}

/// Whether what the kernel refused to mount may be mounted through FUSE.
#[must_use]
pub const fn by_fuse(error: &Error) -> bool {
    matches!(
        error,
        Error::Mount(
            MountError::NotPermitted
                | MountError::NoErofs { .. }
                | MountError::IndexPlace
                | MountError::Loop { .. }
        )
    )
}

fn is_read_only(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
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
