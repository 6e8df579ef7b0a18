//! From an archive to files that can be read, and to a command that has run: `ply mount` and `ply run`, whole processes, of the
//! large image; beside engines that unpack it first. Takes root.

use super::Choices;
use super::absolute::{Absolute, ROUNDS};
use super::engines::Engines;
use super::pairs::{Row, Side, Target, sh};
use super::rows::{IMAGE, Place, faster};
use crate::{Outcome, bench, shell};
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::time::Instant;

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// Beside others.
pub(super) fn rows(place: &Place, engines: &Engines) -> Vec<Row> {
    if !is_root() {
        println!("ply mount and ply run: left out, they take root");
        return Vec::new();
    }
    let mut rows = usable(place, engines);
    rows.push(cold(place));
    rows.extend(engines.docker.as_ref().map(|docker| read(place, docker)));
    rows.extend(run(place, engines));
    rows
}

/// From the archive to a root filesystem.
fn usable(place: &Place, engines: &Engines) -> Vec<Row> {
    let (archive, on, load) = (place.plain(), place.on_disk("mounted"), place.ply("load"));
    let (empty, emptied) = (place.ply("unused"), place.on_disk("unused"));
    let before = format!(
        "mkdir -p {on}; ! mountpoint -q {on} || umount {on}; rm -rf {} {emptied}",
        place.on_disk("load")
    );
    let side = |timed| Side { before: before.clone(), timed, ..Side::default() };
    let loaded = side(format!("{load} load -q -i {archive} && {load} mount {IMAGE} {on}"));
    let unloaded = side(format!("{empty} mount docker-archive:{archive} {on}"));
    let docker = engines.docker.as_ref().map(|docker| {
        let theirs = Side {
            before: format!(
                "{docker} rm -f made >/dev/null 2>&1; {docker} rmi -f {IMAGE} >/dev/null 2>&1 || true"
            ),
            timed: format!(
                "{docker} load -q -i {archive} && {docker} create --name made --network none {IMAGE}"
            ),
            ..Side::default()
        };
        ("docker load + create", theirs)
    });
    let podman = engines.podman.as_ref().map(|podman| {
        let theirs = Side {
            before: format!(
                "{podman} image unmount -a >/dev/null 2>&1; {podman} rmi -a -f >/dev/null 2>&1 || true"
            ),
            timed: format!("{podman} load -q -i {archive} && {podman} image mount {IMAGE}"),
            ..Side::default()
        };
        ("podman load + image mount", theirs)
    });
    let each = docker.into_iter().chain(podman).flat_map(|(peer, theirs)| {
        let row = |what, ours: &Side, target| Row {
            what,
            peer,
            ours: ours.clone(),
            theirs: theirs.clone(),
            target,
        };
        [
            row("load + mount", &loaded, faster(9.0, 5.0)),
            row("mount of the archive, not loaded", &unloaded, faster(100.0, 100.0)),
        ]
    });
    each.collect()
}

/// The archive not in the page cache: beside reading it once.
fn cold(place: &Place) -> Row {
    let (archive, on) = (place.plain(), place.on_disk("mounted"));
    let forget = format!("dd if={archive} iflag=nocache count=0 status=none");
    let ours = Side {
        before: format!(
            "mkdir -p {on}; ! mountpoint -q {on} || umount {on}; rm -rf {}; sync; {forget}",
            place.on_disk("unused")
        ),
        timed: format!("{} mount docker-archive:{archive} {on}", place.ply("unused")),
        ..Side::default()
    };
    let theirs = Side {
        before: format!("sync; {forget}"),
        timed: format!("cat {archive} > /dev/null"),
        ..Side::default()
    };
    Row {
        what: "mount of the archive, cold",
        peer: "cat of the archive, cold",
        ours,
        theirs,
        target: Target::Share(0.25),
    }
}

/// All files of the mount read, beside Docker's overlay of the same image.
fn read(place: &Place, docker: &str) -> Row {
    let (on, theirs_on) = (place.on_disk("read"), place.on_disk("read-too"));
    let ours = Side {
        once: format!(
            "{} && mkdir -p {on} && {{ mountpoint -q {on} || {} mount {IMAGE} {on}; }}",
            place.keep(),
            place.ply("kept")
        ),
        timed: format!("tar -c -f - -C {on} . | cat > /dev/null"),
        ..Side::default()
    };
    let data = |key: &str| format!("$({docker} inspect -f '{{{{.GraphDriver.Data.{key}}}}}' {IMAGE})");
    let theirs = Side {
        once: format!(
            "{docker} inspect {IMAGE} >/dev/null 2>&1 || {docker} load -q -i {}; mkdir -p {theirs_on}; \
             mountpoint -q {theirs_on} || mount -t overlay overlay -o ro,lowerdir={}:{} {theirs_on}",
            place.plain(),
            data("UpperDir"),
            data("LowerDir")
        ),
        timed: format!("tar -c -f - -C {theirs_on} . | cat > /dev/null"),
        ..Side::default()
    };
    Row {
        what: "tar -c of the mount, warm",
        peer: "Docker's overlay2, mounted",
        ours,
        theirs,
        target: Target::Share(1.1),
    }
}

/// A container made, entered, left and removed, by the same runtime.
fn run(place: &Place, engines: &Engines) -> Vec<Row> {
    if shell::found("runc").is_none() {
        println!("ply run: left out, runc is not installed");
        return Vec::new();
    }
    let ours = Side {
        once: place.keep(),
        timed: format!(
            "{} run --rm --network none --runtime runc --entrypoint true {IMAGE}",
            place.ply("kept")
        ),
        ..Side::default()
    };
    let plain = place.plain();
    let theirs = |peer, load: String, engine: String, flags: &str| Row {
        what: "run IMAGE true",
        peer,
        ours: ours.clone(),
        theirs: Side {
            once: load,
            timed: format!("{engine} run --rm --network none {flags} --entrypoint true {IMAGE}"),
            ..Side::default()
        },
        target: faster(3.0, 3.0),
    };
    let docker = engines.docker.iter().map(|docker| {
        let load = format!("{docker} inspect {IMAGE} >/dev/null 2>&1 || {docker} load -q -i {plain}");
        theirs("docker run", load, docker.clone(), "")
    });
    let podman = engines.podman.iter().map(|podman| {
        let load = format!("{podman} image exists {IMAGE} || {podman} load -q -i {plain}");
        // Its own control groups take systemd, and its own limits what a plain machine does not allow.
        theirs(
            "podman run",
            load,
            format!("{podman} --runtime runc --cgroup-manager cgroupfs"),
            "--ulimit nofile=1024:1024 --ulimit nproc=1024:1024",
        )
    });
    docker.chain(podman).collect()
}

/// On their own.
pub(super) fn all(place: &Place, choices: &Choices) -> Vec<Outcome<Absolute>> {
    let (store, archive) = (IMAGE.to_owned(), format!("docker-archive:{}", place.plain()));
    let (kept, on) = (place.on_disk("kept"), place.on_disk("mounted"));
    let forget = format!("rm -rf {kept}/ply/unions");
    // What is mounted, what is done before, and how long it may take.
    let rows = [
        ("ply mount, loaded, the first time", &store, &*forget, 60.0),
        ("ply mount, loaded, its index kept", &store, "", 10.0),
        ("ply mount of the archive, not loaded, the first time", &archive, &*forget, 60.0),
        ("ply mount of the archive, not loaded, again", &archive, "", 12.0),
    ];
    let wanted = rows.into_iter().filter(|(what, ..)| choices.wants(what)).collect::<Vec<_>>();
    let mut figures = Vec::new();
    if is_root() {
        figures.extend(wanted.into_iter().map(|(what, image, before, limit)| {
            let mount = format!("{} mount {image} {on}", place.ply("kept"));
            // Made by a look at the archive, too.
            let before = match (image == &archive, before.is_empty()) {
                (true, false) => format!("{before} {}", of_archive(&kept)),
                _ => before.to_owned(),
            };
            let value = milliseconds(place, &before, &mount, &on)?;
            Ok(Absolute { what: what.to_owned(), unit: "ms", value, limit: Some(limit) })
        }));
    } else if !wanted.is_empty() {
        println!("ply mount: left out, it takes root");
    }
    const SIZE: &str = "indexes of the large archive's layers, an entry";
    if choices.wants(SIZE) {
        figures.push(bytes_an_entry(place).map(|value| Absolute {
            what: SIZE.to_owned(),
            unit: "B",
            value,
            limit: Some(150.0),
        }));
    }
    figures
}

/// The indexes of layers that are no layer's of the store.
fn of_archive(kept: &str) -> String {
    format!(
        "$(for index in {kept}/ply/layers/*.erofs; do name=${{index##*/}}; test -e {kept}/blobs/sha256/${{name%.erofs}} || echo $index; done)"
    )
}

/// Bytes of all indexes, but 4 KiB for each, by the entries of all layers.
fn bytes_an_entry(place: &Place) -> Outcome<f64> {
    sh(&place.keep())?;
    let kept = place.on_disk("kept");
    let count = |line: String| -> Outcome<f64> {
        let said = shell::capture(Command::new("sh").args(["-ec", &line]))?;
        said.trim().parse().map_err(|why| format!("what `{line}` printed: {why}"))
    };
    sh(&format!("{} ls {IMAGE}", place.ply("kept")))?;
    let layers = format!("$({} layers -q {IMAGE} | sed s/sha256://)", place.ply("kept"));
    let bytes = count(format!(
        "sum=0; for layer in {layers}; do size=$(stat -c %s {kept}/ply/layers/$layer.erofs); sum=$((sum + size - 4096)); done; echo $sum"
    ))?;
    let entries =
        count(format!("for layer in {layers}; do tar -tf {kept}/blobs/sha256/$layer; done | wc -l"))?;
    Ok(bytes / entries)
}

/// The median, with the archive in the page cache.
fn milliseconds(place: &Place, before: &str, mount: &str, on: &str) -> Outcome<f64> {
    let umount = format!("{} umount {on}", place.ply("kept"));
    sh(&format!("{} && mkdir -p {on} && cat {} > /dev/null", place.keep(), place.plain()))?;
    // Where the image is mounted already, it would only be shown once more.
    drop(Unmounted(place.disk));
    sh(&format!("{mount} && {umount}"))?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        sh(before)?;
        let start = Instant::now();
        sh(mount)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        sh(&umount)?;
    }
    Ok(bench::median(times))
}

/// What is mounted below a folder goes before the folder does.
pub(super) struct Unmounted<'a>(pub(super) &'a std::path::Path);

impl Drop for Unmounted<'_> {
    fn drop(&mut self) {
        for name in ["mounted", "read", "read-too"] {
            // Once for each time that something was mounted there.
            let umount = || {
                let mut umount = Command::new("umount");
                umount.arg(self.0.join(name)).stderr(std::process::Stdio::null()).status()
            };
            while umount().is_ok_and(|status| status.success()) {}
        }
    }
}
