//! Indexes of layers, which a store keeps: they change no answer, and are made again when they are gone or damaged.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use ply_tests::{Input, Layout, Ply, Tarball, archive_of, gzip, made, named, zstd};

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
    // Each question once with nothing kept, and then with all that was kept.
    let mut without = Vec::new();
    for args in QUESTIONS {
        fs::remove_dir_all(ply.store().join("ply/layers")).unwrap();
        without.push(ply.run(args).stdout);
    }
    assert_eq!(answers(&ply), without);
    assert_eq!(indexes(&ply).len(), 6, "one a layer");
    assert_eq!(answers(&ply), without);
}

/// Made while a layer comes in, from whatever it comes, it is the one that is made of the layer later.
#[test]
fn they_come_with_the_layers() {
    let contents = |ply: &Ply| -> Vec<(PathBuf, Vec<u8>)> {
        let name = |path: &PathBuf| PathBuf::from(path.file_name().unwrap());
        indexes(ply).iter().map(|path| (name(path), fs::read(path).unwrap())).collect()
    };
    let family = Ply::with_family();
    let loaded = contents(&family);
    assert_eq!(loaded.len(), 6, "one a layer");
    fs::remove_dir_all(family.store().join("ply/layers")).unwrap();
    answers(&family);
    assert!(contents(&family) == loaded);

    // A member that is a megabyte, and one that is kept in memory, come through a pipe on different ways.
    let large = vec![b'x'; 3 << 20];
    let image = made(vec![
        Tarball::new().told("0 etc/motd hello").finish(),
        Tarball::new().file("large", &large).finish(),
        Tarball::new().file("middle", &large[..100_000]).finish(),
    ]);
    let packed = |pack: fn(&[u8]) -> Vec<u8>| {
        let mut layout = Layout::default();
        let layers = image.layers.iter().map(|layer| pack(layer)).collect();
        let manifest = layout.image(&image, "application/vnd.oci.image.layer.v1.tar+gzip", layers);
        layout.list(named(manifest, "io.containerd.image.name", "docker.io/library/app:1")).tar().finish()
    };
    let archives = [archive_of(&image, "app:1").finish(), packed(gzip), packed(zstd)];
    let mut first = None;
    for (at, archive) in archives.iter().enumerate() {
        for input in [Input::File, Input::Pipe] {
            let ply = Ply::new();
            let archive = ply.write("app.tar", archive);
            assert_eq!(ply.load(input, &archive, &[]).code, Some(0));
            let found = contents(&ply);
            assert_eq!(found.len(), 3, "{at} {input:?}");
            assert!(*first.get_or_insert_with(|| found.clone()) == found, "{at} {input:?}");
        }
    }
    // What is made here has one as well.
    let ply = Ply::with_family();
    let before = indexes(&ply).len();
    ply.ok(["create", "--name", "try", "base:1"]);
    ply.write("motd", "by hand");
    ply.ok(["cp", "motd", "try:/motd"]);
    ply.ok(["commit", "try", "try:1"]);
    assert_eq!(indexes(&ply).len(), before + 1);
    ply.ok(["squash", "-t", "flat:1", "app:1.1"]);
    assert_eq!(indexes(&ply).len(), before + 2);
    ply.ok(["export", "-o", "root.tar", "app:1.1"]);
    ply.ok(["import", "root.tar", "imported:1"]);
    assert!(indexes(&ply).len() >= before + 2);
}

/// What is not loaded leaves nothing behind; and what is no changeset is loaded, and is for who looks at it.
#[test]
fn none_of_what_is_not_loaded() {
    let mut image = made(vec![Tarball::new().told("0 a a").finish(), Tarball::new().told("0 b b").finish()]);
    image.layers[1][512] ^= 1;
    let ply = Ply::new();
    ply.write("app.tar", archive_of(&image, "app:1").finish());
    let ran = ply.run(["load", "-i", "app.tar"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(indexes(&ply), [] as [PathBuf; 0]);
    let odd = made(vec![
        Tarball::new().told("1 hard > ../../outside").finish(),
        Tarball::new().told("0 b b").finish(),
    ]);
    ply.write("odd.tar", archive_of(&odd, "odd:1").finish());
    ply.ok(["load", "-q", "-i", "odd.tar"]);
    assert_eq!(indexes(&ply).len(), 1);
    assert_eq!(ply.run(["ls", "odd:1"]).code, Some(1));
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
