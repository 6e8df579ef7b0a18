//! Load, look, save, load elsewhere, save again: the same image and the same bytes all the way.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use crate::{Input, Made, Ply};

/// An image that an archive must turn out to hold.
#[derive(Debug, Clone)]
pub struct Expected<'a> {
    /// Its names; none for an image that nobody named.
    pub names: Vec<&'a str>,
    /// The image.
    pub image: &'a Made,
}

impl<'a> Expected<'a> {
    /// An image with names, or without.
    pub fn new(names: &[&'a str], image: &'a Made) -> Self {
        Self { names: names.to_vec(), image }
    }

    /// The words that name it on a command line.
    fn words(&self) -> Vec<String> {
        match self.names.as_slice() {
            [] => vec![self.image.id()],
            names => names.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    /// What `ply load` prints for it.
    fn announced(&self) -> String {
        match self.names.as_slice() {
            [] => format!("Loaded image ID: {}\n", self.image.id()),
            names => names.iter().map(|name| format!("Loaded image: {name}\n")).collect(),
        }
    }
}

/// Loads an archive from a file and from a pipe, with a thread a core and with one. Each store must hold these
/// images, save them to the same bytes in both formats, and so must a second store that loads what was saved.
pub fn round_trip(title: &str, archive: &[u8], images: &[Expected<'_>]) {
    let mut saved = BTreeMap::new();
    for threads in [0, 1] {
        for input in Input::BOTH {
            let title = format!("{title}, from a {input:?} with {threads} threads");
            let ply = Ply::with_threads(threads);
            let path = ply.write("archive", archive);
            load(&title, &ply, input, &path, images);
            save(&title, &ply, images, &mut saved);
        }
    }
    second_store(title, images, &saved);
}

/// The same for a layout in a folder.
pub fn round_trip_folder(title: &str, folder: &Path, images: &[Expected<'_>]) {
    let mut saved = BTreeMap::new();
    for threads in [0, 1] {
        let title = format!("{title} with {threads} threads");
        let ply = Ply::with_threads(threads);
        load(&title, &ply, Input::File, folder, images);
        save(&title, &ply, images, &mut saved);
    }
    second_store(title, images, &saved);
}

type Saved = BTreeMap<&'static str, Vec<u8>>;

fn load(title: &str, ply: &Ply, input: Input, path: &Path, images: &[Expected<'_>]) {
    let ran = ply.load(input, path, &[]);
    // What is no image is named, and is no fault.
    let faults: Vec<&str> =
        ran.stderr.lines().filter(|l| !l.starts_with("ply: passed over, since")).collect();
    assert_eq!((ran.code, faults), (Some(0), vec![]), "{title}");
    let announced: String = images.iter().map(Expected::announced).collect();
    assert_eq!(ran.text(), announced, "{title}");
    for expected in images {
        for word in expected.words() {
            assert_eq!(ply.id(&word), expected.image.id(), "{title}: {word}");
        }
    }
}

fn save(title: &str, ply: &Ply, images: &[Expected<'_>], saved: &mut Saved) {
    let words: Vec<String> = images.iter().flat_map(Expected::words).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    for format in ["docker", "oci"] {
        let bytes = ply.save(format, &words);
        match saved.get(format) {
            Some(known) => assert!(*known == bytes, "{title}: saved as {format} it differs"),
            None => {
                holds(title, format, &members(&bytes), images);
                saved.insert(format, bytes);
            }
        }
    }
}

/// What was saved, loaded and saved again, is what it was.
fn second_store(title: &str, images: &[Expected<'_>], saved: &Saved) {
    for (&format, bytes) in saved {
        let ply = Ply::new();
        let path = ply.write("saved", bytes);
        let title = format!("{title}, saved as {format} and loaded again");
        let ran = ply.load(Input::Pipe, &path, &[]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{title}");
        // Docker's format carries no compressed blobs, so that a layout saved from it is another one.
        let mut expected = saved.clone();
        if format == "docker" {
            expected.remove("oci");
        }
        save(&title, &ply, images, &mut expected);
        assert_eq!(ply.run(["check"]).code, Some(0), "{title}");
    }
}

/// The members of a tar, as the `tar` crate reads it.
pub fn members(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(bytes);
    let mut members = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        members.insert(name, content);
    }
    members
}

/// What was saved holds the configs and layers that went in, under the digests that name them.
fn holds(title: &str, format: &str, members: &BTreeMap<String, Vec<u8>>, images: &[Expected<'_>]) {
    let json = |name: &str| -> Value { serde_json::from_slice(&members[name]).unwrap() };
    let blob = |digest: &Value| &members[&format!("blobs/{}", digest.as_str().unwrap().replace(':', "/"))];
    for Expected { names, image } in images {
        let what = format!("{title}: {format}, {names:?}");
        if format == "docker" {
            let listed = json("manifest.json");
            let listed = listed
                .as_array()
                .unwrap()
                .iter()
                .find(|l| members[l["Config"].as_str().unwrap()] == image.config);
            let listed = listed.unwrap_or_else(|| panic!("{what}: not in manifest.json"));
            let layers = listed["Layers"].as_array().unwrap().iter();
            let layers: Vec<&Vec<u8>> = layers.map(|l| &members[l.as_str().unwrap()]).collect();
            assert!(layers.iter().copied().eq(&image.layers), "{what}: other layers");
            let tags = listed["RepoTags"].as_array().cloned().unwrap_or_default();
            assert!(names.iter().all(|name| tags.contains(&Value::from(*name))), "{what}: {tags:?}");
        } else {
            let manifest = members
                .iter()
                .filter(|(name, _)| name.starts_with("blobs/"))
                .filter_map(|(_, blob)| serde_json::from_slice::<Value>(blob).ok())
                .find(|document| document["config"]["digest"] == image.id());
            let manifest = manifest.unwrap_or_else(|| panic!("{what}: no manifest names its config"));
            assert!(*blob(&manifest["config"]["digest"]) == image.config, "{what}: another config");
            let layers = manifest["layers"].as_array().unwrap();
            assert_eq!(layers.len(), image.layers.len(), "{what}");
            for (layer, expected) in layers.iter().zip(&image.layers) {
                assert!(plain(blob(&layer["digest"])) == *expected, "{what}: another layer");
            }
        }
    }
}

/// A layer's plain tar, decompressed by other libraries than ours choose.
fn plain(blob: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match blob {
        [0x1f, 0x8b, ..] => drop(flate2::read::MultiGzDecoder::new(blob).read_to_end(&mut plain).unwrap()),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            zstd::stream::copy_decode(blob, &mut plain).unwrap();
        }
        _ => plain.extend(blob),
    }
    plain
}
