//! The engines that need no daemon: podman, buildah, skopeo; with storage of their own.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// Storage for podman and buildah, in a temporary folder.
#[derive(Debug)]
pub struct Engines {
    folder: TempDir,
}

impl Default for Engines {
    fn default() -> Self {
        Self::new()
    }
}

impl Engines {
    /// Empty storage.
    pub fn new() -> Self {
        Self { folder: tempfile::Builder::new().prefix("ply-podman-").tempdir().unwrap() }
    }

    /// A folder for files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `podman`; the driver that copies works on every filesystem.
    pub fn podman(&self, args: &[&str]) -> Command {
        self.stored("podman", args)
    }

    /// `buildah`.
    pub fn buildah(&self, args: &[&str]) -> Command {
        self.stored("buildah", args)
    }

    /// `skopeo`.
    pub fn skopeo(&self, args: &[&str]) -> Command {
        let mut command = Command::new("skopeo");
        command.args(["--insecure-policy", "--tmpdir"]).arg(self.folder.path()).args(args);
        command
    }

    fn stored(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .arg("--root")
            .arg(self.folder.path().join("root"))
            .arg("--runroot")
            .arg(self.folder.path().join("run"))
            .args(["--storage-driver", "vfs"])
            .args(args)
            .env("TMPDIR", self.folder.path());
        command
    }
}
