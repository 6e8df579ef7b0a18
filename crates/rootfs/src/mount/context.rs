use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string,
    fsmount, fsopen,
};

use super::{Detached, Live, MountError};

/// A mount in the making.
pub(super) struct Context(OwnedFd);

impl Context {
    /// Of a kind of file system; `none` is what it means that the kernel has none.
    pub(super) fn new(
        kind: &str,
        none: impl FnOnce(std::io::Error) -> MountError,
    ) -> Result<Self, MountError> {
        fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC).map(Self).map_err(|errno| match errno {
            Errno::PERM => MountError::NotPermitted,
            errno => none(errno.into()),
        })
    }

    /// Hands an open file over.
    pub(super) fn file(&self, key: &str, file: BorrowedFd<'_>) -> Result<(), MountError> {
        self.string(key, &format!("/proc/self/fd/{}", file.as_raw_fd()))
    }

    pub(super) fn string(&self, key: &str, value: &str) -> Result<(), MountError> {
        fsconfig_set_string(self.0.as_fd(), key, value).map_err(self.refused("set up a mount"))
    }

    pub(super) fn flag(&self, key: &str) -> Result<(), MountError> {
        fsconfig_set_flag(self.0.as_fd(), key).map_err(self.refused("set up a mount"))
    }

    /// Has the kernel read what was handed over.
    pub(super) fn create(&self) -> rustix::io::Result<()> {
        fsconfig_create(self.0.as_fd())
    }

    /// The mount.
    pub(super) fn mount(
        &self,
        doing: &'static str,
        live: Live,
        writable: bool,
    ) -> Result<Detached, MountError> {
        let mut attributes = MountAttrFlags::empty();
        attributes.set(MountAttrFlags::MOUNT_ATTR_RDONLY, !writable);
        attributes.set(MountAttrFlags::MOUNT_ATTR_NOSUID, !live.suid);
        attributes.set(MountAttrFlags::MOUNT_ATTR_NODEV, !live.devices);
        let mounted = fsmount(self.0.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes);
        mounted.map(Detached).map_err(self.refused(doing))
    }

    pub(super) fn refused(&self, doing: &'static str) -> impl FnOnce(Errno) -> MountError {
        move |errno| match errno {
            Errno::PERM => MountError::NotPermitted,
            errno => MountError::Refused { doing, log: self.log(), source: errno.into() },
        }
    }

    /// What the kernel said: a message a read, until there is none.
    fn log(&self) -> Vec<String> {
        let (mut lines, mut buffer) = (Vec::new(), [0; 1024]);
        // The kernel keeps eight.
        while let Ok(len @ 1..) = rustix::io::read(&self.0, &mut buffer[..])
            && lines.len() < 8
        {
            let line = String::from_utf8_lossy(buffer.get(..len).unwrap_or_default());
            // `e erofs: …`, `w`, `i`: how bad it is, and by whom.
            let line = line.trim_end();
            lines.push(line.split_once(' ').map_or(line, |(_, message)| message).to_owned());
        }
        lines
    }
}
