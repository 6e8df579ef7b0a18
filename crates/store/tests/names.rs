//! Names: set, moved, kept, removed; and what `index.json` says of them.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

mod images;

use std::fs;

use images::{Small, add, full, listed};
use ply_store::{Names, Store, StoreError};

fn edit<R>(store: &Store, change: impl FnOnce(&mut Names) -> R) -> R {
    store.edit::<R, StoreError>(|names, _| Ok(change(names))).unwrap()
}

#[test]
fn set_moved_kept_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (a, b) = (Small::new("a"), Small::new("b"));
    add(&store, &full("app:1"), &a);
    add(&store, &full("other:1"), &b);

    // A second name for one image.
    assert!(edit(&store, |names| names.set(&full("app:2"), &a.target)).is_none());
    assert_eq!(
        listed(&store),
        [(full("app:1"), Some(a.id)), (full("app:2"), Some(a.id)), (full("other:1"), Some(b.id)),]
    );
    // A name that moves gives back what it named, which can be kept without a name.
    let old = edit(&store, |names| names.set(&full("other:1"), &a.target)).unwrap();
    assert_eq!((old.digest, old.name()), (b.target.digest, Some(full("other:1").as_str())));
    edit(&store, |names| names.keep(&old));
    edit(&store, |names| names.keep(&old));
    assert_eq!(listed(&store)[0], (String::new(), Some(b.id)));
    assert_eq!(listed(&store).len(), 4);
    // What has a name is not kept a second time without one; what gets a name is kept by it.
    edit(&store, |names| names.keep(&a.target));
    edit(&store, |names| names.set(&full("b:1"), &b.target));
    assert_eq!(
        listed(&store),
        [
            (full("app:1"), Some(a.id)),
            (full("app:2"), Some(a.id)),
            (full("b:1"), Some(b.id)),
            (full("other:1"), Some(a.id)),
        ]
    );
    // Removed by name, and all at once.
    assert_eq!(edit(&store, |names| names.remove(&full("app:2"))).unwrap().digest, a.target.digest);
    assert!(edit(&store, |names| names.remove(&full("app:2"))).is_none());
    assert_eq!(edit(&store, |names| names.remove_target(&a.target.digest)).len(), 2);
    assert_eq!(edit(&store, |names| names.remove_target(&a.target.digest)).len(), 0);
    assert_eq!(listed(&store), [(full("b:1"), Some(b.id))]);
}

#[test]
fn an_edit_that_changes_nothing_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    add(&store, &full("app:1"), &Small::new("a"));
    let written = || fs::metadata(folder.path().join("index.json")).unwrap().modified().unwrap();
    let before = written();
    assert!(edit(&store, |names| names.get(&full("app:1")).cloned()).is_some());
    assert!(edit(&store, |names| names.remove("no/such:name")).is_none());
    assert_eq!(written(), before);
}

#[test]
fn both_annotations_hold_the_full_name() {
    // skopeo and podman read the one, containerd the other.
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    add(&store, &full("app:1"), &Small::new("a"));
    let index = fs::read_to_string(folder.path().join("index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_str(&index).unwrap();
    let annotations = &index["manifests"][0]["annotations"];
    assert_eq!(annotations["io.containerd.image.name"], "docker.io/library/app:1");
    assert_eq!(annotations["org.opencontainers.image.ref.name"], "docker.io/library/app:1");
}

#[test]
fn many_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let image = Small::new("a");
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let (root, image) = (folder.path(), &image);
            scope.spawn(move || {
                let store = Store::open(root).unwrap();
                for at in 0..8 {
                    add(&store, &full(&format!("app:{writer}.{at}")), image);
                    if at % 2 == 1 {
                        edit(&store, |names| names.remove(&full(&format!("app:{writer}.{at}"))));
                    }
                    // A reader sees whole states only.
                    assert!(listed(&store).iter().all(|(_, id)| *id == Some(image.id)));
                }
            });
        }
    });
    let names: Vec<String> =
        listed(&Store::open(folder.path()).unwrap()).into_iter().map(|(name, _)| name).collect();
    let expect: Vec<String> = (0..4)
        .flat_map(|writer| (0..8).step_by(2).map(move |at| full(&format!("app:{writer}.{at}"))))
        .collect();
    assert_eq!(names, expect);
}
