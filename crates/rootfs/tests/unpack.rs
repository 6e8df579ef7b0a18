//! What stands on the disk afterwards.
#![allow(clippy::unwrap_used, clippy::panic, reason = "functions that tests share count as no tests")]

mod common;

use std::num::NonZeroUsize;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use common::{Made, device, everything, is_root, listing, meta, owned, with};
use ply_rootfs::{Options, Owners, Scan, Style, Why, scan};
use ply_tree::{Kind, Tree};

fn check(made: &Made, options: &Options) {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("rootfs");
    let done = made.unpack_with(&into, options).unwrap();
    let (expect, found) = (made.told(), listing(&into));
    for (path, line) in &expect {
        let recorded = options.owners == Owners::Recorded || !rustix::process::geteuid().is_root();
        let same = recorded || found.get(path) == Some(line);
        assert!(same, "{}: {line}\n{:?}", ply_tree::path::printable(path), found.get(path));
    }
    assert_eq!(found.len(), expect.len());
    assert_eq!(done.entries, expect.len() as u64);
    assert_eq!(done.skipped_devices, 0);

    let how = Scan { style: Style::Plain, owners: options.owners };
    let (tree, files) = scan(&into, &how).unwrap();
    assert_eq!(common::told(&tree, &files), expect);
    // Nothing stays beside.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn everything_comes_out_as_it_is() {
    if !is_root() {
        return;
    }
    let mut made = everything();
    common::unreadable(&mut made);
    made.file("mine", "x", owned(0o640, 1000, 300));
    made.file("suid-mine", "x", owned(0o6755, 1000, 300));
    made.dir("home", owned(0o2750, 1000, 100));
    made.file("home/inherits-nothing", "x", meta(0o644));
    made.symlink("link-of-mine", b"mine", owned(0o777, 4_000_000_000, 1));
    made.add("null", Kind::CharDevice(device(1, 3)), meta(0o666));
    made.add("many", Kind::CharDevice(device(4095, 1_048_575)), owned(0o600, 5, 6));
    made.add("loop", Kind::BlockDevice(device(7, 0)), owned(0o660, 0, 6));
    let capability = b"\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    let xattrs: &[(&str, &[u8])] =
        &[("security.capability", capability), ("user.a", b""), ("user.b", b"\0\xff")];
    made.file("ping", "x", with(owned(0o755, 1000, 0), xattrs));
    made.dir("with", with(meta(0o755), &[("user.of", b"directory")]));
    made.tree.get_mut(Tree::ROOT).unwrap().metadata = with(owned(0o1775, 5, 6), &[("user.of", b"all")]);
    for workers in [1, 2, 7] {
        check(&made, &Options { workers: NonZeroUsize::new(workers), ..Options::default() });
    }
    check(&made, &Options { durable: true, ..Options::default() });
}

#[test]
fn access_control_lists_hold_and_are_not_inherited() {
    if !is_root() {
        return;
    }
    // Version 2; user::rw-, user:1000:r--, group::r--, mask::rw-, other::r-- (linux/posix_acl_xattr.h).
    let entry = |tag: u16, perm: u16, id: u32| {
        [&tag.to_le_bytes()[..], &perm.to_le_bytes(), &id.to_le_bytes()].concat()
    };
    let list = [
        2_u32.to_le_bytes().to_vec(),
        entry(1, 6, u32::MAX),
        entry(2, 4, 1000),
        entry(4, 4, u32::MAX),
        entry(16, 6, u32::MAX),
        entry(32, 4, u32::MAX),
    ]
    .concat();
    let mut made = Made::default();
    made.file("file", "x", with(meta(0o664), &[("system.posix_acl_access", &list)]));
    made.dir("dir", with(meta(0o755), &[("system.posix_acl_default", &list)]));
    made.file("dir/plain", "x", meta(0o644));
    made.dir("dir/below", meta(0o755));
    made.add("fifo", Kind::Fifo, with(meta(0o664), &[("system.posix_acl_access", &list)]));
    check(&made, &Options::default());

    // Where it is unpacked to, new files get lists and a group.
    let folder = tempfile::tempdir().unwrap();
    rustix::fs::setxattr(folder.path(), "system.posix_acl_default", &list, rustix::fs::XattrFlags::empty())
        .unwrap();
    rustix::fs::chown(folder.path(), None, Some(rustix::fs::Gid::from_raw(77))).unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o2755)).unwrap();
    let made = everything();
    made.unpack(&folder.path().join("x")).unwrap();
    assert_eq!(listing(&folder.path().join("x")), made.told());
}

#[test]
fn holes_stay_holes() {
    let folder = tempfile::tempdir().unwrap();
    let mut made = Made::default();
    made.sparse("a", 64 << 20, &[(false, 32 << 20), (true, 4096), (false, 1 << 20)]);
    made.sparse("b", 64 << 20, &[(false, 64 << 20)]);
    made.sparse("c", 1 << 20, &[(true, 4096)]);
    made.unpack(&folder.path().join("x")).unwrap();
    for (name, most) in [("a", 64), ("b", 8), ("c", 64)] {
        let blocks = folder.path().join("x").join(name).metadata().unwrap().blocks();
        assert!(blocks <= most, "{name}: {blocks} blocks");
    }
    let (tree, _) =
        scan(&folder.path().join("x"), &Scan { owners: Owners::Real, ..Scan::default() }).unwrap();
    let a = tree.child(Tree::ROOT, b"a").and_then(|id| tree.get(id)).unwrap();
    let Kind::File { extents, .. } = &a.kind else { panic!("{a:?}") };
    assert!(
        extents
            .iter()
            .filter(|extent| extent.source != ply_tree::Source::HOLE)
            .all(|extent| extent.len < 1 << 20)
    );
}

#[test]
fn owners_can_be_recorded() {
    let mut made = everything();
    made.file("mine", "x", owned(0o440, 1000, 300));
    made.file("mine-large", vec![1; 2 << 20], owned(0o440, 1000, 0));
    made.dir("home", owned(0o550, 0, 100));
    made.file("home/file", "x", meta(0o644));
    check(&made, &Options { owners: Owners::Recorded, ..Options::default() });
    let folder = tempfile::tempdir().unwrap();
    made.unpack_with(&folder.path().join("x"), &Options { owners: Owners::Recorded, ..Options::default() })
        .unwrap();
    let read = |name: &str| {
        let xattrs = common::xattrs(&folder.path().join("x").join(name));
        xattrs.into_iter().map(|xattr| (String::from_utf8(xattr.name.into()).unwrap(), xattr.value)).next()
    };
    // What `umoci unpack --rootless` writes for the same owners.
    assert_eq!(
        read("mine"),
        Some(("user.rootlesscontainers".to_owned(), (*b"\x08\xe8\x07\x10\xac\x02").into()))
    );
    assert_eq!(read("home"), Some(("user.rootlesscontainers".to_owned(), (*b"\x10\x64").into())));
    assert_eq!(read("tmp"), None);
}

#[test]
fn what_the_host_reads_is_left_out_and_counted() {
    let mut made = Made::default();
    let xattrs: &[(&str, &[u8])] = &[
        ("trusted.overlay.opaque", b"y"),
        ("user.overlay.opaque", b"y"),
        ("user.rootlesscontainers", b"\x08\x01"),
        ("security.selinux", b"system_u:object_r:etc_t:s0\0"),
        ("user.kept", b"1"),
        ("security.capability", b"no capability at all"),
    ];
    made.file("a", "", with(meta(0o644), xattrs));
    made.file("b", "", with(meta(0o644), &xattrs[..1]));
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("x");
    let done = made.unpack(&into).unwrap();
    let names: Vec<_> = done.warnings.iter().map(|w| (String::from_utf8_lossy(&w.xattr), w.count)).collect();
    assert_eq!(
        names,
        [
            ("security.capability".into(), 1),
            ("security.selinux".into(), 1),
            ("trusted.overlay.opaque".into(), 2),
            ("user.overlay.opaque".into(), 1),
            ("user.rootlesscontainers".into(), 1)
        ]
    );
    assert!(matches!(done.warnings[0].why, Why::System(_)));
    let text = done.warnings[2].to_string();
    assert!(
        text.starts_with(
            "trusted.overlay.opaque left out, since it means something to the host of 2 files, the first /"
        ),
        "{text}"
    );
    assert_eq!(common::xattrs(&into.join("a")).len(), 1);
}

/// Linux keeps such a value, and then refuses to give it. Found by fuzzing.
#[test]
fn no_capabilities_are_not_written_for_none() {
    let mut made = Made::default();
    made.file("a", "", with(meta(0o755), &[("security.capability", b""), ("user.kept", b"1")]));
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("x");
    let done = made.unpack(&into).unwrap();
    let names: Vec<_> = done.warnings.iter().map(|w| (&w.xattr[..], w.why)).collect();
    assert_eq!(names, [(&b"security.capability"[..], Why::System(22))]);
    let (tree, _) = scan(&into, &Scan::default()).unwrap();
    let found = tree.get(tree.child(Tree::ROOT, b"a").unwrap()).unwrap();
    assert_eq!(found.metadata.xattrs.len(), 1);
}

#[test]
fn the_mask_of_the_user_takes_nothing() {
    if !is_root() {
        return;
    }
    // A process of its own: the mask is one for all threads.
    let folder = tempfile::tempdir().unwrap();
    let run = |mask: &str, name: &str| {
        let script = format!("umask {mask}; exec \"$0\" --exact child --include-ignored");
        let into = folder.path().join(name);
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &script]).arg(std::env::current_exe().unwrap()).env("PLY_ROOTFS_INTO", &into);
        let done = command.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
        assert_eq!(listing(&into), everything().told(), "{mask}");
    };
    for mask in ["000", "022", "077", "777"] {
        run(mask, mask);
    }
}

#[test]
#[ignore = "run by another test"]
fn child() {
    let into = std::env::var_os("PLY_ROOTFS_INTO").unwrap();
    everything().unpack(Path::new(&into)).unwrap();
}

#[test]
fn many_names_of_one_file() {
    let mut made = Made::default();
    let id = made.file("first", "x", meta(0o644));
    let link = made.symlink("second", b"first", meta(0o777));
    let large = made.file("third", vec![3; 2 << 20], meta(0o600));
    for number in 0..50 {
        made.dir(format!("d{number}"), meta(0o755));
        made.dir(format!("d{number}/e"), meta(0o755));
        for (name, id) in [("a", id), ("b", link), ("c", large)] {
            made.link(format!("d{number}/e/{name}"), id);
            made.link(format!("d{number}/{name}"), id);
        }
    }
    check(&made, &Options::default());
}

/// As deep as this, a directory's path is longer than the system takes.
fn deep() -> Made {
    let mut made = Made::default();
    let mut at = Tree::ROOT;
    for _ in 0..4000 {
        let kind = Kind::Directory(ply_tree::Directory::default());
        let id = made.tree.add(ply_tree::Node::new(kind, meta(0o755)));
        made.tree.link(at, b"down", id);
        at = id;
    }
    let file = made.file("file", vec![1; 2 << 20], meta(0o644));
    made.tree.link(at, b"linked", file);
    let link = Kind::Symlink { target: (*b"linked").into() };
    let link = made.tree.add(ply_tree::Node::new(link, meta(0o777)));
    made.tree.link(at, b"link", link);
    made
}

#[test]
fn thousands_of_directories_deep() {
    let folder = tempfile::tempdir().unwrap();
    let made = deep();
    let done = made.unpack(&folder.path().join("x"));
    assert_eq!(done.unwrap().entries, 4000 + 4);
    let how = Scan::default();
    let (tree, files) = scan(&folder.path().join("x"), &how).unwrap();
    assert_eq!(common::told(&tree, &files), made.told());
    // Quicker than by the folder's own end, and thousands of times less deep.
    let removed = std::process::Command::new("rm").arg("-rf").arg(folder.path().join("x")).status().unwrap();
    assert!(removed.success());
}

#[test]
fn thousands_of_directories_are_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let mut made = deep();
    made.memory.0.clear();
    let error = made.unpack(&folder.path().join("x")).unwrap_err();
    assert!(common::chain(&error).contains("no such source"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
