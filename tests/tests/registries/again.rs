//! Pulled again: what is here is not asked for.

use ply_tests::{Made, Packing, layer};

use super::Journey;

#[test]
fn an_unchanged_tag_costs_one_question() {
    let journey = Journey::new();
    let served = journey.liar.image("app", "1", &[layer("a"), layer("b")]);
    journey.comes("app:1", &served);
    journey.liar.clear_log();
    let ran = journey.pull("app:1");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.text().contains(&format!("Image is up to date for {}", journey.liar.name("app:1"))),
        "{}",
        ran.text()
    );
    assert!(ran.text().contains(&format!("Digest: {}\n", served.manifest)), "{}", ran.text());
    assert_eq!(journey.liar.requests(), ["HEAD /v2/app/manifests/1 200"]);
}

/// A layer that came with another image is as large as before.
#[test]
fn a_layer_that_is_here_is_still_too_large() {
    let journey = Journey::new();
    journey.comes("app:1", &journey.liar.image("app", "1", &[layer("a")]));
    let larger = journey.liar.image("larger", "1", &[layer("a"), layer("b")]);
    let name = journey.liar.name("larger:1");
    let ran = journey.run(["pull", "--max-layer-size", "1k", &name]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.text(), ran.stderr);
    assert!(ran.stderr.contains("layer 1 of 2") && ran.stderr.contains("1024"), "{}", ran.stderr);
    // What is up to date brings no layer.
    journey.ok(["pull", "--max-layer-size", "1k", &journey.liar.name("app:1")]);
    journey.comes("larger:1", &larger);
}

/// By a digest nobody need be asked, also when the registry is gone; and it has no tag.
#[test]
fn by_digest() {
    let mut journey = Journey::new();
    let served = journey.liar.image("app", None, &[layer("a")]);
    let image = format!("app@{}", served.manifest);
    let name = journey.liar.name(&image);
    journey.comes(&image, &served);
    journey.liar.clear_log();
    journey.comes(&image, &served);
    assert_eq!(journey.liar.requests(), [""; 0]);

    let listed = journey.ok(["images", "--digests", "--format", "{{.Repository}} {{.Tag}} {{.Digest}}"]);
    assert_eq!(listed, format!("{} <none> {}", journey.liar.name("app"), served.manifest));
    let digests = journey.ok(["inspect", "-f", "{{json .RepoDigests}} {{json .RepoTags}}", &name]);
    assert_eq!(digests, format!(r#"["{name}"] []"#));
    journey.liar = ply_tests::Liar::new();
    journey.ok(["pull", &name]);
    journey.ok(["rmi", &name]);
    assert_eq!(journey.images(), "");
    assert_eq!(journey.run(["inspect", &name]).code, Some(1));
    journey.is_sound();
}

/// A tag and a digest: the digest says which, and what the tag points to is no matter.
#[test]
fn a_tag_and_a_digest() {
    let journey = Journey::new();
    let old = journey.liar.image("app", "1", &[layer("a")]);
    let new = journey.liar.image("app", "1", &[layer("b")]);
    let name = journey.liar.name(&format!("app:1@{}", old.manifest));
    journey.ok(["pull", &name]);
    assert!(journey.images().ends_with(&old.config), "{}", journey.images());
    assert_eq!(journey.asked("/manifests/1").len(), 0);
    journey.comes("app:1", &new);
}

/// What is missing in the store comes again, and no more than that.
#[test]
fn a_missing_blob_comes_again() {
    let journey = Journey::new();
    let served = journey.liar.packed_image("app", "1", Made::of(&["a", "b", "c"]), Packing::Gzip);
    journey.comes("app:1", &served);
    for missing in [&served.layers[1], &served.config, &served.manifest] {
        std::fs::remove_file(journey.blob(missing)).unwrap();
        journey.liar.clear_log();
        journey.comes("app:1", &served);
        assert!(journey.has(missing));
        let blobs: Vec<String> =
            journey.asked("/blobs/").iter().map(|request| request.target.clone()).collect();
        let expected = [format!("/v2/app/blobs/{missing}")];
        assert_eq!(blobs, if *missing == served.manifest { &[][..] } else { &expected[..] }, "{missing}");
    }
}

/// Layers are shared by all repositories and registries; of a layer in other clothes as well.
#[test]
fn layers_that_another_image_brought() {
    let journey = Journey::new();
    let first = journey.liar.packed_image("first", "1", Made::of(&["a", "b"]), Packing::Gzip);
    journey.comes("first:1", &first);
    for packing in [Packing::Gzip, Packing::Docker, Packing::Zstd, Packing::Plain] {
        let repository = format!("{packing:?}").to_lowercase();
        let image = Made::of(&["a", "b", &repository]);
        let second = journey.liar.packed_image(&repository, "1", image, packing);
        journey.liar.clear_log();
        journey.comes(&format!("{repository}:1"), &second);
        let asked = second.layers.iter().map(|layer| journey.asked(layer).len()).collect::<Vec<_>>();
        assert_eq!(asked, [0, 0, 1], "{packing:?}");
    }
    let other = ply_tests::Liar::new();
    let same = other.packed_image("app", "1", Made::of(&["a", "b"]), Packing::Gzip);
    journey.ok(["pull", &other.name("app:1")]);
    assert_eq!(other.requests(), ["GET /v2/app/manifests/1 200".to_owned(),], "{same:?}");
}
