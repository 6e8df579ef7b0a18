//! `manifest.json` and `repositories`, a row a case.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

mod memory;

use memory::{Memory, config, layer};
use ply_archive::{ArchiveError, Contents};
use ply_digest::Digest;
use ply_image::DiffId;
use ply_reference::Reference;

/// One image of `manifest.json`.
fn listed(config: &str, tags: &str, layers: &[&str]) -> String {
    let layers: Vec<String> = layers.iter().map(|layer| format!("\"{layer}\"")).collect();
    format!(r#"{{"Config":"{config}","RepoTags":{tags},"Layers":[{}]}}"#, layers.join(","))
}

fn names(contents: &Contents) -> Vec<Vec<String>> {
    contents.images.iter().map(|i| i.names.iter().map(Reference::familiar).collect()).collect()
}

fn diff_ids(contents: &Contents, at: usize) -> Vec<DiffId> {
    contents.images[at].images[0].layers.iter().map(|layer| layer.diff_id).collect()
}

#[test]
fn as_the_engines_name_their_members() {
    let layers = [layer("one"), layer("two")];
    let config = config(&layers);
    let id = Digest::of(config.as_bytes());
    let check = |what: &str, config_name: &str, layer_names: [&str; 2]| {
        let memory = Memory::default()
            .file(config_name, &config)
            .file(layer_names[0], &layers[0])
            .file(layer_names[1], &layers[1])
            .file("manifest.json", format!("[{}]", listed(config_name, r#"["app:1"]"#, &layer_names)));
        let contents = memory.read().unwrap();
        assert_eq!(names(&contents), [["app:1"]], "{what}");
        let image = &contents.images[0].images[0];
        assert_eq!(image.id(), id, "{what}");
        let found: Vec<&str> =
            image.layers.iter().map(|l| l.member.as_ref().unwrap().name.as_str()).collect();
        assert_eq!(found, layer_names, "{what}");
        // All layers are plain, and so the manifest can be made before a layer is read.
        let root = contents.images[0].root.as_ref().unwrap();
        assert!(contents.made.contains_key(&root.digest), "{what}");
        assert!(image.manifest.as_ref().unwrap().value.is_made(), "{what}");
        assert!(contents.places.contains_key(&Digest::of(&layers[1])), "{what}");
    };
    let hex = id.hex();
    let [a, b] = [Digest::of(&layers[0]).hex(), Digest::of(&layers[1]).hex()];
    check("Docker 1.10", &format!("{hex}.json"), ["aa/layer.tar", "bb/layer.tar"]);
    check(
        "Docker 25",
        &format!("blobs/sha256/{hex}"),
        [&format!("blobs/sha256/{a}"), &format!("blobs/sha256/{b}")],
    );
    check("skopeo", &format!("{hex}.json"), [&format!("{a}.tar"), &format!("{b}.tar")]);
    check("kaniko", &format!("sha256:{hex}"), [&format!("{a}.tar.gz"), &format!("{b}.tar.gz")]);
    check("jib", "config.json", [&format!("{a}.tar.gz"), &format!("{b}.tar.gz")]);
}

#[test]
fn several_images_share_layers_and_links() {
    let (one, two) = (layer("one"), layer("two"));
    let (first, second) = (config(&[one.clone(), two.clone()]), config(&[one.clone(), one.clone()]));
    let memory = Memory::default()
        .file(
            "manifest.json",
            format!(
                "[{},{}]",
                listed("a.json", r#"["app:1","app:2"]"#, &["1/layer.tar", "2/layer.tar"]),
                listed("b.json", "null", &["3/layer.tar", "./1//layer.tar"])
            ),
        )
        .file("1/layer.tar", &one)
        .file("2/layer.tar", &two)
        // Docker 20.10 writes a layer that stands again as a link to the first.
        .symlink("3/layer.tar", "../1/layer.tar")
        .file("a.json", &first)
        .file("b.json", &second);
    let contents = memory.read().unwrap();
    assert_eq!(names(&contents), [vec!["app:1", "app:2"], vec![]]);
    assert_eq!(diff_ids(&contents, 1), [DiffId(Digest::of(&one)); 2]);
    for layer in &contents.images[1].images[0].layers {
        assert_eq!(layer.member.as_ref().unwrap().name, "1/layer.tar");
    }
}

#[test]
fn compressed_layers_wait_for_whoever_reads_them() {
    let plain = layer("one");
    // The magic of gzip is enough: nothing is inflated here.
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03 and more";
    let memory = Memory::default()
        .file("manifest.json", format!("[{}]", listed("a.json", r#"["app:1"]"#, &["1.tar.gz"])))
        .file("a.json", config(&[plain]))
        .file("1.tar.gz", gzip);
    let contents = memory.read().unwrap();
    assert!(contents.images[0].root.is_none() && contents.made.is_empty());
    assert!(contents.images[0].images[0].layers[0].blob.is_none());
}

#[test]
fn a_layer_that_is_left_out_is_none() {
    let layers = [layer("one"), layer("two")];
    let memory = Memory::default()
        .file("manifest.json", format!("[{}]", listed("a.json", r#"["app:1"]"#, &["1.tar", "2.tar"])))
        .file("a.json", config(&layers))
        .file("2.tar", &layers[1]);
    let contents = memory.read().unwrap();
    let here: Vec<bool> = contents.images[0].images[0].layers.iter().map(|l| l.member.is_some()).collect();
    assert_eq!(here, [false, true]);
    assert!(contents.images[0].root.is_none());
}

#[test]
fn what_is_refused() {
    let one = layer("one");
    let config = config(std::slice::from_ref(&one));
    let archive = |manifest: &str| {
        Memory::default().file("a.json", &config).file("1.tar", &one).file("manifest.json", manifest)
    };
    let check = |manifest: &str, expect: &str| {
        let found = archive(manifest).refused();
        assert!(found.contains(expect), "{manifest}: {found:?} does not say {expect:?}");
    };
    let image = |config: &str, tags: &str, layers: &[&str]| format!("[{}]", listed(config, tags, layers));
    assert!(archive(&image("a.json", "[]", &["1.tar"])).read().is_ok());
    check("", "manifest.json is not what it should be");
    check("{}", "manifest.json is not what it should be");
    check("[{}]", "Config");
    check(&image("b.json", "[]", &["1.tar"]), "b.json is missing");
    check(&image("../a.json", "[]", &["1.tar"]), "leaves the archive");
    check(&image("/etc/passwd", "[]", &["1.tar"]), "leaves the archive");
    check(&image("a.json", "[]", &["../../etc/shadow"]), "leaves the archive");
    check(&image("a.json", "[]", &[]), "lists 0 layers for a.json, which names 1");
    check(&image("a.json", "[]", &["1.tar", "1.tar"]), "lists 2 layers for a.json, which names 1");
    check(&image("1.tar", "[]", &["1.tar"]), "1.tar: config");
    check(&image("a.json", r#"["App:1"]"#, &["1.tar"]), "manifest.json names an image App:1");
    check(&image("a.json", r#"["app:1","\u001b[2Jx"]"#, &["1.tar"]), r"\u{1b}");
    check(&image("a.json", "[]", &["1.tar"]).replace("Layers", "layers"), "should be spelled");
    check(r#"[{"Config":"a.json","Config":"b.json","Layers":["1.tar"]}]"#, "twice");
    assert!(matches!(archive("[]").read(), Err(ArchiveError::NoImage)));
    assert!(matches!(Memory::default().read(), Err(ArchiveError::NoImage)));
    assert!(matches!(Memory::default().file("notes.txt", "x").read(), Err(ArchiveError::NoImage)));
}

#[test]
fn a_config_is_what_its_name_promises() {
    // CVE-2014-8178: a config that is not what it is called.
    let config = config(&[]);
    let wrong = format!("blobs/sha256/{}", Digest::of(b"other").hex());
    let memory = Memory::default()
        .file("manifest.json", format!("[{}]", listed(&wrong, "[]", &[])))
        .file(&wrong, &config);
    assert!(memory.refused().contains("not to what its name says"));
}

#[test]
fn links_that_go_nowhere() {
    let one = layer("one");
    let manifest = format!("[{}]", listed("a.json", "[]", &["x/layer.tar"]));
    let base = || {
        Memory::default().file("manifest.json", &manifest).file("a.json", config(std::slice::from_ref(&one)))
    };
    let turning = base().symlink("x/layer.tar", "../y/layer.tar").symlink("y/layer.tar", "../x/layer.tar");
    assert!(turning.refused().contains("leads to no file"));
    let dangling = base().symlink("x/layer.tar", "../y/layer.tar").read().unwrap();
    assert!(dangling.images[0].images[0].layers[0].member.is_none());
}

/// Before Docker 1.10: a folder a layer, chained by `parent`.
mod before_1_10 {
    use super::*;

    const TOP: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const BASE: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn archive(repositories: Option<&str>, parent: &str) -> Memory {
        let step = |id: &str, rest: &str| {
            format!(
                r#"{{"id":"{id}","created":"2014-01-01T00:00:00Z","container_config":{{"Cmd":["/bin/sh","-c","{rest}"]}},"os":"linux","architecture":"amd64""#
            )
        };
        let memory = Memory::default()
            .file(&format!("{TOP}/json"), format!(r#"{}{parent}}}"#, step(TOP, "top")))
            .file(&format!("{TOP}/layer.tar"), layer("top"))
            .file(&format!("{BASE}/json"), format!("{}}}", step(BASE, "base")))
            .file(&format!("{BASE}/layer.tar"), layer("base"));
        match repositories {
            Some(text) => memory.file("repositories", text),
            None => memory,
        }
    }

    fn parent(id: &str) -> String {
        format!(r#","parent":"{id}""#)
    }

    #[test]
    fn layers_are_stacked_by_their_parents() {
        let text = format!(r#"{{"app":{{"1":"{TOP}","2":"{TOP}"}},"base":{{"1":"{BASE}"}}}}"#);
        let contents = archive(Some(&text), &parent(BASE)).read().unwrap();
        assert_eq!(names(&contents), [vec!["app:1", "app:2"], vec!["base:1"]]);
        let ids = |texts: &[&str]| texts.iter().map(|t| DiffId(Digest::of(&layer(t)))).collect::<Vec<_>>();
        assert_eq!(diff_ids(&contents, 0), ids(&["base", "top"]));
        assert_eq!(diff_ids(&contents, 1), ids(&["base"]));
        let config = &contents.images[0].images[0].config;
        let steps: Vec<&str> = config.value.history.iter().map(|step| step.created_by.as_str()).collect();
        assert_eq!(steps, ["/bin/sh -c base", "/bin/sh -c top"]);
        // As Docker's migration writes it: sorted keys, nothing of where it stood.
        let text = std::str::from_utf8(&config.raw).unwrap();
        assert!(text.starts_with(r#"{"architecture":"amd64","container_config":"#), "{text}");
        assert!(!text.contains(r#""id""#) && !text.contains(r#""parent""#), "{text}");
    }

    #[test]
    fn without_names_the_images_are_nobodys_parents() {
        let contents = archive(None, &parent(BASE)).read().unwrap();
        assert_eq!(names(&contents), [Vec::<String>::new()]);
        assert_eq!(diff_ids(&contents, 0).len(), 2);
    }

    #[test]
    fn what_is_refused() {
        let check = |repositories: &str, parent: &str, expect: &str| {
            let found = archive(Some(repositories), parent).refused();
            assert!(found.contains(expect), "{repositories}{parent}: {found:?} does not say {expect:?}");
        };
        let good = format!(r#"{{"app":{{"1":"{TOP}"}}}}"#);
        // CVE-2014-9358: an ID that is a path.
        check(r#"{"app":{"1":"../../etc"}}"#, "", "no ID of 64 hex digits");
        check(&good.replace('a', "A").replace("App", "app"), "", "no ID of 64 hex digits");
        check(&good, &parent("../x"), "no ID of 64 hex digits");
        check(&good, &parent(TOP), "parents that never end");
        check(&good, &parent(&"c".repeat(64)), "is missing");
        check(r#"{"App":{"1":"x"}}"#, "", "repositories names an image App:1");
        check("[]", "", "repositories is not what it should be");
        assert!(matches!(archive(Some("{}"), "").read(), Err(ArchiveError::NoImage)));
    }
}
