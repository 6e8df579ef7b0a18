//! A folder that is gone when its owner is.

use crate::Outcome;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;

#[must_use = "dropping it removes the folder"]
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// A new folder in `place`, which is made where it is missing.
    pub(crate) fn new(place: &Path, name: &str) -> Outcome<Self> {
        let folder = place.join(format!("{name}-{}", process::id()));
        fs::create_dir_all(&folder).map_err(|why| format!("making {}: {why}", folder.display()))?;
        Ok(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(why) = fs::remove_dir_all(&self.0) {
            eprintln!("xtask: {} is left behind: {why}", self.0.display());
        }
    }
}
