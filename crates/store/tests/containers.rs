//! A container keeps its image, has its name alone, and is there whole or not at all.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

mod images;

use std::fs;
use std::os::unix::fs::MetadataExt;

use images::{Small, add, blobs, full};
use ply_store::{Container, ContainerId, Store, StoreError};
use tempfile::TempDir;

fn container(number: u8, name: &str, image: &Small) -> Container {
    Container {
        id: ContainerId::from_random([number; 32]),
        name: name.to_owned(),
        created: format!("2026-11-24T10:00:{number:02}Z"),
        image: "app:1".to_owned(),
        image_id: image.id,
        manifest: image.target.digest,
        command: vec!["sh".to_owned()],
        blobs: vec![image.id, image.target.digest],
    }
}

/// A store in a folder, with an image.
fn with_image() -> (TempDir, Store, Small) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let image = Small::new("app");
    add(&store, &full("app:1"), &image);
    (folder, store, image)
}

fn create(store: &Store, container: &Container) -> Result<(), StoreError> {
    store.create_container(&store.hold().unwrap(), container, |_| Ok(()))
}

#[test]
fn it_is_found_by_name_and_listed_newest_first() {
    let (folder, store, image) = with_image();
    assert_eq!(store.containers().unwrap(), []);
    let (one, two) = (container(1, "one", &image), container(2, "two", &image));
    create(&store, &one).unwrap();
    create(&store, &two).unwrap();
    assert_eq!(store.containers().unwrap(), [two.clone(), one.clone()]);
    assert_eq!(store.container_named("one").unwrap(), Some(one.clone()));
    assert_eq!(store.container(&two.id).unwrap(), Some(two));
    for nobody in ["three", "../containers", "o", ""] {
        assert_eq!(store.container_named(nobody).unwrap(), None, "{nobody}");
    }
    let upper = store.container_folder(&one.id).upper();
    assert!(upper.is_dir());
    // Programs of an image lie in there as they are: nobody else comes in.
    let all = folder.path().join("ply/containers");
    assert_eq!(fs::metadata(all).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn a_name_is_had_by_one() {
    let (_folder, store, image) = with_image();
    let first = container(1, "web", &image);
    create(&store, &first).unwrap();
    let again = create(&store, &container(2, "web", &image)).unwrap_err();
    assert!(matches!(&again, StoreError::NameTaken { by, .. } if *by == first.id), "{again}");
    assert_eq!(store.container_ids().unwrap(), [first.id]);

    // Removed, its name is free.
    store.remove_container::<StoreError>(&first, empty).unwrap();
    create(&store, &container(3, "web", &image)).unwrap();
}

#[test]
fn one_of_those_who_remove_it_does_and_takes_no_other_name() {
    let (_folder, store, image) = with_image();
    for round in 0..20 {
        let (first, next) = (container(2 * round, "web", &image), container(2 * round + 1, "web", &image));
        create(&store, &first).unwrap();
        let (removed, made) = std::thread::scope(|scope| {
            let removers: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| store.remove_container::<StoreError>(&first, empty).unwrap()))
                .collect();
            let maker = scope.spawn(|| {
                // Until the name is free.
                (0..10_000).any(|_| create(&store, &next).is_ok())
            });
            let removed = removers.into_iter().filter_map(|remover| remover.join().ok()).filter(|was| *was);
            (removed.count(), maker.join().unwrap())
        });
        assert_eq!((removed, made), (1, true), "round {round}");
        assert_eq!(store.container_named("web").unwrap(), Some(next.clone()), "round {round}");
        assert!(store.remove_container::<StoreError>(&next, empty).unwrap());
        assert!(!store.remove_container::<StoreError>(&next, empty).unwrap());
    }
}

fn empty(folder: &std::path::Path) -> Result<(), StoreError> {
    for part in ["upper", "work"] {
        fs::remove_dir_all(folder.join(part)).unwrap();
    }
    Ok(())
}

#[test]
fn what_cannot_be_made_leaves_nothing() {
    let (folder, store, image) = with_image();
    let wanted = container(1, "web", &image);
    let refuse = |_: &_| Err(StoreError::NoSpace { path: folder.path().into(), needed: 1, free: 0 });
    assert!(store.create_container(&store.hold().unwrap(), &wanted, refuse).is_err());
    assert_eq!(store.container_ids().unwrap(), []);
    assert_eq!(store.container_named("web").unwrap(), None);
}

#[test]
fn its_image_is_not_collected() {
    let (_folder, store, image) = with_image();
    let web = container(1, "web", &image);
    create(&store, &web).unwrap();
    store.edit::<_, StoreError>(|names, _| Ok(names.remove(&full("app:1")))).unwrap();

    assert_eq!(store.collect().unwrap().blobs, []);
    assert_eq!(store.collect_if_free(&[image.id]).unwrap().unwrap().blobs, []);
    assert_eq!(blobs(&store).len(), 2);

    // With a record that nobody can read, nobody knows what it keeps.
    let config = store.container_folder(&web.id).upper().with_file_name("config.json");
    let record = fs::read(&config).unwrap();
    fs::write(&config, &record[1..]).unwrap();
    assert!(store.containers().unwrap_err().to_string().ends_with("config.json is damaged"));
    assert_eq!(store.collect().unwrap().blobs, []);

    fs::write(&config, record).unwrap();
    store.remove_container::<StoreError>(&web, empty).unwrap();
    assert_eq!(store.collect().unwrap().blobs.len(), 2);
}

#[test]
fn what_was_left_half_made_or_half_removed_is_cleared_away() {
    let (_folder, store, image) = with_image();
    let web = container(1, "web", &image);
    create(&store, &web).unwrap();
    // As a removal that was killed after its first step leaves it.
    let upper = store.container_folder(&web.id).upper();
    fs::write(upper.join("file"), "x").unwrap();
    fs::remove_file(upper.with_file_name("config.json")).unwrap();
    assert_eq!(store.containers().unwrap(), []);
    assert_eq!(store.container_named("web").unwrap(), None);

    assert_eq!(store.collect().unwrap().left_overs, 1);
    assert!(!upper.exists());
    create(&store, &container(2, "web", &image)).unwrap();
}
