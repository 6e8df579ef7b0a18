//! Disks that are full, that fail, that may only be read.

mod failing;
mod full;
mod limits;
mod read_only;

use std::process::Command;

use ply_tests::{Layout, Listing, Made, Ply, Ran, Tarball, archive_of, gzip, listing, named};

/// A command that was refused: exit 1, one clear message that names the path and the cause, and no panic.
#[track_caller]
fn refused(what: &str, ran: &Ran, paths: &[&str], causes: &[&str]) {
    let said = &ran.stderr;
    assert_eq!(ran.code, Some(1), "{what}: {said}");
    assert!(said.starts_with("ply: ") && said.len() < 2000, "{what}: {said}");
    assert!(!said.contains("panicked") && !said.contains("Error {"), "{what}: {said}");
    assert!(paths.iter().any(|path| said.contains(path)), "{what}: none of {paths:?} in: {said}");
    assert!(causes.iter().any(|cause| said.contains(cause)), "{what}: none of {causes:?} in: {said}");
}

/// A store that holds `kept:1`, `gone:1` and a container `ct` with a file of its own; and beside it, archives of `new:1`
/// and files to bring in.
fn furnished() -> Ply {
    let ply = Ply::new();
    let new = Made::of(&["new 1", "new 2", "new 3"]);
    let mut layout = Layout::default();
    let layers = new.layers.iter().map(|layer| gzip(layer)).collect();
    let manifest = layout.image(&new, "application/vnd.oci.image.layer.v1.tar+gzip", layers);
    let name = "docker.io/library/new:1";
    let layout = layout.list(named(manifest, "io.containerd.image.name", name));
    ply.write("new.tar", archive_of(&new, "new:1").finish());
    ply.write("gzip.tar", layout.tar().finish());
    ply.write("root.tar", Tarball::new().file("motd", vec![b'x'; 100_000]).finish());
    ply.write("file", vec![b'y'; 100_000]);
    for (image, texts) in [("kept:1", ["kept", "shared"]), ("gone:1", ["gone", "more"])] {
        ply.write("archive", archive_of(&Made::of(&texts), image).finish());
        ply.ok(["load", "-q", "-i", "archive"]);
    }
    ply.ok(["create", "--name", "ct", "kept:1"]);
    ply.ok(["cp", "file", "ct:/own"]);
    ply
}

/// What stands in the store, but for what is made again whenever it does not fit.
fn kept(ply: &Ply) -> Listing {
    let mut kept = listing(&ply.store());
    kept.remove("ply/catalog");
    kept
}

/// Nothing was changed.
#[track_caller]
fn unchanged(what: &str, ply: &Ply, before: &Listing) {
    let now = kept(ply);
    let names = now.keys().chain(before.keys());
    let differ: Vec<_> = names.filter(|name| now.get(*name) != before.get(*name)).collect();
    assert!(differ.is_empty(), "{what}: the store has changed: {differ:?}");
}

/// A line for the shell, in the folder of the store, with `ply` on its path.
fn shell(ply: &Ply, line: &str) -> Ran {
    let binary = ply_tests::binary().parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).current_dir(ply.folder());
    shell.env("PLY_STORE", ply.store()).env("PATH", path).env("TZ", "UTC");
    shell.output().unwrap().into()
}

/// Whether disks can be mounted here; says so where they cannot.
fn mounts_disks() -> bool {
    ply_tests::needs(&[("mount", "mount")])
}
