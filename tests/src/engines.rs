//! The engines that need no daemon: podman, buildah, skopeo; with storage of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::mount::Mounted;
use crate::{Filesystem, output, run};

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

    /// Turns an archive of Docker's into a layout, with the image called `image`.
    pub fn layout(&self, archive: &Path) -> PathBuf {
        let layout = self.folder.path().join("layout");
        let _ = std::fs::remove_dir_all(&layout);
        let from = format!("docker-archive:{}", archive.display());
        output(&mut self.skopeo(&["copy", "-q", &from, &format!("oci:{}:image", layout.display())]));
        layout
    }

    /// The files of a layout's image, as umoci unpacks them; or why it does not.
    ///
    /// # Errors
    /// What it says.
    pub fn unpacked_by_umoci(&self, layout: &Path) -> Result<Filesystem, String> {
        let bundle = self.folder.path().join("bundle");
        let mut umoci = Command::new("umoci");
        umoci.args(["unpack", "--image"]).arg(format!("{}:image", layout.display())).arg(&bundle);
        let ran = run(&mut umoci);
        let done = ran.code == Some(0);
        let found = if done { Ok(Filesystem::on_disk(&bundle.join("rootfs"))) } else { Err(ran.stderr) };
        let _ = std::fs::remove_dir_all(&bundle);
        found
    }

    /// The files of an archive's one image, as podman stacks and mounts them, and the DiffIDs of its layers; or why it
    /// does not.
    ///
    /// # Errors
    /// What it says.
    pub fn mounted_by_podman(&self, archive: &Path) -> Result<(Filesystem, Value), String> {
        // The driver that copies would have every layer on the disk with all that is below.
        let root = self.folder.path().join("overlay");
        let podman = |args: &[&str]| {
            let mut podman = Command::new("podman");
            podman.arg("--root").arg(&root).arg("--runroot").arg(self.folder.path().join("run"));
            podman.args(["--storage-driver", "overlay"]).args(args).env("TMPDIR", self.folder.path());
            podman
        };
        // Its folder of layers is a mount of its own, and images are mounted below.
        let _mounted = Mounted(root.join("overlay"));
        let loaded = run(&mut podman(&["load", "-q", "-i", archive.to_str().unwrap()]));
        if loaded.code != Some(0) {
            return Err(loaded.stderr);
        }
        let name = loaded.text().lines().next().and_then(|line| line.strip_prefix("Loaded image: ")).unwrap();
        let layers = output(&mut podman(&["image", "inspect", "-f", "{{json .RootFS.Layers}}", name]));
        let place = output(&mut podman(&["image", "mount", name]));
        let found = Filesystem::on_disk(Path::new(&place));
        output(&mut podman(&["image", "unmount", name]));
        output(&mut podman(&["rmi", "-f", name]));
        Ok((found, serde_json::from_str(&layers).unwrap()))
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
