//! What a manifest, an index and a config must be to be read, a row a case.
#![allow(clippy::unwrap_used, clippy::panic, reason = "functions that tests share count as no tests")]

use ply_digest::Digest;
use ply_image::{
    CONFIG_LIMIT, Config, Descriptor, Document, DocumentError, Image, Index, MANIFEST_LIMIT, Manifest,
};

/// `printf x | sha256sum`.
const X: &str = "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
/// `printf y | sha256sum`.
const Y: &str = "sha256:a1fce4363854ff888cff4b8e7875d600c2682390412a8cf79b37d0b11148b0fa";
const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// Whether a document was read; if not, the variant that says why, and the whole message.
fn outcome<T>(result: Result<Document<T>, DocumentError>) -> (&'static str, String) {
    let Err(error) = result else { return ("read", String::new()) };
    let mut text = error.to_string();
    if let Some(cause) = std::error::Error::source(&error) {
        text = format!("{text}: {cause}");
    }
    let kind = match error {
        DocumentError::Shape { .. } => "shape",
        DocumentError::Rule { .. } => "rule",
        DocumentError::TooLarge { .. } => "large",
        DocumentError::Digest { .. } | DocumentError::NoPlatform { .. } | DocumentError::Blob(_) => "other",
    };
    (kind, text)
}

/// `expect` is the kind of outcome, and what its message must contain.
fn check(what: &str, found: &(&'static str, String), expect: (&str, &str)) {
    assert!(found.0 == expect.0 && found.1.contains(expect.1), "{what}: {found:?}, not {expect:?}");
}

fn manifest(text: &str, kind: &str, message: &str) {
    check(text, &outcome(Document::<Manifest>::parse(text.into())), (kind, message));
}

fn index(text: &str, kind: &str, message: &str) {
    check(text, &outcome(Document::<Index>::parse(text.into())), (kind, message));
}

fn config(text: &str, kind: &str, message: &str) {
    check(text, &outcome(Document::<Config>::parse(text.into())), (kind, message));
}

fn blob(digest: &str, size: &str) -> String {
    format!(r#"{{"mediaType":"application/x","digest":"{digest}","size":{size}}}"#)
}

#[test]
fn manifests() {
    let good = blob(X, "1");
    let with = |rest: &str| format!(r#"{{"schemaVersion":2,"config":{good},{rest}}}"#);
    manifest(&with(r#""layers":[]"#), "read", "");
    manifest(&with(r#""layers":null"#), "read", "");
    manifest(&with(r#""layers":[],"annotations":null"#), "read", "");
    manifest(&with(r#""layers":[],"subject":{},"artifactType":"x"#).replace(r#""x}"#, r#""x"}"#), "read", "");
    manifest(&with(&format!(r#""mediaType":"{OCI}","layers":[]"#)), "read", "");
    manifest(&with(&format!(r#""mediaType":"{DOCKER}","layers":[]"#)), "read", "");
    // OCI image-spec, manifest: layers are REQUIRED.
    manifest(&with(r#""annotations":{}"#), "shape", "layers");
    manifest(r#"{"schemaVersion":2,"layers":[]}"#, "shape", "config");
    manifest(r#"{"schemaVersion":1,"fsLayers":[]}"#, "shape", "config");
    manifest(&with(r#""layers":[]"#).replace(":2,", ":1,"), "rule", "schemaVersion 1, not 2");
    manifest("[]", "shape", "should be an object, not a list");
    manifest("", "shape", "EOF");
    manifest("{", "shape", "EOF");
    manifest(&format!("{} ", with(r#""layers":[]"#)), "read", "");
    manifest(&format!("{}x", with(r#""layers":[]"#)), "shape", "trailing");
}

#[test]
fn manifest_and_index_at_once() {
    // CVE-2021-41190: two readers take the same bytes for two different images.
    let good = blob(X, "1");
    let both = format!(r#"{{"schemaVersion":2,"config":{good},"layers":[{good}],"manifests":[{good}]}}"#);
    manifest(&both, "rule", "layers and manifests both");
    index(&both, "rule", "manifests and layers both");
    let one = format!(r#"{{"schemaVersion":2,"layers":[],"manifests":[{good}]}}"#);
    index(&one, "rule", "manifests and layers both");
    let other = format!(r#"{{"schemaVersion":2,"config":{good},"manifests":[{good}]}}"#);
    index(&other, "rule", "manifests and layers both");
    // The second kind of it: a document that calls itself what it is not.
    for (kind, as_manifest, as_index) in [
        (OCI, "read", "rule"),
        (DOCKER, "read", "rule"),
        (INDEX, "rule", "read"),
        (LIST, "rule", "read"),
        ("x", "rule", "rule"),
    ] {
        let message = |outcome: &str| if outcome == "read" { "" } else { "calls itself" };
        let text = format!(r#"{{"schemaVersion":2,"mediaType":"{kind}","config":{good},"layers":[]}}"#);
        manifest(&text, as_manifest, message(as_manifest));
        let text = format!(r#"{{"schemaVersion":2,"mediaType":"{kind}","manifests":[]}}"#);
        index(&text, as_index, message(as_index));
    }
}

#[test]
fn indexes() {
    let good = blob(X, "1");
    index(r#"{"schemaVersion":2,"manifests":[]}"#, "read", "");
    index(r#"{"schemaVersion":2,"manifests":null}"#, "read", "");
    index(&format!(r#"{{"schemaVersion":2,"mediaType":"","manifests":[{good}]}}"#), "read", "");
    index(&format!(r#"{{"schemaVersion":2,"manifests":[{good}],"subject":null}}"#), "read", "");
    index(r#"{"schemaVersion":2}"#, "shape", "manifests");
    index(r#"{"manifests":[]}"#, "shape", "schemaVersion");
    index(r#"{"schemaVersion":3,"manifests":[]}"#, "rule", "schemaVersion 3");
    index(r#"{"schemaVersion":2,"manifests":{}}"#, "shape", "");
}

#[test]
fn lists_are_no_objects() {
    // serde takes a list of the fields' values for an object; no other reader does.
    let (good, blob_list) = (blob(X, "1"), format!(r#"["",{X:?},1]"#));
    let message = "should be an object, not a list";
    manifest(&format!(r#"[2,null,{good},[]]"#), "shape", message);
    manifest(&format!(r#"{{"schemaVersion":2,"config":{blob_list},"layers":[]}}"#), "shape", message);
    let listed = format!(r#"{{"schemaVersion":2,"config":{good},"layers":[{blob_list}]}}"#);
    manifest(&listed, "shape", r#""layers" should list objects"#);
    let platform = good.replace('}', r#","platform":["amd64","linux"]}"#);
    index(&format!(r#"{{"schemaVersion":2,"manifests":[{blob_list}]}}"#), "shape", "should list objects");
    index(&format!(r#"{{"schemaVersion":2,"manifests":[{platform}]}}"#), "shape", message);
    index("[2,null,[],{}]", "shape", message);
    config(r#"[null,"","amd64"]"#, "shape", message);
    config(r#"{"rootfs":["layers",[]]}"#, "shape", message);
    config(r#"{"rootfs":{},"history":[[null,"me"]]}"#, "shape", "should list objects");
    config(r#"{"rootfs":{},"config":[{"a":"b"}]}"#, "shape", message);
    // What is no document of ours may be a list.
    config(r#"{"rootfs":{},"config":{"Cmd":["sh"],"Labels":{}},"x":{"rootfs":[]}}"#, "read", "");
}

#[test]
fn what_should_be_there_is_said_in_words() {
    manifest("1", "shape", "expected a manifest");
    config("1", "shape", "expected a config");
    config(r#"{"rootfs":1}"#, "shape", "expected a rootfs");
    index(r#"{"schemaVersion":2,"manifests":[1]}"#, "shape", "expected a descriptor");
}

#[test]
fn sizes() {
    let with = |size: &str| format!(r#"{{"schemaVersion":2,"config":{},"layers":[]}}"#, blob(X, size));
    for good in ["0", "1", "18446744073709551615"] {
        manifest(&with(good), "read", "");
    }
    for bad in
        ["-1", "1.0", "1.5", "1e3", "18446744073709551616", "\"1\"", "null", "true", "[1]", "01", "0x1"]
    {
        manifest(&with(bad), "shape", "");
    }
    manifest(&with("1").replace(r#","size":1"#, ""), "shape", "size");
}

#[test]
fn digests() {
    let with = |digest: &str| format!(r#"{{"schemaVersion":2,"config":{},"layers":[]}}"#, blob(digest, "1"));
    manifest(&with(X), "read", "");
    let (hex, upper) = (X.trim_start_matches("sha256:"), X.to_uppercase());
    let bad = [
        "",
        ":",
        "sha256:",
        hex,
        &upper,
        &X[..70],
        &format!("{X}0"),
        &X.replace('2', "g"),
        &X.replace('d', "D"),
        "sha256:../../../../../../../../../../../../../../../../etc/passwd/aaaaaa",
        &X.replace("sha256:", "SHA256:"),
        &X.replace("sha256:", "md5:"),
        &X.replace(':', "-"),
        &format!(" {X}"),
        &format!("{X}\\n"),
    ];
    for digest in bad {
        manifest(&with(digest), "shape", "");
    }
    // Algorithms that exist are refused by name (OCI image-spec, descriptor, registered algorithms).
    manifest(&with(&format!("sha512:{hex}{hex}")), "shape", "sha512");
    manifest(&with(X).replace(&format!(r#""digest":"{X}","#), ""), "shape", "digest");
}

#[test]
fn keys_readers_differ_about() {
    let good = blob(X, "1");
    let whole = format!(r#"{{"schemaVersion":2,"config":{good},"layers":[]}}"#);
    let twice = |what: &str| whole.replacen('{', &format!("{{{what},"), 1);
    manifest(&twice(r#""layers":[]"#), "shape", "twice");
    manifest(&twice(r#""schemaVersion":2"#), "shape", "twice");
    manifest(&twice(r#""\u006cayers":[]"#), "shape", "twice");
    manifest(&twice(r#""x":{"a":1,"a":2}"#), "shape", "twice");
    // Go takes a key in any case for the one it knows.
    manifest(&twice(r#""Layers":[]"#), "shape", "should be spelled");
    manifest(&twice(r#""CONFIG":{}"#), "shape", "should be spelled");
    manifest(&twice(r#""MediaType":"x""#), "shape", "should be spelled");
    let layer =
        format!(r#"{{"schemaVersion":2,"config":{good},"layers":[{}]}}"#, good.replace("size", "Size"));
    manifest(&layer, "shape", "should be spelled");
    manifest(&whole.replacen(r#""digest""#, r#""Digest":"x","digest""#, 1), "shape", "should be spelled");
    // What is somebody's own is theirs to spell.
    manifest(&twice(r#""annotations":{"Layers":"x","Config":"y"}"#), "read", "");
    config(r#"{"rootfs":{"diff_ids":[]},"RootFS":{}}"#, "shape", "should be spelled");
    config(r#"{"rootfs":{"diff_ids":[],"Diff_IDs":[]}}"#, "shape", "should be spelled");
    config(r#"{"rootfs":{"diff_ids":[]},"config":{"Labels":{"OS":"x","os":"y"}}}"#, "read", "");
}

#[test]
fn depth_and_size() {
    let nested = |depth: usize| {
        format!(r#"{{"rootfs":{{"diff_ids":[]}},"x":{}1{}}}"#, "[".repeat(depth), "]".repeat(depth))
    };
    config(&nested(120), "read", "");
    config(&nested(128), "shape", "recursion limit");
    config(&nested(500_000), "shape", "recursion limit");

    // White space counts: the limit is on bytes.
    let padded =
        |text: &str, len: u64| format!("{text}{}", " ".repeat(usize::try_from(len).unwrap() - text.len()));
    let small = r#"{"rootfs":{"diff_ids":[]}}"#;
    config(&padded(small, CONFIG_LIMIT), "read", "");
    config(&padded(small, CONFIG_LIMIT + 1), "large", "8388609");
    let small = r#"{"schemaVersion":2,"manifests":[]}"#;
    index(&padded(small, MANIFEST_LIMIT), "read", "");
    index(&padded(small, MANIFEST_LIMIT + 1), "large", "4194305");
    let own = padded(small, MANIFEST_LIMIT + 1);
    assert!(Document::<Index>::parse_within(own.into(), CONFIG_LIMIT).is_ok());
}

#[test]
fn configs() {
    let nulls = r#"{"created":null,"author":null,"architecture":null,"variant":null,"os":null,"os.version":null,
        "comment":null,"docker_version":null,"config":null,"rootfs":{"type":"layers","diff_ids":null},"history":null}"#;
    config(nulls, "read", "");
    config(r#"{"rootfs":{}}"#, "read", "");
    config(r#"{"rootfs":{"type":"","diff_ids":[]}}"#, "read", "");
    config(r#"{"rootfs":{"type":"layers+base","diff_ids":[]}}"#, "rule", "layers+base");
    config("{}", "shape", "rootfs");
    config(r#"{"rootfs":null}"#, "shape", "");
    config(r#"{"rootfs":{"diff_ids":["sha256:x"]}}"#, "shape", "");
    config(&format!(r#"{{"rootfs":{{"diff_ids":["{X}"]}}}}"#), "read", "");
    let many =
        |n: usize| format!(r#"{{"rootfs":{{"diff_ids":[{}]}}}}"#, vec![format!("\"{X}\""); n].join(","));
    config(&many(4096), "read", "");
    config(&many(4097), "rule", "4097 layers");
    let steps = |n: usize| format!(r#"{{"rootfs":{{}},"history":[{}]}}"#, vec!["{}"; n].join(","));
    config(&steps(16_384), "read", "");
    config(&steps(200_000), "rule", "200000 steps");
    // A date that is none is shown as none, and is no reason to refuse an image.
    let silly = Document::<Config>::parse(br#"{"rootfs":{},"created":"in a year"}"#.to_vec()).unwrap();
    assert_eq!(silly.value.created(), None);
}

#[test]
fn labels_are_what_the_config_says() {
    let labels = |text: &str| {
        let raw = format!(r#"{{"rootfs":{{}},"config":{text}}}"#);
        let config = Document::<Config>::parse(raw.into()).unwrap();
        config.value.labels().into_iter().collect::<Vec<_>>()
    };
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(labels(r#"{"Labels":{"b":"2","a":"1"}}"#), [pair("a", "1"), pair("b", "2")]);
    assert_eq!(labels(r#"{"Labels":null}"#), []);
    assert_eq!(labels("null"), []);
}

#[test]
fn manifest_and_config_belong_together() {
    let config = |layers: usize| {
        let ids = vec![format!("\"{X}\""); layers].join(",");
        Document::<Config>::parse(format!(r#"{{"rootfs":{{"diff_ids":[{ids}]}}}}"#).into()).unwrap()
    };
    let manifest = |digest: &str, size: usize, layers: usize| {
        let layers = vec![blob(X, "1"); layers].join(",");
        let text = format!(
            r#"{{"schemaVersion":2,"config":{},"layers":[{layers}]}}"#,
            blob(digest, &size.to_string())
        );
        Document::<Manifest>::parse(text.into()).unwrap()
    };
    let put = |manifest: Document<Manifest>, config: Document<Config>, expect: &str| match Image::new(
        manifest, config,
    ) {
        Ok(image) => assert!(expect.is_empty(), "{:?} is no image, {expect}", image.id()),
        Err(error) => assert!(!expect.is_empty() && error.to_string().contains(expect), "{error}: {expect}"),
    };
    let two = config(2);
    let (digest, size) = (two.digest.to_string(), two.raw.len());
    put(manifest(&digest, size, 2), two.clone(), "");
    put(manifest(Y, size, 2), two.clone(), "names config");
    put(manifest(&digest, size + 1, 2), two.clone(), "bytes");
    put(manifest(&digest, size, 1), two.clone(), "has 1 layers, but its config names 2");
    put(manifest(&digest, size, 3), two, "has 3 layers, but its config names 2");
    let none = config(0);
    put(manifest(&none.digest.to_string(), none.raw.len(), 0), none, "");
}

#[test]
fn attestations_are_told_by_annotation_or_platform() {
    let is = |text: &str| serde_json::from_str::<Descriptor>(text).unwrap().is_attestation();
    let with = |rest: &str| blob(X, "1").replace('}', &format!(",{rest}}}"));
    assert!(!is(&blob(X, "1")));
    // As BuildKit writes them.
    assert!(is(&with(r#""annotations":{"vnd.docker.reference.type":"attestation-manifest"}"#)));
    assert!(is(&with(r#""platform":{"architecture":"unknown","os":"unknown"}"#)));
    assert!(!is(&with(r#""platform":{"architecture":"unknown","os":"linux"}"#)));
    assert!(!is(&with(r#""annotations":null"#)));
}

#[test]
fn a_digest_is_of_the_bytes_as_they_came() {
    let raw = b" {\"rootfs\" : {} }\n".to_vec();
    let config = Document::<Config>::parse(raw.clone()).unwrap();
    assert_eq!((config.digest, config.raw), (Digest::of(&raw), raw));
}
