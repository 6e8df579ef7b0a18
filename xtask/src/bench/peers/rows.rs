//! What is compared with what, as the command lines a person would type.

use super::engines::Engines;
use super::pairs::{Compared, Row, Side, Target};
use super::{files, mount};
use crate::shell;
use std::fs;
use std::path::Path;

/// The image in the large archives.
pub(super) const IMAGE: &str = "tomcat:jre17";

pub(super) struct Place<'a> {
    pub(super) ply: &'a Path,
    pub(super) archives: &'a Path,
    /// On the disk that the archives lie on, or should.
    pub(super) disk: &'a Path,
    /// On tmpfs.
    pub(super) memory: &'a Path,
}

impl Place<'_> {
    pub(super) fn ply(&self, store: &str) -> String {
        format!("{} --store {}", quoted(self.ply), self.on_disk(store))
    }

    pub(super) fn on_disk(&self, name: &str) -> String {
        quoted(&self.disk.join(name))
    }

    fn in_memory(&self, name: &str) -> String {
        quoted(&self.memory.join(name))
    }

    /// Plain layers, as `docker save` wrote it.
    pub(super) fn plain(&self) -> String {
        quoted(&self.archives.join("tomcat.docker.tar"))
    }

    /// The files of the same image as one tar, as `docker export` wrote it.
    pub(super) fn flat(&self) -> String {
        quoted(&self.archives.join("tomcat.export.tar"))
    }

    /// A command line after which the store `kept` has the image.
    pub(super) fn keep(&self) -> String {
        format!("test -e {} || {} load -q -i {}", self.on_disk("kept"), self.ply("kept"), self.plain())
    }

    /// gzip layers, as skopeo wrote it.
    pub(super) fn gzip(&self) -> String {
        quoted(&self.archives.join("tomcat.oci-gzip.tar"))
    }
}

fn quoted(path: &Path) -> String {
    shell::quoted(&path.to_string_lossy())
}

pub(super) const fn faster(fast_disk: f64, slow_disk: f64) -> Target {
    Target::Faster { fast_disk, slow_disk }
}

pub(super) fn all(place: &Place, engines: &Engines) -> Vec<Row> {
    let mut rows = load(place, engines);
    rows.extend(load_gzip(place, engines));
    rows.extend(save(place, engines));
    rows.extend(check(place, engines));
    rows.extend(files::all(place, engines));
    rows.extend(mount::rows(place, engines));
    rows
}

fn load(place: &Place, engines: &Engines) -> Vec<Row> {
    let plain = place.plain();
    let ours = ours_load(place, &plain);
    let copy = copy(place);
    // Needs no root; what is dirty or mapped stays, and the archive is neither.
    let forget = format!("dd if={plain} iflag=nocache count=0 status=none");
    let cold = |side: &Side| Side { before: format!("{}; sync; {forget}", side.before), ..side.clone() };
    let piped = Side { timed: format!("cat {plain} | {} load -q", place.ply("load")), ..ours.clone() };
    let piped_copy =
        Side { timed: format!("cat {plain} | cat > {}; sync", place.on_disk("copy")), ..copy.clone() };
    let (store, copied) = (place.in_memory("load"), place.in_memory("copy"));
    // What the other side left would only take memory away.
    let empty = format!("rm -rf {copied} {store}");
    let in_memory = Side {
        before: empty.clone(),
        timed: format!("{} --store {store} load -q -i {plain}", quoted(place.ply)),
        ..Side::default()
    };
    let copy_in_memory = Side { before: empty, timed: format!("cp {plain} {copied}"), ..Side::default() };
    let row = |what, peer, ours, theirs, target| Row { what, peer, ours, theirs, target };
    let mut rows = vec![
        row("load", "cp && sync", ours.clone(), copy.clone(), Target::Share(0.8)),
        row(
            "load, archive not in the page cache",
            "cp && sync",
            cold(&ours),
            cold(&copy),
            Target::Share(0.95),
        ),
        row("load from a pipe", "cat | cat; sync", piped, piped_copy, Target::Share(0.75)),
        row("load on tmpfs", "cp", in_memory, copy_in_memory, Target::Share(1.1)),
    ];
    if let Some(docker) = &engines.docker {
        rows.push(row("load", "docker load", ours.clone(), docker_load(docker, &plain), faster(10.0, 5.0)));
    }
    if let Some(podman) = &engines.podman {
        let theirs = Side {
            before: format!("{podman} rmi -a -f >/dev/null 2>&1 || true"),
            timed: format!("{podman} load -q -i {plain}"),
            ..Side::default()
        };
        rows.push(row("load", "podman load", ours.clone(), theirs, faster(9.0, 5.0)));
    }
    if let Some(skopeo) = &engines.skopeo {
        let theirs = skopeo_copy(place, skopeo, &format!("docker-archive:{plain}"));
        rows.push(row("load", "skopeo copy to dir:", ours, theirs, faster(5.0, 2.5)));
    }
    rows
}

fn load_gzip(place: &Place, engines: &Engines) -> Vec<Row> {
    let mut rows = Vec::new();
    let what = "load, gzip layers";
    if let Some(skopeo) = &engines.skopeo {
        let gzip = place.gzip();
        let theirs = skopeo_copy(place, skopeo, &format!("oci-archive:{gzip}"));
        let ours = ours_load(place, &gzip);
        rows.push(Row { what, peer: "skopeo copy to dir:", ours, theirs, target: faster(1.5, 1.5) });
    }
    if let Some(docker) = &engines.docker {
        // Docker before 25 reads no pure OCI archive, so both get the same blobs with a manifest.json beside them.
        let archive = place.on_disk("gzip.docker.tar");
        let once = with_docker_manifest(place, &archive);
        let ours = Side { once, ..ours_load(place, &archive) };
        let theirs = docker_load(docker, &archive);
        rows.push(Row { what, peer: "docker load", ours, theirs, target: faster(4.0, 4.0) });
    }
    rows
}

fn save(place: &Place, engines: &Engines) -> Vec<Row> {
    let plain = place.plain();
    let saved = place.on_disk("saved");
    let before = format!("rm -f {saved}");
    let ours = Side {
        once: place.keep(),
        before: before.clone(),
        timed: format!("{} save -o {saved} {IMAGE}", place.ply("kept")),
    };
    let row = |peer, theirs, target| Row { what: "save", peer, ours: ours.clone(), theirs, target };
    let mut rows = vec![row("cp && sync", copy(place), Target::Share(0.9))];
    for (engine, peer) in [(&engines.docker, "docker save"), (&engines.podman, "podman save")] {
        if let Some(engine) = engine {
            let theirs = Side {
                once: format!("{engine} load -q -i {plain}"),
                before: before.clone(),
                timed: format!("{engine} save -o {saved} {IMAGE}"),
            };
            rows.push(row(peer, theirs, faster(9.0, 4.0)));
        }
    }
    rows
}

fn check(place: &Place, engines: &Engines) -> Vec<Row> {
    let plain = place.plain();
    let store = place.on_disk("kept");
    let ours = Side { once: place.keep(), timed: format!("{} check", place.ply("kept")), ..Side::default() };
    let side = |timed| Side { timed, ..Side::default() };
    let row = |peer, theirs, target| Row { what: "check", peer, ours: ours.clone(), theirs, target };
    let sums = side(format!("cd {store}/blobs/sha256 && sha256sum *"));
    let mut rows = vec![row("sha256sum of the blobs", sums, faster(5.0, 5.0))];
    if let Some(crane) = &engines.crane {
        let theirs = side(format!("{crane} validate --tarball {plain}"));
        rows.push(row("crane validate", theirs, faster(20.0, 20.0)));
    }
    rows
}

fn ours_load(place: &Place, archive: &str) -> Side {
    Side {
        before: format!("rm -rf {}", place.on_disk("load")),
        timed: format!("{} load -q -i {archive}", place.ply("load")),
        ..Side::default()
    }
}

fn copy(place: &Place) -> Side {
    let to = place.on_disk("copy");
    Side {
        before: format!("rm -f {to}"),
        timed: format!("cp {} {to} && sync", place.plain()),
        ..Side::default()
    }
}

fn docker_load(docker: &str, archive: &str) -> Side {
    Side {
        before: format!("{docker} rmi -f {IMAGE} >/dev/null 2>&1 || true"),
        timed: format!("{docker} load -q -i {archive}"),
        ..Side::default()
    }
}

fn skopeo_copy(place: &Place, skopeo: &str, from: &str) -> Side {
    let to = place.on_disk("skopeo");
    Side {
        before: format!("rm -rf {to}"),
        timed: format!("{skopeo} copy -q {from} dir:{to}"),
        ..Side::default()
    }
}

/// A command line that makes a docker-archive of the OCI archive with gzip layers.
fn with_docker_manifest(place: &Place, archive: &str) -> String {
    let folder = place.on_disk("gzip");
    let gzip = place.gzip();
    // The one manifest names its config and layers by digest; their files are named so too.
    let path = r#"sub(":"; "/") | "blobs/" + ."#;
    let document = format!(
        r#"[{{Config: (.config.digest | {path}), RepoTags: ["{IMAGE}"], Layers: [.layers[].digest | {path}]}}]"#
    );
    format!(
        "set -e; mkdir -p {folder}; tar -C {folder} -xf {gzip}; cd {folder}; \
         digest=$(jq -r '.manifests[0].digest | sub(\":\"; \"/\")' index.json); \
         jq -c '{document}' blobs/$digest > manifest.json; \
         tar -cf {archive} blobs manifest.json; rm -rf {folder}"
    )
}

/// How fast `cp` and `sync` were: bytes a second; None where that row did not run.
pub(super) fn copy_rate(place: &Place, compared: &[Compared]) -> Option<f64> {
    let row = compared.iter().find(|row| row.peer == "cp && sync")?;
    let bytes = fs::metadata(place.archives.join("tomcat.docker.tar")).ok()?.len();
    #[expect(clippy::cast_precision_loss, reason = "an archive has less than 2^53 bytes")]
    let bytes = bytes as f64;
    Some(bytes / row.their_median())
}
