//! A transaction is seen whole, or was never there.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

mod images;

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use images::{Small, add, blobs, files, full, listed};
use ply_digest::Digest;
use ply_image::{BlobSink, BlobSource, DiffId};
use ply_store::{LayerFacts, Store, StoreError};

fn under_way(root: &Path) -> usize {
    fs::read_dir(root.join("ply/ingest")).unwrap().count()
}

#[test]
fn dropped_it_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    add(&store, &full("old:1"), &Small::new("old"));
    let before = files(folder.path());

    let ingest = store.begin().unwrap();
    Small::new("new").put(&ingest);
    let (half, unwanted) = (ingest.blob(Some(1 << 20)).unwrap(), ingest.blob(None).unwrap());
    half.open().unwrap().write_all_at(b"half of it", 0).unwrap();
    let path = unwanted.path().to_owned();
    ingest.discard(unwanted);
    assert!(!path.exists() && half.path().exists());
    assert_eq!(under_way(folder.path()), 1);
    drop(ingest);
    assert!(!half.path().exists());
    assert_eq!(files(folder.path()), before);
}

#[test]
fn nothing_is_seen_before_commit_and_all_after() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let image = Small::new("new");
    let ingest = store.begin().unwrap();
    image.put(&ingest);
    let layer = ingest.blob(Some(5)).unwrap();
    layer.open().unwrap().write_all_at(b"layer", 0).unwrap();
    let digest = Digest::of(b"layer");
    ingest.finish(layer, digest);
    assert_eq!(blobs(&store), []);
    assert_eq!(listed(&store), []);

    ingest.commit::<_, StoreError>(|names, _| Ok(names.set(&full("new:1"), &image.target))).unwrap();
    let mut all = vec![image.id, image.target.digest, digest];
    all.sort_unstable();
    assert_eq!(blobs(&store), all);
    assert_eq!(listed(&store), [(full("new:1"), Some(image.id))]);
    assert_eq!(under_way(folder.path()), 0);
    let mut bytes = String::new();
    store.open(&digest).unwrap().read_to_string(&mut bytes).unwrap();
    assert_eq!((bytes.as_str(), store.size(&digest).unwrap()), ("layer", 5));
}

#[test]
fn a_change_that_is_refused_changes_no_name() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    add(&store, &full("old:1"), &Small::new("old"));
    let index = fs::read(folder.path().join("index.json")).unwrap();
    let before = blobs(&store);

    let image = Small::new("new");
    let ingest = store.begin().unwrap();
    image.put(&ingest);
    let refused = ingest.commit::<(), Box<dyn std::error::Error>>(|names, _| {
        names.set(&full("new:1"), &image.target);
        names.remove(&full("old:1"));
        Err("no".into())
    });
    assert_eq!(refused.unwrap_err().to_string(), "no");
    assert_eq!(fs::read(folder.path().join("index.json")).unwrap(), index);
    assert_eq!(blobs(&store), before, "its blobs are left");

    // Whoever uses the store may have found them already: then they are rubbish, and nothing else is.
    let ingest = store.begin().unwrap();
    image.put(&ingest);
    let hold = store.hold().unwrap();
    ingest.commit::<(), Box<dyn std::error::Error>>(|_, _| Err("no".into())).unwrap_err();
    assert_eq!(blobs(&store).len(), before.len() + 2);
    drop(hold);
    assert_eq!(store.collect().unwrap().blobs.len(), 2);
    assert_eq!(blobs(&store), before);
}

#[test]
fn what_a_crash_left_is_collected() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    add(&store, &full("old:1"), &Small::new("old"));
    let before = files(folder.path());

    // As they lie when the machine stops: half a transaction, blobs that no name reached yet, half an index.
    fs::create_dir(folder.path().join("ply/ingest/4711-0")).unwrap();
    fs::write(folder.path().join("ply/ingest/4711-0/0"), b"half").unwrap();
    fs::write(folder.path().join("ply/index.json.new"), b"{\"schemaVers").unwrap();
    let lost = Small::new("lost");
    lost.write(folder.path());
    assert_eq!(listed(&store).len(), 1);
    assert_eq!(store.unreached().unwrap().len(), 2);

    let collected = store.collect().unwrap();
    assert_eq!(collected.left_overs, 1);
    let mut gone = [lost.id, lost.target.digest];
    gone.sort_unstable();
    assert_eq!(collected.blobs, gone);
    assert_eq!(collected.bytes, (lost.config.len() + lost.manifest.len() + "half".len()) as u64);
    assert_eq!(files(folder.path()), before);
    assert_eq!(store.collect().unwrap(), ply_store::Collected::default());
}

/// A rename from one folder to another may be half done when the power goes: then the index has two names, and what is
/// written under the second must not be written into it.
#[test]
fn what_has_two_names_after_a_crash_is_not_written_into() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    add(&store, &full("old:1"), &Small::new("old"));
    let index = folder.path().join("index.json");
    let before = fs::read(&index).unwrap();
    for name in ["ply/index.json.new", "kept"] {
        fs::hard_link(&index, folder.path().join(name)).unwrap();
    }
    add(&store, &full("new:1"), &Small::new("new"));
    assert_eq!(fs::read(folder.path().join("kept")).unwrap(), before);
    assert_eq!(listed(&store).len(), 2);
    assert!(!folder.path().join("ply/index.json.new").exists());
}

#[test]
fn a_crash_while_the_store_is_made_does_no_harm() {
    let made = ["oci-layout", "index.json", "ply/version", "ply/lock", "ply/index.lock"];
    for missing in made {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        drop(store.begin().unwrap());
        fs::remove_file(folder.path().join(missing)).unwrap();
        let image = Small::new("new");
        add(&Store::open(folder.path()).unwrap(), &full("new:1"), &image);
        assert_eq!(listed(&store), [(full("new:1"), Some(image.id))], "without {missing}");
    }
}

/// What the blobs are called is lost: nobody should take the store for an empty one, and collect them.
#[test]
fn an_index_that_is_gone_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    add(&store, &full("new:1"), &Small::new("new"));
    fs::remove_file(folder.path().join("index.json")).unwrap();
    let is_damage = |result: Result<(), StoreError>| matches!(result, Err(StoreError::Damaged { .. }));
    assert!(is_damage(store.catalog().map(drop)));
    assert!(is_damage(store.begin().map(drop)));
    assert!(!folder.path().join("index.json").exists());
    assert_eq!(store.collect().unwrap().blobs, []);
}

/// A transaction that died is cleared away by the next one; one that is under way is left alone.
#[test]
fn the_next_transaction_clears_dead_ones_away() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let living = store.begin().unwrap();
    let blob = living.blob(None).unwrap();
    let dead = folder.path().join("ply/ingest/4711-0");
    fs::create_dir(&dead).unwrap();
    fs::write(dead.join("0"), b"half").unwrap();
    drop(store.begin().unwrap());
    assert!(!dead.exists());
    assert!(blob.path().exists());
}

#[test]
fn while_one_is_under_way_nothing_is_collected() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (lost, image) = (Small::new("lost"), Small::new("new"));
    let ingest = store.begin().unwrap();
    lost.write(folder.path());
    image.put(&ingest);
    assert_eq!(store.collect_if_free(&[lost.id]).unwrap(), None);
    // A second transaction does not wait for the first.
    add(&store, &full("other:1"), &Small::new("other"));
    ingest.commit::<_, StoreError>(|names, _| Ok(names.set(&full("new:1"), &image.target))).unwrap();

    let hold = store.hold().unwrap();
    assert_eq!(store.collect_if_free(&[lost.id]).unwrap(), None);
    drop(hold);
    // Of the candidates only what no name reaches.
    let collected = store.collect_if_free(&[lost.id, image.id]).unwrap().unwrap();
    assert_eq!(collected.blobs, [lost.id]);
    assert_eq!(listed(&store).len(), 2);
}

#[test]
fn an_image_that_cannot_be_read_keeps_every_blob() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (whole, broken, lost) = (Small::new("whole"), Small::new("broken"), Small::new("lost"));
    add(&store, &full("whole:1"), &whole);
    add(&store, &full("broken:1"), &broken);
    lost.write(folder.path());
    fs::remove_file(folder.path().join("ply/catalog")).unwrap();
    fs::write(folder.path().join("blobs/sha256").join(broken.target.digest.hex()), b"rot").unwrap();
    assert_eq!(store.collect().unwrap().blobs, []);
    assert_eq!(blobs(&store).len(), 6);
}

#[test]
fn a_blob_that_is_here_is_not_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let image = Small::new("new");
    add(&store, &full("new:1"), &image);
    let path = folder.path().join("blobs/sha256").join(image.id.hex());
    let inode = |path: &Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
    let before = inode(&path);
    let ingest = store.begin().unwrap();
    assert!(ingest.has(&image.id, image.config.len() as u64));
    assert!(!ingest.has(&image.id, image.config.len() as u64 + 1));
    image.put(&ingest);
    ingest.commit::<_, StoreError>(|_, _| Ok(())).unwrap();
    assert_eq!(inode(&path), before);
    // One of another size is damaged, and is replaced.
    fs::write(&path, b"short").unwrap();
    add(&store, &full("new:1"), &image);
    assert_eq!(fs::read(&path).unwrap(), image.config);
}

#[test]
fn facts_about_layers_come_with_the_commit() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let layer = DiffId(Digest::of(b"layer"));
    let config = format!(r#"{{"rootfs":{{"type":"layers","diff_ids":["{layer}"]}}}}"#);
    let kind = |text| ply_image::MediaType::new(text);
    let blob = ply_image::Descriptor::new(kind(ply_image::MediaType::LAYER), layer.0, 5);
    let manifest = ply_image::Manifest::make(config.as_bytes(), &[blob]);
    let target = ply_image::Descriptor::new(
        kind(ply_image::MediaType::MANIFEST),
        manifest.digest,
        manifest.raw.len() as u64,
    );
    let facts = LayerFacts { content: 3, plain: 5 };

    let ingest = store.begin().unwrap();
    ingest.put(config.as_bytes()).unwrap();
    ingest.put(&manifest.raw).unwrap();
    ingest.put(b"layer").unwrap();
    ingest.learn(layer, facts);
    ingest.commit::<_, StoreError>(|names, _| Ok(names.set(&full("new:1"), &target))).unwrap();
    let catalog = store.catalog().unwrap();
    assert_eq!((catalog.layer(&layer), catalog.content(&[layer, layer])), (Some(facts), Some(6)));
    assert_eq!(catalog.layer_users().get(&layer), Some(&1));

    // They can be found out later, too.
    fs::remove_file(folder.path().join("ply/catalog")).unwrap();
    assert_eq!(store.catalog().unwrap().content(&[layer]), None);
    store.remember(&[(layer, facts)]);
    assert_eq!(store.catalog().unwrap().content(&[layer]), Some(3));

    // Files with holes can add up to more than 64 bits count.
    fs::remove_file(folder.path().join("ply/catalog")).unwrap();
    store.remember(&[(layer, LayerFacts { content: 1 << 63, plain: 5 })]);
    assert_eq!(store.catalog().unwrap().content(&[layer, layer]), Some(u64::MAX));
}
