//! The kernel's own union of directories.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// An overlay of directories that cannot be written, mounted until it is dropped.
#[derive(Debug)]
pub struct Overlay {
    // Dropped before its folder.
    _mounted: Mounted,
    folder: TempDir,
}

/// What is mounted at a path or below it, until this is dropped, however a test ends.
#[derive(Debug)]
pub(crate) struct Mounted(pub(crate) PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = crate::run(Command::new("umount").args(["--recursive", "--quiet"]).arg(&self.0));
    }
}

impl Overlay {
    /// Mounts directories, the top one first.
    pub fn of(directories: &[&Path]) -> Self {
        let folder = tempfile::Builder::new().prefix("ply-overlay-").tempdir().unwrap();
        std::fs::create_dir(folder.path().join("merged")).unwrap();
        // An overlay has two at least.
        let empty = folder.path().join("empty");
        std::fs::create_dir(&empty).unwrap();
        let below: &[&Path] = if directories.len() == 1 { &[&empty] } else { &[] };
        // By short names, since a page must hold all that a mount is told.
        let mut names = Vec::new();
        for (at, directory) in directories.iter().chain(below).enumerate() {
            std::os::unix::fs::symlink(directory, folder.path().join(at.to_string())).unwrap();
            names.push(at.to_string());
        }
        let options = format!("ro,lowerdir={}", names.join(":"));
        let mut mount = Command::new("mount");
        mount.args(["-t", "overlay", "overlay", "-o", &options, "merged"]).current_dir(folder.path());
        crate::output(&mut mount);
        let mounted = Mounted(folder.path().join("merged"));
        Self { _mounted: mounted, folder }
    }

    /// Mounts a directory below one that is written to, with nothing on that would make it point elsewhere.
    pub fn writable(lower: &Path, upper: &Path, work: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("ply-overlay-").tempdir().unwrap();
        for (name, directory) in [("lower", lower), ("upper", upper), ("work", work)] {
            std::os::unix::fs::symlink(directory, folder.path().join(name)).unwrap();
        }
        std::fs::create_dir(folder.path().join("merged")).unwrap();
        let options = "lowerdir=lower,upperdir=upper,workdir=work,redirect_dir=off,metacopy=off,index=off";
        let mut mount = Command::new("mount");
        mount.args(["-t", "overlay", "overlay", "-o", options, "merged"]).current_dir(folder.path());
        crate::output(&mut mount);
        let mounted = Mounted(folder.path().join("merged"));
        Self { _mounted: mounted, folder }
    }

    /// Where it shows.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("merged")
    }
}
