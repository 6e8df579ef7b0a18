//! What the kernel shows: its own union of directories, and images that `ply` mounts.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::peer::REQUIRED;
use crate::{Made, Ply, Ran, archive_of, skipped};

/// An overlay of directories that cannot be written, mounted until it is dropped.
#[derive(Debug)]
pub struct Overlay {
    // Dropped before its folder.
    _mounted: Mounted,
    folder: TempDir,
}

/// What is mounted at a path or below it, until this is dropped, however a test ends.
#[derive(Debug)]
pub struct Mounted(pub(crate) PathBuf);

/// Whether `ply mount` can be tested: as root, on a kernel that mounts EROFS from files. Says so where it cannot.
pub fn mounts_images() -> bool {
    static WHY_NOT: OnceLock<Option<String>> = OnceLock::new();
    let why_not = WHY_NOT.get_or_init(|| {
        if !rustix::process::geteuid().is_root() {
            return Some("not root".to_owned());
        }
        let ply = Ply::new();
        let archive = ply.write("a.tar", archive_of(&Made::of(&["a"]), "a:1").finish());
        let (ran, _mounted) = Mounted::try_image(&ply, &["docker-archive:a.tar"], "on");
        let cannot = ["mounts no EROFS", "takes no index", "may not mount"];
        assert!(archive.exists());
        cannot.iter().any(|cannot| ran.stderr.contains(cannot)).then_some(ran.stderr)
    });
    if let Some(why) = why_not {
        // Not root is another machine; all else is a machine that should be able to.
        assert!(
            std::env::var_os(REQUIRED).is_none() || !rustix::process::geteuid().is_root(),
            "no image can be mounted, and {REQUIRED} is set: {why}"
        );
        skipped(&format!("no image can be mounted: {}", why.trim()));
    }
    why_not.is_none()
}

impl Mounted {
    /// Whatever comes to be mounted over a directory.
    pub fn over(directory: &Path) -> Self {
        Self(directory.to_owned())
    }

    /// Mounts an image, with these arguments before the directory, which is made in the folder of the store where it is not
    /// there; it must succeed and say nothing.
    pub fn image(ply: &Ply, args: &[&str], directory: &str) -> Self {
        let (ran, mounted) = Self::try_image(ply, args, directory);
        assert_eq!((ran.code, ran.text(), &*ran.stderr), (Some(0), "", ""), "{args:?}");
        mounted
    }

    /// The same, and it may fail.
    pub fn try_image(ply: &Ply, args: &[&str], directory: &str) -> (Ran, Self) {
        let path = ply.file(directory);
        std::fs::create_dir_all(&path).unwrap();
        let mut command = ply.command(["mount"]);
        let ran = command.args(args).arg(&path).output().unwrap().into();
        (ran, Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The options that `/proc/self/mountinfo` shows of the topmost mount there; none where nothing is mounted.
    pub fn options(&self) -> Option<String> {
        let path = self.0.canonicalize().unwrap();
        let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mut lines = table.lines().rev().map(|line| line.split(' ').collect::<Vec<_>>());
        lines.find(|fields| Path::new(fields[4]) == path).map(|fields| fields[5].to_owned())
    }
}

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
