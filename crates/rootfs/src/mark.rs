//! What the kernel's overlayfs writes into an upper directory that is not what a user sees.

use ply_tree::Xattr;
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{
    FileType, Mode, OFlags, XattrFlags, fchmod, fgetxattr, fremovexattr, fsetxattr, fstat, mknodat, openat,
};
use rustix::io::Errno;

use crate::make::Parent;

/// In which name space its attributes stand: `trusted` takes a privilege, `user` the mount option `userxattr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marks {
    Trusted,
    User,
}

const PREFIXES: [&[u8]; 2] = [b"trusted.overlay.", b"user.overlay."];

/// What the attributes of something in an upper say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// All below is hidden.
    pub(crate) opaque: bool,
    /// Files may be whiteouts by attribute.
    pub(crate) whiteouts: bool,
    pub(crate) whiteout: bool,
    /// Content or name are those of something in a layer below.
    pub(crate) elsewhere: bool,
}

impl Marks {
    /// The name space this process can write, tried on a directory that nobody looks at.
    pub(crate) fn probe(work: BorrowedFd<'_>) -> Self {
        const TRIAL: &str = "trusted.overlay.ply";
        match fsetxattr(work, TRIAL, b"y", XattrFlags::empty()) {
            Ok(()) => {
                // What is left of a trial means nothing to anybody.
                let _ = fremovexattr(work, TRIAL);
                Self::Trusted
            }
            Err(_) => Self::User,
        }
    }

    const fn opaque_name(self) -> &'static str {
        match self {
            Self::Trusted => "trusted.overlay.opaque",
            Self::User => "user.overlay.opaque",
        }
    }

    const fn whiteout_name(self) -> &'static str {
        match self {
            Self::Trusted => "trusted.overlay.whiteout",
            Self::User => "user.overlay.whiteout",
        }
    }

    /// Makes a directory hide all below it.
    pub(crate) fn make_opaque(self, directory: BorrowedFd<'_>) -> rustix::io::Result<()> {
        self.mark(directory, b"y")
    }

    fn mark(self, directory: BorrowedFd<'_>, value: &[u8]) -> rustix::io::Result<()> {
        let mark = || fsetxattr(directory, self.opaque_name(), value, XattrFlags::empty());
        match mark() {
            // `user` attributes take the right to write, which the owner of a directory may not have, but may give.
            Err(Errno::ACCESS) => {
                let mode = Mode::from_raw_mode(fstat(directory)?.st_mode & 0o7777);
                fchmod(directory, mode | Mode::WUSR)?;
                mark().and(fchmod(directory, mode))
            }
            done => done,
        }
    }

    pub(crate) fn is_opaque(self, directory: BorrowedFd<'_>) -> bool {
        let mut value = [0; 8];
        fgetxattr(directory, self.opaque_name(), &mut value[..]) == Ok(1) && value[0] == b'y'
    }

    /// Makes a whiteout: the device 0:0, which takes no privilege since Linux 5.8; where that is refused, an empty file
    /// with an attribute, in a directory with another.
    pub(crate) fn whiteout(self, parent: Parent<'_>, name: &[u8]) -> rustix::io::Result<()> {
        if parent.hidden {
            return Ok(());
        }
        match mknodat(parent.fd, name, FileType::CharacterDevice, Mode::empty(), 0) {
            Err(Errno::PERM) => self.whiteout_file(parent.fd, name),
            done => done,
        }
    }

    fn whiteout_file(self, directory: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(directory, name, flags, Mode::RUSR | Mode::WUSR)?;
        fsetxattr(file.as_fd(), self.whiteout_name(), b"y", XattrFlags::empty())?;
        self.tell(directory)
    }

    /// Marks a directory as one in which files may be whiteouts by attribute.
    pub(crate) fn tell(self, directory: BorrowedFd<'_>) -> rustix::io::Result<()> {
        self.mark(directory, b"x")
    }
}

/// Takes the overlay's own attributes out of those of a file.
pub(crate) fn take(xattrs: &mut Vec<Xattr>) -> Said {
    let mut said = Said::default();
    xattrs.retain(|xattr| {
        let Some(name) = PREFIXES.iter().find_map(|prefix| xattr.name.strip_prefix(*prefix)) else {
            return true;
        };
        match (name, &xattr.value[..]) {
            (b"opaque", b"y") => said.opaque = true,
            (b"opaque", b"x") => said.whiteouts = true,
            (b"whiteout", _) => said.whiteout = true,
            (b"redirect" | b"metacopy", _) => said.elsewhere = true,
            // Where it came from, how often it is linked, what is nested: of use to that mount alone.
            _ => {}
        }
        false
    });
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_and_taken_away() {
        let check = |name: &str, value: &str, expect: Said, left: usize| {
            let mut xattrs = vec![Xattr { name: name.as_bytes().into(), value: value.as_bytes().into() }];
            assert_eq!(take(&mut xattrs), expect, "{name}");
            assert_eq!(xattrs.len(), left, "{name}");
        };
        for space in ["trusted", "user"] {
            let name = |end: &str| format!("{space}.overlay.{end}");
            check(&name("opaque"), "y", Said { opaque: true, ..Said::default() }, 0);
            check(&name("opaque"), "x", Said { whiteouts: true, ..Said::default() }, 0);
            check(&name("opaque"), "n", Said::default(), 0);
            check(&name("whiteout"), "", Said { whiteout: true, ..Said::default() }, 0);
            check(&name("redirect"), "/a", Said { elsewhere: true, ..Said::default() }, 0);
            check(&name("metacopy"), "", Said { elsewhere: true, ..Said::default() }, 0);
            check(&name("origin"), "\0\u{fb}", Said::default(), 0);
            check(&name("overlay.opaque"), "y", Said::default(), 0);
            check(&format!("{space}.overlayed"), "y", Said::default(), 1);
        }
        check("security.capability", "", Said::default(), 1);
    }
}
