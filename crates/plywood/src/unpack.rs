//! `unpack`: the root filesystem of an image on the disk.

use std::path::Path;

use ply_digest::Progress;
use ply_overlay::{keep, merge};
use ply_rootfs::{Unpacked, unpack};
use ply_tree::Tree;

use crate::files::Files;
use crate::measure::content;
use crate::watch::TaskProgress;
use crate::{Engine, Error};

/// How to unpack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Goes on where devices cannot be made for want of privilege, and counts them.
    pub skip_devices: bool,
}

impl Engine<'_> {
    /// Writes the root filesystem into a folder that is absent or empty: built beside it and renamed, so that it is there
    /// whole or not at all. A mount point is filled in place, and emptied on failure.
    ///
    /// # Errors
    /// The folder holds something, a layer is damaged, or the disk refuses.
    pub fn unpack(&self, files: &Files, into: &Path, options: Options) -> Result<Unpacked, Error> {
        let merged = merge(&files.trees(None), keep).map_err(files.failed())?;
        files.make_plain_below(self.threads(), &merged.tree, Tree::ROOT)?;
        let watched = TaskProgress::alone(self.watch, &files.name(), Some(content(&merged.tree)));
        let how = ply_rootfs::Options {
            workers: std::num::NonZeroUsize::new(self.threads()),
            skip_devices: options.skip_devices,
            ..ply_rootfs::Options::default()
        };
        let progress = |bytes| watched.advance(bytes);
        match unpack(&merged.tree, files, into, &how, &progress) {
            Err(ply_rootfs::RootfsError::Stopped) => Err(Error::Interrupted),
            other => other.map_err(files.failed()),
        }
    }
}
