//! Archives of images, told by bytes: what a tar says right, and a few lies.

use std::io::Write;

use ply_digest::Digest;
use ply_layer::{Encoding, encoder};
use ply_tar::{Entry, Writer};

use crate::layers::tars;
use crate::sums::repaired;

/// An archive.
#[derive(Debug)]
pub struct Made {
    /// Its bytes.
    pub archive: Vec<u8>,
    /// Whether nothing in it was changed after it was made, and so must be taken.
    pub honest: bool,
}

/// A byte of one of the parts that becomes another.
struct Lie {
    part: u8,
    at: usize,
    byte: u8,
}

const ARCHIVE: u8 = 0;
const CONFIG: u8 = 1;
const MANIFEST: u8 = 2;
const INDEX: u8 = 3;
const LAYER: u8 = 4;
const PARTS: u8 = 5;
/// Bytes of the head.
const HEAD: usize = 4;

/// Four bytes say in which form, how compressed, which names, how many lies; then lies of four bytes; then layers.
#[must_use]
pub fn made(told: &[u8]) -> Made {
    let Some((&[form, packing, naming, count], told)) = told.split_first_chunk::<HEAD>() else {
        return Made { archive: Vec::new(), honest: false };
    };
    let count = usize::from(count % 8).min(told.len() / 4);
    let (lies, layers) = told.split_at(count * 4);
    let lies: Vec<Lie> = lies
        .as_chunks()
        .0
        .iter()
        .map(|&[part, high, low, byte]| Lie {
            part: part % PARTS,
            at: usize::from(high) << 8 | usize::from(low),
            byte,
        })
        .collect();

    let plain = tars(layers);
    let readable = crate::layers::trees(&plain).is_some();
    let mut parts = Writer::new(Vec::new());
    let blobs: Vec<Vec<u8>> = plain.iter().map(|tar| lied(LAYER, packed(packing, tar), &lies)).collect();
    let config = lied(CONFIG, config(&plain).into_bytes(), &lies);
    match form % 2 {
        0 => docker(&mut parts, naming, &config, &blobs, &lies),
        _ => oci(&mut parts, naming, &config, &blobs, &lies),
    }
    let archive = parts.finish().unwrap_or_default();
    let archive = packed(packing >> 4, &repaired(&lied(ARCHIVE, archive, &lies)));
    Made { archive, honest: lies.is_empty() && readable }
}

fn lied(part: u8, mut bytes: Vec<u8>, lies: &[Lie]) -> Vec<u8> {
    let len = bytes.len().max(1);
    for lie in lies.iter().filter(|lie| lie.part == part) {
        if let Some(byte) = bytes.get_mut(lie.at % len) {
            *byte = lie.byte;
        }
    }
    bytes
}

fn packed(how: u8, plain: &[u8]) -> Vec<u8> {
    let encoding = match how % 8 {
        1 => Encoding::GZIP,
        2 => Encoding::ZSTD,
        _ => return plain.to_vec(),
    };
    let mut encoder = encoder(encoding, 1, Vec::new()).expect("an encoder can be set up");
    encoder.write_all(plain).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

fn config(plain: &[Vec<u8>]) -> String {
    let diff_ids: Vec<String> = plain.iter().map(|tar| format!("\"{}\"", Digest::of(tar))).collect();
    let steps = vec![r#"{"created_by":"x"}"#; plain.len()].join(",");
    format!(
        r#"{{"architecture":"amd64","os":"linux","created":"2020-01-02T03:04:05Z","config":{{"Cmd":["sh"],"Labels":{{"a":"b"}}}},"rootfs":{{"type":"layers","diff_ids":[{}]}},"history":[{steps}]}}"#,
        diff_ids.join(",")
    )
}

fn put(parts: &mut Writer<Vec<u8>>, name: &str, content: &[u8]) {
    parts.append(&Entry::file(name, content.len() as u64), content).expect("memory takes all");
}

fn hex(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string().replace("sha256:", "")
}

fn docker(parts: &mut Writer<Vec<u8>>, naming: u8, config: &[u8], blobs: &[Vec<u8>], lies: &[Lie]) {
    let names: Vec<String> = (0..blobs.len()).map(|number| format!("{number}/layer.tar")).collect();
    let tags = if naming & 1 == 1 { r#"["a:1","b/c:2"]"# } else { "null" };
    let listed: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let manifest =
        format!(r#"[{{"Config":"{}.json","RepoTags":{tags},"Layers":[{}]}}]"#, hex(config), listed.join(","));
    put(parts, &format!("{}.json", hex(config)), config);
    for (name, blob) in names.iter().zip(blobs) {
        put(parts, name, blob);
    }
    put(parts, "manifest.json", &lied(MANIFEST, manifest.into_bytes(), lies));
}

fn oci(parts: &mut Writer<Vec<u8>>, naming: u8, config: &[u8], blobs: &[Vec<u8>], lies: &[Lie]) {
    const KIND: &str = "application/vnd.oci.image";
    let descriptor = |kind: &str, blob: &[u8], more: &str| {
        let digest = Digest::of(blob);
        format!(r#"{{"mediaType":"{KIND}.{kind}","digest":"{digest}","size":{}{more}}}"#, blob.len())
    };
    let layers: Vec<String> = blobs.iter().map(|blob| descriptor("layer.v1.tar", blob, "")).collect();
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{KIND}.manifest.v1+json","config":{},"layers":[{}]}}"#,
        descriptor("config.v1+json", config, ""),
        layers.join(",")
    );
    let manifest = lied(MANIFEST, manifest.into_bytes(), lies);
    let name = match naming % 3 {
        0 => "",
        1 => r#","annotations":{"org.opencontainers.image.ref.name":"a:1"}"#,
        _ => {
            r#","annotations":{"io.containerd.image.name":"docker.io/library/a:1","org.opencontainers.image.ref.name":"1"}"#
        }
    };
    let index =
        format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, descriptor("manifest.v1+json", &manifest, name));
    put(parts, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    put(parts, "index.json", &lied(INDEX, index.into_bytes(), lies));
    let mut known = std::collections::BTreeSet::new();
    for blob in [&manifest[..], config].into_iter().chain(blobs.iter().map(Vec::as_slice)) {
        if known.insert(hex(blob)) {
            put(parts, &format!("blobs/sha256/{}", hex(blob)), blob);
        }
    }
}
