//! OCI layouts: `index.json` and blobs by digest, in a folder, in a tar, or inside an archive of Docker's.

use ply_digest::Digest;
use ply_image::{
    BlobError, BlobSource, Descriptor, Document, DocumentError, Image, Index, Manifest, Region, Target,
    annotation,
    json::{Keys, Shape},
};

use super::{Contents, Packed, PackedImage, PackedLayer, parse_name, parse_named, unreadable};
use crate::ArchiveError;
use crate::error::shown;
use crate::members::{Member, Members, blob_name};

/// The blobs of a layout, by their digests.
struct Layout<'a>(&'a dyn Members);

impl Layout<'_> {
    fn blob(&self, digest: &Digest) -> Result<Member, BlobError> {
        self.0
            .find(&blob_name(digest))
            .map_err(|e| BlobError::Io { digest: *digest, at: None, source: std::io::Error::other(e) })?
            .ok_or(BlobError::Absent(*digest))
    }
}

impl BlobSource for Layout<'_> {
    fn open(&self, digest: &Digest) -> Result<Box<dyn std::io::Read + Send + '_>, BlobError> {
        let member = self.blob(digest)?;
        self.0.open(&member).map_err(|e| unreadable(digest, &member, e))
    }

    fn size(&self, digest: &Digest) -> Result<u64, BlobError> {
        Ok(self.blob(digest)?.size)
    }

    fn region(&self, digest: &Digest) -> Result<Option<Region>, BlobError> {
        let member = self.blob(digest)?;
        self.0.region(&member).map_err(|e| unreadable(digest, &member, e))
    }
}

const KEYS: Keys<'static> = Keys {
    known: &["manifests", "mediaType", "digest", "annotations", "size"],
    free: &["annotations"],
    shape: Shape::Object(&[("manifests", Shape::List(&Shape::OBJECT))]),
};

/// The layout's own index is no blob, and may be as large as the layout has images.
pub(super) fn read(members: &dyn Members, contents: &mut Contents) -> Result<(), ArchiveError> {
    let index: Index = parse_named(members, "index.json", KEYS)?;
    for entry in &index.manifests {
        let packed = read_entry(members, entry)?;
        // One image under two names stands twice in the index.
        match contents.images.iter_mut().find(|p| p.root.as_ref().is_some_and(|r| r.digest == entry.digest)) {
            Some(known) if !packed.names.is_empty() => {
                for name in packed.names {
                    if !known.names.contains(&name) {
                        known.names.push(name);
                    }
                }
            }
            Some(_) => {}
            None => contents.images.push(packed),
        }
    }
    if contents.images.is_empty() { Err(ArchiveError::NoImage) } else { Ok(()) }
}

fn read_entry(members: &dyn Members, entry: &Descriptor) -> Result<Packed, ArchiveError> {
    let layout = Layout(members);
    let wrong = |member: String| move |source: DocumentError| document(member, source);
    let root_name = blob_name(&entry.digest);
    check_size(&layout, entry)?;
    let target = Target::read(&layout, entry).map_err(wrong(root_name.clone()))?;
    let ref_name = entry.annotations.get(annotation::REF_NAME).cloned();
    let mut root = entry.clone();
    root.annotations.remove(annotation::CONTAINERD_NAME);
    root.annotations.remove(annotation::REF_NAME);
    let mut packed = Packed {
        names: name_of(entry)?.into_iter().collect(),
        ref_name,
        root: Some(root),
        documents: target.indexes.iter().map(|i| descriptor_of(i, entry)).collect(),
        images: Vec::new(),
        further: Vec::new(),
        absent: Vec::new(),
    };
    for listed in &target.manifests {
        let nested = !target.indexes.is_empty();
        let member = blob_name(&listed.digest);
        let manifest = match Document::<Manifest>::read(&layout, &listed.digest) {
            Err(DocumentError::Blob(BlobError::Absent(_))) if nested => {
                packed.absent.extend(listed.platform.as_ref().map(ToString::to_string));
                continue;
            }
            other => other.map_err(wrong(member.clone()))?,
        };
        check_size(&layout, listed)?;
        if listed.is_attestation() || !is_image(&manifest) {
            packed.documents.push(listed.clone());
            packed.further.push(manifest.value.config.clone());
            packed.further.extend(manifest.value.layers.iter().cloned());
            continue;
        }
        let config = match Document::read(&layout, &manifest.value.config.digest) {
            Err(DocumentError::Blob(BlobError::Absent(_))) if nested => {
                packed.absent.extend(listed.platform.as_ref().map(ToString::to_string));
                continue;
            }
            other => other.map_err(wrong(blob_name(&manifest.value.config.digest)))?,
        };
        let image = Image::new(manifest, config).map_err(wrong(member))?;
        packed.images.push(read_image(members, &image, listed.clone())?);
    }
    if packed.images.is_empty() {
        let source = DocumentError::Rule {
            what: "index",
            digest: entry.digest,
            why: format!("lists no image that is here ({})", target.platforms()),
        };
        return Err(ArchiveError::Document { member: root_name, source });
    }
    Ok(packed)
}

fn read_image(members: &dyn Members, image: &Image, listed: Descriptor) -> Result<PackedImage, ArchiveError> {
    let mut layers = Vec::new();
    for layer in image.layers() {
        let wanted = blob_name(&layer.blob.digest);
        let member = members.find(&wanted)?;
        if let Some(member) = &member {
            same_size(&layer.blob, member)?;
        }
        layers.push(PackedLayer {
            diff_id: layer.diff_id,
            digest: Some(layer.blob.digest),
            blob: Some(layer.blob),
            wanted,
            member,
        });
    }
    Ok(PackedImage {
        manifest: Some(image.manifest.clone()),
        listed: Some(listed),
        config: image.config.clone(),
        layers,
    })
}

/// Helm charts, signatures and the like share the format; they are kept, and are no images.
fn is_image(manifest: &Document<Manifest>) -> bool {
    let kind = manifest.value.config.media_type.as_str();
    kind.is_empty() || kind.contains("image.config") || kind.contains("container.image.v1")
}

fn descriptor_of(index: &Document<Index>, root: &Descriptor) -> Descriptor {
    let kind = index.value.media_type.clone().unwrap_or_else(|| root.media_type.clone());
    Descriptor::new(kind, index.digest, index.raw.len() as u64)
}

fn check_size(layout: &Layout<'_>, listed: &Descriptor) -> Result<(), ArchiveError> {
    match layout.blob(&listed.digest) {
        Ok(member) => same_size(listed, &member),
        Err(e) => Err(document(blob_name(&listed.digest), e.into())),
    }
}

/// A size that lies is told apart from damage before anything is hashed.
fn same_size(promised: &Descriptor, member: &Member) -> Result<(), ArchiveError> {
    if promised.size == member.size {
        return Ok(());
    }
    let why = format!("has {} bytes, but its descriptor says {}", member.size, promised.size);
    Err(ArchiveError::Member { member: shown(&member.name), why })
}

fn document(member: String, source: DocumentError) -> ArchiveError {
    match source {
        DocumentError::Blob(BlobError::Absent(digest)) => {
            ArchiveError::Missing { wanted: blob_name(&digest), by: "index.json".to_owned() }
        }
        source => ArchiveError::Document { member, source },
    }
}

/// containerd's annotation holds a full name; the specification's may hold one, or only a tag. A bare word could
/// be either, so it names nothing; `oci:DIR:WORD` still finds it.
fn name_of(entry: &Descriptor) -> Result<Option<ply_reference::Reference>, ArchiveError> {
    if let Some(full) = entry.annotations.get(annotation::CONTAINERD_NAME) {
        return parse_name(full, "index.json").map(Some);
    }
    match entry.annotations.get(annotation::REF_NAME) {
        Some(name) if name.contains([':', '/']) => parse_name(name, "index.json").map(Some),
        _ => Ok(None),
    }
}
