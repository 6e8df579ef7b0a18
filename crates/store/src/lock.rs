//! Two locks: `ply/lock`, shared while blobs are used and exclusive to collect; `ply/index.lock`, exclusive from
//! reading `index.json` again to its rename. No lock outlives a command.
//!
//! Who waits for `ply/lock` alone holds the folder `ply` meanwhile, and whoever comes to share the lock lets him go first for a
//! moment: among many who share it there would always be one more.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use crate::StoreError;
use crate::error::io as io_error;

/// How long a lock is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long who comes to share a lock lets another go first. Not for ever: the other may wait for somebody who waits for us, as
/// a save does that is piped into a load.
const COURTESY: Duration = Duration::from_secs(3);

/// A lock that is held until this is dropped.
#[derive(Debug)]
#[must_use = "dropping it gives the lock back"]
pub(crate) struct Lock(#[expect(dead_code, reason = "held for its drop")] File);

/// How a lock is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Shared,
    Exclusive,
}

/// Takes a lock, waiting up to thirty seconds. Its file is made where there is none.
pub(crate) fn take(path: &Path, mode: Mode) -> Result<Lock, StoreError> {
    wait(open(path).map_err(io_error("open", path))?, path, mode, Instant::now())
}

/// Takes a lock alone that many share. They see that somebody waits by the lock on this folder.
pub(crate) fn take_in_turn(path: &Path, turn: &Path) -> Result<Lock, StoreError> {
    let started = Instant::now();
    let folder = File::open(turn).map_err(io_error("open", turn))?;
    let _turn = wait(folder, turn, Mode::Exclusive, started)?;
    wait(open(path).map_err(io_error("open", path))?, path, Mode::Exclusive, started)
}

/// Waits a moment while somebody has this turn.
pub(crate) fn give_way(turn: &Path) {
    if let Ok(folder) = File::open(turn) {
        // Where it cannot be locked nobody waits by it.
        let _ = poll(&folder, Mode::Shared, Instant::now(), COURTESY);
    }
}

/// Takes a lock on a folder, which must be there.
pub(crate) fn take_folder(path: &Path, mode: Mode) -> Result<Lock, StoreError> {
    wait(File::open(path).map_err(io_error("open", path))?, path, mode, Instant::now())
}

fn wait(file: File, path: &Path, mode: Mode, started: Instant) -> Result<Lock, StoreError> {
    if poll(&file, mode, started, PATIENCE).map_err(io_error("lock", path))? {
        return Ok(Lock(file));
    }
    let seconds = PATIENCE.as_secs();
    Err(StoreError::Busy { path: path.to_owned(), seconds, holder: holder(&file) })
}

/// Locks a file, again and again until it is locked or so long has gone by; says whether it is.
fn poll(file: &File, mode: Mode, started: Instant, patience: Duration) -> io::Result<bool> {
    let mut pause = Duration::from_millis(1);
    while !try_flock(file, mode)? {
        if started.elapsed() > patience {
            return Ok(false);
        }
        std::thread::sleep(pause);
        pause = pause.saturating_mul(2).min(Duration::from_millis(50));
    }
    Ok(true)
}

/// Takes a lock if it is free at once.
pub(crate) fn take_if_free(path: &Path, mode: Mode) -> Result<Option<Lock>, StoreError> {
    let file = open(path).map_err(io_error("open", path))?;
    Ok(try_flock(&file, mode).map_err(io_error("lock", path))?.then(|| Lock(file)))
}

/// `flock` needs no right to write, so that a store that is only read can be locked too.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            OpenOptions::new().create(true).truncate(false).write(true).read(true).open(path)
        }
        other => other,
    }
}

pub(crate) fn try_flock(file: &File, mode: Mode) -> io::Result<bool> {
    let operation = match mode {
        Mode::Shared => FlockOperation::NonBlockingLockShared,
        Mode::Exclusive => FlockOperation::NonBlockingLockExclusive,
    };
    match flock(file, operation) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

/// Who holds a lock on this file, from `/proc/locks`: `1: FLOCK ADVISORY WRITE 4711 08:01:131 0 EOF`.
fn holder(file: &File) -> Option<String> {
    let inode = file.metadata().ok()?.ino().to_string();
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let pid = locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let of_file = fields.get(5)?.rsplit(':').next()? == inode;
        (of_file && fields.get(1) == Some(&"FLOCK")).then(|| fields.get(4).copied()).flatten()
    })?;
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let command = String::from_utf8_lossy(&command).replace('\0', " ");
    Some(format!("process {pid} ({})", command.trim().escape_debug()))
}
