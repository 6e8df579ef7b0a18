//! OCI layouts: `index.json` and blobs by digest, in a folder, in a tar, or inside an archive of Docker's.

use std::collections::HashMap;
use std::sync::Arc;

use ply_digest::Digest;
use ply_image::json::{Keys, Shape};
use ply_image::{
    CONFIG_LIMIT, Config, Descriptor, Document, DocumentError, Image, Index, Manifest, annotation,
};
use serde::Deserialize;

use super::documents::{Documents, no_such_document, parse_named, read_named};
use super::{Contents, Packed, PackedImage, PackedLayer, names};
use crate::ArchiveError;
use crate::error::shown;
use crate::members::{Member, Members, blob_name};

const FILE: &str = "index.json";
const LAYOUT: &str = "oci-layout";

/// What says that a folder is a layout.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object with imageLayoutVersion")]
struct LayoutFile {
    image_layout_version: String,
}

pub(super) fn read(documents: &mut Documents<'_>, contents: &mut Contents) -> Result<(), ArchiveError> {
    check_layout(documents.members)?;
    let index = own_index(documents.members)?;
    // An image under two names stands twice in the index. What is an attestation is said where it is listed.
    let mut known: HashMap<(Digest, bool), (&Descriptor, Option<usize>)> = HashMap::new();
    for entry in &index.value.manifests {
        let key = (entry.digest, entry.is_attestation());
        let at = match known.get(&key) {
            Some((first, at)) => {
                check_again(first, entry)?;
                *at
            }
            None => {
                let at = match read_entry(documents, entry)? {
                    Ok(packed) => {
                        contents.images.push(packed);
                        Some(contents.images.len().saturating_sub(1))
                    }
                    Err(what) => {
                        contents.passed_over.push(what);
                        None
                    }
                };
                known.insert(key, (entry, at));
                at
            }
        };
        if let Some(packed) = at.and_then(|at| contents.images.get_mut(at)) {
            documents.budget.name(FILE)?;
            packed.names.extend(names::of_entry(entry, FILE)?);
            packed.ref_names.extend(names::ref_name(entry).cloned());
        }
    }
    contents.images.iter_mut().for_each(|packed| names::once(&mut packed.names));
    Ok(())
}

/// An older version could be read otherwise, a newer one must be.
fn check_layout(members: &dyn Members) -> Result<(), ArchiveError> {
    // Some writers leave it out, and `index.json` says enough.
    if members.find(LAYOUT)?.is_none() {
        return Ok(());
    }
    let keys = Keys { known: &["imageLayoutVersion"], free: &[], shape: Shape::OBJECT };
    let version = parse_named::<LayoutFile>(members, LAYOUT, keys)?.image_layout_version;
    if version.split('.').next() == Some("1") {
        return Ok(());
    }
    let why = format!("is of version {}, and only 1 is known", shown(&version));
    Err(ArchiveError::Member { member: LAYOUT.to_owned(), why })
}

/// The layout's own index is no blob, and may be as large as the layout has images.
fn own_index(members: &dyn Members) -> Result<Document<Index>, ArchiveError> {
    let raw = read_named(members, FILE, "the archive")?;
    Document::parse_within(raw, CONFIG_LIMIT).map_err(|error| match error {
        DocumentError::Shape { source, .. } => no_such_document(FILE, &source),
        DocumentError::Rule { why, .. } => ArchiveError::Member { member: FILE.to_owned(), why },
        source => ArchiveError::Document { member: FILE.to_owned(), source },
    })
}

/// Reads what an entry of `index.json` lists; or says what it is, where it is no image.
fn read_entry(
    documents: &mut Documents<'_>,
    entry: &Descriptor,
) -> Result<Result<Packed, String>, ArchiveError> {
    let root = documents.blob(&entry.digest)?.ok_or_else(|| missing(&entry.digest, FILE))?;
    same_size(entry, &root)?;
    let kind = &entry.media_type;
    let labelled = kind.as_str().is_empty() || kind.is_index() || kind.is_manifest();
    match read_labelled(documents, entry) {
        // What has a label that we do not know may be anything, and is not ours to judge.
        Err(ArchiveError::Document {
            source: DocumentError::Shape { .. } | DocumentError::TooLarge { .. },
            ..
        }) if !labelled => Ok(Err(describe(entry, kind.as_str()))),
        other => other,
    }
}

fn read_labelled(
    documents: &mut Documents<'_>,
    entry: &Descriptor,
) -> Result<Result<Packed, String>, ArchiveError> {
    let target = documents.target(entry)?;
    for listed in target.indexes.iter().flat_map(|index| &index.value.manifests) {
        check_size(documents, listed)?;
    }
    let mut root = entry.clone();
    root.annotations.remove(annotation::CONTAINERD_NAME);
    root.annotations.remove(annotation::REF_NAME);
    let mut packed = Packed::new(Some(root));
    packed.documents = target.indexes.iter().map(|index| descriptor_of(index, entry)).collect();
    let nested = !target.indexes.is_empty();
    let (mut is_whole, mut artifact) = (true, None);
    for listed in &target.manifests {
        let manifest = match documents.manifest(&listed.digest)? {
            Some(manifest) => manifest,
            None if nested => {
                is_whole = false;
                packed.absent.extend(listed.platform.as_ref().map(ToString::to_string));
                continue;
            }
            None => return Err(missing(&listed.digest, FILE)),
        };
        let promised = &manifest.value.config;
        if listed.is_attestation() || !is_image(&manifest) {
            documents
                .budget
                .layers(&blob_name(&listed.digest), manifest.value.layers.len().saturating_add(1))?;
            packed.documents.push(listed.clone());
            for further in std::iter::once(promised).chain(&manifest.value.layers) {
                check_size(documents, further)?;
                packed.further.push(further.clone());
            }
            artifact = artifact.or_else(|| Some(artifact_type(listed, &manifest)));
            continue;
        }
        let config = match documents.config(&promised.digest)? {
            Some(config) => config,
            None if nested => {
                is_whole = false;
                packed.absent.extend(listed.platform.as_ref().map(ToString::to_string));
                continue;
            }
            None => return Err(missing(&promised.digest, &blob_name(&listed.digest))),
        };
        packed.images.push(read_image(documents, manifest, config, listed)?);
    }
    if !packed.images.is_empty() {
        return Ok(Ok(packed));
    }
    if is_whole {
        return Ok(Err(describe(entry, artifact.as_deref().unwrap_or(entry.media_type.as_str()))));
    }
    let why = format!("lists no image that is here ({})", target.platforms());
    let source = DocumentError::Rule { what: "index", digest: entry.digest, why };
    Err(ArchiveError::Document { member: blob_name(&entry.digest), source })
}

fn read_image(
    documents: &mut Documents<'_>,
    manifest: Arc<Document<Manifest>>,
    config: Arc<Document<Config>>,
    listed: &Descriptor,
) -> Result<PackedImage, ArchiveError> {
    let name = blob_name(&listed.digest);
    Image::check(&manifest, &config)
        .map_err(|source| ArchiveError::Document { member: name.clone(), source })?;
    documents.image(&name, &config)?;
    let mut layers = Vec::new();
    for (blob, &diff_id) in manifest.value.layers.iter().zip(&config.value.rootfs.diff_ids) {
        layers.push(PackedLayer {
            diff_id,
            digest: Some(blob.digest),
            blob: Some(blob.clone()),
            wanted: blob_name(&blob.digest),
            member: check_size(documents, blob)?,
        });
    }
    Ok(PackedImage { manifest: Some(manifest), listed: Some(listed.clone()), config, layers })
}

/// Helm charts, signatures and the like share the format, and are no images.
fn is_image(manifest: &Document<Manifest>) -> bool {
    let kind = manifest.value.config.media_type.as_str();
    let is_config = kind.is_empty() || kind.contains("image.config") || kind.contains("container.image.v1");
    // A signature of cosign's calls its config one of an image.
    let is_layer = |layer: &Descriptor| {
        let kind = layer.media_type.as_str();
        kind.is_empty() || layer.media_type.is_layer() || kind.contains("layer") || kind.contains("tar")
    };
    let layers = &manifest.value.layers;
    is_config && (layers.is_empty() || layers.iter().any(is_layer))
}

/// What a manifest that is no image is for, by its own words.
fn artifact_type(listed: &Descriptor, manifest: &Document<Manifest>) -> String {
    if listed.is_attestation() {
        return "attestation".to_owned();
    }
    let layers = manifest.value.layers.first().map(|layer| layer.media_type.as_str());
    let config = manifest.value.config.media_type.as_str();
    let said = listed.artifact_type.as_deref();
    let kind = if config.contains("image.config") { layers } else { Some(config) };
    said.or(kind).unwrap_or(config).to_owned()
}

/// What was passed over, for a person: its name, its digest, and what it is.
fn describe(entry: &Descriptor, kind: &str) -> String {
    let name = entry.name().map(|name| format!("{} ", shown(name))).unwrap_or_default();
    let kind = if kind.is_empty() { "of no type" } else { kind };
    format!("{name}{} ({})", entry.digest, shown(kind))
}

fn descriptor_of(index: &Document<Index>, root: &Descriptor) -> Descriptor {
    let kind = index.value.media_type.clone().unwrap_or_else(|| root.media_type.clone());
    Descriptor::new(kind, index.digest, index.raw.len() as u64)
}

/// What `index.json` says again of a blob must be what it said first.
fn check_again(first: &Descriptor, again: &Descriptor) -> Result<(), ArchiveError> {
    let (was, is) = (&first.media_type, &again.media_type);
    if (was.is_index() && is.is_manifest()) || (was.is_manifest() && is.is_index()) {
        let why = format!("lists {} both as a manifest and as an index", first.digest);
        return Err(ArchiveError::Member { member: FILE.to_owned(), why });
    }
    same_size(again, &Member { name: blob_name(&first.digest), size: first.size })
}

/// Finds the member of a blob, and compares its size.
fn check_size(documents: &Documents<'_>, promised: &Descriptor) -> Result<Option<Member>, ArchiveError> {
    let member = documents.blob(&promised.digest)?;
    member.as_ref().map_or(Ok(()), |member| same_size(promised, member))?;
    Ok(member)
}

/// A size that lies is told apart from damage before anything is hashed.
fn same_size(promised: &Descriptor, member: &Member) -> Result<(), ArchiveError> {
    if promised.size == member.size {
        return Ok(());
    }
    let why = format!("has {} bytes, but its descriptor says {}", member.size, promised.size);
    Err(ArchiveError::Member { member: shown(&member.name), why })
}

fn missing(digest: &Digest, by: &str) -> ArchiveError {
    ArchiveError::Missing { wanted: blob_name(digest), by: by.to_owned() }
}
