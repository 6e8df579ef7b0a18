//! Mounts through FUSE: the same index, looked at by this process for as long as the mount is there.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use ply_erofs::Image;
use ply_store::{Mount, MountTable, StoreError, Way};
use ply_tree::{ReadAt, Source, Sources};

use super::index::Index;
use super::{Mounted, Options, Target, is_read_only, unchanged, unlisted};
use crate::files::{DiskFile, Located};
use crate::{Engine, Error};

/// A mount that is there, and shows nothing before it is served. Dropped, it is unmounted.
#[derive(Debug)]
pub struct Served(ply_rootfs::Served<Image<DiskFile>, Data>);

impl Served {
    /// Answers the kernel until somebody unmounts it.
    ///
    /// # Errors
    /// The kernel ends the conversation.
    pub fn serve(self) -> Result<(), Error> {
        self.0.serve().map_err(Error::within("answering the kernel"))
    }
}

impl Engine<'_> {
    pub(super) fn serve(
        &self,
        mut record: Mount,
        located: Located,
        target: &Target,
        options: Options,
    ) -> Result<Mounted, Error> {
        let Index { file, data, mut warnings } = self.index(located)?;
        unchanged(&record)?;
        let view = Image::open(DiskFile(Arc::new(file))).map_err(Error::within("the index"))?;
        let served = ply_rootfs::Served::mount(view, Data::new(data), &target.path, options.live())?;
        record.way = Way::Fuse;
        let number = MountTable::now()?.top(&target.path);
        record.id = number.ok_or("it is not there").map_err(Error::within("looking for the mount"))?;
        match self.store.record_standing(&record) {
            Err(StoreError::Io { source, .. }) if is_read_only(&source) => {
                warnings.push(unlisted(target, "fusermount3 -u"));
            }
            recorded => recorded?,
        }
        Ok(Mounted { verified: None, warnings, served: Some(Served(served)) })
    }
}

/// Unmounts what somebody serves who is not root.
pub(super) fn end(directory: &Path) -> Result<(), Error> {
    Ok(ply_rootfs::unmount_by_helper(directory)?)
}

/// The files that an index's data lies in.
#[derive(Debug)]
struct Data(Vec<DiskFile>);

impl Data {
    fn new(files: Vec<Arc<File>>) -> Self {
        Self(files.into_iter().map(DiskFile).collect())
    }
}

impl Sources for Data {
    fn source(&self, source: Source) -> io::Result<&dyn ReadAt> {
        let at = usize::try_from(source.0).ok();
        let file = at.and_then(|at| self.0.get(at));
        file.map(|file| file as &dyn ReadAt).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
