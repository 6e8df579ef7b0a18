//! A directory on disk that everything stays below.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

use crate::RootfsError;

/// How a directory is opened to be read and changed: never through a link.
pub(crate) const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Bytes of a path handed to the system at once: it takes 4,096 with the NUL.
const LONGEST: usize = 4000;

/// A directory on disk, and the name people know it by.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) fd: OwnedFd,
    /// Absolute; while something is built, the name it gets in the end.
    pub(crate) shown: PathBuf,
}

impl Root {
    /// Opens a directory that its owner named; links on the way are theirs.
    pub(crate) fn open(path: &Path) -> Result<Self, RootfsError> {
        let shown = std::path::absolute(path).map_err(crate::error::io("find", path))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(crate::error::io("open", &shown))?;
        Ok(Self { fd, shown })
    }

    /// Opens what a clean path names, over no link. Paths may be longer than the system takes at once.
    pub(crate) fn open_below(&self, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let (mut rest, mut from) = (path, None::<OwnedFd>);
        loop {
            let (head, tail) = split(rest);
            let flags = if tail.is_empty() { flags } else { OFlags::PATH | OFlags::DIRECTORY };
            let at = from.as_ref().map_or(self.fd.as_fd(), AsFd::as_fd);
            let fd = beneath(at, head, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC)?;
            if tail.is_empty() {
                return Ok(fd);
            }
            (rest, from) = (tail, Some(fd));
        }
    }

    /// The path of something below, for a message.
    pub(crate) fn path(&self, below: &[u8]) -> PathBuf {
        if below.is_empty() { self.shown.clone() } else { self.shown.join(OsStr::from_bytes(below)) }
    }

    /// Says what was being done to something below.
    pub(crate) fn io<E: Into<io::Error>>(
        &self,
        doing: &'static str,
        below: &[u8],
    ) -> impl FnOnce(E) -> RootfsError {
        let path = self.path(below);
        move |source| RootfsError::Io { doing, path, source: source.into() }
    }

    /// Says that something below cannot be.
    pub(crate) fn refused(&self, below: &[u8], why: &'static str) -> RootfsError {
        RootfsError::Refused { path: self.path(below), why }
    }
}

/// As many components as the system takes at once, and the rest.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let end = match path.get(..LONGEST) {
        Some(most) => most.iter().rposition(|byte| *byte == b'/'),
        None => None,
    };
    match end.and_then(|at| Some((path.get(..at)?, path.get(at.saturating_add(1)..)?))) {
        Some(parts) => parts,
        None => (path, &[]),
    }
}

fn beneath(at: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let whole = if path.is_empty() { b"." } else { path };
    match openat2(at, whole, flags, Mode::empty(), resolve) {
        // Kernels before 5.6, and sandboxes that know the call as little.
        Err(Errno::NOSYS | Errno::PERM) => by_component(at, whole, flags),
        done => done,
    }
}

/// The same, one component at a time.
fn by_component(at: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let mut rest = path;
    let mut from = None::<OwnedFd>;
    while let Some(slash) = rest.iter().position(|byte| *byte == b'/') {
        let (name, tail) = rest.split_at(slash);
        let way = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        from = Some(openat(from.as_ref().map_or(at, AsFd::as_fd), name, way, Mode::empty())?);
        rest = tail.get(1..).unwrap_or_default();
    }
    openat(from.as_ref().map_or(at, AsFd::as_fd), rest, flags, Mode::empty())
}

/// Whether a name can stand in a directory; what a view of something damaged gives may not.
pub(crate) fn is_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.iter().any(|byte| matches!(byte, b'/' | 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_none() {
        for name in [&b""[..], b".", b"..", b"a/b", b"/", b"a\0"] {
            assert!(!is_name(name), "{name:?}");
        }
        for name in [&b"a"[..], b"...", b"..a", b".a", b"\xff\n"] {
            assert!(is_name(name), "{name:?}");
        }
    }

    #[test]
    fn no_way_leads_out() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("in/a/b")).unwrap();
        std::fs::write(folder.path().join("secret"), "").unwrap();
        for (link, target) in
            [("in/up", ".."), ("in/abs", "/"), ("in/a/side", "b"), ("in/self", "/proc/self")]
        {
            std::os::unix::fs::symlink(target, folder.path().join(link)).unwrap();
        }
        let root = Root::open(&folder.path().join("in")).unwrap();
        let check = |path: &str, expect: bool| {
            let whole = root.open_below(path.as_bytes(), OFlags::RDONLY);
            assert_eq!(whole.is_ok(), expect, "{path}: {whole:?}");
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW;
            let steps =
                by_component(root.fd.as_fd(), if path.is_empty() { b"." } else { path.as_bytes() }, flags);
            // `..` is never asked for: names are looked at first.
            assert!(path.contains("..") || steps.is_ok() == expect, "{path}: {steps:?}");
        };
        check("", true);
        check("a", true);
        check("a/b", true);
        check("../secret", false);
        check("up", false);
        check("up/secret", false);
        check("abs/etc", false);
        check("a/side", false);
        check("self/root", false);
    }

    #[test]
    fn long_paths_are_taken_in_parts() {
        let check = |path: &[u8], parts: usize| {
            let (mut rest, mut count) = (path, 0);
            while !rest.is_empty() {
                let (head, tail) = split(rest);
                assert!(head.len() <= LONGEST || !head.contains(&b'/'));
                (rest, count) = (tail, count + 1);
            }
            assert_eq!(count, parts);
        };
        check(b"a/b", 1);
        check(&[&b"a/"[..]; 5000].concat(), 3);
        check(&[b'x'; 5000], 1);
    }
}
