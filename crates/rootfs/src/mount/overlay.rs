use std::fs::File;

use rustix::fd::{AsFd, AsRawFd, BorrowedFd};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};

use super::context::Context;
use super::{Detached, Live, MountError};

/// What keeps an upper layer a plain changeset, which means the same below any other layer.
const PLAIN: [(&str, &str); 3] = [("redirect_dir", "off"), ("metacopy", "off"), ("index", "off")];

impl Detached {
    /// Mounts an upper layer, and the directory beside it to work in, over this mount: it is written to by whoever looks at
    /// the union, and stays a plain changeset. `over` is the directory that it is for: kernels before Linux 6.15 take no lower
    /// layer that stands nowhere, so that it stands there for a moment.
    ///
    /// # Errors
    /// See [`MountError`].
    pub fn overlay(
        &self,
        upper: &File,
        work: &File,
        live: Live,
        over: BorrowedFd<'_>,
    ) -> Result<Self, MountError> {
        match self.below(upper, work, live) {
            Err(MountError::Refused { source, .. })
                if source.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {}
            done => return done,
        }
        self.while_attached(over, || self.below(upper, work, live))
    }

    fn while_attached<T>(
        &self,
        over: BorrowedFd<'_>,
        work: impl FnOnce() -> Result<T, MountError>,
    ) -> Result<T, MountError> {
        self.attach(over)?;
        let done = work();
        // An overlay has a copy of its own of the mounts below it.
        let path = format!("/proc/self/fd/{}", self.0.as_raw_fd());
        let gone = unmount(path, UnmountFlags::DETACH);
        gone.map_err(|errno| MountError::Refused {
            doing: "take the lower layer away again",
            log: Vec::new(),
            source: errno.into(),
        })?;
        done
    }

    fn below(&self, upper: &File, work: &File, live: Live) -> Result<Self, MountError> {
        let context = Context::new("overlay", |source| MountError::NoOverlay { source })?;
        context.string("source", "ply")?;
        context.file("lowerdir", self.0.as_fd())?;
        context.file("upperdir", upper.as_fd())?;
        context.file("workdir", work.as_fd())?;
        for (key, value) in PLAIN {
            context.string(key, value)?;
        }
        context.create().map_err(context.refused("mount the overlay"))?;
        context.mount("mount the overlay", live, true)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use ply_erofs::{Form, encode};
    use ply_tree::{Directory, Metadata, Tree};

    use super::*;
    use crate::unmount;

    /// What kernels before Linux 6.15 need, any takes.
    #[test]
    fn a_lower_layer_that_stands_somewhere_for_a_moment() {
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        for name in ["on", "upper", "work"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let mut index = tempfile::tempfile_in(folder.path()).unwrap();
        let tree = Tree::new(Directory::default(), Metadata::new(0o755));
        index.write_all(&encode(&tree, Form::Root, &[]).unwrap()).unwrap();
        let lower = match Detached::index(&index, &[], Live::default()) {
            Err(MountError::NotPermitted | MountError::NoErofs { .. } | MountError::IndexPlace) => {
                // Past the test's own capture.
                let _ = writeln!(std::io::stderr(), "skipped: nothing can be mounted here");
                return;
            }
            lower => lower.unwrap(),
        };
        let open = |name: &str| File::open(folder.path().join(name)).unwrap();
        let (on, upper, work) = (open("on"), open("upper"), open("work"));
        let over = lower.while_attached(on.as_fd(), || lower.below(&upper, &work, Live::default())).unwrap();
        over.attach(on.as_fd()).unwrap();
        drop((over, lower));
        std::fs::write(folder.path().join("on/file"), "written").unwrap();
        let path = folder.path().join("on").canonicalize().unwrap();
        unmount(&path).unwrap();
        // Of the lower layer nothing is left.
        assert!(unmount(&path).is_err());
        assert_eq!(std::fs::read(folder.path().join("upper/file")).unwrap(), b"written");
    }
}
