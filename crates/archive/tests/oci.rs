//! `index.json`, alone and beside `manifest.json`.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

mod memory;

use memory::{Memory, blob_name, config, descriptor, index, json, layer, manifest};
use ply_archive::{Archive, Contents};
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
    // What was pulled by digest has the name of its digest, which is none to give.
    let by_digest = format!("docker.io/library/app@{}", image.entry().digest);
    check(annotation::CONTAINERD_NAME, &by_digest, &[]);
    check(annotation::CONTAINERD_NAME, &by_digest.replace('@', ":1@"), &["app:1"]);
    check(annotation::REF_NAME, &by_digest, &[]);
    check(annotation::CONTAINERD_NAME, "", &[]);
    check(annotation::REF_NAME, "", &[]);
    let mut both = image.named(annotation::CONTAINERD_NAME, "");
    both.annotations.insert(annotation::REF_NAME.to_owned(), "app:2".to_owned());
    assert_eq!(names(&image.put(layout(&[both])).read().unwrap()), [["app:2"]]);
    let other = format!("docker.io/library/app:1@{}", Digest::of(b"other"));
    let refused = image.put(layout(&[image.named(annotation::CONTAINERD_NAME, &other)])).refused();
    assert!(refused.contains("index.json names an image docker.io/library/app:1@sha256:"), "{refused}");
    let contents = image.put(layout(&[image.named(annotation::REF_NAME, "latest")])).read().unwrap();
    assert_eq!(contents.images[0].ref_names, ["latest"]);

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
    let entries = [one.entry(), one.named(annotation::REF_NAME, "latest")];
    let contents = one.put(layout(&entries)).read().unwrap();
    assert_eq!(
        (contents.images.len(), contents.images[0].ref_names.as_slice()),
        (1, &["latest".to_owned()][..])
    );
}

#[test]
fn what_is_no_image_is_passed_over() {
    let image = Image::new("one");
    let values = r#"{"name":"chart"}"#;
    let with_config = |kind: &str, layer: &str| {
        let (config, layer) = (descriptor(kind, values.as_bytes()), descriptor(layer, values.as_bytes()));
        format!(r#"{{"schemaVersion":2,"config":{},"layers":[{}]}}"#, json(&config), json(&layer))
    };
    let helm = with_config("application/vnd.cncf.helm.config.v1+json", "application/vnd.cncf.helm.chart");
    let signature = with_config(MediaType::CONFIG, "application/vnd.dev.cosign.simplesigning.v1+json");
    let strange = "no JSON at all";
    let nothing = index(&[]);
    let check = |kind: &str, blob: &str, expect: &str| {
        let mut entry = descriptor(kind, blob.as_bytes());
        entry.annotations.insert(annotation::REF_NAME.to_owned(), "Chart:1".to_owned());
        let beside = layout(&[entry.clone(), image.named(annotation::REF_NAME, "app:1"), entry.clone()]);
        let contents = image.put(beside).blob(blob).blob(values).read().unwrap();
        assert_eq!(names(&contents), [["app:1"]], "{kind} {blob}");
        assert_eq!(contents.passed_over, [format!("Chart:1 {} ({expect})", entry.digest)]);
        // Where there is nothing else there is nothing to load.
        let found = layout(&[entry]).blob(blob).blob(values).refused();
        assert!(
            found.contains("index.json lists no image, only Chart:1") && found.contains(expect),
            "{found}"
        );
    };
    check(MediaType::MANIFEST, &helm, "application/vnd.cncf.helm.config.v1+json");
    check(MediaType::MANIFEST, &signature, "application/vnd.dev.cosign.simplesigning.v1+json");
    check("text/plain", strange, "text/plain");
    check(MediaType::INDEX, &nothing, MediaType::INDEX);
    // What says that it is a manifest must be one.
    let entry = descriptor(MediaType::MANIFEST, strange.as_bytes());
    let found = image.put(layout(&[entry, image.entry()])).blob(strange).refused();
    assert!(found.contains("is not a valid document"), "{found}");
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
    let by = format!("{} is missing; {} names it", blob_name(&image.id()), blob_name(&entry.digest));
    check(layout(std::slice::from_ref(&entry)).blob(&image.manifest), &by);
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
    check(layout(&[]), "index.json lists no image");
    // One blob, said to be two things.
    check(image.put(layout(&[entry.clone(), lies(7)])), "but its descriptor says 7");
    let as_index = Descriptor { media_type: MediaType::new(MediaType::INDEX), ..entry.clone() };
    check(image.put(layout(&[entry.clone(), as_index])), "both as a manifest and as an index");
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

/// The layout's own index is an index like any other (CVE-2021-41190).
#[test]
fn the_index_of_a_layout_is_an_index() {
    let image = Image::new("one");
    let check = |text: &str, expect: &str| {
        let found = image.put(Memory::default().file("index.json", text)).refused();
        assert!(found.contains(expect), "{text}: {found:?} does not say {expect:?}");
    };
    let good = index(&[image.entry()]);
    let with = |more: &str| good.replacen('{', &format!("{{{more},"), 1);
    let read = |text: String| image.put(Memory::default().file("index.json", text)).read().is_ok();
    assert!(read(good.clone()) && read(with(r#""mediaType":"""#)));
    assert!(read(with(&format!(r#""mediaType":"{}""#, MediaType::INDEX))));
    check(&with(r#""layers":[]"#), "index.json has manifests and layers both");
    check(&with(r#""config":{}"#), "index.json has manifests and layers both");
    check(&good.replace(":2,", ":1,"), "index.json has schemaVersion 1, not 2");
    check(&good.replace(r#""schemaVersion":2,"#, ""), "schemaVersion");
    check(&with(&format!(r#""mediaType":"{}""#, MediaType::MANIFEST)), "index.json calls itself");
    check(&with(r#""Layers":[]"#), r#"key "Layers" should be spelled "layers""#);
    check(&format!("[2,null,[{}],{{}}]", json(&image.entry())), "should be an object, not a list");
    let entry = image.entry();
    let list = format!(r#"["{}","{}",{}]"#, entry.media_type, entry.digest, entry.size);
    check(&format!(r#"{{"schemaVersion":2,"manifests":[{list}]}}"#), "should list objects");
    // It is no blob, and may be larger than one; but not without end.
    assert!(read(format!("{good}{}", " ".repeat(5 << 20))));
    check(&format!("{good}{}", " ".repeat(8 << 20)), "index.json has");
}

#[test]
fn versions_of_the_layout() {
    let image = Image::new("one");
    let check = |text: &str, expect: &str| {
        let memory = image.put(layout(&[image.entry()])).file("oci-layout", text);
        match memory.read() {
            Ok(_) => assert!(expect.is_empty(), "{text} was read, not {expect}"),
            Err(_) => {
                assert!(!expect.is_empty() && memory.refused().contains(expect), "{}", memory.refused())
            }
        }
    };
    check(r#"{"imageLayoutVersion":"1.0.0"}"#, "");
    check(r#"{"imageLayoutVersion":"1.1.0","x":[]}"#, "");
    check(r#"{"imageLayoutVersion":"2.0.0"}"#, "oci-layout is of version 2.0.0");
    check(r#"{"imageLayoutVersion":""}"#, "oci-layout is of version");
    check(r#"{"imageLayoutVersion":1}"#, "oci-layout is not what it should be");
    check(r#"["1.0.0"]"#, "oci-layout is not what it should be: should be an object");
    check("garbage", "oci-layout is not what it should be");
    check("", "oci-layout is not what it should be");
    // Some writers leave it out.
    assert!(image.put(Memory::default().file("index.json", index(&[image.entry()]))).read().is_ok());
}

/// Blobs that are kept and never looked into must have the sizes that were promised, too.
#[test]
fn sizes_of_what_is_only_kept() {
    let image = Image::new("one");
    let statement = r#"{"_type":"x"}"#;
    let about = r#"{"architecture":"unknown","os":"unknown","rootfs":{"type":"layers","diff_ids":[]}}"#;
    let check = |change: &dyn Fn(&mut [Descriptor; 4]), expect: &str| {
        let mut blobs = [
            descriptor(MediaType::CONFIG, about.as_bytes()),
            descriptor("application/vnd.in-toto+json", statement.as_bytes()),
            descriptor(MediaType::MANIFEST, b""),
            descriptor(MediaType::INDEX, b""),
        ];
        change(&mut blobs);
        let manifest =
            format!(r#"{{"schemaVersion":2,"config":{},"layers":[{}]}}"#, json(&blobs[0]), json(&blobs[1]));
        let mut attestation = descriptor(MediaType::MANIFEST, manifest.as_bytes());
        attestation.size += blobs[2].size;
        attestation.platform = Some(Platform::new("unknown", "unknown"));
        let inner = index(&[image.platform("linux", "amd64"), attestation]);
        let mut middle = descriptor(MediaType::INDEX, inner.as_bytes());
        middle.size += blobs[3].size;
        let outer = index(&[middle]);
        let memory = image.put(layout(&[descriptor(MediaType::INDEX, outer.as_bytes())]));
        let memory =
            [manifest.as_str(), &inner, &outer, about, statement].into_iter().fold(memory, Memory::blob);
        match memory.read() {
            Ok(_) => assert!(expect.is_empty(), "read, not {expect}"),
            Err(_) => {
                assert!(!expect.is_empty() && memory.refused().contains(expect), "{}", memory.refused())
            }
        }
    };
    check(&|_| (), "");
    check(&|blobs| blobs[0].size = 9, "but its descriptor says 9");
    check(&|blobs| blobs[1].size = 99, "but its descriptor says 99");
    check(&|blobs| blobs[2].size = 1, "but its descriptor says");
    check(&|blobs| blobs[3].size = 1, "but its descriptor says");
}

/// One index that many entries reach, in as many ways: what it lists counts each time.
#[test]
fn what_indexes_list_has_an_end() {
    let gone: Vec<Descriptor> =
        (0..2000).map(|n: usize| descriptor(MediaType::MANIFEST, n.to_string().as_bytes())).collect();
    let inner = index(&gone);
    let below = descriptor(MediaType::INDEX, inner.as_bytes());
    let image = Image::new("one");
    let mut memory = image.put(Memory::default()).blob(&inner);
    let mut roots = Vec::new();
    for n in 0..60 {
        let mut entry = image.entry();
        entry.annotations.insert("n".to_owned(), n.to_string());
        let outer = index(&[entry, below.clone()]);
        roots.push(descriptor(MediaType::INDEX, outer.as_bytes()));
        memory = memory.blob(&outer);
    }
    let found = memory.file("index.json", index(&roots)).refused();
    assert!(found.contains("manifests that all indexes list to more than 100000"), "{found}");
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

    // The same config, and other layers: some readers take these, some those.
    let layers = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        let text = listed(&one, r#"["app:1"]"#);
        let from = text.find("\"Layers\":").unwrap();
        format!("{}\"Layers\":[{}]}}]", &text[..from], names.join(","))
    };
    let (own, other) = (blob_name(&Digest::of(&one.layers[0])), blob_name(&Digest::of(&two.layers[0])));
    assert!(both(&[app(&one)], &layers(&[&own])).read().is_ok());
    // A name without a digest promises nothing.
    assert!(both(&[app(&one)], &layers(&["x/layer.tar"])).read().is_ok());
    for wrong in [vec![], vec![own.as_str(), &own], vec![other.as_str()]] {
        let refused = both(&[app(&one)], &layers(&wrong)).refused();
        assert!(refused.contains("disagree about the layers of"), "{wrong:?}: {refused}");
    }
}

/// Two manifests of one config: layers as they are, and compressed.
#[test]
fn manifest_json_may_list_either_of_two_manifests() {
    let plain = Image::new("one");
    let packed = b"\x1f\x8b\x08 packed";
    let text = manifest(&plain.config, &[packed.to_vec()]);
    let compressed = descriptor(MediaType::MANIFEST, text.as_bytes());
    let inner = index(&[plain.platform("linux", "amd64"), compressed]);
    let root = descriptor(MediaType::INDEX, inner.as_bytes());
    let memory = || plain.put(layout(std::slice::from_ref(&root))).blob(&text).blob(&inner).blob(packed);
    for layer in [plain.layers[0].as_slice(), packed] {
        let name = blob_name(&Digest::of(layer));
        let config = blob_name(&plain.id());
        let listed = format!(r#"[{{"Config":"{config}","RepoTags":["app:1"],"Layers":["{name}"]}}]"#);
        let contents = memory().file("manifest.json", listed).read().unwrap();
        assert_eq!(names(&contents), [["app:1"]], "{name}");
    }
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
