//! Layers on the disk: nothing outside of the folder changes, and what stands in it is the union.
#![no_main]

use std::ffi::OsStr;
use std::fs;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use ply_fuzz::layers::{tars, trees};
use ply_fuzz::scratch::Scratch;
use ply_fuzz::tree::{Memories, Shown, shown};
use ply_overlay::{keep, merge};
use ply_rootfs::{Options, Owners, Scan, Style, scan, unpack};
use ply_tree::TreeView;

fuzz_target!(|bytes: &[u8]| {
    let tars = tars(bytes);
    let Some(layers) = trees(&tars) else { return };
    let views: Vec<&dyn TreeView> = layers.iter().map(|layer| layer as &dyn TreeView).collect();
    let Ok(merged) = merge(&views, keep) else { return };
    let sources = Memories::of(&tars.iter().map(Vec::as_slice).collect::<Vec<_>>());

    let scratch = Scratch::new();
    let (folder, into) = (scratch.path(), scratch.path().join("rootfs"));
    fs::create_dir(folder.join("canary")).expect("the folder is new");
    fs::write(folder.join("canary/file"), "sings").expect("the folder is new");
    let before = state(folder);

    let one = Options { workers: NonZeroUsize::new(1), owners: Owners::Auto, ..Options::default() };
    let done = unpack(&merged.tree, &sources, &into, &one, &|_| ControlFlow::Continue(()));
    assert_eq!(state(folder), before, "something outside has changed");
    assert_eq!(fs::read_dir(folder).expect("it is there").count(), if done.is_ok() { 2 } else { 1 });
    if let Err(error) = done {
        return assert!(!into.exists(), "{error}, and something is there");
    }
    let (found, files) =
        scan(&into, &Scan { style: Style::Plain, owners: Owners::Auto }).expect("it can be read");
    assert_eq!(on_disk(shown(&found, &files)), on_disk(shown(&merged.tree, &sources)));
    for path in shown(&merged.tree, &sources).keys() {
        let path = into.join(OsStr::from_bytes(path));
        assert!(path.symlink_metadata().is_ok(), "{}", path.display());
    }
});

/// What a disk does not keep of a tree, or says in its own way.
fn on_disk(mut shown: Shown) -> Shown {
    for (kind, metadata, _) in shown.values_mut() {
        if kind.starts_with("Symlink") {
            metadata.mode = 0o777;
        }
        // What an image says of its host is left out and told.
        metadata
            .xattrs
            .retain(|xattr| xattr.name.starts_with(b"user.") && !xattr.name.starts_with(b"user.overlay."));
        if kind.starts_with("Symlink") || kind.starts_with("Fifo") {
            metadata.xattrs.clear();
        }
    }
    shown
}

/// All about the canary, and that the folder itself is as it was but for one name.
fn state(folder: &Path) -> Vec<(u32, i64, i64, u64, Vec<u8>)> {
    ["canary", "canary/file"]
        .map(|name| {
            let path = folder.join(name);
            let found = path.symlink_metadata().expect("the canary lives");
            let content = if found.is_dir() {
                let names =
                    fs::read_dir(&path).expect("it is a folder").map(|entry| entry.expect("it can be read"));
                names.flat_map(|entry| entry.file_name().as_bytes().to_vec()).collect()
            } else {
                fs::read(&path).expect("the canary lives")
            };
            (found.permissions().mode(), found.mtime(), found.mtime_nsec(), found.nlink(), content)
        })
        .to_vec()
}
