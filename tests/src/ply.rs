//! The real binary, run with a store of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::{Input, output};

/// The `ply` that was built with this test, in the same profile. Cargo is asked once a process, so that no old one
/// is tested; where the test was not started by cargo, the one that is there is taken.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.parent().and_then(Path::parent).unwrap();
        if let Some(cargo) = std::env::var_os("CARGO") {
            let mut build = Command::new(cargo);
            build.args(["build", "--quiet", "--package", "ply-cli"]).current_dir(env!("CARGO_MANIFEST_DIR"));
            if profile.ends_with("release") {
                build.arg("--release");
            }
            // What cargo says of the test's own package would make build scripts that look at it run again.
            for (variable, _) in std::env::vars_os() {
                let name = variable.to_string_lossy();
                if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                    build.env_remove(&variable);
                }
            }
            assert!(build.status().unwrap().success(), "ply-cli does not build");
        }
        let binary = profile.join("ply");
        assert!(binary.is_file(), "{} is not there: cargo build -p ply-cli", binary.display());
        binary
    })
}

/// The archive of five small images that a real Docker Engine made.
pub fn family() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/family/family.tar")
}

/// A store in a folder that goes away with it, and the `ply` that works on it.
#[derive(Debug)]
pub struct Ply {
    folder: TempDir,
    /// Where the store is to lie in the folder.
    store: &'static str,
    threads: Option<usize>,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it said.
    pub stderr: String,
}

impl Default for Ply {
    fn default() -> Self {
        Self::new()
    }
}

impl Ply {
    /// An empty store.
    pub fn new() -> Self {
        Self::within(&std::env::temp_dir())
    }

    fn within(folder: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("ply-test-").tempdir_in(folder).unwrap();
        Self { folder, store: "store", threads: None }
    }

    /// An empty store on a disk, wherever temporary files are: for what would fill a memory, and for what is about disks.
    pub fn on_disk() -> Self {
        let kept = Path::new("/var/tmp");
        if kept.is_dir() { Self::within(kept) } else { Self::new() }
    }

    /// The same with the store elsewhere in the folder.
    #[must_use]
    pub fn with_store(self, store: &'static str) -> Self {
        Self { store, ..self }
    }

    /// An empty folder for a store that lies in it as this one does: on a disk, or in memory, where syncs cost nothing.
    pub fn beside(&self, in_memory: bool) -> Self {
        let memory = Path::new("/dev/shm");
        let beside = if in_memory && memory.is_dir() { Self::within(memory) } else { Self::on_disk() };
        Self { store: self.store, threads: self.threads, ..beside }
    }

    /// An empty store, worked on with so many threads.
    pub fn with_threads(threads: usize) -> Self {
        Self { threads: Some(threads), ..Self::new() }
    }

    /// A store that holds the family.
    pub fn with_family() -> Self {
        let ply = Self::new();
        ply.ok(["load", "-i", family().to_str().unwrap()]);
        ply
    }

    /// The binary in the folder, where somebody can start it who may not enter the folder that cargo builds in.
    pub fn binary_for_all(&self) -> PathBuf {
        let program = self.file("ply-for-all");
        if !program.exists() {
            // Written by another process: what is forked here meanwhile would hold it open, and it could not be started.
            output(Command::new("cp").arg(binary()).arg(&program));
            output(Command::new("chmod").arg("755").args([self.folder(), &program]));
        }
        program
    }

    /// A folder for files, gone with the store.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file in that folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file in that folder.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The store.
    pub fn store(&self) -> PathBuf {
        self.folder.path().join(self.store)
    }

    /// A command line, ready to be run in the folder.
    pub fn command<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(binary());
        command
            .args(args)
            .current_dir(self.folder.path())
            .env("PLY_STORE", self.store())
            .env("TZ", "UTC")
            .env_remove("COLUMNS")
            .stdin(Stdio::null());
        if let Some(threads) = self.threads {
            command.arg("--threads").arg(threads.to_string());
        }
        command
    }

    /// Runs it.
    pub fn run<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        self.command(args).output().unwrap().into()
    }

    /// Runs it; it must succeed. Gives what it printed, less the last line end.
    pub fn ok<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let mut command = self.command(args);
        let ran: Ran = command.output().unwrap().into();
        assert_eq!(ran.code, Some(0), "{command:?}: {}", ran.stderr);
        ran.text().trim_end_matches('\n').to_owned()
    }

    /// Loads from where the bytes are: a file by its path, a pipe by stdin.
    pub fn load(&self, input: Input, archive: &Path, more: &[&str]) -> Ran {
        let mut command = self.command(["load"]);
        command.args(more);
        match input {
            Input::File => command.arg("-i").arg(archive).output().unwrap().into(),
            Input::Pipe => crate::pipe::feed(&mut command, archive).into(),
        }
    }

    /// The ID of an image.
    pub fn id(&self, image: &str) -> String {
        self.ok(["inspect", "-f", "{{.Id}}", image])
    }

    /// What `ply save` writes for these images.
    pub fn save(&self, format: &str, images: &[&str]) -> Vec<u8> {
        let mut command = self.command(["save", "--format", format]);
        let ran: Ran = command.args(images).output().unwrap().into();
        assert_eq!(ran.code, Some(0), "{command:?}: {}", ran.stderr);
        ran.stdout
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
        }
    }
}

impl Ran {
    /// What it printed, as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("stdout is UTF-8")
    }
}
