//! Taking away what lies in a directory, however deep.

use std::path::Path;

use ply_tree::path;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, chmod, openat, renameat, unlinkat};
use rustix::io::Errno;

use crate::RootfsError;
use crate::list::list;
use crate::root::{DIRECTORY, Root};

/// Empties a directory, however deep what it holds is, and whatever its owner may do in there.
///
/// # Errors
/// [`RootfsError::Io`] where something cannot be taken away.
pub fn empty(directory: &Path) -> Result<(), RootfsError> {
    let root = Root::open(directory)?;
    clear(root.fd.as_fd()).map_err(root.io("empty", b""))
}

/// Takes away what a clean path names below a directory, a directory with all it holds: where it stands, since an overlay
/// moves no directory that has something below it.
///
/// # Errors
/// [`RootfsError::Io`] where something cannot be taken away, or is not there.
pub fn remove(root: &Path, path: &[u8]) -> Result<(), RootfsError> {
    let root = Root::open(root)?;
    let gone = || -> rustix::io::Result<()> {
        // A directory is met twice: to be emptied, and empty.
        let mut ahead = vec![(path.to_vec(), false)];
        while let Some((path, is_empty)) = ahead.pop() {
            let (above, name) = path::split(&path).ok_or(Errno::INVAL)?;
            let parent = root.open_below(above, OFlags::RDONLY | OFlags::DIRECTORY)?;
            if is_empty {
                unlinkat(&parent, name, AtFlags::REMOVEDIR)?;
                continue;
            }
            match unlinkat(&parent, name, AtFlags::empty()) {
                Err(Errno::ISDIR) => {}
                done => {
                    done?;
                    continue;
                }
            }
            let directory = writable(parent.as_fd(), name)?;
            let within = list(directory.as_fd())?;
            ahead.push((path.clone(), true));
            ahead.extend(within.into_iter().map(|found| (path::join(&path, &found.name), false)));
        }
        Ok(())
    };
    gone().map_err(root.io("remove", path))
}

/// Empties a directory. Directories found on the way are first moved up into it, so that none is ever deeper than one
/// and two file descriptors are enough; links are taken away, never followed.
pub(crate) fn clear(root: BorrowedFd<'_>) -> rustix::io::Result<()> {
    let mut numbers = 0_u64..;
    let mut waiting: Vec<Vec<u8>> = Vec::new();
    // The caller's may have been read before: a new one begins at the beginning.
    unlink_all(openat(root, ".", DIRECTORY, Mode::empty())?.as_fd(), |_, name| {
        waiting.push(name.to_vec());
        Ok(())
    })?;
    while let Some(name) = waiting.pop() {
        let directory = match writable(root, &name) {
            // Another was moved onto it, which takes the place of an empty one.
            Err(Errno::NOENT) => continue,
            opened => opened?,
        };
        unlink_all(directory.as_fd(), |at, name| {
            let mut put = || -> rustix::io::Result<()> {
                for number in numbers.by_ref() {
                    let aside = format!(".ply-gone-{number}").into_bytes();
                    match renameat(at, name, root, &aside[..]) {
                        Ok(()) => {
                            waiting.push(aside);
                            break;
                        }
                        Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(())
            };
            match put() {
                // To be moved, a directory must itself be writable.
                Err(Errno::ACCESS) => writable(at, name).and_then(|_| put()),
                done => done,
            }
        })?;
        match unlinkat(root, &name[..], AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Takes away all names in a directory but those of directories.
fn unlink_all(
    directory: BorrowedFd<'_>,
    mut each: impl FnMut(BorrowedFd<'_>, &[u8]) -> rustix::io::Result<()>,
) -> rustix::io::Result<()> {
    for found in list(directory)? {
        if found.kind == FileType::Directory {
            each(directory, &found.name)?;
            continue;
        }
        match unlinkat(directory, &found.name[..], AtFlags::empty()) {
            Err(Errno::ISDIR) => each(directory, &found.name)?,
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Opens a directory, made writable first where its owner may not write.
pub(crate) fn writable(at: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    let all = Mode::RWXU;
    match openat(at, name, DIRECTORY, Mode::empty()) {
        Ok(fd) if Mode::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode).contains(all) => Ok(fd),
        Ok(fd) => {
            rustix::fs::fchmod(&fd, all)?;
            Ok(fd)
        }
        Err(Errno::ACCESS) => {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let fd = openat(at, name, flags, Mode::empty())?;
            chmod(crate::attributes::magic(fd.as_fd(), b""), all)?;
            openat(at, name, DIRECTORY, Mode::empty())
        }
        Err(error) => Err(error),
    }
}
