//! Containers mounted: the image's index below, and over it, by the kernel's overlayfs, the container's own layer.

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use ply_store::{Container, Hold, Mount};

use super::{Mounted, Options, Target};
use crate::containers::open_layer;
use crate::{Engine, Error};

impl Engine<'_> {
    /// Mounts a container that somebody has in hand.
    #[cfg(feature = "run")]
    pub(crate) fn mount_here(
        &self,
        container: &Container,
        directory: &std::path::Path,
        options: Options,
    ) -> Result<Mounted, Error> {
        self.mount_container(&self.store.hold()?, container, &Target::open(directory)?, options)
    }

    /// Mounts a container: what is written there comes to lie in its own layer.
    pub(super) fn mount_container(
        &self,
        hold: &Hold,
        container: &Container,
        target: &Target,
        options: Options,
    ) -> Result<Mounted, Error> {
        // Nobody else changes it, or mounts it, meanwhile.
        let _lock = self.change_container(container)?;
        let mut located = self.locate_container(container)?;
        self.lay_plain(&mut located, options.cache)?;
        let mut record = self.record(&container.name, &located, target, options)?;
        record.container = Some(container.id);
        let verified = self.verify_layers(&located, options)?;
        // Two overlays of one upper layer know nothing of each other.
        if let Some(there) = self.store.mounts_of(&container.id)?.first() {
            let Some(again) = self.again(&record, options)? else {
                let at = there.directory.display();
                return Err(Error::Conflict(format!(
                    "{} is mounted over {at} with other options: `ply umount {at}` first",
                    container.name
                )));
            };
            record.way = again.way;
            let warnings = self.attach(hold, &mut record, &again.mounted, target)?.into_iter().collect();
            return Ok(Mounted { verified, warnings, served: None });
        }
        let folder = self.store.container_folder(&container.id);
        let name = || format!("container {}", container.name);
        let open = |path| File::open(path).map_err(Error::within(name()));
        let (upper, work) = (open(folder.upper())?, open(folder.work())?);
        if work.metadata().map_err(Error::within(name()))?.uid() != rustix::process::geteuid().as_raw() {
            return Err(Error::Misuse(format!(
                "{} was made by another user, who spells deletions otherwise than a mount by root does",
                container.name
            )));
        }
        open_layer(&folder).map_err(Error::within(name()))?;
        let (lower, mut warnings) = self.shown(located, Options { suid: true, dev: true, ..options })?;
        record.way = lower.way;
        let fd = rustix::fd::AsFd::as_fd(&target.fd);
        let mounted = lower.mounted.overlay(&upper, &work, options.live(), fd)?;
        warnings.extend(self.attach(hold, &mut record, &mounted, target)?);
        Ok(Mounted { verified, warnings, served: None })
    }

    /// Where a container is mounted, so that what is written to it is seen: the topmost mount there is that one.
    pub(crate) fn mount_of(&self, container: &Container) -> Result<Option<Mount>, Error> {
        let table = ply_store::MountTable::now()?;
        let mounts = self.store.mounts_of(&container.id)?;
        let covered = |mount: &Mount| {
            let at = mount.directory.display();
            Error::Conflict(format!("{} is mounted over {at}, and something else over it", container.name))
        };
        match mounts.iter().find(|mount| !table.is_covered(mount)) {
            Some(mount) => Ok(Some(mount.clone())),
            None => mounts.first().map_or(Ok(None), |mount| Err(covered(mount))),
        }
    }
}
