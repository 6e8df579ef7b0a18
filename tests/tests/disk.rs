//! What lies in a store, and what can be had back of it: `df` and `prune`.

use std::fs;
use std::path::Path;

use ply_tests::{Layout, Ply, Tarball, archive_of, gzip, made, named};
use serde_json::Value;

fn df(ply: &Ply) -> Value {
    serde_json::from_str(&ply.ok(["df", "--json"])).unwrap()
}

/// Count, size and what can be had back.
fn part(df: &Value, name: &str) -> (u64, u64, u64) {
    let of = |key: &str| df[name][key].as_u64().unwrap();
    (of("count"), of("size"), of("reclaimable"))
}

/// Bytes of all files of a folder.
fn bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().metadata().unwrap());
    entries.map(|found| found.len()).sum()
}

fn of_private(ply: &Ply, name: &str) -> u64 {
    bytes(&ply.store().join("ply").join(name))
}

#[test]
fn it_tells_of_each_kind() {
    let ply = Ply::new();
    let empty = df(&ply);
    assert_eq!((part(&empty, "images"), &empty["each"]), ((0, 0, 0), &Value::Array(Vec::new())));
    assert!(!ply.store().exists());

    let ply = Ply::with_family();
    let blobs = bytes(&ply.store().join("blobs/sha256"));
    let indexes = of_private(&ply, "layers");
    let found = df(&ply);
    // Base, two of lang, app: base's layer is all images', and so on up.
    assert_eq!(part(&found, "images").1, blobs);
    assert_eq!(part(&found, "indexes"), (6, indexes, indexes));
    for none in ["containers", "plainTars", "leftOvers"] {
        assert_eq!(part(&found, none), (0, 0, 0), "{none}");
    }
    let (shared, own) = (part(&found, "sharedLayers"), part(&found, "ownLayers"));
    assert_eq!(shared.0 + own.0, 6);
    let sum = |key: &str| -> u64 {
        found["each"].as_array().unwrap().iter().map(|image| image[key].as_u64().unwrap()).sum()
    };
    assert!(
        shared.1 + sum("own") == blobs,
        "what is shared, and what is each image's alone, is all: {found}"
    );
    assert!(sum("size") > blobs);

    // An image that lost its name can be had back, unless a container was made from it.
    ply.ok(["create", "--name", "try", "app:1.1"]);
    ply.write("file", "0123456789");
    ply.ok(["cp", "file", "try:/file"]);
    ply.ok(["tag", "base:1", "app:1.1"]);
    ply.ok(["tag", "base:1", "app:latest"]);
    let found = df(&ply);
    assert_eq!(part(&found, "containers"), (1, 10, 10));
    assert_eq!(part(&found, "images").2, 0);
    ply.ok(["rm", "try"]);
    let nameless =
        found["each"].as_array().unwrap().iter().find(|image| image["names"] == Value::Array(vec![]));
    let own = nameless.unwrap()["own"].as_u64().unwrap();
    assert_eq!((part(&df(&ply), "images").2, nameless.unwrap()["containers"].as_u64()), (own, Some(1)));
    assert_eq!(ply.ok(["df"]), ply.ok(["system", "df"]));
    assert!(ply.ok(["df", "-v"]).contains("\napp:1.1, app:latest, base:1 "), "{}", ply.ok(["df", "-v"]));
}

#[test]
fn what_can_be_made_again_is_dropped_on_request() {
    let ply = Ply::new();
    let image = made(vec![Tarball::new().told("0 etc/motd hello").finish()]);
    let mut layout = Layout::default();
    let layers = image.layers.iter().map(|layer| gzip(layer)).collect();
    let manifest = layout.image(&image, "application/vnd.oci.image.layer.v1.tar+gzip", layers);
    let name = "docker.io/library/app:1";
    let archive = layout.list(named(manifest, "io.containerd.image.name", name)).tar().finish();
    ply.write("app.tar", archive);
    ply.ok(["load", "-q", "-i", "app.tar"]);
    assert_eq!(ply.ok(["cat", "app:1", "/etc/motd"]), "hello");
    let found = df(&ply);
    let (tars, indexes) = (part(&found, "plainTars"), part(&found, "indexes"));
    // Sums of the layer's blocks count as an index.
    assert_eq!((tars.0, indexes.0), (1, 2));
    assert_eq!(tars.1, image.layers[0].len() as u64);
    let before = ply.save("oci", &["app:1"]);

    let would = ply.ok(["prune", "--cache", "--dry-run"]);
    let kept = || of_private(&ply, "layers") + of_private(&ply, "sums");
    assert_eq!(kept(), tars.1 + indexes.1);
    assert_eq!(
        ply.ok(["prune", "--cache"]).replace("reclaimed space", ""),
        would.replace("space that would be reclaimed", "")
    );
    assert_eq!(kept(), 0);
    assert_eq!(ply.ok(["cat", "app:1", "/etc/motd"]), "hello");
    assert!(ply.save("oci", &["app:1"]) == before);
    assert_eq!(part(&df(&ply), "plainTars").0, 1);
    let refused = ply.run(["prune", "--cache", "-a"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    // Where there is no store, none is made.
    let nowhere = Ply::new();
    nowhere.ok(["prune", "--cache"]);
    assert!(!nowhere.store().exists());
}

#[test]
fn what_is_left_over_is_told_and_goes() {
    let ply = Ply::new();
    ply.write("app.tar", archive_of(&made(vec![Tarball::new().told("0 a a").finish()]), "app:1").finish());
    ply.ok(["load", "-q", "-i", "app.tar"]);
    // As a load that was killed, and one that was killed while it made an index, would leave them.
    let dead = ply.store().join("ply/ingest/4711-0");
    fs::create_dir(&dead).unwrap();
    fs::write(dead.join("0"), [0; 1000]).unwrap();
    let index = ply.store().join("ply/layers/4711.new");
    fs::write(&index, [0; 100]).unwrap();
    assert_eq!(part(&df(&ply), "leftOvers"), (2, 1100, 1100));
    let would = ply.ok(["prune", "--dry-run"]);
    assert!(would.contains("would be reclaimed: 1.1kB"), "{would}");
    let pruned = ply.ok(["prune", "-f"]);
    assert!(pruned.contains("Total reclaimed space: 1.1kB"), "{pruned}");
    assert!(!dead.exists() && !index.exists());
    assert_eq!(part(&df(&ply), "leftOvers"), (0, 0, 0));
    assert_eq!(ply.ok(["images", "-q"]).lines().count(), 1);
}
