use std::fs::File;

use rustix::fd::AsFd;
use rustix::io::Errno;

use super::context::Context;
use super::{Detached, Live, LoopDevice, MountError};

fn context() -> Result<Context, MountError> {
    Context::new("erofs", |source| MountError::NoErofs { source })
}

/// Asks the kernel for nothing but whether it can mount EROFS, and may here.
///
/// # Errors
/// [`MountError::NotPermitted`], [`MountError::NoErofs`].
pub fn can_mount() -> Result<(), MountError> {
    context().map(drop)
}

impl Detached {
    /// Mounts, read-only, an EROFS image with the files that its data lies in, in their order.
    ///
    /// # Errors
    /// See [`MountError`].
    pub fn index(index: &File, data: &[&File], live: Live) -> Result<Self, MountError> {
        let context = context()?;
        context.file("source", index.as_fd())?;
        for file in data {
            context.file("device", file.as_fd())?;
        }
        Self::create(&context, live)
    }

    /// The same from devices, whatever the files lie in.
    ///
    /// # Errors
    /// See [`MountError`].
    pub fn index_in_loops(index: &File, data: &[&File], live: Live) -> Result<Self, MountError> {
        let index = LoopDevice::new(index)?;
        let data = data.iter().map(|file| LoopDevice::new(file)).collect::<Result<Vec<_>, _>>()?;
        let context = context()?;
        context.file("source", index.file().as_fd())?;
        for device in &data {
            context.file("device", device.file().as_fd())?;
        }
        Self::create(&context, live)
    }

    fn create(context: &Context, live: Live) -> Result<Self, MountError> {
        context.flag("ro")?;
        context.create().map_err(|errno| match errno {
            Errno::NOTBLK => MountError::IndexPlace,
            errno => context.refused("mount the index")(errno),
        })?;
        context.mount("mount the index", live, false)
    }
}
