//! What a plan promises: where each byte lies, and the same bytes for the same images.
#![allow(clippy::unwrap_used, clippy::panic, reason = "functions that tests share count as no tests")]

mod memory;

use std::collections::HashMap;
use std::io::Read;

use memory::{Memory, blob_name, config, layer};
use ply_archive::{Format, Plan, PlannedImage, PlannedLayer, PlannedPlatform, Source};
use ply_digest::Digest;
use ply_image::{Config, Descriptor, DiffId, Document, Manifest, MediaType};
use ply_reference::Reference;

/// An image of these layers; a `packed` one is stored under a digest of its own.
fn image(names: &[&str], layers: &[Vec<u8>], packed: bool) -> PlannedImage {
    let config = config(layers);
    let layers: Vec<PlannedLayer> = layers
        .iter()
        .map(|layer| {
            let digest = if packed { Digest::of(&layer[1..]) } else { Digest::of(layer) };
            let kind = if packed { MediaType::LAYER_GZIP } else { MediaType::LAYER };
            let size = if packed { 100 } else { layer.len() as u64 };
            let blob = Descriptor::new(MediaType::new(kind), digest, size);
            PlannedLayer {
                diff_id: DiffId(Digest::of(layer)),
                plain: layer.len() as u64,
                blob,
                omitted: false,
            }
        })
        .collect();
    let blobs: Vec<Descriptor> = layers.iter().map(|layer| layer.blob.clone()).collect();
    let manifest = Manifest::make(config.as_bytes(), &blobs);
    let kind = MediaType::new(MediaType::MANIFEST);
    let root = Descriptor::new(kind, manifest.digest, manifest.raw.len() as u64);
    let config = Document::<Config>::parse(config.into()).unwrap();
    PlannedImage {
        documents: Vec::new(),
        names: names.iter().map(|name| Reference::parse(name).unwrap()).collect(),
        root,
        blobs: Vec::new(),
        images: vec![PlannedPlatform { manifest, config, layers }],
    }
}

/// The archive a plan lays out, each part at the place the plan gives it.
fn write(plan: &Plan, blobs: &HashMap<Digest, Vec<u8>>) -> Vec<u8> {
    let mut archive = vec![0; usize::try_from(plan.total).unwrap()];
    for entry in &plan.entries {
        let content = match &entry.source {
            Source::Bytes(bytes) => bytes,
            Source::Blob(digest) | Source::Plain(_, DiffId(digest)) => &blobs[digest],
        };
        assert_eq!(content.len() as u64, entry.len, "{}", entry.path);
        for (at, bytes) in [(entry.offset, &entry.header), (entry.data_offset(), content)] {
            let at = usize::try_from(at).unwrap();
            let place = &mut archive[at..at + bytes.len()];
            assert!(place.iter().all(|byte| *byte == 0), "{} runs over its neighbour", entry.path);
            place.copy_from_slice(bytes);
        }
    }
    archive
}

/// The members as the `tar` crate reads them.
fn read(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(archive);
    let members = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (String::from_utf8(entry.path_bytes().to_vec()).unwrap(), bytes)
    });
    members.collect()
}

fn stored(layers: &[Vec<u8>]) -> HashMap<Digest, Vec<u8>> {
    layers.iter().map(|layer| (Digest::of(layer), layer.clone())).collect()
}

#[test]
fn offsets_leave_no_gap_and_another_reader_agrees() {
    let layers = [layer("one"), layer("two"), vec![0; 1024]];
    let images = [image(&["app:1", "app:latest"], &layers, false), image(&["lib:1"], &layers[..1], false)];
    for format in [Format::Docker, Format::Oci] {
        let plan = Plan::new(format, &images).unwrap();
        let mut at = 0;
        for entry in &plan.entries {
            assert_eq!(entry.offset, at, "{format:?} {}", entry.path);
            assert_eq!(entry.data_offset() % 512, 0);
            assert!(entry.padding() < 512);
            at = entry.data_offset() + entry.len + entry.padding() as u64;
        }
        assert_eq!(plan.total, at + Plan::END);

        let archive = write(&plan, &stored(&layers));
        let members = read(&archive);
        let names: Vec<&str> = plan.entries.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(members.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), names);
        // Each blob once, though two images share a layer, and each under its own digest.
        let blobs: Vec<_> = members.iter().filter(|(name, _)| name.len() > "blobs/sha256/".len()).collect();
        assert_eq!(blobs.len(), 3 + 2 * 2);
        for (name, bytes) in blobs {
            assert_eq!(*name, blob_name(&Digest::of(bytes)), "{format:?}");
        }
    }
}

#[test]
fn an_archive_that_64_bits_cannot_count_is_refused() {
    let mut image = image(&["app:1"], &[layer("one"), layer("two"), layer("three")], false);
    for layer in &mut image.images[0].layers {
        layer.plain = i64::MAX.unsigned_abs();
        layer.blob.size = layer.plain;
    }
    for format in [Format::Docker, Format::Oci] {
        let why = Plan::new(format, std::slice::from_ref(&image)).unwrap_err();
        assert_eq!(why.kind(), std::io::ErrorKind::FileTooLarge, "{format:?}: {why}");
    }
}

#[test]
fn the_same_images_give_the_same_bytes() {
    let layers = [layer("one"), layer("two")];
    let make = || {
        let images = [image(&["app:1"], &layers, false), image(&[], &layers[..1], false)];
        [Format::Docker, Format::Oci]
            .map(|format| Digest::of(&write(&Plan::new(format, &images).unwrap(), &stored(&layers))))
    };
    assert_eq!(make(), make());
}

#[test]
fn what_is_written_is_read_back() {
    let layers = [layer("one"), layer("two")];
    let images =
        [image(&["app:1", "example.org:5000/team/app:2"], &layers, false), image(&[], &layers[..1], false)];
    for format in [Format::Docker, Format::Oci] {
        let archive = write(&Plan::new(format, &images).unwrap(), &stored(&layers));
        let memory = read(&archive).into_iter().filter(|(name, _)| !name.ends_with('/'));
        let memory = memory.fold(Memory::default(), |memory, (name, bytes)| memory.file(&name, bytes));
        let contents = memory.read().unwrap();
        assert_eq!(contents.images.len(), 2);
        for (ours, theirs) in images.iter().zip(&contents.images) {
            assert_eq!(theirs.root.as_ref().unwrap().digest, ours.root.digest, "{format:?}");
            assert_eq!(theirs.names, ours.names, "{format:?}");
            assert_eq!(theirs.images[0].id(), ours.images[0].config.digest);
        }
    }
}

#[test]
fn names_as_each_reader_wants_them() {
    let layers = [layer("one")];
    let images = [image(&["app:1"], &layers, false), image(&[], &[], false)];
    let json = |format: Format, name: &str| -> serde_json::Value {
        let members = read(&write(&Plan::new(format, &images).unwrap(), &stored(&layers)));
        let bytes = members.into_iter().find(|(member, _)| member == name).unwrap().1;
        serde_json::from_slice(&bytes).unwrap()
    };
    // Docker: the familiar name in manifest.json; its layout inside says the tag alone, as Docker 25 writes it.
    let listed = json(Format::Docker, "manifest.json");
    assert_eq!(listed[0]["RepoTags"], serde_json::json!(["app:1"]));
    assert_eq!(listed[1]["RepoTags"], serde_json::Value::Null);
    assert_eq!(listed[0]["Layers"], serde_json::json!([blob_name(&Digest::of(&layers[0]))]));
    let annotations = json(Format::Docker, "index.json")["manifests"][0]["annotations"].clone();
    assert_eq!(annotations["io.containerd.image.name"], "docker.io/library/app:1");
    assert_eq!(annotations["org.opencontainers.image.ref.name"], "1");
    let annotations = json(Format::Oci, "index.json")["manifests"][0]["annotations"].clone();
    assert_eq!(annotations["org.opencontainers.image.ref.name"], "docker.io/library/app:1");
    assert_eq!(json(Format::Oci, "oci-layout")["imageLayoutVersion"], "1.0.0");
}

#[test]
fn docker_gets_plain_layers_and_oci_the_blobs_as_they_are() {
    let layers = [layer("one")];
    let images = [image(&["app:1"], &layers, true)];
    let sources = |format: Format| -> Vec<(Source, u64)> {
        let plan = Plan::new(format, &images).unwrap();
        let entries = plan.entries.into_iter().filter(|e| !matches!(e.source, Source::Bytes(_)));
        entries.map(|entry| (entry.source, entry.len)).collect()
    };
    let (plain, packed) = (Digest::of(&layers[0]), Digest::of(&layers[0][1..]));
    assert_eq!(sources(Format::Docker), [(Source::Plain(packed, DiffId(plain)), layers[0].len() as u64)]);
    assert_eq!(sources(Format::Oci), [(Source::Blob(packed), 100)]);
}

#[test]
fn what_the_other_side_has_is_left_out() {
    let layers = [layer("one"), layer("two")];
    let mut thin = image(&["app:1"], &layers, false);
    thin.images[0].layers[0].omitted = true;
    for format in [Format::Docker, Format::Oci] {
        let whole = Plan::new(format, &[image(&["app:1"], &layers, false)]).unwrap();
        let plan = Plan::new(format, std::slice::from_ref(&thin)).unwrap();
        let gone = blob_name(&Digest::of(&layers[0]));
        assert!(plan.entries.iter().all(|entry| entry.path != gone), "{format:?}");
        assert_eq!(whole.entries.len(), plan.entries.len() + 1);
        assert_eq!(whole.total - plan.total, 512 + layers[0].len().next_multiple_of(512) as u64);
        // The documents are the same: what comes out on the other side is the same image.
        let documents = |plan: &Plan| {
            plan.entries
                .iter()
                .filter(|e| matches!(e.source, Source::Bytes(_)))
                .cloned()
                .map(|e| e.source)
                .collect::<Vec<_>>()
        };
        assert_eq!(documents(&whole), documents(&plan));
    }
}

#[test]
fn nothing_is_an_archive_too() {
    for format in [Format::Docker, Format::Oci] {
        let plan = Plan::new(format, &[]).unwrap();
        let members = read(&write(&plan, &HashMap::new()));
        assert!(members.iter().any(|(name, _)| name == "index.json"), "{format:?}");
    }
}
