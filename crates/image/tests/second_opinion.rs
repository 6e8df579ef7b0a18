//! The same documents, as the `oci-spec` crate reads them; and a manifest of ours, pinned.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

use oci_spec::image::{ImageConfiguration, ImageIndex, ImageManifest};
use ply_digest::Digest;
use ply_image::{Config, Descriptor, Document, Index, Manifest, MediaType};

/// Section "Example Image Manifest" of the OCI image-spec has this shape.
const MANIFEST: &str = r#"{
  "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
  "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 7023,
    "digest": "sha256:b5b2b2c507a0944348e0303114d8d93aaaa081732b86451d9bce1f432a537bc7"},
  "layers": [
    {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "size": 32654,
     "digest": "sha256:9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0"},
    {"mediaType": "application/vnd.oci.image.layer.v1.tar+zstd", "size": 16724, "annotations": {"a": "b"},
     "digest": "sha256:3c3a4604a545cdc127456d94e421cd355bca5b528f4a9c1905b15da2eb4a4c6b"}],
  "annotations": {"com.example.key1": "value1", "com.example.key2": "value2"}}"#;

const INDEX: &str = r#"{
  "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
  "manifests": [
    {"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 7143,
     "digest": "sha256:e692418e4cbaf90ca69d05a66403747baa33ee08806650b51fab815ad7fc331f",
     "platform": {"architecture": "ppc64le", "os": "linux"}},
    {"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 7682,
     "digest": "sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270",
     "platform": {"architecture": "arm", "os": "linux", "variant": "v7"}}],
  "annotations": {"com.example.key1": "value1"}}"#;

const CONFIG: &str = r#"{
  "created": "2015-10-31T22:22:56.015925234Z", "author": "Alyssa P. Hacker <alyspdev@example.com>",
  "architecture": "arm64", "variant": "v8", "os": "linux",
  "config": {"User": "alice", "Env": ["FOO=oci_is_a"], "Labels": {"com.example.project": "git", "a": "b"}},
  "rootfs": {"type": "layers", "diff_ids": [
    "sha256:c6f988f4874bb0add23a778f753c65efe992244e148a1d2ec2a8b664fb66bbd1",
    "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"]},
  "history": [
    {"created": "2015-10-31T22:22:54.690851953Z", "created_by": "/bin/sh -c #(nop) ADD file in /"},
    {"created": "2015-10-31T22:22:55.613815829Z", "created_by": "CMD [\"sh\"]", "empty_layer": true, "comment": "c"}]}"#;

fn check_blob(ours: &Descriptor, theirs: &oci_spec::image::Descriptor) {
    assert_eq!(ours.digest.to_string(), theirs.digest().to_string());
    assert_eq!(ours.size, theirs.size());
    assert_eq!(ours.media_type.as_str(), theirs.media_type().to_string());
    let annotations = theirs.annotations().clone().unwrap_or_default();
    assert_eq!(ours.annotations, annotations.into_iter().collect());
}

#[test]
fn manifest() {
    let ours = Document::<Manifest>::parse(MANIFEST.into()).unwrap().value;
    let theirs = ImageManifest::from_reader(MANIFEST.as_bytes()).unwrap();
    check_blob(&ours.config, theirs.config());
    assert_eq!(ours.layers.len(), theirs.layers().len());
    ours.layers.iter().zip(theirs.layers()).for_each(|(ours, theirs)| check_blob(ours, theirs));
    assert_eq!(ours.annotations, theirs.annotations().clone().unwrap().into_iter().collect());
    assert!(!ours.is_made());
}

#[test]
fn index() {
    let ours = Document::<Index>::parse(INDEX.into()).unwrap().value;
    let theirs = ImageIndex::from_reader(INDEX.as_bytes()).unwrap();
    assert_eq!(ours.manifests.len(), theirs.manifests().len());
    for (ours, theirs) in ours.manifests.iter().zip(theirs.manifests()) {
        check_blob(ours, theirs);
        let (ours, theirs) = (ours.platform.as_ref().unwrap(), theirs.platform().as_ref().unwrap());
        assert_eq!(ours.architecture, theirs.architecture().to_string());
        assert_eq!(ours.os, theirs.os().to_string());
        assert_eq!(ours.variant, theirs.variant().clone().unwrap_or_default());
    }
}

#[test]
fn config() {
    let ours = Document::<Config>::parse(CONFIG.into()).unwrap().value;
    let theirs = ImageConfiguration::from_reader(CONFIG.as_bytes()).unwrap();
    let diff_ids: Vec<String> = ours.rootfs.diff_ids.iter().map(ToString::to_string).collect();
    assert_eq!(&diff_ids, theirs.rootfs().diff_ids());
    assert_eq!(ours.created, *theirs.created());
    assert_eq!(Some(ours.author), *theirs.author());
    assert_eq!(ours.architecture, theirs.architecture().to_string());
    assert_eq!(ours.os, theirs.os().to_string());
    let labels = theirs.config().as_ref().unwrap().labels().clone().unwrap();
    assert_eq!(
        Document::<Config>::parse(CONFIG.into()).unwrap().value.labels(),
        labels.into_iter().collect()
    );
    let history = theirs.history().as_ref().unwrap();
    assert_eq!(ours.history.len(), history.len());
    for (ours, theirs) in ours.history.iter().zip(history) {
        assert_eq!(ours.created, *theirs.created());
        assert_eq!(ours.created_by, theirs.created_by().clone().unwrap_or_default());
        assert_eq!(ours.comment, theirs.comment().clone().unwrap_or_default());
        assert_eq!(ours.empty_layer, theirs.empty_layer().unwrap_or_default());
    }
}

#[test]
fn a_made_manifest_is_the_same_everywhere() {
    // The layer is 1,024 zero bytes: an empty tar. Digests by `sha256sum`, of the text below for the manifest.
    let layer = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";
    let text = format!(
        "{}{}{}",
        r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"#,
        format_args!(
            r#""layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{layer}","size":1024}}],"#
        ),
        r#""annotations":{"plywood.made":"true"}}"#
    );
    let blob = Descriptor::new(MediaType::new(MediaType::LAYER), layer.parse().unwrap(), 1024);
    let made = Manifest::make(b"{}", &[blob]);
    assert_eq!(String::from_utf8(made.raw.clone()).unwrap(), text);
    let pinned: Digest =
        "sha256:eb59d8e181bf88682f2c1dfe0a5550b0049821855c267358b2d0fd4a4041def7".parse().unwrap();
    assert_eq!(made.digest, pinned);
    assert!(made.value.is_made());
    // It is a manifest by its own rules, and by theirs.
    assert!(Document::<Manifest>::parse(made.raw.clone()).unwrap().value.is_made());
    assert_eq!(ImageManifest::from_reader(made.raw.as_slice()).unwrap().layers().len(), 1);
}
