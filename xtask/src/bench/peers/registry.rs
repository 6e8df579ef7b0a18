//! Images from and to a registry on loopback, a real one, started for the run.

use super::Choices;
use super::absolute::{Absolute, mebibytes, milliseconds};
use super::engines::Engines;
use super::pairs::{Row, Side, sh};
use super::rows::{IMAGE, Place, faster};
use crate::{Outcome, shell};
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// The distribution project's registry, stopped when dropped.
pub(super) struct Registry {
    child: Child,
    host: String,
    storage: String,
}

impl Registry {
    /// Starts one; None where it is not installed.
    pub(super) fn start(disk: &Path, name: &str) -> Outcome<Option<Self>> {
        let Some(program) = shell::found("docker-registry") else { return Ok(None) };
        let failed = |why: std::io::Error| format!("starting docker-registry: {why}");
        // Free a moment ago, and nobody else is at work on this machine.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).map_err(failed)?.port();
        let (host, storage) = (format!("127.0.0.1:{port}"), disk.join(name));
        let config = disk.join(format!("{name}.yml"));
        let text = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage: {{filesystem: \
             {{rootdirectory: {}}}}}\nhttp: {{addr: {host}}}\n",
            storage.display()
        );
        fs::write(&config, text).map_err(failed)?;
        let mut command = Command::new(program);
        command.arg("serve").arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(failed)?;
        let storage = shell::quoted(&storage.to_string_lossy());
        let registry = Self { child, host, storage };
        for _ in 0..100 {
            if std::net::TcpStream::connect(&registry.host).is_ok() {
                return Ok(Some(registry));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err("docker-registry does not answer".to_owned())
    }

    fn name(&self) -> String {
        format!("{}/{IMAGE}", self.host)
    }

    /// A command line after which the image is there, its layers compressed by skopeo.
    fn filled(&self, place: &Place, skopeo: &str) -> String {
        let (name, plain) = (self.name(), place.plain());
        format!(
            "test -e {}/docker || {skopeo} copy -q --dest-tls-verify=false docker-archive:{plain} docker://{name}",
            self.storage
        )
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The registries of a run: one that is pulled from, one that is pushed to.
pub(super) struct Registries {
    from: Registry,
    to: Registry,
}

impl Registries {
    pub(super) fn start(disk: &Path) -> Outcome<Option<Self>> {
        let both = Registry::start(disk, "registry-from")?.zip(Registry::start(disk, "registry-to")?);
        Ok(both.map(|(from, to)| Self { from, to }))
    }

    pub(super) fn rows(&self, place: &Place, engines: &Engines) -> Vec<Row> {
        let Some(skopeo) = &engines.skopeo else { return Vec::new() };
        let (once, name) = (self.from.filled(place, skopeo), self.from.name());
        let ours = Side {
            once: once.clone(),
            before: format!("rm -rf {}", place.on_disk("pulled")),
            timed: format!("{} pull -q {name}", place.ply("pulled")),
        };
        let mut rows = Vec::new();
        let what = "pull, gzip layers";
        if let Some(docker) = &engines.docker {
            let theirs = Side {
                once: once.clone(),
                before: format!("{docker} rmi -f {IMAGE} {name} >/dev/null 2>&1 || true"),
                timed: format!("{docker} pull -q {name}"),
            };
            rows.push(Row {
                what,
                peer: "docker pull",
                ours: ours.clone(),
                theirs,
                target: faster(2.0, 2.0),
            });
        }
        let layout = place.on_disk("layout");
        let theirs = Side {
            once,
            before: format!("rm -rf {layout}"),
            timed: format!("{skopeo} copy -q --src-tls-verify=false docker://{name} oci:{layout}:1"),
        };
        rows.push(Row { what, peer: "skopeo copy to oci:", ours, theirs, target: faster(1.5, 1.5) });
        let (to, empty) = (self.to.name(), format!("rm -rf {}/docker", self.to.storage));
        let kept = place.ply("kept");
        let ours = Side {
            once: format!("{} && {kept} tag {IMAGE} {to}", place.keep()),
            before: format!("{empty} {}/ply/twins", place.on_disk("kept")),
            timed: format!("{kept} push -q {to}"),
        };
        let plain = place.plain();
        let theirs = Side {
            before: empty,
            timed: format!("{skopeo} copy -q --dest-tls-verify=false docker-archive:{plain} docker://{to}"),
            ..Side::default()
        };
        rows.push(Row { what: "push, gzip", peer: "skopeo copy", ours, theirs, target: faster(1.5, 1.5) });
        rows
    }

    pub(super) fn absolute(
        &self,
        place: &Place,
        engines: &Engines,
        choices: &Choices,
    ) -> Vec<Outcome<Absolute>> {
        let Some(skopeo) = &engines.skopeo else { return Vec::new() };
        let (name, pulled) = (self.from.name(), place.on_disk("pulled"));
        let filled = self.from.filled(place, skopeo);
        let pull = format!("{} pull -q {name}", place.ply("pulled"));
        let mut figures = Vec::new();
        let what = "peak memory: pull, gzip layers";
        if choices.wants(what) {
            figures.push((|| {
                sh(&format!("{filled}; rm -rf {pulled}"))?;
                let value = mebibytes("", &pull, &place.disk.join("peak"))?;
                Ok(Absolute { what: what.to_owned(), unit: "MiB", value, limit: Some(96.0) })
            })());
        }
        let what = "ply pull of a tag that did not change";
        if choices.wants(what) {
            figures.push((|| {
                sh(&format!("{filled}; {pull}"))?;
                let value = milliseconds(|| {
                    let mut command = Command::new(place.ply);
                    command.arg("--store").arg(place.disk.join("pulled")).args(["pull", "-q", &name]);
                    command
                })?;
                Ok(Absolute { what: what.to_owned(), unit: "ms", value, limit: Some(15.0) })
            })());
        }
        figures
    }
}
