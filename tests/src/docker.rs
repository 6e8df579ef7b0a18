//! A Docker Engine of our own: on a socket and with data in a temporary folder.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::mount::Mounted;
use crate::{Filesystem, Overlay, output};

/// Starts the daemon, waits until its input ends, and stops it by its ID; then nothing of it is left. As the shell
/// outlives the test, the daemon is stopped however the test ends.
const KEEPER: &str = r#"
dockerd --data-root "$1/data" --exec-root "$1/exec" --pidfile "$1/pid" -H "unix://$1/docker.sock" \
    --iptables=false --bridge=none >"$1/log" 2>&1 </dev/null &
daemon=$!
trap '' INT TERM HUP
read -r _
kill $daemon; wait $daemon
umount "$1"/exec/netns/* 2>/dev/null
rm -rf "$1"
"#;

/// The Docker Engine of one test file.
#[derive(Debug)]
pub struct Docker {
    folder: TempDir,
    /// Its input ends when the test does.
    _keeper: Child,
}

impl Docker {
    /// The one daemon of this test file.
    pub fn shared() -> &'static Self {
        static DOCKER: OnceLock<Docker> = OnceLock::new();
        DOCKER.get_or_init(Self::start)
    }

    fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("ply-dockerd-").tempdir().unwrap();
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(folder.path())
            .env("PATH", path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let docker = Self { folder, _keeper: keeper };
        let deadline = Instant::now() + Duration::from_secs(30);
        while crate::run(&mut docker.command(&["version"])).code != Some(0) {
            let log = || std::fs::read_to_string(docker.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "dockerd does not come up: {}", log());
            std::thread::sleep(Duration::from_millis(200));
        }
        docker
    }

    /// Where it listens, as `DOCKER_HOST` says it.
    pub fn host(&self) -> String {
        format!("unix://{}/docker.sock", self.folder.path().display())
    }

    /// A command line of its client.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("/usr/bin/docker");
        command.arg("-H").arg(self.host()).args(args);
        command.env("DOCKER_CONFIG", self.folder.path()).env("TZ", "UTC");
        command
    }

    /// Runs the client, which must succeed.
    pub fn ok(&self, args: &[&str]) -> String {
        output(&mut self.command(args))
    }

    /// Loads an archive.
    pub fn load(&self, archive: &Path) -> String {
        self.ok(&["load", "-i", archive.to_str().unwrap()])
    }

    /// What the engine says of an image.
    pub fn inspect(&self, image: &str) -> Value {
        let all: Value = serde_json::from_str(&self.ok(&["image", "inspect", image])).unwrap();
        all[0].clone()
    }

    /// The files of an image as its storage driver `overlay2` stacks them.
    pub fn merged(&self, image: &str) -> Filesystem {
        let driver = &self.inspect(image)["GraphDriver"];
        assert_eq!(
            driver["Name"], "overlay2",
            "Docker must lie on a filesystem that can be under an overlay"
        );
        let data = |key: &str| driver["Data"][key].as_str().unwrap_or_default().to_owned();
        let (top, below) = (data("UpperDir"), data("LowerDir"));
        let layers: Vec<&Path> = std::iter::once(&*top)
            .chain(below.split(':'))
            .filter(|path| !path.is_empty())
            .map(Path::new)
            .collect();
        Filesystem::on_disk(&Overlay::of(&layers).path())
    }

    /// The files of an archive's image, as the engine's own containerd unpacks and mounts them; or why it does not.
    ///
    /// # Errors
    /// What it says.
    pub fn mounted_by_containerd(&self, archive: &Path, image: &str) -> Result<Filesystem, String> {
        let ctr = |args: &[&str]| {
            let mut ctr = Command::new("ctr");
            ctr.arg("-a").arg(self.folder.path().join("exec/containerd/containerd.sock"));
            ctr.args(["-n", "tests", "images"]).args(args);
            ctr
        };
        let name = match image.contains('/') {
            true => format!("docker.io/{image}"),
            false => format!("docker.io/library/{image}"),
        };
        let imported = crate::run(&mut ctr(&["import", archive.to_str().unwrap()]));
        let place = tempfile::tempdir().unwrap();
        let path = place.path().to_str().unwrap();
        let found = if imported.code == Some(0) {
            output(&mut ctr(&["mount", &name, path]));
            let mounted = Mounted(place.path().to_owned());
            let found = Filesystem::on_disk(place.path());
            drop(mounted);
            output(&mut ctr(&["unmount", "--rm", path]));
            Ok(found)
        } else {
            Err(imported.stderr)
        };
        output(&mut ctr(&["rm", "--sync", &name]));
        found
    }

    /// The files of a container of an image, as `docker export` packs them.
    pub fn exported(&self, image: &str) -> Filesystem {
        let container = self.ok(&["create", "--network", "none", image, "no-command"]);
        let mut export = self.command(&["export", &container]).stdout(Stdio::piped()).spawn().unwrap();
        let found = Filesystem::in_tar(export.stdout.take().unwrap());
        assert!(export.wait().unwrap().success(), "docker export of {image}");
        self.ok(&["rm", &container]);
        found
    }
}

/// System programs are not on everybody's path.
fn path() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}
