//! The kernel's own union of directories.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// An overlay of directories that cannot be written, mounted until it is dropped.
#[derive(Debug)]
pub struct Overlay {
    folder: TempDir,
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
        Self { folder }
    }

    /// Where it shows.
    pub fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("merged")
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        let _ = crate::run(Command::new("umount").arg(self.path()));
    }
}
