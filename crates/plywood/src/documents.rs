//! The documents of what travels: as they are, or with other layers, where those travel in other clothes.

use std::collections::{HashMap, HashSet};

use ply_archive::{PlannedImage, PlannedPlatform};
use ply_digest::Digest;
use ply_image::{
    BlobSource, Descriptor, DiffId, Document, DocumentError, Index, Manifest, MediaType, Object, raw_document,
};

use crate::Error;

/// A layer to be sent, and the blob that holds it.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) diff_id: DiffId,
    pub(crate) blob: Descriptor,
}

/// What travels.
pub(crate) struct Documents<'p> {
    /// The indexes, the root first; none where one manifest is all.
    pub(crate) indexes: Vec<(Descriptor, Vec<u8>)>,
    /// The manifests of attestations that are here with all they name.
    pub(crate) attestations: Vec<(Descriptor, Document<Manifest>)>,
    pub(crate) platforms: Vec<&'p PlannedPlatform>,
}

/// Documents as they travel.
pub(crate) struct Written {
    /// In the order they must come: the manifests of the platforms, those of attestations, indexes after what they list.
    pub(crate) below: Vec<(Descriptor, Vec<u8>)>,
    pub(crate) root: Descriptor,
    pub(crate) raw: Vec<u8>,
}

impl<'p> Documents<'p> {
    /// Reads them.
    pub(crate) fn of(planned: &'p PlannedImage, source: &dyn BlobSource) -> Self {
        let platforms: Vec<&PlannedPlatform> = planned.images.iter().collect();
        let mut documents = Self { indexes: Vec::new(), attestations: Vec::new(), platforms };
        if planned.images.iter().any(|image| image.manifest.digest == planned.root.digest) {
            return documents;
        }
        for blob in &planned.blobs {
            let Ok(raw) = raw_document(source, &blob.digest) else { continue };
            if let Ok(index) = Document::<Index>::parse(raw.clone()) {
                let kind = index.value.media_type.unwrap_or_else(|| MediaType::new(MediaType::INDEX));
                documents.indexes.push((Descriptor::new(kind, blob.digest, raw.len() as u64), raw));
            } else if let Ok(manifest) = Document::<Manifest>::parse(raw) {
                let named = std::iter::once(&manifest.value.config).chain(&manifest.value.layers);
                let is_whole = named.into_iter().all(|blob| source.size(&blob.digest).is_ok());
                if is_whole {
                    documents.attestations.push((blob.clone(), manifest));
                }
            }
        }
        // The root is what everything hangs on.
        documents.indexes.sort_by_key(|(descriptor, _)| descriptor.digest != planned.root.digest);
        documents
    }

    /// The layers of all images, from the bottom up, each once.
    pub(crate) fn layers(&self) -> Vec<Outgoing> {
        let mut seen = HashSet::new();
        let layers = self.platforms.iter().flat_map(|image| &image.layers);
        layers
            .filter(|layer| seen.insert(layer.diff_id))
            .map(|layer| Outgoing { diff_id: layer.diff_id, blob: layer.blob.clone() })
            .collect()
    }

    /// The documents with these blobs as layers.
    pub(crate) fn written(&self, blobs: &HashMap<DiffId, Descriptor>) -> Result<Written, Error> {
        let mut renamed: HashMap<Digest, Descriptor> = HashMap::new();
        let mut below = Vec::new();
        for image in &self.platforms {
            let (descriptor, raw) = manifest(image, blobs)?;
            renamed.insert(image.manifest.digest, descriptor.clone());
            below.push((descriptor, raw));
        }
        for (descriptor, manifest) in &self.attestations {
            let kind =
                manifest.value.media_type.clone().unwrap_or_else(|| MediaType::new(MediaType::MANIFEST));
            below.push((Descriptor { media_type: kind, ..descriptor.clone() }, manifest.raw.clone()));
        }
        // What lies deepest first.
        for (descriptor, raw) in self.indexes.iter().rev() {
            let (new, raw) = index(descriptor, raw, &renamed)?;
            renamed.insert(descriptor.digest, new.clone());
            below.push((new, raw));
        }
        let (root, raw) = below.pop().ok_or(ply_archive::ArchiveError::NoImage)?;
        Ok(Written { below, root, raw })
    }
}

/// Why digests are not kept, where they were to be.
pub(crate) fn other_digest() -> Error {
    let why = "other layers than the manifest names would travel, and so another digest would be given to the image";
    Error::Misuse(format!("{why}: --preserve-digests does not allow it"))
}

/// The manifest of an image as it is, where its layers travel as they are and somebody gave it to us; else one that says what
/// travels, with all else that it said.
fn manifest(
    image: &PlannedPlatform,
    blobs: &HashMap<DiffId, Descriptor>,
) -> Result<(Descriptor, Vec<u8>), Error> {
    let manifest = &image.manifest;
    let sent: Vec<&Descriptor> =
        image.layers.iter().map(|layer| blobs.get(&layer.diff_id).unwrap_or(&layer.blob)).collect();
    let is_as_it_was =
        sent.iter().zip(&manifest.value.layers).all(|(sent, named)| sent.digest == named.digest);
    if is_as_it_was && !manifest.value.is_made() {
        let kind = manifest.value.media_type.clone().unwrap_or_else(|| MediaType::new(MediaType::MANIFEST));
        return Ok((Descriptor::new(kind, manifest.digest, manifest.raw.len() as u64), manifest.raw.clone()));
    }
    let sent: Vec<Descriptor> = sent.into_iter().map(in_oci_words).collect();
    let raw = manifest.value.with_layers(&manifest.raw, &sent)?;
    let kind = MediaType::new(MediaType::MANIFEST);
    Ok((Descriptor::new(kind, Digest::of(&raw), raw.len() as u64), raw))
}

/// A layer's descriptor in a manifest of OCI's.
fn in_oci_words(blob: &Descriptor) -> Descriptor {
    let kind = &blob.media_type;
    let media_type = match kind.as_str() {
        _ if kind.is_oci_layer() => kind.clone(),
        text if text.ends_with("gzip") => MediaType::new(MediaType::LAYER_GZIP),
        text if text.ends_with("zstd") => MediaType::new(MediaType::LAYER_ZSTD),
        _ => MediaType::new(MediaType::LAYER),
    };
    Descriptor { media_type, ..blob.clone() }
}

/// An index with other digests where what it lists has others.
fn index(
    descriptor: &Descriptor,
    raw: &[u8],
    renamed: &HashMap<Digest, Descriptor>,
) -> Result<(Descriptor, Vec<u8>), Error> {
    let shape = |source| DocumentError::Shape { what: "index", digest: descriptor.digest, source };
    let mut object: Object = serde_json::from_slice(raw).map_err(shape)?;
    let mut listed: Vec<Object> = object.get("manifests").map_err(shape)?.unwrap_or_default();
    let mut changed = false;
    for entry in &mut listed {
        let Some(digest) = entry.get::<Digest>("digest").map_err(shape)? else { continue };
        if let Some(new) = renamed.get(&digest).filter(|new| new.digest != digest) {
            changed = true;
            entry.set("mediaType", &new.media_type).map_err(shape)?;
            entry.set("digest", &new.digest).map_err(shape)?;
            entry.set("size", &new.size).map_err(shape)?;
        }
        changed |= follow_attestation(entry, renamed).map_err(shape)?;
    }
    if !changed {
        return Ok((descriptor.clone(), raw.to_vec()));
    }
    object.set("manifests", &listed).map_err(shape)?;
    // Docker's list may list no manifest of OCI's.
    object.set("mediaType", MediaType::INDEX).map_err(shape)?;
    let raw = serde_json::to_vec(&object).map_err(shape)?;
    Ok((Descriptor::new(MediaType::new(MediaType::INDEX), Digest::of(&raw), raw.len() as u64), raw))
}

/// BuildKit's annotation says which manifest an attestation is of.
fn follow_attestation(
    entry: &mut Object,
    renamed: &HashMap<Digest, Descriptor>,
) -> Result<bool, serde_json::Error> {
    const OF: &str = "vnd.docker.reference.digest";
    let Some(mut annotations) = entry.get::<Object>("annotations")? else { return Ok(false) };
    let Some(of) = annotations.get::<String>(OF)?.and_then(|text| text.parse::<Digest>().ok()) else {
        return Ok(false);
    };
    match renamed.get(&of).filter(|new| new.digest != of) {
        Some(new) => {
            annotations.insert(OF, &new.digest)?;
            entry.set("annotations", &annotations)?;
            Ok(true)
        }
        None => Ok(false),
    }
}
