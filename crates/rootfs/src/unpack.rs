use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::PoisonError;

use ply_tree::{Sources, TreeView};
use rustix::fd::AsFd;

use crate::attributes::New;
use crate::error::io;
use crate::fill::fill;
use crate::make::{Maker, Tally};
use crate::place::Place;
use crate::{Owners, RootfsError, Warning};

/// Told of bytes as they are written, from any thread; `Break` ends the work soon, with [`RootfsError::Stopped`].
pub type Progress<'a> = &'a (dyn Fn(u64) -> ControlFlow<()> + Sync);

/// How a tree is written to the disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Files in flight at once; the number of cores where it is not said. Fewer where the process may open few files.
    pub workers: Option<NonZeroUsize>,
    /// Goes on where devices cannot be made for want of privilege, and counts them.
    pub skip_devices: bool,
    /// All is on the disk, not only in memory, before it gets its name.
    pub durable: bool,
    /// What becomes of owners.
    pub owners: Owners,
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// Names, the root's among them.
    pub entries: u64,
    /// Bytes of content as a user sees them: holes count, other names of a file do not.
    pub bytes: u64,
    /// Devices that were left out.
    pub skipped_devices: u64,
    /// Extended attributes that were left out.
    pub warnings: Vec<Warning>,
}

impl From<Tally> for Unpacked {
    fn from(tally: Tally) -> Self {
        Self {
            entries: tally.entries.into_inner(),
            bytes: tally.bytes.into_inner(),
            skipped_devices: tally.skipped.into_inner(),
            warnings: tally.warnings.into_inner().unwrap_or_else(PoisonError::into_inner).finish(),
        }
    }
}

/// Writes a root filesystem to the disk, whole or not at all. `into` is absent or an empty directory; the tree is built
/// beside it and renamed. Where that cannot be, at a mount point, it is filled in place and emptied on failure.
///
/// Nothing is ever written through a symbolic link, and nothing that exists is opened or changed, whatever the tree holds.
///
/// # Errors
/// [`RootfsError`]; there is nothing under the name then, and nothing beside it.
pub fn unpack(
    view: &dyn TreeView,
    sources: &dyn Sources,
    into: &Path,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Unpacked, RootfsError> {
    let place = Place::prepare(into)?;
    let new = New::probe(place.root.fd.as_fd()).map_err(io("write into", &place.root.shown))?;
    let maker = Maker {
        root: &place.root,
        sources,
        progress,
        new,
        recorded: options.owners.recorded(),
        skip_devices: options.skip_devices,
        marks: None,
        tally: Tally::default(),
    };
    fill(view, (view.root(), false), &maker, options.workers)?;
    let unpacked = maker.tally.into();
    place.publish(options.durable)?;
    Ok(unpacked)
}
