//! Folders that a task makes, and archives of them that are the same each time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, shell};

/// Makes a folder, and those above it.
pub(crate) fn make(folder: &Path) -> Outcome {
    fs::create_dir_all(folder).map_err(|why| format!("making {}: {why}", folder.display()))
}

/// Makes a folder with nothing in it.
pub(crate) fn emptied(folder: &Path) -> Outcome {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|why| format!("removing {}: {why}", folder.display()))?;
    }
    make(folder)
}

/// What is in a folder, sorted.
pub(crate) fn files(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let failed = |why| format!("reading {}: {why}", folder.display());
    let entries = fs::read_dir(folder).map_err(failed)?;
    let mut files = entries.map(|entry| Ok(entry.map_err(failed)?.path())).collect::<Outcome<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// Packs a folder, under its own name: the same files at the same time (seconds since 1970) are the same bytes.
pub(crate) fn pack(folder: &Path, time: &str, archive: &Path) -> Outcome {
    let above = folder.parent().unwrap_or(folder);
    let name = folder.file_name().unwrap_or_default();
    let mtime = format!("--mtime=@{time}");
    let same = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--format=ustar", &mtime, "-czf"];
    shell::run(Command::new("tar").arg("-C").arg(above).args(same).arg(archive).arg(name))
}
