//! An ordinary user: 65534, with no group beside.
#![allow(clippy::unwrap_used, clippy::panic, reason = "functions that tests share count as no tests")]

mod common;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Made, chain, device, everything, is_root, listing, meta, owned, told, unreadable, with};
use ply_rootfs::{Options, RootfsError, Scan, Style, Upper, scan};
use ply_tree::{Kind, Tree};

/// Runs one of the tests below as that user, in a folder of theirs.
fn as_nobody(test: &str) -> Option<(tempfile::TempDir, PathBuf)> {
    if !is_root() {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let (program, home) = (folder.path().join("program"), folder.path().join("home"));
    // What cargo built may lie where nobody else comes. Copied by another process: a file that is open for writing, in a
    // child that another test starts, cannot be run.
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&program).status().unwrap();
    assert!(copied.success());
    std::fs::create_dir(&home).unwrap();
    for path in [folder.path(), &program] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    std::os::unix::fs::chown(&home, Some(65534), Some(65534)).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
    command.args(["--exact", test, "--include-ignored"]).env("PLY_ROOTFS_HOME", &home).current_dir(&home);
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    Some((folder, home))
}

fn home() -> PathBuf {
    PathBuf::from(std::env::var_os("PLY_ROOTFS_HOME").unwrap())
}

fn tree() -> Made {
    let mut made = everything();
    unreadable(&mut made);
    made.file("mine", "x", owned(0o4440, 1000, 300));
    made.file("large", vec![1; 2 << 20], owned(0o400, 1000, 0));
    made.dir("home", owned(0o550, 0, 100));
    made.dir("home/below", owned(0, 7, 8));
    made.tree.get_mut(Tree::ROOT).unwrap().metadata = with(owned(0o755, 7, 8), &[("user.of", b"all")]);
    made.file("home/below/file", "x", meta(0o644));
    // The first name of a file in a directory that cannot be read, the second in one that comes later.
    made.dir("noread", meta(0o311));
    let first = made.file("noread/first", "x", meta(0o644));
    made.dir("noread-2", meta(0o755));
    made.link("noread-2/second", first);
    made
}

#[test]
fn owners_are_recorded() {
    let Some((_folder, home)) = as_nobody("unpack_and_scan") else { return };
    // Root sees whose the files are.
    let found = listing(&home.join("x"));
    assert!(found[&b"mine"[..]].starts_with("file 1 "), "{found:?}");
    assert!(found[&b"mine"[..]].contains(" 4440 65534:65534 "), "{found:?}");
    assert!(found[&b"mine"[..]].contains("user.rootlesscontainers=08e80710ac02"), "{found:?}");
    assert_eq!(std::fs::read_dir(&home).unwrap().count(), 1);
}

#[test]
#[ignore = "run by another test"]
fn unpack_and_scan() {
    let into = home().join("x");
    let mut made = tree();
    made.unpack(&into).unwrap();
    // What this user cannot read back is made readable, and is told by the mode alone.
    for name in ["etc/hidden", "shut", "home/below"] {
        let mode = into.join(name).metadata().map(|found| found.permissions().mode() & 0o7777).unwrap();
        assert_eq!(mode, 0, "{name}");
    }
    for (name, mode) in [("etc/hidden", 0o400), ("shut", 0o500), ("home/below", 0o500), ("noread", 0o700)] {
        std::fs::set_permissions(into.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
        let id = made.find(name.as_bytes());
        made.tree.get_mut(id).unwrap().metadata.mode = u16::try_from(mode).unwrap();
    }
    let (tree, files) = scan(&into, &Scan::default()).unwrap();
    assert_eq!(told(&tree, &files), made.told());
}

#[test]
fn what_fails_is_taken_away() {
    as_nobody("fail");
}

#[test]
#[ignore = "run by another test"]
fn fail() {
    let mut made = tree();
    made.dir("z", meta(0));
    made.file("z/last", vec![1; 1 << 20], meta(0));
    made.memory.0.pop();
    let error = made.unpack(&home().join("x")).unwrap_err();
    assert!(chain(&error).contains("no such source"), "{}", chain(&error));
    assert_eq!(std::fs::read_dir(home()).unwrap().count(), 0);
    // An empty directory of this user, in one that is not theirs, and the directory it stands in: both are filled in place.
    let options = Options::default();
    for into in [home(), PathBuf::from(".")] {
        made.unpack_with(&into, &options).unwrap_err();
        assert_eq!(std::fs::read_dir(home()).unwrap().count(), 0);
    }
    std::env::set_current_dir("/").unwrap();
    tree().unpack_with(&home(), &options).unwrap();
    assert_eq!(std::fs::read(home().join("etc/motd")).unwrap(), b"hello\n");
}

#[test]
fn devices_take_a_privilege() {
    as_nobody("devices");
}

#[test]
#[ignore = "run by another test"]
fn devices() {
    let mut made = Made::default();
    made.dir("dev", meta(0o755));
    let null = made.add("dev/null", Kind::CharDevice(device(1, 3)), meta(0o666));
    made.link("dev/zilch", null);
    made.add("dev/sda", Kind::BlockDevice(device(8, 0)), owned(0o660, 0, 6));
    made.file("file", "x", meta(0o644));
    let into = home().join("x");
    let error = made.unpack(&into).unwrap_err();
    assert!(matches!(error, RootfsError::Device { .. }), "{error}");
    let text = chain(&error);
    assert!(text.starts_with("cannot make the device ") && text.contains("x/dev/"), "{text}");
    let done = made.unpack_with(&into, &Options { skip_devices: true, ..Options::default() }).unwrap();
    assert_eq!((done.skipped_devices, done.entries), (3, 3));
    assert_eq!(std::fs::read_dir(into.join("dev")).unwrap().count(), 0);
    // A link cannot have its owner recorded; that is counted.
    let mut made = Made::default();
    made.symlink("a", b"b", owned(0o777, 5, 5));
    made.symlink("b", b"b", owned(0o777, 5, 6));
    let done = made.unpack(&home().join("y")).unwrap();
    assert_eq!(done.warnings.len(), 1);
    assert_eq!((&*done.warnings[0].xattr, done.warnings[0].count), (&b"user.rootlesscontainers"[..], 2));
}

#[test]
fn a_layer_of_ones_own() {
    as_nobody("upper");
}

#[test]
#[ignore = "run by another test"]
fn upper() {
    let (upper, work) = (home().join("upper"), home().join("work"));
    std::fs::create_dir(&upper).unwrap();
    std::fs::create_dir(&work).unwrap();
    let mut lower = Made::default();
    lower.dir("ro", owned(0o555, 5, 6));
    lower.dir("ro/below", meta(0o555));
    let layer = Upper::open(&upper, &work, &Options::default()).unwrap();
    layer.dress(b"", lower.tree.get(Tree::ROOT).unwrap()).unwrap();
    layer.copy_up(&lower.tree, b"ro/below").unwrap();
    let how = Scan { style: Style::Upper, ..Scan::default() };
    let (tree, files) = scan(&upper, &how).unwrap();
    assert_eq!(told(&tree, &files), lower.told());

    // A directory that may not be written is put, put in another's place, and removed.
    let mut new = Made::default();
    new.dir("ro", owned(0o500, 7, 8));
    new.file("ro/file", "x", owned(0o400, 9, 9));
    for _ in 0..2 {
        let id = new.find(b"ro");
        layer.put((&new.tree, id), &new.memory, b"ro", &common::go_on).unwrap();
    }
    let (tree, files) = scan(&upper, &how).unwrap();
    // Its root has a new time, as any directory that something comes into.
    let below = |mut told: common::Told| told.split_off(&b"a"[..]);
    assert_eq!(below(told(&tree, &files)), below(new.told()));
    layer.whiteout(b"gone").unwrap();
    layer.make_opaque(b"ro").unwrap();
    assert!(layer.remove(b"ro").unwrap());
    let (tree, _) = scan(&upper, &how).unwrap();
    let gone = tree.child(Tree::ROOT, b"gone").and_then(|id| tree.get(id)).unwrap();
    assert_eq!(gone.kind, Kind::Whiteout);
    assert_eq!(tree.children(Tree::ROOT).count(), 1);
    assert_eq!(std::fs::read_dir(Path::new(&work)).unwrap().count(), 0);
}
