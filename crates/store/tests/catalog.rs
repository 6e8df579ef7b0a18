//! The catalog answers as the documents do, whatever happened to its file.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

mod images;

use std::fs;
use std::path::Path;

use images::{Small, add, full, listed};
use ply_digest::Digest;
use ply_image::Descriptor;
use ply_store::{Catalog, Record, Store, StoreError};

/// Everything a catalog says of its entries.
fn answers(store: &Store) -> Vec<(Record, Vec<Digest>)> {
    let catalog = store.catalog().unwrap();
    catalog.records().map(|record| (record.clone(), catalog.blobs(&record.facts.target))).collect()
}

fn three(root: &Path) -> Store {
    let store = Store::open(root).unwrap();
    for name in ["app:1", "app:2", "lib:1"] {
        add(&store, &full(name), &Small::new(name));
    }
    let nameless = Small::new("nameless");
    let ingest = store.begin().unwrap();
    nameless.put(&ingest);
    let keep = |names: &mut ply_store::Names, _: &Catalog| {
        names.keep(&nameless.target);
        Ok(())
    };
    ingest.commit::<_, StoreError>(keep).unwrap();
    store
}

#[test]
fn it_says_what_the_documents_say() {
    let folder = tempfile::tempdir().unwrap();
    let store = three(folder.path());
    let catalog = store.catalog().unwrap();
    let image = Small::new("app:2");
    let record = catalog.by_name(&full("app:2")).unwrap();
    assert_eq!(record.name, Some(full("app:2")));
    assert_eq!(record.facts.target, image.target.digest);
    assert_eq!(Catalog::descriptor(&record.facts), image.target);
    let facts = record.facts.image.unwrap();
    assert_eq!((facts.id, facts.manifest, facts.made), (image.id, image.target.digest, true));
    assert_eq!(facts.created.unwrap().to_string(), "2026-11-23T19:14:38Z");
    assert!(record.facts.complete && facts.layers.is_empty());
    let mut blobs = [image.id, image.target.digest];
    blobs.sort_unstable();
    assert_eq!(catalog.blobs(&image.target.digest), blobs);

    assert_eq!(catalog.len(), 4);
    assert_eq!(catalog.names().collect::<Vec<_>>(), [full("app:1"), full("app:2"), full("lib:1")]);
    assert_eq!(catalog.records().next().unwrap().name, None, "those without a name come first");
    assert_eq!(catalog.by_name(&full("app")), None);
    assert_eq!(catalog.entries_of(&image.target.digest).count(), 1);
    assert_eq!(catalog.target(&Digest::of(b"nothing")), None);
}

#[test]
fn prefixes_of_names() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = three(folder.path()).catalog().unwrap();
    let check = |prefix: &str, expect: &[&str]| {
        let found: Vec<String> = catalog.by_name_prefix(prefix).filter_map(|record| record.name).collect();
        assert_eq!(found, expect.iter().map(|name| full(name)).collect::<Vec<_>>(), "{prefix}");
    };
    check(&full("app:"), &["app:1", "app:2"]);
    check(&full("ap"), &["app:1", "app:2"]);
    check(&full("lib:1"), &["lib:1"]);
    check(&full("lib:11"), &[]);
    check("quay.io/", &[]);
    check("a", &[]);
}

#[test]
fn a_catalog_that_does_not_fit_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = three(folder.path());
    let path = folder.path().join("ply/catalog");
    let (good, expect) = (fs::read(&path).unwrap(), answers(&store));
    assert_eq!(expect.len(), 4);
    let check = |what: &str, bytes: Option<&[u8]>| {
        match bytes {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        assert_eq!(answers(&store), expect, "{what}");
        assert_eq!(fs::read(&path).unwrap(), good, "{what}: not made again");
    };
    check("missing", None);
    check("empty", Some(b""));
    check("something else", Some(b"plycat, more or less"));
    check("longer", Some(&[&good[..], b"\0"].concat()));
    for len in (0..good.len()).step_by(7) {
        check(&format!("cut to {len} bytes"), Some(&good[..len]));
    }
}

#[test]
fn a_catalog_with_any_byte_flipped_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = three(folder.path());
    let path = folder.path().join("ply/catalog");
    let (good, expect) = (fs::read(&path).unwrap(), answers(&store));
    for at in 0..good.len() {
        for flip in [0x01, 0xff] {
            let mut bytes = good.clone();
            bytes[at] ^= flip;
            fs::write(&path, &bytes).unwrap();
            assert_eq!(answers(&store), expect, "byte {at} flipped by {flip:#x}");
        }
    }
}

#[test]
fn a_stale_catalog_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let store = three(folder.path());
    let path = folder.path().join("ply/catalog");
    let stale = fs::read(&path).unwrap();
    store.edit::<_, StoreError>(|names, _| Ok(names.remove(&full("app:1")))).unwrap();
    add(&store, &full("new:1"), &Small::new("new"));
    let expect = answers(&store);
    fs::write(&path, &stale).unwrap();
    assert_eq!(answers(&store), expect);
    // Another tool edits index.json behind its back.
    let index = fs::read_to_string(folder.path().join("index.json")).unwrap();
    let index = index.replace("docker.io/library/lib:1", "docker.io/library/lib:2");
    fs::write(folder.path().join("index.json"), index).unwrap();
    let catalog = store.catalog().unwrap();
    assert_eq!(catalog.by_name(&full("lib:1")), None);
    assert_eq!(catalog.by_name(&full("lib:2")).unwrap().facts.image.unwrap().id, Small::new("lib:1").id);
}

#[test]
fn damaged_names_are_an_error_that_says_which_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = three(folder.path());
    for text in ["", "{", "[]", "{}"] {
        fs::write(folder.path().join("index.json"), text).unwrap();
        let error = store.catalog().unwrap_err();
        assert!(
            matches!(&error, StoreError::Damaged { path, .. } if path.ends_with("index.json")),
            "{error}"
        );
        // Nothing is collected on the word of a file that says nothing.
        assert!(store.collect().is_err());
    }
    assert_eq!(store.blobs().unwrap().len(), 8);
}

/// A catalog made while a document was missing does not outlive the repair.
#[test]
fn what_was_healed_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (healed, whole) = (Small::new("healed"), Small::new("whole"));
    add(&store, &full("healed:1"), &healed);
    add(&store, &full("whole:1"), &whole);
    for missing in [&healed.config, &healed.manifest] {
        let blob = folder.path().join("blobs/sha256").join(Digest::of(missing).hex());
        fs::remove_file(&blob).unwrap();
        fs::remove_file(folder.path().join("ply/catalog")).unwrap();
        let name = (full("healed:1"), None);
        assert_eq!(listed(&store)[0], name);
        assert_eq!(listed(&store)[0], name, "from the catalog");
        fs::write(&blob, missing).unwrap();
        assert_eq!(listed(&store)[0], (full("healed:1"), Some(healed.id)));
        let before = fs::read(folder.path().join("ply/catalog")).unwrap();
        assert_eq!(listed(&store)[1], (full("whole:1"), Some(whole.id)));
        assert_eq!(fs::read(folder.path().join("ply/catalog")).unwrap(), before, "made once");
    }
}

#[test]
fn two_thousand_images() {
    const IMAGES: usize = 2000;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let store = Store::open(root).unwrap();
    drop(store.begin().unwrap());
    let images: Vec<Small> = (0..IMAGES).map(|at| Small::new(&at.to_string())).collect();
    let entries: Vec<Descriptor> = images
        .iter()
        .enumerate()
        .map(|(at, image)| {
            image.write(root);
            let mut entry = image.target.clone();
            let key = ply_image::annotation::CONTAINERD_NAME.to_owned();
            entry.annotations.insert(key, full(&format!("app{}:{}", at / 10, at % 10)));
            entry
        })
        .collect();
    let index = format!(r#"{{"schemaVersion":2,"manifests":{}}}"#, serde_json::to_string(&entries).unwrap());
    fs::write(root.join("index.json"), index).unwrap();

    let catalog = store.catalog().unwrap();
    assert_eq!(catalog.len(), IMAGES);
    for (at, image) in images.iter().enumerate() {
        let record = catalog.by_name(&full(&format!("app{}:{}", at / 10, at % 10))).unwrap();
        assert_eq!(record.facts.image.unwrap().id, image.id);
    }
    assert_eq!(catalog.by_name_prefix(&full("app77:")).count(), 10);
    assert_eq!(catalog.by_name_prefix(&full("app")).count(), IMAGES);

    // By the beginning of an ID: the same as looking at every one of them.
    let mut ids: Vec<Digest> = images.iter().map(|image| image.id).collect();
    ids.sort_unstable();
    for first in 0..=255 {
        let (mut from, mut to) = ([0; 32], [0xff; 32]);
        (from[0], to[0]) = (first, first);
        let found = catalog.by_id(&Digest::from_bytes(from), &Digest::from_bytes(to));
        let found: Vec<Digest> = found.into_iter().map(|found| found.image.id).collect();
        let expect: Vec<Digest> = ids.iter().copied().filter(|id| id.as_bytes()[0] == first).collect();
        assert_eq!(found, expect, "{first:02x}");
    }
    for id in &ids {
        assert_eq!(catalog.by_id(id, id).len(), 1);
    }
    assert!(catalog.by_id(&Digest::of(b"none"), &Digest::of(b"none")).is_empty());
    // Read back from its file it says the same.
    assert!(root.join("ply/catalog").exists());
    assert!(store.catalog().unwrap().records().eq(catalog.records()));
    assert_eq!(store.unreached().unwrap(), []);
}
