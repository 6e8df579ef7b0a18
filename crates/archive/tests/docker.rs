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
    check("[]", "manifest.json lists no image");
    // serde takes a list of the fields' values for an object; no other reader does.
    check(r#"[["a.json",["app:1"],["1.tar"]]]"#, "should list objects, not lists");
    // In words of the format, not of our code, and quoted once.
    check("[1]", "expected an object with Config, RepoTags and Layers");
    check(r#"[{"Config":"a.json","x":1,"x":2}]"#, r#"key "x" stands twice"#);
    check(&image("a.json", "[]", &[""]), r#"manifest.json names "", which is no file"#);
    check(&image("a.json", "[]", &["./"]), r#"manifest.json names "./", which is no file"#);
    check(
        &image("a.json", "[]", &["../x"]),
        "manifest.json names ../x, which is a path that leaves the archive",
    );
    // A tag is what is given; a digest is what an image has.
    let named = format!(r#"["app@{}"]"#, Digest::of(config.as_bytes()));
    check(&image("a.json", &named, &["1.tar"]), "a digest is no name to give");
    check(&image("a.json", &named.replace('@', ":1@"), &["1.tar"]), "a digest is no name to give");
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
fn a_plain_layer_is_what_its_name_promises() {
    let one = layer("one");
    let config = config(std::slice::from_ref(&one));
    let archive = |digest: &Digest, bytes: &[u8]| {
        let name = format!("blobs/sha256/{}", digest.hex());
        Memory::default()
            .file("manifest.json", format!("[{}]", listed("a.json", "[]", &[&name])))
            .file("a.json", &config)
            .file(&name, bytes)
    };
    let (own, other) = (Digest::of(&one), Digest::of(b"other"));
    let digests = |memory: &Memory| {
        let contents = memory.read().unwrap();
        let layer = &contents.images[0].images[0].layers[0];
        (layer.digest, layer.blob.as_ref().map(|blob| blob.digest))
    };
    assert_eq!(digests(&archive(&own, &one)), (Some(own), Some(own)));
    // A compressed one may have any name of its own, and whoever reads it compares.
    assert_eq!(digests(&archive(&other, b"\x1f\x8b\x08 and more")), (Some(other), None));
    assert!(archive(&other, &one).refused().contains("not what its name says"));
    // What nobody promised is not said to be promised: a wrong layer is not what its config says.
    let memory = Memory::default()
        .file("manifest.json", format!("[{}]", listed("a.json", "[]", &["1.tar"])))
        .file("a.json", &config)
        .file("1.tar", &one);
    assert_eq!(digests(&memory), (None, Some(own)));
}

/// What a small archive can make of a large document.
mod bombs {
    use std::sync::Arc;

    use super::*;

    fn padded(config: &str, bytes: usize) -> String {
        config.replacen('{', &format!(r#"{{"x":"{}","#, "x".repeat(bytes)), 1)
    }

    #[test]
    fn an_image_that_is_listed_again_gains_names() {
        let one = layer("one");
        let config = padded(&config(std::slice::from_ref(&one)), 1 << 20);
        let images: Vec<String> =
            (0..400).map(|n| listed("a.json", &format!(r#"["app:{n}","app:all"]"#), &["1.tar"])).collect();
        let memory = Memory::default().file("a.json", &config).file("1.tar", &one).file("2.tar", &one);
        let contents = memory.file("manifest.json", format!("[{}]", images.join(","))).read().unwrap();
        let names = names(&contents);
        assert_eq!((names.len(), names[0].len(), names[0][1].as_str()), (1, 401, "app:all"));
        // With other members it is another image, and has the same config.
        let images = [listed("a.json", "[]", &["1.tar"]), listed("./a.json", "[]", &["2.tar"])];
        let memory = Memory::default().file("a.json", &config).file("1.tar", &one).file("2.tar", &one);
        let contents = memory.file("manifest.json", format!("[{}]", images.join(","))).read().unwrap();
        let [first, second] = [0, 1].map(|at| &contents.images[at].images[0].config);
        assert!(Arc::ptr_eq(first, second));
    }

    #[test]
    fn documents_have_an_end_together() {
        let one = layer("one");
        let config = config(std::slice::from_ref(&one));
        let check = |names: &dyn Fn(usize) -> String, layers: &dyn Fn(usize) -> String| {
            let mut memory = Memory::default();
            let mut images = Vec::new();
            for n in 0..10 {
                memory = memory.file(&names(n), padded(&config, 7 << 20)).file(&layers(n), &one);
                images.push(listed(&names(n), "[]", &[&layers(n)]));
            }
            memory.file("manifest.json", format!("[{}]", images.join(","))).refused()
        };
        let found = check(&|n| format!("{n}.json"), &|_| "l".to_owned());
        assert!(found.contains("documents of the archive to more than 67108864 bytes"), "{found}");
        // One config of many images is read for each of them in the end.
        let found = check(&|_| "a.json".to_owned(), &|n| format!("{n}.tar"));
        assert!(found.contains("documents of the archive to more than 67108864 bytes"), "{found}");
    }

    #[test]
    fn layers_have_an_end_together() {
        let one = layer("one");
        let config = config(&vec![one.clone(); 4096]);
        let image = |n: usize| {
            let mut paths = vec!["l"; 4095];
            let first = format!("{n}.tar");
            paths.push(&first);
            listed("a.json", "[]", &paths)
        };
        let archive = |count: usize| {
            let images: Vec<String> = (0..count).map(image).collect();
            let memory = Memory::default().file("l", &one).file("a.json", &config);
            memory.file("manifest.json", format!("[{}]", images.join(",")))
        };
        assert_eq!(archive(9).read().unwrap().images.len(), 9);
        assert!(archive(10).refused().contains("layers of all images together to more than 40000"));
    }

    #[test]
    fn steps_have_an_end_together() {
        let steps = vec!["{}"; 16_384].join(",");
        let mut memory = Memory::default();
        let mut images = Vec::new();
        for n in 0..13 {
            let config = format!(r#"{{"rootfs":{{}},"n":{n},"history":[{steps}]}}"#);
            memory = memory.file(&format!("{n}.json"), config);
            images.push(listed(&format!("{n}.json"), "[]", &[]));
        }
        let found = memory.file("manifest.json", format!("[{}]", images.join(","))).refused();
        assert!(found.contains("steps of all histories together to more than 200000"), "{found}");
    }

    /// Minutes, where a name is looked for among all others.
    #[test]
    fn many_names() {
        let one = layer("one");
        let tags = |count: usize| (0..count).map(|n| format!(r#""x:{n}""#)).collect::<Vec<_>>().join(",");
        let archive = |count: usize| {
            let image = listed("a.json", &format!("[{}]", tags(count)), &["1.tar"]);
            Memory::default()
                .file("a.json", config(std::slice::from_ref(&one)))
                .file("1.tar", &one)
                .file("manifest.json", format!("[{image}]"))
        };
        assert_eq!(archive(200_000).read().unwrap().images[0].names.len(), 200_000);
        assert!(archive(250_001).refused().contains("names of all images together to more than 250000"));
    }
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
    fn long_chains_have_an_end_together() {
        let id = |n: usize| Digest::of(n.to_string().as_bytes()).hex();
        let archive = |count: usize, command: &str| {
            let mut memory = Memory::default();
            let mut tags = Vec::new();
            for n in 0..count {
                let parent = if n == 0 { String::new() } else { parent(&id(n - 1)) };
                let json =
                    format!(r#"{{"id":"{}","container_config":{{"Cmd":["{command}"]}}{parent}}}"#, id(n));
                memory = memory.file(&format!("{}/json", id(n)), json);
                memory = memory.file(&format!("{}/layer.tar", id(n)), layer("one"));
                tags.push(format!(r#""{n}":"{}""#, id(n)));
            }
            memory.file("repositories", format!(r#"{{"app":{{{}}}}}"#, tags.join(",")))
        };
        assert_eq!(archive(200, "sh").read().unwrap().images.len(), 200);
        assert!(archive(300, "sh").refused().contains("layers of all images together"));
        // Each step as long as a document.
        let found = archive(8, &"x".repeat(2 << 20)).refused();
        assert!(found.contains("has a history of more than 8388608 bytes"), "{found}");
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
        let gone = "c".repeat(64);
        check(&good, &parent(&gone), &format!("{gone}/json is missing; {TOP}/json names it"));
        check(&good.replace('a', "c").replace("cpp", "app"), "", "json is missing; repositories names it");
        check(r#"{"App":{"1":"x"}}"#, "", "repositories names an image App:1");
        check("[]", "", "repositories is not what it should be");
        check("{}", "", "repositories lists no image");
        // Put together they would be a digest, or another tag.
        let hex = "d".repeat(64);
        check(
            &format!(r#"{{"app@sha256":{{"{hex}":"{TOP}"}}}}"#),
            "",
            "repositories names an image app@sha256",
        );
        check(&format!(r#"{{"app:1":{{"2":"{TOP}"}}}}"#), "", "repositories names an image app:1:2");
        check(
            &format!(r#"{{"app":{{"1@sha256:{hex}":"{TOP}"}}}}"#),
            "",
            "repositories names an image app:1@",
        );
        check(&format!(r#"{{"":{{"app":"{TOP}"}}}}"#), "", "repositories names an image");
        let list = archive(Some(&good), "").file(&format!("{TOP}/json"), "[]").refused();
        assert!(list.contains("json is not what it should be: should be an object, not a list"), "{list}");
        let command = archive(Some(&good), r#","container_config":[["sh"]]"#)
            .file(&format!("{TOP}/json"), r#"{"container_config":[["sh"]]}"#)
            .refused();
        assert!(command.contains(r#""container_config" should be an object"#), "{command}");
    }
}
