//! What a kernel shows of an image that it mounted, compared with the tree, entry by entry; and what `fsck.erofs` says.
//! Takes root and a kernel that mounts EROFS from files (Linux 6.12).
#![allow(clippy::unwrap_used, clippy::panic, reason = "functions that tests share count as no tests")]

mod trees;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use ply_erofs::{Form, encode};
use ply_tree::{Content, Kind, Node, ReadAt, Source, Sources, Tree, Xattr};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rustix::fs::CWD;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen, move_mount,
};
use tempfile::TempDir;
use trees::{
    ACCESS, Made, Memory, SLOTS, extent, hole, meta, roots, show, small_changeset, small_root, with,
};

/// Set where nothing may be skipped: a machine of root's that has all there is.
const REQUIRED: &str = "PLY_REQUIRE_PEERS";
/// Which `fsck.erofs` to ask, if not the one in PATH.
const FSCK: &str = "PLY_FSCK_EROFS";

/// Says, past the test's own capture, that a test is skipped.
fn skipped(why: &str) {
    static SKIPPED: AtomicUsize = AtomicUsize::new(0);
    assert!(
        std::env::var_os(REQUIRED).is_none() || !rustix::process::geteuid().is_root(),
        "{REQUIRED} is set: {why}"
    );
    let count = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {why} ({count} skipped so far)");
}

/// The two files that data lies in, and room for an image and a mount.
struct Place {
    folder: TempDir,
    data: [Memory; 2],
}

impl Sources for Place {
    fn source(&self, source: Source) -> std::io::Result<&dyn ReadAt> {
        let data = usize::try_from(source.0).ok().and_then(|number| self.data.get(number));
        data.map(|data| data as &dyn ReadAt).ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }
}

/// An image that is mounted, until this is dropped.
struct Mounted(Box<Path>);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&*self.0).status();
    }
}

impl Place {
    /// `None`, and said, where no test can be.
    fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            skipped("takes root");
            return None;
        }
        // Not in memory: a kernel mounts no image from there.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let pattern = |seed: u32| {
            Memory(
                (0..1_u32 << 20).map(|at| (at.wrapping_mul(2_654_435_761) ^ seed).to_be_bytes()[0]).collect(),
            )
        };
        let place = Self { folder, data: [pattern(0), pattern(0x5500_0000)] };
        for (name, data) in ["a", "b"].iter().zip(&place.data) {
            std::fs::write(place.folder.path().join(name), &data.0).unwrap();
        }
        std::fs::create_dir(place.folder.path().join("on")).unwrap();
        let mounts = place.mount(&encode(&Made::default().0, Form::Root, &SLOTS).unwrap()).map(drop);
        if let Err(why) = mounts {
            skipped(&format!("no EROFS from files: {why}"));
            return None;
        }
        Some(place)
    }

    /// Mounts an image over both files; not with `mount`, which would put the image on a loop device.
    fn mount(&self, image: &[u8]) -> Result<Mounted, String> {
        let folder = self.folder.path();
        let [image_at, a, b, on] = ["image", "a", "b", "on"].map(|name| folder.join(name));
        std::fs::write(&image_at, image).unwrap();
        let mount = || {
            let context = fsopen("erofs", FsOpenFlags::FSOPEN_CLOEXEC)?;
            fsconfig_set_string(context.as_fd(), "source", &image_at)?;
            for device in [a, b] {
                fsconfig_set_string(context.as_fd(), "device", &device)?;
            }
            fsconfig_set_flag(context.as_fd(), "ro")?;
            fsconfig_create(context.as_fd())?;
            let attributes = MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOSUID;
            let mount = fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
            move_mount(mount.as_fd(), "", CWD, &on, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        };
        mount().map_err(|why: rustix::io::Errno| why.to_string())?;
        Ok(Mounted(on.into()))
    }

    fn content(&self, node: &Node) -> Vec<u8> {
        let Kind::File { size, extents } = &node.kind else { return Vec::new() };
        let mut content = Vec::new();
        Content::new(self, extents, *size).read_to_end(&mut content).unwrap();
        content
    }
}

/// What stands at a path, in words that a tree can be put into as well; of a file the content too.
type Line = (Vec<u8>, String, Vec<Xattr>, Vec<u8>);

/// What the tree says should be seen.
fn expected(tree: &Tree, place: &Place) -> Vec<Line> {
    let shown = show(tree).unwrap();
    let mut below: HashMap<&[u8], u32> = HashMap::new();
    for (path, _, node) in &shown {
        if let Some((above, _)) = ply_tree::path::split(path).filter(|_| node.is_directory()) {
            *below.entry(above).or_default() += 1;
        }
    }
    let line = |(path, first, node): &(Vec<u8>, Vec<u8>, Node)| {
        let (letter, more) = match &node.kind {
            Kind::Directory(_) => ('d', String::new()),
            Kind::File { size, .. } => ('f', format!(" {size}")),
            Kind::Symlink { target } => ('l', format!(" {}", target.escape_ascii())),
            Kind::CharDevice(device) => ('c', format!(" {device}")),
            Kind::BlockDevice(device) => ('b', format!(" {device}")),
            Kind::Fifo => ('p', String::new()),
            Kind::Socket => ('s', String::new()),
            Kind::Whiteout | Kind::LinkBelow { .. } => panic!("not of a root filesystem"),
        };
        let meta = &node.metadata;
        let links = if letter == 'd' { 2 + below.get(&**path).copied().unwrap_or(0) } else { node.links };
        let mode = if letter == 'l' { 0o777 } else { meta.mode };
        let line = format!(
            "{letter} {mode:o} {}:{} {}.{:09} x{links} ={}{more}",
            meta.uid,
            meta.gid,
            meta.mtime.seconds,
            meta.mtime.nanoseconds,
            first.escape_ascii()
        );
        let xattrs = meta.xattrs.iter().filter(|xattr| is_shown(xattr, letter)).cloned().collect();
        (path.clone(), line, xattrs, place.content(node))
    };
    let mut lines: Vec<Line> = shown.iter().map(line).collect();
    lines.sort();
    lines
}

/// Whether a kernel shows an attribute: one whose name it has, of such a file, and whose value it can take.
fn is_shown(xattr: &Xattr, letter: char) -> bool {
    let name = &*xattr.name;
    let in_space = |space: &str| name.len() > space.len() && name.starts_with(space.as_bytes());
    let is_known = in_space("user.") && matches!(letter, 'd' | 'f')
        || in_space("trusted.")
        || in_space("security.")
        || name == b"system.posix_acl_access" && letter != 'l';
    is_known && name.len() <= 255 && !name.contains(&0) && xattr.value.len() < 1 << 16
}

/// What is seen.
fn seen(root: &Path) -> Vec<Line> {
    let mut first: HashMap<u64, Vec<u8>> = HashMap::new();
    let (mut lines, mut open) = (Vec::new(), vec![Vec::new()]);
    while let Some(path) = open.pop() {
        let at = root.join(OsStr::from_bytes(&path));
        let meta = std::fs::symlink_metadata(&at).unwrap();
        let device = format!(" {}:{}", rustix::fs::major(meta.rdev()), rustix::fs::minor(meta.rdev()));
        let (letter, more) = match meta.mode() & 0o17_0000 {
            0o04_0000 => ('d', String::new()),
            0o10_0000 => ('f', format!(" {}", meta.size())),
            0o12_0000 => {
                ('l', format!(" {}", std::fs::read_link(&at).unwrap().as_os_str().as_bytes().escape_ascii()))
            }
            0o02_0000 => ('c', device),
            0o06_0000 => ('b', device),
            0o01_0000 => ('p', String::new()),
            _ => ('s', String::new()),
        };
        if letter == 'd' {
            for entry in std::fs::read_dir(&at).unwrap() {
                let entry = entry.unwrap();
                let kind = entry.file_type().unwrap();
                let again = std::fs::symlink_metadata(entry.path()).unwrap().file_type();
                assert_eq!(kind, again, "{:?}: the type in its directory", entry.path());
                open.push(ply_tree::path::join(&path, entry.file_name().as_bytes()));
            }
        }
        let content = if letter == 'f' { std::fs::read(&at).unwrap() } else { Vec::new() };
        lines.push((path.clone(), meta, letter, more, xattrs(&at), content));
    }
    lines.sort_by(|a, b| a.0.split(|byte| *byte == b'/').cmp(b.0.split(|byte| *byte == b'/')));
    let mut lines: Vec<Line> = lines
        .into_iter()
        .map(|(path, meta, letter, more, xattrs, content)| {
            let first = first.entry(meta.ino()).or_insert_with(|| path.clone()).escape_ascii();
            let line = format!(
                "{letter} {:o} {}:{} {}.{:09} x{} ={first}{more}",
                meta.mode() & 0o7777,
                meta.uid(),
                meta.gid(),
                meta.mtime(),
                meta.mtime_nsec(),
                meta.nlink()
            );
            (path, line, xattrs, content)
        })
        .collect();
    lines.sort();
    lines
}

fn xattrs(path: &Path) -> Vec<Xattr> {
    let mut names = vec![0; 1 << 18];
    let len = rustix::fs::llistxattr(path, &mut names[..]).unwrap();
    let mut found: Vec<Xattr> = names[..len]
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .map(|name| {
            let mut value = vec![0; 1 << 16];
            let len = rustix::fs::lgetxattr(path, name, &mut value[..]);
            let len = len.unwrap_or_else(|why| panic!("{path:?}: {}: {why}", name.escape_ascii()));
            Xattr { name: name.into(), value: value[..len].into() }
        })
        .collect();
    found.sort();
    found
}

fn check(tree: &Tree, place: &Place) {
    let mounted = place.mount(&encode(tree, Form::Root, &SLOTS).unwrap()).unwrap();
    let (expected, seen) = (expected(tree, place), seen(&mounted.0));
    for (expect, seen) in expected.iter().zip(&seen) {
        assert!(expect == seen, "{seen:?}\nis not as the tree has it:\n{expect:?}");
    }
    assert_eq!(seen.len(), expected.len());
}

/// Something of all that a root filesystem can have, more than small.
fn large_root() -> Tree {
    let mut made = Made(small_root());
    made.file("acl", &[extent(0, 0, 512)], with(meta(0o644), &[("system.posix_acl_access", ACCESS)]));
    let long = format!("user.{}", "n".repeat(250));
    let big = vec![b'v'; 65_000];
    made.file("attributes", &[extent(1, 0, 9)], with(meta(0o644), &[(&long, b"x"), ("trusted.big", &big)]));
    made.symlink("long", &[b'l'; 4000]);
    made.symlink("middle", &[b'm'; 460]);
    let sparse: Vec<_> =
        (0..40).map(|n| if n % 2 == 0 { hole(4096 * n + 512) } else { extent(0, 512 * n, 1024) }).collect();
    made.file("sparse", &sparse, meta(0o644));
    made.file("hole", &[hole(700)], meta(0o644));
    made.file("end", &[extent(0, (1 << 20) - 512, 512)], meta(0o644));
    made.file("all", &[extent(1, 0, 1 << 20)], meta(0o644));
    made.dir("many", meta(0o755));
    for number in 0..2000 {
        made.file(format!("many/{number}{}", "x".repeat(number % 200)), &[extent(0, 512, 1)], meta(0o644));
    }
    let mut path = Vec::new();
    for _ in 0..100 {
        path.extend(b"/deep");
        made.dir(&path, meta(0o755));
    }
    made.0
}

#[test]
fn a_kernel_shows_the_tree() {
    let Some(place) = Place::new() else { return };
    check(&Made::default().0, &place);
    check(&small_root(), &place);
    check(&large_root(), &place);
}

/// `PROPTEST_CASES=5000 cargo test -p ply-erofs --test kernel` for more.
#[test]
fn a_kernel_shows_any_tree() {
    let Some(place) = Place::new() else { return };
    let cases = ProptestConfig::default().cases.min(if std::env::var_os("PROPTEST_CASES").is_some() {
        u32::MAX
    } else {
        64
    });
    let mut runner =
        TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() });
    let done = runner.run(&roots(), |mut tree| {
        sane(&mut tree);
        check(&tree, &place);
        Ok(())
    });
    done.unwrap();
}

/// A kernel refuses lists and capabilities that are none, and has no user of this number.
fn sane(tree: &mut Tree) {
    for id in (0..tree.inodes() as u64).map(ply_tree::NodeId) {
        let node = tree.get_mut(id).unwrap();
        let meta = &mut node.metadata;
        (meta.uid, meta.gid) = (meta.uid.min(u32::MAX - 1), meta.gid.min(u32::MAX - 1));
        meta.xattrs.retain(|xattr| !xattr.name.starts_with(b"system.posix_acl"));
    }
}

#[test]
fn a_kernel_mounts_no_index_and_nothing_with_another_checksum() {
    let Some(place) = Place::new() else { return };
    let mut image = encode(&small_root(), Form::Root, &SLOTS).unwrap();
    assert!(place.mount(&image).is_ok());
    image[1024 + 48] ^= 1;
    assert!(place.mount(&image).is_err());
    for tree in [small_changeset(), small_root()] {
        let refused = place.mount(&encode(&tree, Form::Index, &SLOTS).unwrap());
        assert!(refused.is_err());
    }
}

/// Which `fsck.erofs` to ask: older ones refuse blocks of 512 bytes.
fn fsck() -> Option<std::ffi::OsString> {
    let program = std::env::var_os(FSCK).unwrap_or_else(|| "fsck.erofs".into());
    let Ok(version) = Command::new(&program).arg("-V").output() else {
        skipped(&format!("no fsck.erofs in PATH (apt-get install erofs-utils), and no {FSCK}"));
        return None;
    };
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let number =
        version.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    let parts: Vec<u32> =
        number.unwrap_or_default().split(['.', '-']).map_while(|part| part.parse().ok()).collect();
    if parts < vec![1, 8] {
        skipped(&format!("{} is older than 1.8; {FSCK} names another", version.trim()));
        return None;
    }
    Some(program)
}

#[test]
fn fsck_finds_nothing() {
    let (Some(place), Some(fsck)) = (Place::new(), fsck()) else { return };
    let folder = place.folder.path();
    for tree in [Made::default().0, small_root(), large_root()] {
        let mut image = encode(&tree, Form::Root, &SLOTS).unwrap();
        // Its checksum covers a block less the 1024 bytes before the superblock: with blocks of 512 bytes, 1.8.6 reads on
        // until it is stopped. The kernel, which mounted these, is who judges ours; this takes the mark that there is one.
        image[1024 + 8] &= !1;
        std::fs::write(folder.join("image"), image).unwrap();
        let devices = ["a", "b"].map(|name| format!("--device={}", folder.join(name).display()));
        let out = folder.join("out");
        let _ = std::fs::remove_dir_all(&out);
        let mut command = Command::new(&fsck);
        let done =
            command.args(devices).arg(format!("--extract={}", out.display())).arg(folder.join("image"));
        let done = done.output().unwrap();
        let text = [done.stdout, done.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert!(done.status.success() && !text.contains("<E>"), "{}: {text}", done.status);
        for (path, line, _, content) in expected(&tree, &place) {
            if line.starts_with("f ") {
                let there = std::fs::read(out.join(OsStr::from_bytes(&path))).unwrap();
                // It leaves a hole at the end of a file out.
                let (same, hole) = content.split_at(there.len());
                assert!(same == there && hole.iter().all(|byte| *byte == 0), "{}", path.escape_ascii());
            }
        }
    }
}
