//! `run`: a container is made, mounted, and handed to an OCI runtime, which executes a command in it; all but what was written
//! is undone after.

mod bundle;
mod config;
mod runtime;
mod traces;
mod user;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ply_image::{Document, Platform};
use ply_store::Container;

use crate::containers::Create;
use crate::mount::Options as MountOptions;
use crate::{Engine, Error};

use bundle::Bundle;
use config::Configured;
use traces::Traces;

/// What to run, and how.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// What the container is called; without it, two words drawn at random.
    pub name: Option<String>,
    /// Which platform of an image with several.
    pub platform: Option<Platform>,
    /// Removes the container when the command has ended.
    pub remove: bool,
    /// The command can read this process's input.
    pub interactive: bool,
    /// The command has a terminal of its own, on this process's.
    pub terminal: bool,
    /// `NAME=VALUE`, over what the image says; `NAME` takes one away.
    pub env: Vec<String>,
    /// Where the command starts.
    pub workdir: Option<String>,
    /// Who runs it: a name or number, and a group after a colon.
    pub user: Option<String>,
    /// In place of the image's; then the image's command does not count either.
    pub entrypoint: Option<String>,
    /// What of the host is seen.
    pub volumes: Vec<Volume>,
    /// Whether it has no network but its own loopback; else it has the host's.
    pub no_network: bool,
    /// The runtime; without it `crun` or `runc`, whichever starts.
    pub runtime: Option<String>,
    /// In place of the image's command.
    pub command: Vec<String>,
}

/// A file or directory of the host, seen in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Where it is; a directory is made where there is nothing.
    pub host: PathBuf,
    /// Where it is seen.
    pub at: String,
    /// Nothing is written there.
    pub read_only: bool,
}

impl Engine<'_> {
    /// Runs a command in a new container of an image, and gives its exit code; 128 and the number of a signal that ended it.
    /// `started` is told the process that signals are to be sent to. As root.
    ///
    /// # Errors
    /// [`Error::NotExecutable`] and [`Error::NotStarted`]; there is no such image, or it cannot be mounted. Then there is no
    /// container of it, unless it was to be kept and had begun.
    pub fn run(&self, image: &str, run: &Run, started: &dyn Fn(u32)) -> Result<u8, Error> {
        ply_rootfs::can_mount()?;
        let create =
            Create { name: run.name.clone(), platform: run.platform.clone(), command: run.command.clone() };
        let container = self.create(image, &create)?;
        let has_begun = Cell::new(false);
        let ended = self.run_in(&container, run, &|process| {
            has_begun.set(true);
            started(process);
        });
        // What a command may have written in is kept, whatever failed after it.
        if run.remove || !has_begun.get() {
            let removed = self.remove_container(&container.id.to_string(), true);
            // Why it did not run says more.
            ended.and_then(|code| removed.map(|()| code))
        } else {
            ended
        }
    }

    fn run_in(&self, container: &Container, run: &Run, started: &dyn Fn(u32)) -> Result<u8, Error> {
        let config = Document::<ply_image::Config>::read(&self.store, &container.image_id)?.value;
        let configured = Configured::of(&config, container, run)?;
        let files = self.files_below(crate::files::Need::Headers, container, 0)?;
        let user = user::find(&files, &configured.user)?;
        let bundle = Bundle::make(&self.store.container_folder(&container.id).bundle())?;
        let spec = bundle.spec(container, &configured, &user, run)?;
        let places = spec.mounts().iter().flatten().map(oci_spec::runtime::Mount::destination);
        let traces = Traces::of(&files, places)?;
        bundle.write(&spec)?;
        let options = MountOptions { suid: true, dev: true, ..MountOptions::default() };
        let mounted = self.mount_here(container, &bundle.rootfs(), options)?;
        mounted.warnings.iter().for_each(|warning| self.watch.note(warning));
        let ended = runtime::run(&bundle, container, run, started, self.watch);
        self.unmount_patiently(&bundle.rootfs())?;
        bundle.remove()?;
        self.clear_traces(container, &traces)?;
        ended
    }

    /// What the runtime has ended may take a moment to be gone.
    fn unmount_patiently(&self, rootfs: &Path) -> Result<(), Error> {
        let mut pause = Duration::from_millis(1);
        loop {
            match self.unmount(rootfs) {
                Err(Error::Mount(_)) if pause < Duration::from_secs(1) => {
                    std::thread::sleep(pause);
                    pause = pause.saturating_mul(2);
                }
                ended => return ended,
            }
        }
    }
}
