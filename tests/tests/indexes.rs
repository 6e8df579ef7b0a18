//! Indexes of layers, which a store keeps: they change no answer, and are made again when they are gone or damaged.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use ply_tests::{Input, Ply, Tarball, archive_of, gzip, made};

/// What is asked of an image of the family, in all the ways there are.
const QUESTIONS: [&[&str]; 14] = [
    &["ls", "-lR", "--json", "app:1.1"],
    &["ls", "-R", "--layer", "6", "app:1.1"],
    &["stat", "--json", "app:1.1", "/usr/bin/lang"],
    &["cat", "app:1.1", "/etc/app.conf"],
    &["cat", "--layer", "2", "app:1.1", "/usr/src/lang/cases"],
    &["log", "--json", "-p", "app:1.1", "/etc/motd"],
    &["find", "--json", "app:1.1"],
    &["find", "--deleted", "--json", "app:1.1"],
    &["find", "--shadowed", "--json", "app:1.1"],
    &["grep", "--all-layers", "a", "app:1.1"],
    &["du", "--json", "app:1.1"],
    &["diff", "--json", "base:1", "app:1.1"],
    &["diff", "app:1.1", "--layers", "2..5"],
    &["export", "app:1.1"],
];

fn indexes(ply: &Ply) -> Vec<PathBuf> {
    let folder = fs::read_dir(ply.store().join("ply/layers")).into_iter().flatten();
    let mut found: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn answers(ply: &Ply) -> Vec<Vec<u8>> {
    let answer = |args: &&[&str]| {
        let ran = ply.run(*args);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{args:?}");
        ran.stdout
    };
    QUESTIONS.iter().map(answer).collect()
}

#[test]
fn they_change_no_answer() {
    let ply = Ply::with_family();
    assert_eq!(indexes(&ply), [] as [PathBuf; 0]);
    // Each question once with nothing kept, and then with all that was kept.
    let mut without = Vec::new();
    for args in QUESTIONS {
        without.push(ply.run(args).stdout);
        fs::remove_dir_all(ply.store().join("ply/layers")).unwrap();
    }
    assert_eq!(answers(&ply), without);
    assert_eq!(indexes(&ply).len(), 6, "one a layer");
    assert_eq!(answers(&ply), without);
}

#[test]
fn a_damaged_one_is_made_again() {
    let ply = Ply::with_family();
    let before = answers(&ply);
    let kept: Vec<Vec<u8>> = indexes(&ply).iter().map(|path| fs::read(path).unwrap()).collect();
    let damages: [fn(&mut Vec<u8>); 5] = [
        |bytes| bytes.truncate(1500),
        Vec::clear,
        |bytes| bytes[1300] ^= 1,
        |bytes| bytes.last_mut().map_or((), |last| *last ^= 0x80),
        |bytes| bytes.extend([0; 512]),
    ];
    for (number, damage) in damages.iter().enumerate() {
        for (path, bytes) in indexes(&ply).iter().zip(&kept) {
            let mut bytes = bytes.clone();
            damage(&mut bytes);
            fs::write(path, bytes).unwrap();
        }
        assert_eq!(answers(&ply), before, "damage {number}");
        let now: Vec<Vec<u8>> = indexes(&ply).iter().map(|path| fs::read(path).unwrap()).collect();
        assert_eq!(now, kept, "damage {number}");
    }
    // One of another layer is none of this one.
    let paths = indexes(&ply);
    fs::copy(&paths[0], &paths[1]).unwrap();
    assert_eq!(answers(&ply), before);
}

#[test]
fn a_store_that_cannot_keep_any_answers_too() {
    let ply = Ply::with_family();
    let before = answers(&ply);
    fs::remove_dir_all(ply.store().join("ply/layers")).unwrap();
    // Where the folder should be there is something else, so that even root cannot make it.
    fs::write(ply.store().join("ply/layers"), "").unwrap();
    fs::set_permissions(ply.store().join("ply/layers"), fs::Permissions::from_mode(0o400)).unwrap();
    assert_eq!(answers(&ply), before);
}

/// With an index a compressed layer need not be inflated to be listed.
#[test]
fn a_compressed_layer_is_looked_at_without_being_read() {
    let ply = Ply::new();
    let layer = Tarball::new().folder("d/").file("d/f", "hello\n").finish();
    let image = made(vec![layer]);
    let packed = made(vec![gzip(&image.layers[0])]);
    let archive = archive_of(&ply_tests::Made { layers: packed.layers, ..image }, "packed:1").finish();
    let path = ply.write("packed.tar", archive);
    assert_eq!(ply.load(Input::File, &path, &[]).code, Some(0));
    let listed = ply.ok(["ls", "-lR", "packed:1"]);
    let blobs = fs::read_dir(ply.store().join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    let gzipped = blobs.filter(|path| fs::read(path).unwrap().starts_with(&[0x1f, 0x8b])).collect::<Vec<_>>();
    let [gzipped] = &gzipped[..] else { panic!("{gzipped:?}") };
    // Its head stays, so that it is still told to be compressed; the rest is gone.
    let bytes = fs::read(gzipped).unwrap();
    fs::write(gzipped, [&bytes[..10], &vec![0; bytes.len() - 10]].concat()).unwrap();
    assert_eq!(ply.ok(["ls", "-lR", "packed:1"]), listed);
    assert_eq!(ply.run(["cat", "packed:1", "/d/f"]).code, Some(1));
}

/// An archive that is not loaded is known by its file as it is; what its documents say of a layer counts for nothing.
#[test]
fn of_an_archive_that_changes_none_is_used() {
    let ply = Ply::with_family();
    let before = indexes(&ply).len();
    let archive =
        |name: &str| archive_of(&made(vec![Tarball::new().file(name, "x").finish()]), "a:1").finish();
    let path = ply.write("a.tar", archive("one"));
    let place = format!("docker-archive:{}", path.display());
    // Too young to be sure of: nothing is kept.
    assert_eq!(ply.ok(["ls", &place]), "one");
    assert_eq!(indexes(&ply).len(), before);
    std::thread::sleep(std::time::Duration::from_millis(3100));
    assert_eq!(ply.ok(["ls", &place]), "one");
    assert_eq!(indexes(&ply).len(), before + 1);
    assert_eq!(ply.ok(["ls", &place]), "one");

    // As long and with the times it had, and yet another.
    let times = fs::metadata(&path).unwrap();
    fs::write(&path, archive("two")).unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    assert_eq!(file.metadata().unwrap().len(), times.len());
    file.set_modified(times.modified().unwrap()).unwrap();
    assert_eq!(ply.ok(["ls", &place]), "two");
}

#[test]
fn those_that_nobody_needs_are_pruned() {
    let ply = Ply::with_family();
    answers(&ply);
    fs::write(ply.store().join("ply/layers/half.123.new"), "left").unwrap();
    assert_eq!(indexes(&ply).len(), 7);
    ply.ok(["image", "prune", "-f"]);
    assert_eq!(indexes(&ply).len(), 6);
    ply.ok(["rmi", "app:1.1", "app:latest", "app:1.0"]);
    ply.ok(["image", "prune", "-f"]);
    assert_eq!(indexes(&ply).len(), 2, "lang:3 has two layers");
}
