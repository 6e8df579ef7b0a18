//! An index in the kernel's hands.

use std::fs::File;
use std::io::{self, Seek};
use std::path::PathBuf;

use ply_rootfs::{Detached, MountError};
use ply_store::Way;

use super::Options;
use super::index::Index;
use crate::files::{Located, unnamed};
use crate::{Engine, Error};

/// What the kernel shows, and from what.
pub(super) struct Shown {
    pub(super) mounted: Detached,
    pub(super) way: Way,
}

impl Engine<'_> {
    /// Has the kernel show an image. Gives warnings, too.
    pub(super) fn shown(&self, located: Located, options: Options) -> Result<(Shown, Vec<String>), Error> {
        let Index { file, data, warnings } = self.index(located)?;
        let data: Vec<&File> = data.iter().map(|file| &**file).collect();
        Ok((self.by_kernel(&file, &data, options)?, warnings))
    }

    /// Where the index's file system cannot carry it (it is in memory, or an overlay) a copy in a temporary file may do, and
    /// else loop devices.
    fn by_kernel(&self, index: &File, data: &[&File], options: Options) -> Result<Shown, Error> {
        let shown = |mounted| Shown { mounted, way: Way::Kernel };
        let in_loops = || {
            let mounted = Detached::index_in_loops(index, data, options.live())?;
            Ok(Shown { mounted, way: Way::Loop })
        };
        if options.way == Some(Way::Loop) {
            return in_loops();
        }
        let first = Detached::index(index, data, options.live());
        if !matches!(first, Err(MountError::IndexPlace)) {
            return Ok(shown(first?));
        }
        for folder in [std::env::temp_dir(), PathBuf::from("/var/tmp"), self.store.root().to_owned()] {
            let Ok(copy) = copy(index, &folder) else { continue };
            match Detached::index(&copy, data, options.live()) {
                Err(MountError::IndexPlace) => {}
                mounted => return Ok(shown(mounted?)),
            }
        }
        in_loops()
    }
}

fn copy(file: &File, folder: &std::path::Path) -> io::Result<File> {
    let (mut from, mut copy) = (file, unnamed(folder)?);
    from.rewind()?;
    io::copy(&mut from, &mut copy)?;
    Ok(copy)
}
