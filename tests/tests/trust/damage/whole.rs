//! A store with every class of file in it, and the archives that it was filled from.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use ply_tests::{Input, Layout, Made, Ply, Tarball, archive_of, gzip, host_architecture, made, named, zstd};
use serde_json::{Value, json};

use super::questions::{Answer, answers};
use super::wounds::Random;

/// The images in it.
pub const IMAGES: [&str; 4] = ["plain:1", "plain:2", "packed:1", "many:1"];
const NAME: &str = "io.containerd.image.name";

/// The store as it should be, and what it answers.
pub struct Whole {
    ply: Ply,
    archives: Vec<PathBuf>,
    /// What is asked of each image, and the right answers.
    pub answers: BTreeMap<&'static str, Vec<Answer>>,
    /// The images that need each blob, by the blob's digits.
    pub needs: BTreeMap<String, BTreeSet<String>>,
    /// Files of each class, by their paths in the store.
    pub classes: Vec<(&'static str, Vec<String>)>,
}

/// A layer of text and of noise that does not shrink.
fn layer(seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let noise: Vec<u8> = (0..60_000).map(|_| random.below(256) as u8).collect();
    let text: String = (0..3000).map(|n| format!("line {n} of {seed}: {}\n", random.below(1000))).collect();
    let tar = Tarball::new().folder("etc/").file(&format!("etc/noise-{seed}"), noise).file("etc/text", text);
    (0..40).fold(tar, |tar, n| tar.file(&format!("etc/small-{n}"), format!("{seed} {n}"))).finish()
}

/// A compressor.
type Pack = fn(&[u8]) -> Vec<u8>;

fn oci(image: &Made, pack: [Pack; 2], layout: &mut Layout) -> Value {
    let layers: Vec<Vec<u8>> = image.layers.iter().zip(pack).map(|(layer, pack)| pack(layer)).collect();
    // The type of each is told by its content.
    layout.image(image, "application/vnd.oci.image.layer.v1.tar+gzip", layers)
}

/// What BuildKit says of how an image was built.
fn attestation(layout: &mut Layout) -> Value {
    let statement =
        layout.blob("application/vnd.in-toto+json", json!({"layers": {"built": "here"}}).to_string());
    let config = layout
        .blob("application/vnd.oci.image.config.v1+json", r#"{"architecture":"unknown","os":"unknown"}"#);
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [statement]});
    let mut manifest = layout.blob(kind, manifest.to_string());
    manifest["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    manifest["annotations"]["vnd.docker.reference.type"] = json!("attestation-manifest");
    manifest
}

impl Whole {
    /// The one that all tests look at which run now; gone with the last of them.
    pub fn shared() -> Arc<Self> {
        static WHOLE: Mutex<Weak<Whole>> = Mutex::new(Weak::new());
        let mut whole = WHOLE.lock().unwrap_or_else(PoisonError::into_inner);
        whole.upgrade().unwrap_or_else(|| {
            let made = Arc::new(Self::new());
            *whole = Arc::downgrade(&made);
            made
        })
    }

    fn new() -> Self {
        let ply = Ply::new();
        let name = |image: &str| format!("docker.io/library/{image}");
        let mut packed = Layout::default();
        let manifest = oci(&made(vec![layer(4), layer(5)]), [gzip, zstd], &mut packed);
        let packed = packed.list(named(manifest, NAME, &name("packed:1")));
        let mut many = Layout::default();
        let other = if host_architecture() == "arm64" { "amd64" } else { "arm64" };
        let manifests: Vec<Value> = [(host_architecture(), 6), (other, 7)]
            .map(|(architecture, seed)| {
                let image = made(vec![layer(seed), layer(8)]).with("architecture", json!(architecture));
                let mut manifest = oci(&image, [gzip, gzip], &mut many);
                manifest["platform"] = json!({"os": "linux", "architecture": architecture});
                manifest
            })
            .to_vec();
        let manifests = [manifests, vec![attestation(&mut many)]].concat();
        let index = many.index(&manifests);
        let many = many.list(named(index, NAME, &name("many:1")));
        let tars = [
            archive_of(&made(vec![layer(1), layer(2)]), "plain:1").finish(),
            archive_of(&made(vec![layer(1), layer(3)]), "plain:2").finish(),
            packed.tar().finish(),
            many.tar().finish(),
        ];
        let archives = tars.iter().enumerate();
        let archives = archives.map(|(at, tar)| ply.write(&format!("{at}.tar"), tar)).collect();
        let mut whole =
            Self { ply, archives, answers: BTreeMap::new(), needs: BTreeMap::new(), classes: Vec::new() };
        whole.load(&whole.ply, Input::File, IMAGES);
        whole.ply.ok(["create", "--name", "box", "plain:1"]);
        whole.ply.write("mine", "written by hand\n");
        whole.ply.ok(["cp", "mine", "box:/mine"]);
        whole.answers = IMAGES.map(|image| (image, answers(&whole.ply, image))).into();
        whole.ply.run(["image", "prune", "-f"]);
        whole.needs = needs(&whole.ply.store());
        whole.classes = whole.classes();
        whole
    }

    /// Loads the archives of some images, which must succeed.
    pub fn load<'a>(&self, ply: &Ply, input: Input, images: impl IntoIterator<Item = &'a str>) {
        for image in images {
            let at = IMAGES.iter().position(|known| *known == image).unwrap();
            let archive = &self.archives[at];
            let ran = ply.load(input, archive, &["--platform", "all"]);
            let ran = if ran.stderr.contains("platform") && ran.code != Some(0) {
                ply.load(input, archive, &[])
            } else {
                ran
            };
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        }
    }

    /// A copy of the store in which nothing was looked at yet.
    pub fn fresh_copy(&self) -> Ply {
        let ply = self.copy();
        for derived in ["layers", "sums"] {
            fs::remove_dir_all(ply.store().join("ply").join(derived)).unwrap();
        }
        ply
    }

    /// A copy of the store.
    pub fn copy(&self) -> Ply {
        let ply = Ply::new();
        copy(&self.ply.store(), &ply.store());
        ply
    }

    /// The path of the store that is whole.
    pub fn store(&self) -> PathBuf {
        self.ply.store()
    }

    /// The files of a class.
    pub fn class(&self, class: &str) -> &[String] {
        &self.classes.iter().find(|(name, _)| *name == class).unwrap_or_else(|| panic!("no {class}")).1
    }

    fn classes(&self) -> Vec<(&'static str, Vec<String>)> {
        let mut classes: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        let mut files = Vec::new();
        list(&self.ply.store(), "", &mut files);
        for file in files {
            classes.entry(class_of(&self.ply.store(), &file)).or_default().push(file);
        }
        classes.remove("written by a container");
        classes.into_iter().collect()
    }
}

/// What a file of a store is.
fn class_of(store: &Path, file: &str) -> &'static str {
    let start = fs::read(store.join(file)).unwrap();
    match file {
        "index.json" => "index.json",
        "oci-layout" => "oci-layout",
        "ply/version" => "version",
        "ply/catalog" => "catalog",
        "ply/lock" | "ply/index.lock" | "ply/containers.lock" => "locks",
        "ply/reserve" => "reserve",
        _ if file.starts_with("ply/containers/") && file.ends_with("/config.json") => "records of containers",
        _ if file.starts_with("ply/containers/") => "written by a container",
        _ if file.starts_with("ply/layers/") && file.ends_with(".tar") => "plain tars",
        _ if file.starts_with("ply/layers/") => "indexes of layers",
        _ if file.starts_with("ply/unions/") => "indexes of unions",
        _ if file.starts_with("ply/sums/") => "sums of layers",
        _ if file.starts_with("ply/twins/") => "twins",
        _ if !file.starts_with("blobs/") => panic!("what is {file}?"),
        _ if start.starts_with(&[0x1f, 0x8b]) => "layers, gzip",
        _ if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) => "layers, zstd",
        _ => match serde_json::from_slice::<Value>(&start) {
            Err(_) => "layers, plain",
            Ok(document) if document.get("manifests").is_some() => "indexes",
            Ok(document) if document.get("config").is_some() && document.get("layers").is_some() => {
                "manifests"
            }
            Ok(_) => "configs",
        },
    }
}

/// The files below a folder, over no link.
pub fn list(folder: &Path, prefix: &str, found: &mut Vec<String>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => list(&entry.path(), &format!("{name}/"), found),
            kind if kind.is_file() => found.push(name),
            _ => {}
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => copy(&entry.path(), &to),
            kind if kind.is_symlink() => {
                std::os::unix::fs::symlink(fs::read_link(entry.path()).unwrap(), to).unwrap();
            }
            _ => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

/// Follows documents as they are, by none of our code.
fn needs(store: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let read = |path: PathBuf| serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap();
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for listed in read(store.join("index.json"))["manifests"].as_array().unwrap() {
        let name = listed["annotations"][NAME].as_str().unwrap().replace("docker.io/library/", "");
        let mut ahead = vec![listed.clone()];
        while let Some(descriptor) = ahead.pop() {
            let hex = descriptor["digest"].as_str().unwrap()[7..].to_owned();
            let kind = descriptor["mediaType"].as_str().unwrap();
            if ["manifest", "index"].iter().any(|document| kind.contains(document)) {
                let document = read(store.join("blobs/sha256").join(&hex));
                ahead.extend(document["manifests"].as_array().into_iter().flatten().cloned());
                ahead.extend(document["layers"].as_array().into_iter().flatten().cloned());
                ahead.extend(document.get("config").cloned());
            }
            needs.entry(hex).or_default().insert(name.clone());
        }
    }
    needs
}
