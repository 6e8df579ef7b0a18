//! `manifest.json`: what Docker since 1.10 writes, and podman, skopeo, kaniko, bazel and jib after it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ply_digest::Digest;
use ply_image::json::{Keys, Shape};
use ply_image::{Config, Descriptor, Document, Manifest, MediaType};
use ply_reference::Reference;
use serde::Deserialize;

use super::documents::{Documents, parse_named};
use super::{Contents, Packed, PackedImage, PackedLayer, names};
use crate::ArchiveError;
use crate::error::shown;

const FILE: &str = "manifest.json";
const KEYS: Keys<'static> =
    Keys { known: &["Config", "RepoTags", "Layers"], free: &[], shape: Shape::List(&Shape::OBJECT) };

/// One image, as `manifest.json` lists it.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object with Config, RepoTags and Layers")]
struct Listed {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags", default)]
    tags: Option<Vec<String>>,
    #[serde(rename = "Layers", default)]
    layers: Option<Vec<String>>,
}

impl Listed {
    fn names(&self, documents: &mut Documents<'_>) -> Result<Vec<Reference>, ArchiveError> {
        let name = |text: &String| {
            documents.budget.name(FILE)?;
            names::tag(text, FILE)
        };
        self.tags.iter().flatten().map(name).collect()
    }

    fn paths(&self) -> &[String] {
        self.layers.as_deref().unwrap_or_default()
    }
}

pub(super) fn read(documents: &mut Documents<'_>, contents: &mut Contents) -> Result<(), ArchiveError> {
    let listed: Vec<Listed> = parse_named(documents.members, FILE, KEYS)?;
    let mut known: HashMap<(Digest, &[String]), usize> = HashMap::new();
    for image in &listed {
        let names = image.names(documents)?;
        let config = read_config(documents, contents, image)?;
        let key = (config.digest, image.paths());
        let at = match known.get(&key) {
            Some(at) => *at,
            None => {
                let packed = read_image(documents, contents, image, config)?;
                contents.images.push(packed);
                known.insert(key, contents.images.len().saturating_sub(1));
                contents.images.len().saturating_sub(1)
            }
        };
        if let Some(packed) = contents.images.get_mut(at) {
            packed.names.extend(names);
        }
    }
    contents.images.iter_mut().for_each(|packed| names::once(&mut packed.names));
    Ok(())
}

/// Adds what `manifest.json` says to what `index.json` said; where they contradict each other nobody can say
/// which is right.
pub(super) fn reconcile(documents: &mut Documents<'_>, contents: &mut Contents) -> Result<(), ArchiveError> {
    let listed: Vec<Listed> = parse_named(documents.members, FILE, KEYS)?;
    let mut known = Known::default();
    for (at, packed) in contents.images.iter().enumerate() {
        known.add(at, packed);
    }
    for image in &listed {
        let names = image.names(documents)?;
        let config = read_config(documents, contents, image)?;
        if let Some(name) = names.iter().find(|name| known.is_another(name, &config.digest)) {
            return Err(disagree(&name.familiar()));
        }
        let at = match known.by_config.get(&config.digest) {
            Some(places) => {
                let same = |(at, platform): &&(usize, usize)| {
                    let packed = contents.images.get(*at).and_then(|packed| packed.images.get(*platform));
                    packed.is_some_and(|known| agrees(known, image.paths()))
                };
                places
                    .iter()
                    .find(same)
                    .ok_or_else(|| disagree(&format!("the layers of {}", config.digest)))?
                    .0
            }
            None => {
                let packed = read_image(documents, contents, image, config)?;
                known.add(contents.images.len(), &packed);
                contents.images.push(packed);
                contents.images.len().saturating_sub(1)
            }
        };
        if let Some(packed) = contents.images.get_mut(at) {
            for name in names {
                if known.by_name.insert(name.clone(), at).is_none() {
                    packed.names.push(name);
                }
            }
        }
    }
    Ok(())
}

/// Images that are known already.
#[derive(Default)]
struct Known {
    /// The image a name points to.
    by_name: HashMap<Reference, usize>,
    /// Where a config stands: image, and which of its platforms.
    by_config: HashMap<Digest, Vec<(usize, usize)>>,
    configs: HashSet<(usize, Digest)>,
}

impl Known {
    fn add(&mut self, at: usize, packed: &Packed) {
        for name in &packed.names {
            self.by_name.entry(name.clone()).or_insert(at);
        }
        for (platform, image) in packed.images.iter().enumerate() {
            self.by_config.entry(image.id()).or_default().push((at, platform));
            self.configs.insert((at, image.id()));
        }
    }

    /// Whether a name points to an image without this config.
    fn is_another(&self, name: &Reference, config: &Digest) -> bool {
        self.by_name.get(name).is_some_and(|at| !self.configs.contains(&(*at, *config)))
    }
}

/// Whether `manifest.json` lists the layers that a manifest has, as far as names tell.
fn agrees(image: &PackedImage, paths: &[String]) -> bool {
    image.layers.len() == paths.len()
        && image.layers.iter().zip(paths).all(|(layer, path)| {
            promised(path).is_none_or(|named| Some(named) == layer.digest || named == layer.diff_id.0)
        })
}

fn disagree(about: &str) -> ArchiveError {
    ArchiveError::Member { member: FILE.to_owned(), why: format!("and index.json disagree about {about}") }
}

fn read_config(
    documents: &mut Documents<'_>,
    contents: &mut Contents,
    image: &Listed,
) -> Result<Arc<Document<Config>>, ArchiveError> {
    let (config, member) = documents.config_named(&image.config)?;
    // A config's ID is what its bytes hash to; a blob's name must say the same.
    if promised(&image.config).is_some_and(|name| name != config.digest) {
        let why = format!("hashes to {}, not to what its name says", config.digest);
        return Err(ArchiveError::Member { member: shown(&image.config), why });
    }
    contents.places.entry(config.digest).or_insert(member);
    Ok(config)
}

fn read_image(
    documents: &mut Documents<'_>,
    contents: &mut Contents,
    image: &Listed,
    config: Arc<Document<Config>>,
) -> Result<Packed, ArchiveError> {
    let paths = image.paths();
    let diff_ids = &config.value.rootfs.diff_ids;
    if paths.len() != diff_ids.len() {
        let (listed, named) = (paths.len(), diff_ids.len());
        let why = format!("lists {listed} layers for {}, which names {named}", shown(&image.config));
        return Err(ArchiveError::Member { member: FILE.to_owned(), why });
    }
    documents.image(&image.config, &config)?;
    let mut layers = Vec::new();
    for (path, &diff_id) in paths.iter().zip(diff_ids) {
        let member = documents.find(path, FILE)?;
        let digest = promised(path);
        // A plain layer hashes to its DiffID, so its name can only promise that.
        if let (Some(digest), Some(member)) = (digest, &member)
            && digest != diff_id.0
            && documents.is_plain(member)?
        {
            let why = format!("is a plain layer and should be {diff_id}, which is not what its name says");
            return Err(ArchiveError::Member { member: shown(path), why });
        }
        layers.push(PackedLayer { diff_id, blob: None, digest, wanted: path.clone(), member });
    }
    let mut packed = Packed::new(None);
    packed.images.push(PackedImage { manifest: None, listed: None, config, layers });
    make_manifest(documents, contents, &mut packed)?;
    Ok(packed)
}

/// Where all layers are plain their digests and sizes are known, and so is the manifest.
pub(super) fn make_manifest(
    documents: &mut Documents<'_>,
    contents: &mut Contents,
    packed: &mut Packed,
) -> Result<(), ArchiveError> {
    for image in &mut packed.images {
        let mut plain = HashMap::new();
        for layer in &image.layers {
            let Some(member) = &layer.member else { return Ok(()) };
            if !documents.is_plain(member)? {
                return Ok(());
            }
            plain.insert(layer.diff_id, member.clone());
        }
        for layer in &mut image.layers {
            let size = layer.member.as_ref().map_or(0, |m| m.size);
            layer.blob = Some(Descriptor::new(MediaType::new(MediaType::LAYER), layer.diff_id.0, size));
        }
        let blobs: Vec<Descriptor> = image.layers.iter().filter_map(|l| l.blob.clone()).collect();
        let manifest = Manifest::make(&image.config.raw, &blobs);
        let kind = MediaType::new(MediaType::MANIFEST);
        packed.root = Some(Descriptor::new(kind, manifest.digest, manifest.raw.len() as u64));
        contents.made.insert(manifest.digest, manifest.raw.clone());
        contents.places.extend(plain.into_iter().map(|(id, member)| (id.0, member)));
        image.manifest = Some(Arc::new(manifest));
    }
    Ok(())
}

/// The digest a member of a layout inside Docker's archive promises by its name.
fn promised(path: &str) -> Option<Digest> {
    Digest::from_hex(path.strip_prefix("blobs/sha256/")?).ok()
}
