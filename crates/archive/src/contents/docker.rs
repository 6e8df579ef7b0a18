//! `manifest.json`: what Docker since 1.10 writes, and podman, skopeo, kaniko, bazel and jib after it.

use std::collections::HashMap;

use ply_digest::Digest;
use ply_image::json::{Keys, Shape};
use ply_image::{Config, Descriptor, Document, Manifest, MediaType};
use serde::Deserialize;

use super::{Contents, Packed, PackedImage, PackedLayer, parse_config, parse_name, parse_named};
use crate::ArchiveError;
use crate::error::shown;
use crate::members::{Member, Members};

const FILE: &str = "manifest.json";
const KEYS: Keys<'static> =
    Keys { known: &["Config", "RepoTags", "Layers"], free: &[], shape: Shape::List(&Shape::OBJECT) };

/// One image, as `manifest.json` lists it.
#[derive(Debug, Deserialize)]
struct Listed {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags", default)]
    tags: Option<Vec<String>>,
    #[serde(rename = "Layers", default)]
    layers: Option<Vec<String>>,
}

pub(super) fn read(members: &dyn Members, contents: &mut Contents) -> Result<(), ArchiveError> {
    let listed: Vec<Listed> = parse_named(members, FILE, KEYS)?;
    if listed.is_empty() {
        return Err(ArchiveError::NoImage);
    }
    for image in &listed {
        let packed = read_image(members, contents, image)?;
        contents.images.push(packed);
    }
    Ok(())
}

/// Adds what `manifest.json` says to what `index.json` said; where they contradict each other nobody can say
/// which is right.
pub(super) fn reconcile(members: &dyn Members, contents: &mut Contents) -> Result<(), ArchiveError> {
    let listed: Vec<Listed> = parse_named(members, FILE, KEYS)?;
    for image in &listed {
        let config = parse_config(members, &image.config)?;
        check_name(&image.config, &config.digest)?;
        let names = names_of(image)?;
        for name in &names {
            let known = contents.images.iter().find(|p| p.names.contains(name));
            if known.is_some_and(|p| p.images.iter().all(|i| i.id() != config.digest)) {
                return Err(ArchiveError::Member {
                    member: FILE.to_owned(),
                    why: format!("and index.json disagree about {}", name.familiar()),
                });
            }
        }
        match contents.images.iter_mut().find(|p| p.images.iter().any(|i| i.id() == config.digest)) {
            Some(known) if known.names.is_empty() => known.names = names,
            Some(_) => {
                let unknown: Vec<_> = names
                    .into_iter()
                    .filter(|name| !contents.images.iter().any(|p| p.names.contains(name)))
                    .collect();
                if let Some(known) =
                    contents.images.iter_mut().find(|p| p.images.iter().any(|i| i.id() == config.digest))
                {
                    known.names.extend(unknown);
                }
            }
            None => {
                let packed = read_image(members, contents, image)?;
                contents.images.push(packed);
            }
        }
    }
    Ok(())
}

fn names_of(image: &Listed) -> Result<Vec<ply_reference::Reference>, ArchiveError> {
    image.tags.iter().flatten().map(|name| parse_name(name, FILE)).collect()
}

fn read_image(
    members: &dyn Members,
    contents: &mut Contents,
    image: &Listed,
) -> Result<Packed, ArchiveError> {
    let config = parse_config(members, &image.config)?;
    check_name(&image.config, &config.digest)?;
    let paths = image.layers.as_deref().unwrap_or_default();
    let diff_ids = &config.value.rootfs.diff_ids;
    if paths.len() != diff_ids.len() {
        let why = format!(
            "lists {} layers for {}, which names {}",
            paths.len(),
            shown(&image.config),
            diff_ids.len()
        );
        return Err(ArchiveError::Member { member: FILE.to_owned(), why });
    }
    let mut layers = Vec::new();
    for (path, &diff_id) in paths.iter().zip(diff_ids) {
        let member = members.find(path)?;
        let digest = promised(path);
        layers.push(PackedLayer { diff_id, blob: None, digest, wanted: path.clone(), member });
    }
    if let Some(member) = members.find(&image.config)? {
        contents.places.insert(config.digest, member);
    }
    let images = vec![PackedImage { manifest: None, listed: None, config, layers }];
    let mut packed = Packed {
        names: names_of(image)?,
        ref_name: None,
        root: None,
        documents: Vec::new(),
        images,
        further: Vec::new(),
        absent: Vec::new(),
    };
    make_manifest(members, contents, &mut packed)?;
    Ok(packed)
}

/// Where all layers are plain their digests and sizes are known, and so is the manifest.
pub(super) fn make_manifest(
    members: &dyn Members,
    contents: &mut Contents,
    packed: &mut Packed,
) -> Result<(), ArchiveError> {
    for image in &mut packed.images {
        let mut plain = HashMap::new();
        for layer in &image.layers {
            let Some(member) = &layer.member else { return Ok(()) };
            if !is_plain(members, member)? {
                return Ok(());
            }
            plain.insert(layer.diff_id, member.clone());
        }
        for layer in &mut image.layers {
            let size = layer.member.as_ref().map_or(0, |m| m.size);
            let kind = MediaType::new(MediaType::LAYER);
            layer.blob = Some(Descriptor::new(kind, layer.diff_id.0, size));
            layer.digest = Some(layer.diff_id.0);
        }
        let blobs: Vec<Descriptor> = image.layers.iter().filter_map(|l| l.blob.clone()).collect();
        let manifest = Manifest::make(&image.config.raw, &blobs);
        let kind = MediaType::new(MediaType::MANIFEST);
        packed.root = Some(Descriptor::new(kind, manifest.digest, manifest.raw.len() as u64));
        contents.made.insert(manifest.digest, manifest.raw.clone());
        contents.places.extend(plain.into_iter().map(|(id, member)| (id.0, member)));
        image.manifest = Some(manifest);
    }
    Ok(())
}

fn is_plain(members: &dyn Members, member: &Member) -> Result<bool, ArchiveError> {
    use std::io::Read;
    let mut prefix = Vec::new();
    members
        .open(member)?
        .take(ply_layer::Compression::PREFIX as u64)
        .read_to_end(&mut prefix)
        .map_err(|source| ArchiveError::Io { doing: "read", path: shown(&member.name), source })?;
    Ok(ply_layer::Compression::detect(&prefix) == ply_layer::Compression::None)
}

/// The digest a member of a layout inside Docker's archive promises by its name.
fn promised(path: &str) -> Option<Digest> {
    Digest::from_hex(path.strip_prefix("blobs/sha256/")?).ok()
}

/// A config's ID is what its bytes hash to; a blob's name must say the same.
fn check_name(path: &str, digest: &Digest) -> Result<(), ArchiveError> {
    match promised(path) {
        Some(name) if name != *digest => Err(ArchiveError::Member {
            member: shown(path),
            why: format!("hashes to {digest}, not to what its name says"),
        }),
        _ => Ok(()),
    }
}

/// The documents of one image, for whoever made its config.
pub(super) fn image_of(config: Document<Config>, layers: Vec<PackedLayer>) -> PackedImage {
    PackedImage { manifest: None, listed: None, config, layers }
}
