//! `ply tree` of archives that are not loaded.

use ply_tests::{Layout, Made, Ply, archive_of, family, gzip, layer, named};
use serde_json::{Value, json};

const NAME: &str = "org.opencontainers.image.ref.name";

/// Of a relative: on which it stands, its first name, its layers, its own bytes.
type Row = (Option<u64>, String, usize, u64);

/// What is drawn, and the bytes of all.
fn drawn(ply: &Ply, images: &[&str]) -> (Vec<Row>, u64) {
    let tree: Value = serde_json::from_str(&ply.ok([&["tree", "--json"], images].concat())).unwrap();
    let relatives = tree["tree"].as_array().unwrap().iter();
    let drawn = relatives.map(|relative| {
        let name = relative["names"][0].as_str().unwrap_or("-").to_owned();
        let layers = relative["diffIds"].as_array().unwrap().len();
        (relative["parent"].as_u64(), name, layers, relative["own"].as_u64().unwrap())
    });
    (drawn.collect(), tree["onDisk"].as_u64().unwrap())
}

fn row(parent: Option<u64>, name: &str, layers: usize, own: u64) -> Row {
    (parent, name.to_owned(), layers, own)
}

/// Sizes as `tar -tv` tells them of what `docker save` wrote: each layer's tar and each config once, however many images
/// have it.
#[test]
fn images_of_one_archive_share_its_members() {
    let ply = Ply::new();
    std::fs::copy(family(), ply.file("family.tar")).unwrap();
    let base = row(None, "base:1", 1, 5632 + 1920);
    let lang = row(Some(0), "lang:3", 1, 52_736 + 2754);
    let app = row(Some(1), "app:1.0", 2, 2048 + 4608 + 4651);
    let newer = row(Some(2), "app:1.1", 2, 3584 + 3584 + 5501);
    let all = base.3 + lang.3 + app.3 + newer.3;
    let expect = vec![base.clone(), lang.clone(), app, newer];
    assert_eq!(drawn(&ply, &["docker-archive:family.tar"]), (expect.clone(), all));
    assert_eq!(drawn(&ply, &["./family.tar", "docker-archive:family.tar:lang:3"]), (expect, all));
    let line = (vec![base.clone(), lang.clone()], base.3 + lang.3);
    assert_eq!(drawn(&ply, &["docker-archive:family.tar:lang:3"]), line);
    // By the beginning of its ID.
    assert_eq!(drawn(&ply, &["docker-archive:family.tar:854e91c7f4f7"]), line);
    assert!(!ply.store().exists(), "a look at an archive needs no store");
}

/// Every blob of a layout once, index and compressed layers among them.
#[test]
fn platforms_are_told_apart() {
    let ply = Ply::new();
    let other = if ply_tests::host_architecture() == "arm64" { "amd64" } else { "arm64" };
    let (here, there) = (Made::of(&["base", "here"]), Made::of(&["base"]).with("architecture", json!(other)));
    let mut layout = Layout::default();
    let zipped = |texts: &[&str]| texts.iter().map(|text| gzip(&layer(text))).collect::<Vec<_>>();
    let kind = "application/vnd.oci.image.layer.v1.tar+gzip";
    let mut manifests =
        [layout.image(&here, kind, zipped(&["base", "here"])), layout.image(&there, kind, zipped(&["base"]))];
    for (manifest, architecture) in manifests.iter_mut().zip([ply_tests::host_architecture(), other]) {
        manifest["platform"] = json!({"os": "linux", "architecture": architecture});
    }
    let index = layout.index(&manifests);
    let layout = layout.list(named(index, NAME, "docker.io/library/app:1"));
    layout.write(&ply.file("layout"));
    let all: usize = layout.blobs.values().map(Vec::len).sum();
    let (relatives, on_disk) = drawn(&ply, &["oci:layout"]);
    assert_eq!(on_disk, all as u64);
    let shape: Vec<_> = relatives.iter().map(|(parent, _, layers, _)| (*parent, *layers)).collect();
    assert_eq!(shape, [(None, 1), (Some(0), 1)]);
    let text = ply.ok(["tree", "oci:layout"]);
    assert!(
        text.contains(&format!("app:1 (linux/{other})")) && text.contains("2 images, 2 layers"),
        "{text}"
    );
    // The other platform is another image, and this one is built on it.
    let wanted = format!("oci:layout:{}", &there.hex()[..12]);
    assert_eq!(drawn(&ply, &[&wanted]).0.len(), 1);
}

#[test]
fn what_cannot_be_drawn_is_said() {
    let ply = Ply::with_family();
    ply.write("app.tar", archive_of(&Made::of(&["one"]), "app:1").finish());
    ply.write("empty", "");
    let check = |args: &[&str], code: i32, expect: &str| {
        let ran = ply.run([&["tree"], args].concat());
        assert_eq!((ran.code, ran.stderr.trim_end()), (Some(code), expect), "{args:?}");
    };
    check(&["docker-archive:app.tar:no"], 1, "ply: app.tar: No such image: no; it holds app:1");
    check(&["./nowhere"], 1, "ply: cannot open ./nowhere: No such file or directory");
    check(
        &["./empty"],
        1,
        "ply: ./empty: no image in it: neither index.json nor manifest.json nor repositories is there",
    );
    check(&["./app.tar", "app:1.0"], 2, "ply: a tree is of the store or of archives, not of both");
}
