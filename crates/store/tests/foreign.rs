//! Stores that others made, that cannot be written, or that are newer than we are.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

mod images;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use images::{Small, add, blobs, files, full, listed};
use ply_digest::Digest;
use ply_image::{BlobError, BlobSource};
use ply_store::{Store, StoreError};

/// An OCI image layout as the specification describes it, with one image (image-layout.md).
fn layout(root: &Path, name: &str, image: &Small) {
    fs::create_dir_all(root.join("blobs/sha256")).unwrap();
    fs::write(root.join("oci-layout"), r#"{"imageLayoutVersion": "1.0.0"}"#).unwrap();
    image.write(root);
    let index = format!(
        r#"{{ "schemaVersion": 2, "manifests": [ {{ "mediaType": "{}", "digest": "{}", "size": {},
             "annotations": {{ "org.opencontainers.image.ref.name": "{name}", "com.example.mine": "kept" }} }} ] }}"#,
        image.target.media_type, image.target.digest, image.target.size
    );
    fs::write(root.join("index.json"), index).unwrap();
}

#[test]
fn a_plain_layout_is_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let (theirs, ours) = (Small::new("theirs"), Small::new("ours"));
    layout(folder.path(), &full("theirs:1"), &theirs);
    let before = files(folder.path());
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(listed(&store), [(full("theirs:1"), Some(theirs.id))]);
    assert_eq!(blobs(&store).len(), 2);
    assert_eq!(files(folder.path()), before, "to look changes nothing");

    add(&store, &full("ours:1"), &ours);
    assert_eq!(listed(&store), [(full("ours:1"), Some(ours.id)), (full("theirs:1"), Some(theirs.id))]);
    let index = fs::read_to_string(folder.path().join("index.json")).unwrap();
    assert!(index.contains(r#""com.example.mine":"kept""#), "{index}");
    assert_eq!(store.collect().unwrap().blobs, []);
}

/// Other tools write a name as people type it, or a tag alone, which is no name.
#[test]
fn names_as_others_write_them() {
    let check = |written: &str, expect: &str| {
        let folder = tempfile::tempdir().unwrap();
        let (theirs, ours) = (Small::new("theirs"), Small::new("ours"));
        layout(folder.path(), written, &theirs);
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(listed(&store), [(expect.to_owned(), Some(theirs.id))], "{written}");
        // Another name for it takes nothing away.
        let ingest = store.begin().unwrap();
        ingest.commit::<_, StoreError>(|names, _| Ok(names.set(&full("more:1"), &theirs.target))).unwrap();
        assert_eq!(store.catalog().unwrap().entries_of(&theirs.target.digest).count(), 2, "{written}");
        add(&store, &full("edge:1"), &ours);
        let index = fs::read_to_string(folder.path().join("index.json")).unwrap();
        // Theirs stays as it stood, unless it was the name that moved.
        assert_eq!(index.contains("com.example.mine"), expect != full("edge:1"), "{written}: {index}");
    };
    check("edge:1", &full("edge:1"));
    check("docker.io/library/edge:1", &full("edge:1"));
    check("team/edge", "docker.io/team/edge:latest");
    check("latest", "");
    check("not a name:1", "");
}

#[test]
fn links_are_not_followed_and_other_files_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let image = Small::new("one");
    layout(folder.path(), &full("one:1"), &image);
    let outside = tempfile::NamedTempFile::new().unwrap();
    let planted = Digest::of(b"planted");
    let at = |digest: &Digest| folder.path().join("blobs/sha256").join(digest.hex());
    symlink(outside.path(), at(&planted)).unwrap();
    fs::create_dir(at(&Digest::of(b"folder"))).unwrap();
    fs::write(folder.path().join("blobs/sha256/README"), b"mine").unwrap();

    let store = Store::open(folder.path()).unwrap();
    for digest in [planted, Digest::of(b"folder")] {
        assert!(matches!(store.open(&digest).map(drop), Err(BlobError::Io { .. })));
        assert!(matches!(store.size(&digest), Err(BlobError::Io { .. })));
        assert!(matches!(store.region(&digest), Err(BlobError::Io { .. })));
    }
    let absent = Digest::of(b"absent");
    assert!(matches!(store.open(&absent).map(drop), Err(BlobError::Absent(digest)) if digest == absent));
    assert_eq!(fs::read(folder.path().join("blobs/sha256/README")).unwrap(), b"mine");
}

#[test]
fn what_is_not_there_is_an_empty_store() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("a/b");
    let store = Store::open(&root).unwrap();
    assert_eq!(listed(&store), []);
    assert_eq!(blobs(&store), []);
    assert_eq!(store.collect().unwrap().blobs, []);
    drop(store.hold().unwrap());
    assert!(!root.exists(), "to look makes nothing");
    assert!(store.free_space() > 0);
}

#[test]
fn a_newer_store_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(folder.path()).unwrap().begin().unwrap());
    let check = |version: &str, expect: bool| {
        fs::write(folder.path().join("ply/version"), version).unwrap();
        let before = files(folder.path());
        match Store::open(folder.path()) {
            Ok(_) => assert!(expect, "{version:?}"),
            Err(StoreError::Newer { known: 1, .. }) => assert!(!expect, "{version:?}"),
            Err(other) => assert!(expect, "{version:?}: {other}"),
        }
        assert_eq!(files(folder.path()), before);
    };
    check("1\n", true);
    check("1", true);
    check("2\n", false);
    check("0\n", false);
    check("1.5\n", false);
    check("", false);
    check("\u{1b}[2J", false);
    let error = Store::open(folder.path()).unwrap_err().to_string();
    assert!(!error.contains('\u{1b}'), "{error}");
}

#[test]
fn quarantine_moves_a_blob_aside() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let image = Small::new("one");
    add(&store, &full("one:1"), &image);
    let aside = store.quarantine(&image.id).unwrap();
    assert_eq!(fs::read(aside).unwrap(), image.config);
    assert!(matches!(store.size(&image.id), Err(BlobError::Absent(_))));
    add(&store, &full("one:1"), &image);
    assert_eq!(store.size(&image.id).unwrap(), image.config.len() as u64);
    assert!(store.quarantine(&Digest::of(b"absent")).is_err());
}

/// A store that cannot be written: by its modes; for root, whom modes do not stop, by a mount of its own.
struct ReadOnly {
    path: PathBuf,
    mounted: bool,
}

impl ReadOnly {
    fn new(path: &Path) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            set_modes(path, 0o555);
            return Some(Self { path: path.to_owned(), mounted: false });
        }
        let mount = |args: &[&str]| Command::new("mount").args(args).arg(path).output();
        let done = |output: std::io::Result<std::process::Output>| output.is_ok_and(|o| o.status.success());
        let source = path.to_str()?;
        if !done(mount(&["--bind", source])) {
            return None;
        }
        let guard = Self { path: path.to_owned(), mounted: true };
        done(mount(&["-o", "remount,bind,ro"])).then_some(guard)
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        if self.mounted {
            let _ = Command::new("umount").arg(&self.path).status();
        } else {
            set_modes(&self.path, 0o755);
        }
    }
}

fn set_modes(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for entry in fs::read_dir(path).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        set_modes(&entry.path(), mode);
    }
}

#[test]
fn a_store_that_cannot_be_written_answers() {
    let folder = tempfile::tempdir().unwrap();
    let image = Small::new("one");
    add(&Store::open(folder.path()).unwrap(), &full("one:1"), &image);
    for missing in ["", "ply/catalog", "ply/lock"] {
        if !missing.is_empty() {
            fs::remove_file(folder.path().join(missing)).unwrap();
        }
        let Some(_read_only) = ReadOnly::new(folder.path()) else {
            println!("skipped: root may mount nothing here, and modes do not stop root");
            return;
        };
        let store = Store::open(folder.path()).unwrap();
        let hold = store.hold().unwrap();
        assert_eq!(listed(&store), [(full("one:1"), Some(image.id))], "without {missing:?}");
        let mut config = Vec::new();
        store.open(&image.id).unwrap().read_to_end(&mut config).unwrap();
        assert_eq!(config, image.config);
        drop(hold);
        assert!(matches!(store.begin(), Err(StoreError::Io { .. })));
        assert!(store.edit::<_, StoreError>(|names, _| Ok(names.remove(&full("one:1")))).is_err());
    }
}
