use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{
    AtFlags, FileType, Mode, RenameFlags, fchmod, fstat, mkdirat, openat, renameat_with, unlinkat,
};
use rustix::io::Errno;

use crate::clear::clear;
use crate::list::list;
use crate::root::DIRECTORY;

/// A directory of our own in the work directory: things are made here and moved in, or moved here to be gone. Dropped, all
/// in it is gone.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    work: BorrowedFd<'a>,
    name: String,
    pub(super) fd: OwnedFd,
}

/// What the names of stages begin with; the kernel has others beside them.
const PREFIX: &str = "ply-";

/// Takes away all stages in a work directory.
pub(super) fn sweep(work: BorrowedFd<'_>) -> rustix::io::Result<()> {
    for found in list(work)?.into_iter().filter(|found| found.name.starts_with(PREFIX.as_bytes())) {
        clear(openat(work, &found.name[..], DIRECTORY, Mode::empty())?.as_fd())?;
        unlinkat(work, &found.name[..], AtFlags::REMOVEDIR)?;
    }
    Ok(())
}

impl<'a> Stage<'a> {
    pub(super) fn new(work: BorrowedFd<'a>) -> rustix::io::Result<Self> {
        /// Names that may be taken by left-overs of others.
        const TRIES: u32 = 1000;
        for number in 0..TRIES {
            let name = format!("{PREFIX}{}-{number}", std::process::id());
            match mkdirat(work, &name, Mode::RWXU) {
                Err(Errno::EXIST) => continue,
                made => made?,
            }
            let fd = openat(work, &name, DIRECTORY, Mode::empty())?;
            return Ok(Self { work, name, fd });
        }
        Err(Errno::EXIST)
    }

    /// Moves what has a name here to the same name elsewhere; what stood there comes here instead.
    pub(super) fn exchange(&self, name: &[u8], to: BorrowedFd<'_>) -> rustix::io::Result<()> {
        let here = self.fd.as_fd();
        let change = || match renameat_with(here, name, to, name, RenameFlags::EXCHANGE) {
            Err(Errno::NOENT) => renameat_with(here, name, to, name, RenameFlags::NOREPLACE),
            done => done,
        };
        match change() {
            // To be moved, a directory must itself be writable: by its owner, who is not root.
            Err(Errno::ACCESS) => {
                let ours = unlock(here, name)?;
                unlock(to, name)?;
                change()?;
                match ours {
                    Some((fd, mode)) => fchmod(fd, mode),
                    None => Ok(()),
                }
            }
            done => done,
        }
    }

    /// Moves what has a name elsewhere here, to be gone. Says whether there was anything.
    pub(super) fn take(&self, from: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<bool> {
        let take = || renameat_with(from, name, &self.fd, name, RenameFlags::NOREPLACE);
        match take() {
            Err(Errno::NOENT) => Ok(false),
            Err(Errno::ACCESS) => {
                unlock(from, name)?;
                take().map(|()| true)
            }
            done => done.map(|()| true),
        }
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        // Whatever fails here, what is left lies in the work directory and is seen by nobody.
        let _ = clear(self.fd.as_fd());
        let _ = unlinkat(self.work, &self.name, AtFlags::REMOVEDIR);
    }
}

/// Makes a directory writable for its owner; gives it, and the mode it had. Nothing where it is none.
fn unlock(at: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<Option<(OwnedFd, Mode)>> {
    let found = match rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(None),
        found => found?,
    };
    if FileType::from_raw_mode(found.st_mode) != FileType::Directory {
        return Ok(None);
    }
    let before = Mode::from_raw_mode(found.st_mode & 0o7777);
    let fd = crate::clear::writable(at, name)?;
    debug_assert!(fstat(&fd).is_ok_and(|now| now.st_ino == found.st_ino));
    Ok(Some((fd, before)))
}
