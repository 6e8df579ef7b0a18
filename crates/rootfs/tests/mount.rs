//! EROFS indexes that the kernel mounts, or refuses. Takes root and a kernel that mounts EROFS from files (Linux 6.12).
#![allow(clippy::unwrap_used, clippy::panic, reason = "functions that tests share count as no tests")]

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use ply_erofs::{Form, Slot, encode};
use ply_rootfs::{Detached, Live, MountError, can_mount, unmount};
use ply_tree::{Directory, Extent, Kind, Metadata, Node, Source, Tree};
use tempfile::TempDir;

/// An index over one file, and a directory to mount it over.
struct Place {
    folder: TempDir,
    index: File,
    data: File,
}

/// What is mounted over a directory, until this is dropped.
struct Guard<'a>(&'a Path);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").args(["--recursive", "--quiet"]).arg(self.0).status();
    }
}

impl Place {
    /// `None`, and said, where nothing can be mounted.
    fn new() -> Option<Self> {
        // Not in memory: a kernel mounts no image from there.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let (index, data, on) =
            (folder.path().join("index"), folder.path().join("data"), folder.path().join("on"));
        std::fs::create_dir(on).unwrap();
        std::fs::write(&data, [[b'.'; 512], [b'x'; 512]].concat()).unwrap();
        let mut tree = Tree::new(Directory::default(), Metadata::new(0o755));
        let extents = vec![Extent { source: Source(0), offset: 512, len: 6 }];
        let file = tree.add(Node::new(Kind::File { size: 6, extents }, Metadata::new(0o4755)));
        tree.link(Tree::ROOT, b"file", file);
        std::fs::write(&index, encode(&tree, Form::Root, &[Slot { digest: None, size: 1024 }]).unwrap())
            .unwrap();
        let place = Self { index: File::open(index).unwrap(), data: File::open(data).unwrap(), folder };
        match can_mount().and_then(|()| place.mount()) {
            Ok(_) => Some(place),
            Err(why @ (MountError::NotPermitted | MountError::NoErofs { .. } | MountError::IndexPlace)) => {
                // Past the test's own capture.
                let _ = writeln!(std::io::stderr(), "skipped: {:?}: {why}", std::thread::current().name());
                None
            }
            Err(why) => panic!("{why}"),
        }
    }

    fn mount(&self) -> Result<Detached, MountError> {
        Detached::index(&self.index, &[&self.data], Live::default())
    }

    fn on(&self) -> std::path::PathBuf {
        self.folder.path().join("on").canonicalize().unwrap()
    }
}

fn is_mounted(path: &Path) -> bool {
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    table.lines().any(|line| line.split(' ').nth(4) == path.to_str())
}

#[test]
fn files_are_read_where_they_lie() {
    let Some(place) = Place::new() else { return };
    let on = place.on();
    let _guard = Guard(&on);
    // What stands nowhere goes when it is dropped.
    drop(place.mount().unwrap());
    assert!(!is_mounted(&on));
    let (mounted, directory) = (place.mount().unwrap(), File::open(&on).unwrap());
    let id = mounted.id().unwrap();
    mounted.attach(directory.as_fd()).unwrap();
    drop(mounted);
    assert_eq!(std::fs::read(on.join("file")).unwrap(), b"xxxxxx");
    assert_eq!(std::fs::metadata(on.join("file")).unwrap().mode() & 0o7777, 0o4755);
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let line = table.lines().find(|line| line.split(' ').nth(4) == on.to_str()).unwrap();
    let fields: Vec<&str> = line.split(' ').collect();
    assert_eq!(fields[0], id.to_string());
    assert!(
        ["ro", "nosuid", "nodev"].iter().all(|wanted| fields[5].split(',').any(|is| is == *wanted)),
        "{line}"
    );

    // The same again is the same file system; of another number, or where nothing is mounted, there is none.
    assert!(Detached::again(&on, id + 1).is_none());
    assert!(Detached::again(place.folder.path(), id).is_none());
    let again = Detached::again(&on, id).unwrap();
    assert_ne!(again.id().unwrap(), id);
    let elsewhere = place.folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let _guard = Guard(&elsewhere);
    again.attach(File::open(&elsewhere).unwrap().as_fd()).unwrap();
    drop(again);
    let device = |path: &Path| std::fs::metadata(path).unwrap().dev();
    assert_eq!(device(&elsewhere), device(&on));

    // Through a link nothing is unmounted.
    let link = place.folder.path().join("link");
    std::os::unix::fs::symlink(&on, &link).unwrap();
    assert!(matches!(unmount(&link), Err(MountError::Unmount { .. })));
    assert!(is_mounted(&on));
    unmount(&on).unwrap();
    assert!(!is_mounted(&on));
    assert!(matches!(unmount(&on), Err(MountError::Unmount { .. })));
    // The other stays.
    assert_eq!(std::fs::read(elsewhere.join("file")).unwrap(), b"xxxxxx");
}

#[test]
fn what_is_no_index_of_these_files_is_refused() {
    let Some(place) = Place::new() else { return };
    let refused = |index: &File, data: &[&File]| match Detached::index(index, data, Live::default()) {
        Err(MountError::Refused { source, .. }) => {
            assert_eq!(source.kind(), std::io::ErrorKind::InvalidInput);
        }
        other => panic!("{other:?}"),
    };
    refused(&place.index, &[&place.data, &place.data]);
    refused(&place.data, &[]);
}
