//! What `manifest.json` allows.

use ply_tests::{Expected, Made, Tarball, archive_of, hex, layer, listed, made, round_trip};
use serde_json::{Value, json};

#[test]
fn manifest_first_or_last() {
    let image = Made::of(&["one"]);
    round_trip("manifest first", &archive_of(&image, "app:1").finish(), &[Expected::new(&["app:1"], &image)]);
    let (config, path) = (format!("{}.json", image.hex()), format!("{}.tar", image.layer_hex(0)));
    let last = Tarball::new()
        .file(&path, &image.layers[0])
        .file(&config, &image.config)
        .file("unrelated", "nobody names it")
        .file("manifest.json", json!([listed(&config, &["app:1"], &[path])]).to_string());
    round_trip("manifest last", &last.finish(), &[Expected::new(&["app:1"], &image)]);
}

#[test]
fn several_images_share_layers() {
    let (base, app) = (Made::of(&["base"]), Made::of(&["base", "app"]));
    let path = |image: &Made, at| format!("{}.tar", image.layer_hex(at));
    let manifest = json!([
        listed("base.json", &["base:1", "base:latest"], &[path(&base, 0)]),
        listed("app.json", &["app:1"], &[path(&app, 0), path(&app, 1)]),
    ]);
    let tar = Tarball::new()
        .file("manifest.json", manifest.to_string())
        .file("base.json", &base.config)
        .file("app.json", &app.config)
        .file(&path(&base, 0), &base.layers[0])
        .file(&path(&app, 1), &app.layers[1]);
    let expected = [Expected::new(&["base:1", "base:latest"], &base), Expected::new(&["app:1"], &app)];
    round_trip("shared layers", &tar.finish(), &expected);
}

#[test]
fn the_same_layer_twice() {
    let image = made(vec![layer("one"), layer("two"), layer("one"), layer("one")]);
    round_trip("a layer thrice", &archive_of(&image, "app:1").finish(), &[Expected::new(&["app:1"], &image)]);
}

/// Links of every kind that stay inside; a chain of them; one to a folder's member.
#[test]
fn layers_behind_links() {
    let image = Made::of(&["one", "two", "three"]);
    let paths = ["a/b/layer.tar", "c/layer.tar", "d/layer.tar"].map(str::to_owned);
    let tar = Tarball::new()
        .file("manifest.json", json!([listed("config", &["app:1"], &paths)]).to_string())
        .symlink("config", "a/config")
        .file("a/config", &image.config)
        .symlink("a/b/layer.tar", "../../c/../store/one")
        .hard_link("c/layer.tar", "store/two")
        .symlink("d/layer.tar", "./again")
        .symlink("d/again", "../store/three")
        .file("store/one", &image.layers[0])
        .file("store/two", &image.layers[1])
        .file("store/three", &image.layers[2]);
    round_trip("links", &tar.finish(), &[Expected::new(&["app:1"], &image)]);
}

#[test]
fn lists_that_are_null() {
    let image = made(Vec::new());
    let null = json!([{"Config": "config.json", "RepoTags": null, "Layers": null}]);
    let tar = Tarball::new().file("manifest.json", null.to_string()).file("config.json", &image.config);
    round_trip("no layers", &tar.finish(), &[Expected::new(&[], &image)]);

    let mut config: Value = serde_json::from_slice(&image.config).unwrap();
    config["rootfs"]["diff_ids"] = Value::Null;
    config["history"] = Value::Null;
    config["config"]["Cmd"] = Value::Null;
    let image = Made { layers: Vec::new(), config: serde_json::to_vec(&config).unwrap() };
    let tar = Tarball::new().file("manifest.json", null.to_string()).file("config.json", &image.config);
    round_trip("null layers", &tar.finish(), &[Expected::new(&[], &image)]);
}

#[test]
fn untagged() {
    let image = Made::of(&["one"]);
    let path = format!("{}.tar", image.layer_hex(0));
    for tags in [json!([]), Value::Null] {
        let manifest = json!([{"Config": "c", "RepoTags": tags, "Layers": [path]}]);
        let tar = Tarball::new().file("manifest.json", manifest.to_string()).file("c", &image.config);
        let tar = tar.file(&path, &image.layers[0]);
        round_trip(&format!("tags {tags}"), &tar.finish(), &[Expected::new(&[], &image)]);
    }
}

/// Docker wrote layers of no bytes for a while (moby 18170); their DiffID is that of nothing.
#[test]
fn a_layer_of_no_bytes() {
    let image = made(vec![layer("one"), Vec::new()]);
    assert_eq!(image.layer_hex(1), hex(b""));
    round_trip("0 bytes", &archive_of(&image, "app:1").finish(), &[Expected::new(&["app:1"], &image)]);
}

/// Unknown members and unknown keys are nobody's business; the config's bytes are kept as they stand.
#[test]
fn what_is_unknown_stays() {
    let mut image = Made::of(&["one"]).with("io.example.future", json!({"a": [1, 2.50, "\u{2028}"]}));
    image.config = String::from_utf8(image.config).unwrap().replace("\",\"", "\" ,\n\t\"").into_bytes();
    let tar = Tarball::new().file("README", "hello").folder("x/").symlink("dangling", "nowhere");
    let path = format!("{}.tar", image.layer_hex(0));
    let manifest =
        json!([{"Config": "c", "RepoTags": ["app:1"], "Layers": [path], "LayerSources": {}, "Future": 1}]);
    let tar = tar
        .file("manifest.json", manifest.to_string())
        .file("c", &image.config)
        .file(&path, &image.layers[0]);
    round_trip("unknown", &tar.finish(), &[Expected::new(&["app:1"], &image)]);
}

/// Before 1.10: only `repositories`, and a folder for each layer with its parent. The ID is pinned: it is what a real
/// engine gave (see `peers`) for the same rule, worked out here for made layers by the rule's description.
#[test]
fn repositories_only() {
    let layers = [layer("one"), layer("two")];
    let ids = [hex(b"first"), hex(b"second")];
    let created = "2015-01-02T03:04:05.678Z";
    let json_of = |at: usize, parent: Option<&str>| {
        let mut json = json!({"id": ids[at], "created": created, "container_config": {"Cmd": ["/bin/sh", "-c", format!("step {at}")]},
            "config": {"Cmd": ["sh"]}, "architecture": "amd64", "os": "linux", "Size": 7});
        if let Some(parent) = parent {
            json["parent"] = json!(parent);
        }
        json.to_string()
    };
    let mut tar = Tarball::new();
    for (at, parent) in [(0, None), (1, Some(ids[0].as_str()))] {
        let id = &ids[at];
        tar = tar.folder(&format!("{id}/")).file(&format!("{id}/VERSION"), "1.0");
        tar = tar
            .file(&format!("{id}/json"), json_of(at, parent))
            .file(&format!("{id}/layer.tar"), &layers[at]);
    }
    let tar = tar.file("repositories", json!({"app": {"1": ids[1]}}).to_string());
    // Keys sorted, less id, parent and Size, and with history and rootfs: moby's image/v1 MakeConfigFromV1Config.
    let history = |at: usize| format!(r#"{{"created":"{created}","created_by":"/bin/sh -c step {at}"}}"#);
    let config = format!(
        r#"{{"architecture":"amd64","config":{{"Cmd":["sh"]}},"container_config":{{"Cmd":["/bin/sh","-c","step 1"]}},"created":"{created}","history":[{},{}],"os":"linux","rootfs":{{"type":"layers","diff_ids":["sha256:{}","sha256:{}"]}}}}"#,
        history(0),
        history(1),
        hex(&layers[0]),
        hex(&layers[1]),
    );
    let image = Made { layers: layers.to_vec(), config: config.into_bytes() };
    round_trip("before 1.10", &tar.finish(), &[Expected::new(&["app:1"], &image)]);
}
