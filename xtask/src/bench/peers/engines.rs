//! The engines that are installed, each with a place of its own for the time of the run.

use crate::{Outcome, shell};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

pub(super) struct Engines {
    /// How to call each, ready for a shell; None: not installed.
    pub(super) docker: Option<String>,
    pub(super) podman: Option<String>,
    pub(super) skopeo: Option<String>,
    pub(super) crane: Option<String>,
    pub(super) umoci: Option<String>,
    daemon: Option<Daemon>,
    podman_root: PathBuf,
}

impl Engines {
    pub(super) fn start(disk: &Path) -> Outcome<Self> {
        let both = shell::found("dockerd").zip(shell::found("docker"));
        let daemon = both.map(|(engine, _)| Daemon::start(&engine, disk)).transpose()?;
        let path = |path: PathBuf| shell::quoted(&path.to_string_lossy());
        let podman_root = disk.join("podman");
        let podman = shell::found("podman").map(|_| {
            format!(
                "podman --root {} --runroot {} --tmpdir {} --events-backend none",
                path(podman_root.clone()),
                path(disk.join("podman-run")),
                path(disk.join("podman-tmp"))
            )
        });
        Ok(Self {
            docker: daemon.as_ref().map(|daemon| format!("docker -H unix://{}", daemon.socket.display())),
            podman,
            skopeo: shell::found("skopeo").map(|_| "skopeo --insecure-policy".to_owned()),
            crane: shell::found("crane").map(|_| "crane".to_owned()),
            umoci: shell::found("umoci").map(|_| "umoci".to_owned()),
            daemon,
            podman_root,
        })
    }

    /// One line an engine.
    pub(super) fn versions(&self) -> Vec<String> {
        let docker = self
            .docker
            .as_ref()
            .map(|docker| format!("{docker} version -f 'dockerd {{{{.Server.Version}}}}'"));
        let podman = self.podman.as_ref().map(|_| "podman --version".to_owned());
        let skopeo = self.skopeo.as_ref().map(|_| "skopeo --version".to_owned());
        let umoci = self.umoci.as_ref().map(|umoci| format!("{umoci} --version"));
        let lines = [docker, podman, skopeo, umoci].into_iter().flatten();
        let ask = |line: String| shell::capture(Command::new("sh").args(["-c", &line])).ok();
        lines.filter_map(ask).map(|text| text.trim().to_owned()).collect()
    }
}

impl Drop for Engines {
    fn drop(&mut self) {
        drop(self.daemon.take());
        // podman leaves its storage mounted upon itself, and images that were mounted in it.
        unmount(&[self.podman_root.join("overlay")]);
    }
}

/// A Docker Engine with a data root of its own, stopped when dropped.
struct Daemon {
    child: Child,
    socket: PathBuf,
    exec_root: PathBuf,
}

impl Daemon {
    fn start(engine: &Path, disk: &Path) -> Outcome<Self> {
        // A socket's path has at most 107 bytes (unix(7)), so it is not below our folder.
        let socket = std::env::temp_dir().join(format!("ply-bench-{}.sock", std::process::id()));
        let log_path = disk.join("dockerd.log");
        let log =
            fs::File::create(&log_path).map_err(|why| format!("making {}: {why}", log_path.display()))?;
        let exec_root = disk.join("dockerd-exec");
        let mut command = Command::new(engine);
        command.arg("--data-root").arg(disk.join("docker")).arg("--exec-root").arg(&exec_root);
        command.arg("--pidfile").arg(disk.join("dockerd.pid"));
        command
            .arg("-H")
            .arg(format!("unix://{}", socket.display()))
            .args(["--iptables=false", "--bridge=none"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().map_err(|why| format!("starting dockerd: {why}"))?;
        let daemon = Self { child, socket, exec_root };
        for _ in 0..150 {
            let host = format!("unix://{}", daemon.socket.display());
            if shell::capture(Command::new("docker").args(["-H", &host, "version"])).is_ok() {
                return Ok(daemon);
            }
            thread::sleep(Duration::from_millis(200));
        }
        let log = fs::read_to_string(&log_path).unwrap_or_default();
        let last = log.lines().last().unwrap_or("it said nothing");
        Err(format!("dockerd does not answer (it needs root): {last}"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Asked, not killed: it has containerd to stop and layers to unmount.
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
        let spaces = fs::read_dir(self.exec_root.join("netns")).into_iter().flatten().flatten();
        unmount(&spaces.map(|entry| entry.path()).collect::<Vec<_>>());
        let _ = fs::remove_file(&self.socket);
    }
}

/// Unmounts what of it is mounted; that the rest is not is no news.
fn unmount(places: &[PathBuf]) {
    for place in places {
        let _ = Command::new("umount").arg("--recursive").arg(place).stderr(Stdio::null()).status();
    }
}
