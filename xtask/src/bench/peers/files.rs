//! An image's files against who else reads them: unpacked, as one flat tar, and one of them printed.

use super::engines::Engines;
use super::pairs::{Row, Side};
use super::rows::{IMAGE, Place, faster};

/// A file that only the lowest layer of the large image has, as its tar names it.
const OS_RELEASE: &str = "./usr/lib/os-release";

pub(super) fn all(place: &Place, engines: &Engines) -> Vec<Row> {
    let mut rows = unpack(place, engines);
    rows.extend(export(place, engines));
    rows.extend(cat(place));
    rows
}

fn unpack(place: &Place, engines: &Engines) -> Vec<Row> {
    let (ours, theirs) = (place.on_disk("unpacked"), place.on_disk("unpacked-too"));
    let before = put_aside(place, &[&ours, &theirs]);
    let stored = Side {
        once: place.keep(),
        before: before.clone(),
        timed: format!("{} unpack {IMAGE} {ours}", place.ply("kept")),
    };
    let tar = Side {
        before: format!("{before}; mkdir {theirs}"),
        timed: format!("tar -x -f {} -C {theirs}", place.flat()),
        ..Side::default()
    };
    let row =
        |what, peer, ours: &Side, theirs, target| Row { what, peer, ours: ours.clone(), theirs, target };
    let mut rows = vec![row("unpack", "tar -x of the flat tar", &stored, tar, faster(1.2, 1.2))];
    if let Some((umoci, skopeo)) = engines.umoci.as_ref().zip(engines.skopeo.as_ref()) {
        // umoci knows gzip layers alone.
        let layout = place.on_disk("layout");
        let archive = place.gzip();
        let umoci = Side {
            once: format!("test -e {layout} || {skopeo} copy -q oci-archive:{archive} oci:{layout}:tomcat"),
            before: before.clone(),
            timed: format!("{umoci} unpack --image {layout}:tomcat {theirs}"),
        };
        let unloaded = Side {
            timed: format!("{} unpack oci:{layout}:tomcat {ours}", place.ply("empty")),
            ..umoci.clone()
        };
        let target = faster(6.0, 6.0);
        rows.push(row("unpack", "umoci unpack", &stored, umoci.clone(), target));
        rows.push(row("unpack, both from gzip layers", "umoci unpack", &unloaded, umoci, target));
    }
    rows
}

/// A command line that empties the files of what was unpacked and keeps the rest under another name: for a minute after
/// ten thousand files are removed, ext4 takes many times longer to make new ones (`recently_deleted` in its ialloc.c).
fn put_aside(place: &Place, folders: &[&str]) -> String {
    let aside = place.on_disk("aside-XXXXXX");
    format!(
        "set -e; for folder in {}; do if test -e $folder; then \
         find $folder -type f -exec truncate -s 0 {{}} +; mv $folder $(mktemp -d {aside}); fi; done",
        folders.join(" ")
    )
}

fn export(place: &Place, engines: &Engines) -> Vec<Row> {
    let flat = place.on_disk("exported");
    let before = format!("rm -f {flat}");
    let ours = Side {
        once: place.keep(),
        before: before.clone(),
        timed: format!("{} export -o {flat} {IMAGE}", place.ply("kept")),
    };
    let mut rows = Vec::new();
    if let Some(docker) = &engines.docker {
        let plain = place.plain();
        let theirs = Side {
            once: format!(
                "set -e; {docker} load -q -i {plain}; \
                 {docker} inspect exported >/dev/null 2>&1 || \
                 {docker} create --name exported --network none {IMAGE}"
            ),
            before: before.clone(),
            timed: format!("{docker} export -o {flat} exported"),
        };
        rows.push(Row {
            what: "export",
            peer: "docker export",
            ours: ours.clone(),
            theirs,
            target: faster(3.0, 3.0),
        });
    }
    if let Some(crane) = &engines.crane {
        // crane takes an archive from stdin.
        let theirs =
            Side { timed: format!("{crane} export - {flat} < {}", place.plain()), before, ..Side::default() };
        rows.push(Row { what: "export", peer: "crane export -", ours, theirs, target: faster(1.0, 1.0) });
    }
    rows
}

/// Once in a store that keeps nothing, so that each time is the first; and once where the first time left an index.
fn cat(place: &Place) -> [Row; 2] {
    let archive = place.plain();
    let lowest = place.on_disk("lowest");
    let theirs = Side {
        // Whoever does it by hand has read manifest.json, and knows which layer has the file.
        once: format!(
            "tar -xO -f {archive} manifest.json | grep -o '\"Layers\":\\[\"[^\"]*' | sed 's/.*\"//' > {lowest}"
        ),
        timed: format!("tar -xO -f {archive} \"$(cat {lowest})\" | tar -xO -f - {OS_RELEASE}"),
        ..Side::default()
    };
    let row = |what, once, store| {
        let timed = format!("{} cat docker-archive:{archive} /etc/os-release", place.ply(store));
        let ours = Side { once, timed, ..Side::default() };
        Row { what, peer: "tar -xO | tar -xO", ours, theirs: theirs.clone(), target: faster(5.0, 5.0) }
    };
    [
        row("cat, nothing loaded, for the first time", String::new(), "empty"),
        row("cat, nothing loaded, again", place.keep(), "kept"),
    ]
}
