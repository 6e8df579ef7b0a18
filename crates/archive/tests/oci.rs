//! `index.json`, alone and beside `manifest.json`.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

mod memory;

use memory::{Memory, blob_name, config, descriptor, index, json, layer, manifest};
use ply_archive::{Archive, ArchiveError, Contents};
use ply_digest::Digest;
use ply_image::{BlobError, BlobSource, Descriptor, MediaType, Platform, annotation};
use ply_reference::Reference;

/// An image in a layout.
struct Image {
    config: String,
    manifest: String,
    layers: Vec<Vec<u8>>,
}

impl Image {
    fn new(text: &str) -> Self {
        let layers = vec![layer(text)];
        let config = config(&layers);
        Self { manifest: manifest(&config, &layers), config, layers }
    }

    fn id(&self) -> Digest {
        Digest::of(self.config.as_bytes())
    }

    fn entry(&self) -> Descriptor {
        descriptor(MediaType::MANIFEST, self.manifest.as_bytes())
    }

    fn named(&self, key: &str, name: &str) -> Descriptor {
        let mut entry = self.entry();
        entry.annotations.insert(key.to_owned(), name.to_owned());
        entry
    }

    fn platform(&self, os: &str, architecture: &str) -> Descriptor {
        Descriptor { platform: Some(Platform::new(os, architecture)), ..self.entry() }
    }

    fn put(&self, memory: Memory) -> Memory {
        let memory = memory.blob(&self.config).blob(&self.manifest);
        self.layers.iter().fold(memory, Memory::blob)
    }
}

fn layout(entries: &[Descriptor]) -> Memory {
    Memory::default()
        .file("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#)
        .file("index.json", index(entries))
}

fn names(contents: &Contents) -> Vec<Vec<String>> {
    contents.images.iter().map(|i| i.names.iter().map(Reference::familiar).collect()).collect()
}

#[test]
fn names_from_either_annotation() {
    let image = Image::new("one");
    let check = |key: &str, name: &str, expect: &[&str]| {
        let contents = image.put(layout(&[image.named(key, name)])).read().unwrap();
        assert_eq!(names(&contents), [expect.to_vec()], "{key} {name}");
        // The target itself has no name: the store says what it is called.
        assert_eq!(contents.images[0].root.as_ref().unwrap().name(), None);
    };
    check(annotation::CONTAINERD_NAME, "docker.io/library/app:1", &["app:1"]);
    check(annotation::CONTAINERD_NAME, "localhost:5000/app", &["localhost:5000/app:latest"]);
    check(annotation::REF_NAME, "example.org/app:1", &["example.org/app:1"]);
    check(annotation::REF_NAME, "app:1", &["app:1"]);
    // A bare word may be a tag or a repository: it names nothing, and `oci:DIR:WORD` still finds it.
    check(annotation::REF_NAME, "latest", &[]);
    check("com.example.other", "app:1", &[]);
    let contents = image.put(layout(&[image.named(annotation::REF_NAME, "latest")])).read().unwrap();
    assert_eq!(contents.images[0].ref_name.as_deref(), Some("latest"));

    let refused = image.put(layout(&[image.named(annotation::CONTAINERD_NAME, "App:1")])).refused();
    assert!(refused.contains("index.json names an image App:1"), "{refused}");
}

#[test]
fn one_image_under_two_names_is_one() {
    let (one, two) = (Image::new("one"), Image::new("two"));
    let entries = [
        one.named(annotation::CONTAINERD_NAME, "docker.io/library/app:1"),
        two.entry(),
        one.named(annotation::CONTAINERD_NAME, "docker.io/library/app:2"),
        one.entry(),
    ];
    let contents = two.put(one.put(layout(&entries))).read().unwrap();
    assert_eq!(names(&contents), [vec!["app:1", "app:2"], vec![]]);
    assert_eq!(contents.images[1].images[0].id(), two.id());
}

#[test]
fn platforms_attestations_and_what_is_not_here() {
    let (amd64, arm64, gone) = (Image::new("amd64"), Image::new("arm64"), Image::new("gone"));
    let statement = br#"{"_type":"https://in-toto.io/Statement/v0.1"}"#;
    let about = r#"{"architecture":"unknown","os":"unknown","rootfs":{"type":"layers","diff_ids":[]}}"#;
    let attestation = format!(
        r#"{{"schemaVersion":2,"config":{},"layers":[{}]}}"#,
        json(&descriptor(MediaType::CONFIG, about.as_bytes())),
        json(&descriptor("application/vnd.in-toto+json", statement))
    );
    let mut listed = descriptor(MediaType::MANIFEST, attestation.as_bytes());
    listed.platform = Some(Platform::new("unknown", "unknown"));
    let inner = index(&[
        amd64.platform("linux", "amd64"),
        listed.clone(),
        gone.platform("linux", "s390x"),
        arm64.platform("linux", "arm64"),
    ]);
    let root = descriptor(MediaType::INDEX, inner.as_bytes());
    let memory = arm64.put(amd64.put(layout(std::slice::from_ref(&root))));
    let contents = memory.blob(&inner).blob(&attestation).blob(about).blob(statement).read().unwrap();

    let packed = &contents.images[0];
    assert_eq!(packed.root.as_ref().unwrap().digest, root.digest);
    assert_eq!(
        packed.images.iter().map(ply_archive::PackedImage::id).collect::<Vec<_>>(),
        [amd64.id(), arm64.id()]
    );
    assert_eq!(packed.absent, ["linux/s390x"]);
    let documents: Vec<Digest> = packed.documents.iter().map(|d| d.digest).collect();
    assert_eq!(documents, [root.digest, listed.digest]);
    let further: Vec<Digest> = packed.further.iter().map(|d| d.digest).collect();
    assert_eq!(further, [Digest::of(about.as_bytes()), Digest::of(statement)]);
}

#[test]
fn what_is_refused() {
    let image = Image::new("one");
    let check = |memory: Memory, expect: &str| {
        let found = memory.refused();
        assert!(found.contains(expect), "{found:?} does not say {expect:?}");
    };
    let entry = image.entry();
    assert!(image.put(layout(std::slice::from_ref(&entry))).read().is_ok());
    // Sizes that lie are told before anything is hashed.
    let lies = |size: u64| Descriptor { size, ..entry.clone() };
    check(image.put(layout(&[lies(entry.size + 1)])), "but its descriptor says");
    check(image.put(layout(&[lies(0)])), "but its descriptor says 0");
    let short = image.manifest.replace(&format!(r#""size":{}"#, image.layers[0].len()), r#""size":7"#);
    let listed = descriptor(MediaType::MANIFEST, short.as_bytes());
    check(image.put(layout(&[listed]).blob(&short)), "but its descriptor says 7");
    // Documents that are absent, damaged, or something else.
    check(layout(std::slice::from_ref(&entry)), &format!("{} is missing", blob_name(&entry.digest)));
    check(layout(std::slice::from_ref(&entry)).blob(&image.manifest), "is missing");
    let name = blob_name(&entry.digest);
    let rot = "x".repeat(image.manifest.len());
    check(image.put(layout(std::slice::from_ref(&entry))).file(&name, &rot), "but its bytes hash to");
    let as_index = Descriptor { media_type: MediaType::new(MediaType::INDEX), ..entry.clone() };
    check(image.put(layout(&[as_index])), &name);
    // More or fewer layers than the config names.
    let bare = manifest(&image.config, &[]);
    let listed = descriptor(MediaType::MANIFEST, bare.as_bytes());
    check(image.put(layout(&[listed]).blob(&bare)), "has 0 layers, but its config names 1");
    // Nothing in it.
    assert!(matches!(layout(&[]).read(), Err(ArchiveError::NoImage)));
    check(Memory::default().file("index.json", "{"), "index.json is not what it should be");
    let nobody = index(&[Image::new("gone").platform("linux", "s390x")]);
    let listed = descriptor(MediaType::INDEX, nobody.as_bytes());
    check(layout(&[listed]).blob(&nobody), "lists no image that is here (linux/s390x)");
    // An index that is nested for ever.
    let mut at = entry;
    let mut memory = image.put(Memory::default());
    for _ in 0..9 {
        let next = index(&[at]);
        at = descriptor(MediaType::INDEX, next.as_bytes());
        memory = memory.blob(&next);
    }
    check(memory.file("index.json", index(&[at])), "nested more than 8 deep");
}

/// One image of `manifest.json`.
fn listed(image: &Image, tags: &str) -> String {
    let (config, layer) = (blob_name(&image.id()), blob_name(&Digest::of(&image.layers[0])));
    format!(r#"[{{"Config":"{config}","RepoTags":{tags},"Layers":["{layer}"]}}]"#)
}

#[test]
fn index_and_manifest_json_agree_or_are_refused() {
    let (one, two) = (Image::new("one"), Image::new("two"));
    let app = |image: &Image| image.named(annotation::CONTAINERD_NAME, "docker.io/library/app:1");
    let both = |entries: &[Descriptor], manifest: &str| {
        two.put(one.put(layout(entries))).file("manifest.json", manifest)
    };
    let check = |entries: &[Descriptor], manifest: &str, expect: &[&[&str]]| {
        let contents = both(entries, manifest).read().unwrap();
        assert_eq!(names(&contents), expect, "{manifest}");
    };
    check(&[app(&one)], &listed(&one, r#"["app:1"]"#), &[&["app:1"]]);
    // One may say what the other leaves out: a name, or an image.
    check(&[one.entry()], &listed(&one, r#"["app:1"]"#), &[&["app:1"]]);
    check(&[app(&one)], &listed(&one, "null"), &[&["app:1"]]);
    check(&[app(&one)], &listed(&one, r#"["app:1","app:2"]"#), &[&["app:1", "app:2"]]);
    check(&[app(&one)], &listed(&two, r#"["app:2"]"#), &[&["app:1"], &["app:2"]]);
    // The manifest that came is kept; none is made for it.
    let contents = both(&[app(&one)], &listed(&one, r#"["app:1"]"#)).read().unwrap();
    assert_eq!(contents.images[0].root.as_ref().unwrap().digest, one.entry().digest);
    assert!(contents.made.is_empty());

    let refused = both(&[app(&one)], &listed(&two, r#"["app:1"]"#)).refused();
    assert!(refused.contains("manifest.json and index.json disagree about app:1"), "{refused}");
}

#[test]
fn an_archive_is_a_source_of_blobs() {
    let image = Image::new("one");
    let archive = Archive::new(Box::new(image.put(layout(&[image.entry()])))).unwrap();
    let read = |digest: &Digest| {
        let mut bytes = Vec::new();
        archive.open(digest).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    };
    assert_eq!(read(&image.id()), image.config.as_bytes());
    assert_eq!(read(&Digest::of(&image.layers[0])), image.layers[0]);
    assert_eq!(archive.size(&image.id()).unwrap(), image.config.len() as u64);
    assert!(archive.region(&image.id()).unwrap().is_none(), "memory is no file");
    let absent = Digest::of(b"absent");
    assert!(matches!(archive.size(&absent), Err(BlobError::Absent(digest)) if digest == absent));
}

#[test]
fn a_made_manifest_is_a_blob_too() {
    let image = Image::new("one");
    let memory = image.put(Memory::default()).file("manifest.json", listed(&image, "null"));
    let archive = Archive::new(Box::new(memory)).unwrap();
    let root = archive.contents.images[0].root.clone().unwrap();
    let mut bytes = Vec::new();
    archive.open(&root.digest).unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!((Digest::of(&bytes), bytes.len() as u64), (root.digest, root.size));
    // And its layers are found by digest, wherever they lie.
    assert_eq!(archive.size(&Digest::of(&image.layers[0])).unwrap(), image.layers[0].len() as u64);
}
