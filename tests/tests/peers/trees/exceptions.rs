//! What real engines show otherwise, and why: each row is a difference that is known and no fault of ours.

use std::fmt;

use ply_tests::{Difference, Entry, Field};

/// Who shows an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    /// Docker's layers below the kernel's overlay.
    Overlay2,
    /// `docker export` of a container that never ran.
    Export,
    /// `umoci unpack`.
    Umoci,
    /// `podman image mount`.
    Podman,
}

/// A difference that is known.
pub(super) struct Exception {
    pub(super) engine: Engine,
    /// On this image alone; else on all, and needed on `edge`.
    pub(super) image: Option<&'static str>,
    pub(super) field: Field,
    pub(super) holds: fn(&Difference) -> bool,
    pub(super) why: &'static str,
}

impl fmt::Debug for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {:?}: {}", self.engine, self.field, self.why)
    }
}

/// What every container of Docker has, whatever its image has there; `docker export` shows it, and it is not compared.
/// From `initlayer.Setup` in moby's `daemon/initlayer/setup_unix.go`.
pub(super) const OF_CONTAINERS: [&str; 8] = [
    ".dockerenv",
    "dev/console",
    "dev/pts",
    "dev/shm",
    "etc/hostname",
    "etc/hosts",
    "etc/mtab",
    "etc/resolv.conf",
];

/// Directories that `OF_CONTAINERS` lie in, and two more that are made with them.
const ABOVE: [&str; 4] = ["dev", "etc", "proc", "sys"];

pub(super) const EXCEPTIONS: &[Exception] = &[
    Exception {
        engine: Engine::Overlay2,
        image: None,
        field: Field::Mode,
        holds: |found| is_root(found) && theirs(found).mode == 0o755,
        why: "an entry for the root is not applied, as seen with an image of that alone",
    },
    Exception {
        engine: Engine::Overlay2,
        image: None,
        field: Field::Time,
        holds: |found| is_root(found) && was_made_now(found),
        why: "the same: it is from when the image was loaded",
    },
    Exception {
        engine: Engine::Overlay2,
        image: None,
        field: Field::Time,
        holds: is_beyond_go,
        why: OF_TIMES,
    },
    Exception {
        engine: Engine::Overlay2,
        image: None,
        field: Field::Xattrs,
        holds: has_no_empty_ones,
        why: OF_EMPTY_XATTRS,
    },
    Exception {
        engine: Engine::Export,
        image: None,
        field: Field::Presence,
        holds: |found| is_one_of(found, &ABOVE) && found.ours.is_none(),
        why: "made above what every container has",
    },
    Exception {
        engine: Engine::Export,
        image: None,
        field: Field::Time,
        holds: |found| is_one_of(found, &ABOVE) && was_made_now(found),
        why: "what every container has was made in it",
    },
    Exception {
        engine: Engine::Export,
        image: None,
        field: Field::Time,
        holds: |found| theirs(found).mtime == (ours(found).mtime.0, 0),
        why: "moby's archive.FileInfoHeader cuts times to the second",
    },
    Exception { engine: Engine::Export, image: None, field: Field::Time, holds: is_beyond_go, why: OF_TIMES },
    Exception {
        engine: Engine::Export,
        image: None,
        field: Field::Xattrs,
        holds: |found| {
            let mut kept = ours(found).xattrs.clone();
            kept.retain(|name, _| name == b"security.capability");
            theirs(found).xattrs == kept
        },
        why: "of extended attributes, moby's ReadSecurityXattrToTarHeader packs capabilities alone",
    },
    Exception {
        engine: Engine::Umoci,
        image: None,
        field: Field::Time,
        holds: |found| ours(found).mtime.0 > LAST_NANOSECOND && theirs(found).mtime.0 < 0,
        why: "counts nanoseconds since 1970 in 64 bits, which end in 2262",
    },
    Exception {
        engine: Engine::Umoci,
        image: None,
        field: Field::Xattrs,
        holds: has_no_empty_ones,
        why: OF_EMPTY_XATTRS,
    },
    Exception {
        engine: Engine::Podman,
        image: None,
        field: Field::Mode,
        holds: |found| is_root(found) && theirs(found).mode == 0o555,
        why: "containers/storage's overlay makes each layer's root 0555, and does not apply an entry for it",
    },
    Exception {
        engine: Engine::Podman,
        image: None,
        field: Field::Time,
        holds: |found| is_root(found) && was_made_now(found),
        why: "the same: it is from when the image was loaded",
    },
    Exception { engine: Engine::Podman, image: None, field: Field::Time, holds: is_beyond_go, why: OF_TIMES },
    Exception {
        engine: Engine::Podman,
        image: None,
        field: Field::Xattrs,
        holds: has_no_empty_ones,
        why: OF_EMPTY_XATTRS,
    },
];

const OF_EMPTY_XATTRS: &str = "Go's archive/tar takes a pax record with no value for none at all, as POSIX has it; \
                               GNU tar, which wrote this one, brings an empty attribute back";

const OF_TIMES: &str = "moby's system.Chtimes sets 0 for times before 1970 and beyond 2262";

/// The second in which nanoseconds since 1970 are too many for 64 bits.
const LAST_NANOSECOND: i64 = i64::MAX / 1_000_000_000;

/// Both sides are there, whenever a field of an entry differs.
fn ours(found: &Difference) -> &Entry {
    found.ours.as_ref().unwrap()
}

fn theirs(found: &Difference) -> &Entry {
    found.theirs.as_ref().unwrap()
}

fn is_root(found: &Difference) -> bool {
    found.path.is_empty()
}

fn is_one_of(found: &Difference, paths: &[&str]) -> bool {
    paths.iter().any(|path| path.as_bytes() == found.path)
}

/// Within the last hour.
fn was_made_now(found: &Difference) -> bool {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs().cast_signed();
    (now - 3600..=now).contains(&theirs(found).mtime.0)
}

fn has_no_empty_ones(found: &Difference) -> bool {
    let mut kept = ours(found).xattrs.clone();
    kept.retain(|_, value| !value.is_empty());
    theirs(found).xattrs == kept
}

fn is_beyond_go(found: &Difference) -> bool {
    !(0..=LAST_NANOSECOND).contains(&ours(found).mtime.0) && theirs(found).mtime == (0, 0)
}
