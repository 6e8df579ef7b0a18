//! What is left of mounts through FUSE without the feature: that there are none.

use std::path::Path;

use ply_rootfs::MountError;
use ply_store::Mount;

use super::{Mounted, Options, Target};
use crate::files::Located;
use crate::{Engine, Error};

/// There is none without the feature `fuse`.
#[derive(Debug)]
pub enum Served {}

impl Served {
    /// Answers the kernel until somebody unmounts it.
    ///
    /// # Errors
    /// The kernel ends the conversation.
    pub fn serve(self) -> Result<(), Error> {
        match self {}
    }
}

impl Engine<'_> {
    pub(super) fn serve(&self, _: Mount, _: Located, _: &Target, _: Options) -> Result<Mounted, Error> {
        Err(Error::Misuse("this program was built without FUSE".to_owned()))
    }
}

pub(super) fn end(_: &Path) -> Result<(), Error> {
    Err(MountError::NotPermitted.into())
}
