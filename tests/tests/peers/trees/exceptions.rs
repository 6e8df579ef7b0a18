//! What real engines show otherwise, and why: each row is a difference that is known and no fault of ours.

use std::collections::BTreeMap;
use std::fmt;

use ply_tests::{Difference, Entry, Field};

/// Who shows an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    /// Docker's layers below the kernel's overlay.
    Overlay2,
    /// `docker export` of a container that never ran.
    Export,
    /// `ctr images mount`, of containerd.
    Containerd,
    /// `umoci unpack`.
    Umoci,
    /// `podman image mount`.
    Podman,
}

/// A difference that is known.
pub(super) struct Exception {
    /// Whose; `edge` shows it with each of them.
    pub(super) engines: &'static [Engine],
    pub(super) field: Field,
    pub(super) holds: fn(&Difference) -> bool,
    pub(super) why: &'static str,
}

impl Engine {
    const fn name(self) -> &'static str {
        match self {
            Self::Overlay2 => "Docker",
            Self::Export => "`docker export`",
            Self::Containerd => "containerd",
            Self::Umoci => "umoci",
            Self::Podman => "podman",
        }
    }
}

/// Its row in docs/engines.md.
impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let engines: Vec<&str> = self.engines.iter().map(|engine| engine.name()).collect();
        write!(f, "| {} | {:?} | {} |", engines.join(", "), self.field, self.why)
    }
}

#[test]
fn documentation_has_the_same_exceptions() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/engines.md");
    let documented = std::fs::read_to_string(path).unwrap();
    let rows = EXCEPTIONS.iter().map(ToString::to_string);
    let missing: Vec<String> = rows.filter(|row| !documented.lines().any(|line| line == row)).collect();
    assert!(missing.is_empty(), "docs/engines.md lacks these rows:\n{}", missing.join("\n"));
}

/// What every container of Docker has, whatever its image has there; `docker export` shows it, and it is not compared.
/// From `initlayer.Setup` in moby's `daemon/initlayer/setup_unix.go`.
pub(crate) const OF_CONTAINERS: [&str; 8] = [
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
        engines: &[Engine::Overlay2, Engine::Containerd],
        field: Field::Mode,
        holds: |found| is_root(found) && theirs(found).mode == 0o755,
        why: "an entry for the root is not applied, as seen with an image of that alone",
    },
    Exception {
        engines: &[Engine::Podman],
        field: Field::Mode,
        holds: |found| is_root(found) && theirs(found).mode == 0o555,
        why: "containers/storage's overlay makes each layer's root 0555, and does not apply an entry for it",
    },
    Exception {
        engines: &[Engine::Overlay2, Engine::Containerd, Engine::Podman],
        field: Field::Time,
        holds: |found| is_root(found) && was_made_now(found),
        why: "the root is from when the image was loaded, whatever an entry for it says",
    },
    Exception {
        engines: &[Engine::Overlay2, Engine::Export, Engine::Containerd, Engine::Podman],
        field: Field::Time,
        holds: |found| !(0..=LAST_NANOSECOND).contains(&ours(found).mtime.0) && theirs(found).mtime == (0, 0),
        why: "moby's `system.Chtimes`, and what came of it, sets 0 for times before 1970 and beyond 2262",
    },
    Exception {
        engines: &[Engine::Umoci],
        field: Field::Time,
        holds: |found| ours(found).mtime.0 > LAST_NANOSECOND && theirs(found).mtime.0 < 0,
        why: "it counts nanoseconds since 1970 in 64 bits, which end in 2262",
    },
    Exception {
        engines: &[Engine::Overlay2, Engine::Umoci, Engine::Podman],
        field: Field::Xattrs,
        holds: |found| theirs(found).xattrs == kept(found, |_, value| !value.is_empty()),
        why: "Go's `tar.Header.Xattrs` has no empty ones; containerd reads `PAXRecords`, and has them, as has GNU tar",
    },
    Exception {
        engines: &[Engine::Export],
        field: Field::Xattrs,
        holds: |found| theirs(found).xattrs == kept(found, |name, _| name == b"security.capability"),
        why: "of extended attributes, moby's `ReadSecurityXattrToTarHeader` packs capabilities alone",
    },
    Exception {
        engines: &[Engine::Export],
        field: Field::Presence,
        holds: |found| is_one_of(found, &ABOVE) && found.ours.is_none(),
        why: "made above what every container has",
    },
    Exception {
        engines: &[Engine::Export],
        field: Field::Time,
        holds: |found| is_one_of(found, &ABOVE) && was_made_now(found),
        why: "what every container has was made in it",
    },
    Exception {
        engines: &[Engine::Export],
        field: Field::Time,
        holds: |found| theirs(found).mtime == (ours(found).mtime.0, 0),
        why: "moby's `archive.FileInfoHeader` cuts times to the second",
    },
];

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

/// Our extended attributes that are kept by a rule.
fn kept(found: &Difference, rule: fn(&[u8], &[u8]) -> bool) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut xattrs = ours(found).xattrs.clone();
    xattrs.retain(|name, value| rule(name, value));
    xattrs
}
