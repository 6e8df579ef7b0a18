use ply_tree::path;
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, openat};

use crate::root::{DIRECTORY, Root};

/// Opens directories one after the other, each from the one before where that is right above it, or the same: so one that
/// lies thousands deep costs a step and not thousands.
#[derive(Debug, Default)]
pub(crate) struct Way {
    before: Option<(Vec<u8>, OwnedFd)>,
}

impl Way {
    pub(crate) fn open(&mut self, root: &Root, path: &[u8]) -> rustix::io::Result<OwnedFd> {
        let fd = match (&self.before, path::split(path)) {
            (Some((before, fd)), _) if before == path => openat(fd, ".", DIRECTORY, Mode::empty()),
            (Some((before, fd)), Some((above, name))) if before == above => {
                openat(fd, name, DIRECTORY, Mode::empty())
            }
            _ => root.open_below(path, OFlags::RDONLY | OFlags::DIRECTORY),
        }?;
        self.before = Some((path.to_vec(), rustix::io::fcntl_dupfd_cloexec(&fd, 0)?));
        Ok(fd)
    }
}
