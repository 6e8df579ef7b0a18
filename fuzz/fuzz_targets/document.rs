//! Documents: the digest is that of the bytes, and what is taken says the same when it is written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ply_digest::Digest;
use ply_image::{Config, DiffId, Document, Draft, History, Index, Manifest, Platform, Readable};
use serde::Serialize;

fuzz_target!(|bytes: &[u8]| {
    let manifest = taken::<Manifest>(bytes);
    let index = taken::<Index>(bytes);
    assert!(manifest.is_none() || index.is_none(), "manifest and index both");
    if let Some(manifest) = manifest {
        again(&manifest);
        relayered(&manifest);
    }
    if let Some(index) = index {
        again(&index);
        let listed = index.value.candidates(&Platform::new("linux", "amd64"));
        assert!(listed.iter().all(|found| index.value.manifests.contains(found)));
    }
    if let Some(config) = taken::<Config>(bytes) {
        edited(&config);
    }
    if let Ok(text) = str::from_utf8(bytes)
        && let Ok(platform) = text.parse::<Platform>()
    {
        assert!(platform.satisfies(&platform));
        assert_eq!(platform.clone().normal(), platform);
    }
});

/// A document, if it is one; spelled with other spaces, it is one too.
fn taken<T: Readable>(bytes: &[u8]) -> Option<Document<T>> {
    let document = Document::<T>::parse(bytes.to_vec()).ok()?;
    assert_eq!(document.digest, Digest::of(bytes));
    assert_eq!(document.raw, bytes);
    // A number beyond all bounds may stand in a field that nobody knows.
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes) {
        let spaced = serde_json::to_vec_pretty(&value).expect("a value can be written");
        assert!(spaced.len() as u64 > T::LIMIT || Document::<T>::parse(spaced).is_ok(), "spaces matter");
    }
    Some(document)
}

fn again<T: Readable + Serialize + PartialEq + std::fmt::Debug>(document: &Document<T>) {
    let written = serde_json::to_vec(&document.value).expect("a document can be written");
    let read = Document::<T>::parse(written).expect("what we write we read");
    assert_eq!(read.value, document.value);
}

/// Other layers in a manifest: they are all that changes.
fn relayered(manifest: &Document<Manifest>) {
    let layers = &manifest.value.layers[..manifest.value.layers.len() / 2];
    let written = manifest.value.with_layers(&manifest.raw, layers).expect("its layers can be changed");
    let read = Document::<Manifest>::parse(written).expect("what we write we read").value;
    assert_eq!(read.layers, layers);
    assert_eq!(read.config.digest, manifest.value.config.digest);
    assert!(!read.is_made());
}

/// A draft of a config that nothing was done to, and one that got a layer.
fn edited(config: &Document<Config>) {
    let (diff_ids, steps) = (&config.value.rootfs.diff_ids, &config.value.history);
    let Ok(draft) = Draft::of(config) else { return };
    let same = draft.clone().finish().expect("what was read can be written").value;
    assert_eq!(&same.rootfs.diff_ids, diff_ids);
    assert_eq!(&same.history, steps);
    assert_eq!(same.labels(), config.value.labels());
    assert_eq!(same.platform(), config.value.platform());
    assert_eq!(same.chain_ids().len(), diff_ids.len());
    assert_eq!(same.created(), config.value.created());

    let mut more = draft;
    let layer = DiffId(Digest::of(b"layer"));
    let step = History { created_by: "fuzz".to_owned(), ..History::default() };
    more.push_layer(layer, &step).expect("a layer can be added");
    let Ok(more) = more.finish() else {
        // One more than there may be.
        return assert!(diff_ids.len() >= 4096 || steps.len() >= 16_384);
    };
    assert_eq!(more.value.rootfs.diff_ids.split_last(), Some((&layer, &diff_ids[..])));
    assert_eq!(more.value.history.last(), Some(&step));
}
