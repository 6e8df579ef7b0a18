//! What an archive will hold, byte for byte, before a byte is written: each member's header, where it begins, and
//! where its content comes from. So the whole can be written in order or at all places at once.

use std::collections::BTreeSet;

use ply_digest::Digest;
use ply_image::{Config, Descriptor, DiffId, Document, Index, Manifest, MediaType, annotation};
use ply_reference::Reference;
use serde::Serialize;

use crate::members::blob_name;

/// Bytes in a tar's block.
const BLOCK: u64 = 512;

/// The kind of archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Docker's, with plain layers, and an OCI layout inside as Docker 25 and later write it: read by Docker from
    /// 1.10 on, podman, skopeo and containerd.
    #[default]
    Docker,
    /// An OCI layout in a tar, blobs as they are.
    Oci,
}

/// An image to be written.
#[derive(Debug, Clone)]
pub struct PlannedImage {
    /// Its names; none for an image that is only known by its ID.
    pub names: Vec<Reference>,
    /// The manifest or index that the names point to.
    pub root: Descriptor,
    /// Documents that lie nowhere yet, in OCI's format: an index with other digests.
    pub documents: Vec<Vec<u8>>,
    /// Blobs to carry beside configs and layers: indexes and manifests, and what attestations name.
    pub blobs: Vec<Descriptor>,
    /// The images, one a platform; Docker's format carries the first.
    pub images: Vec<PlannedPlatform>,
}

/// An image for one platform.
#[derive(Debug, Clone)]
pub struct PlannedPlatform {
    /// Its manifest.
    pub manifest: Document<Manifest>,
    /// Its config.
    pub config: Document<Config>,
    /// Its layers, from the bottom up.
    pub layers: Vec<PlannedLayer>,
}

/// A layer to be written, or left out.
#[derive(Debug, Clone)]
pub struct PlannedLayer {
    /// Digest of the plain tar.
    pub diff_id: DiffId,
    /// Length of the plain tar in bytes.
    pub plain: u64,
    /// The blob that holds it.
    pub blob: Descriptor,
    /// Left out, because the receiver has it.
    pub omitted: bool,
}

/// Where a member's content comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A blob as it is stored.
    Blob(Digest),
    /// A blob, decompressed; its bytes must hash to the DiffID.
    Plain(Digest, DiffId),
}

/// A member of the archive.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its name.
    pub path: String,
    /// Its header blocks.
    pub header: Vec<u8>,
    /// Offset of the header in the archive.
    pub offset: u64,
    /// Length of its content.
    pub len: u64,
    /// Where the content comes from.
    pub source: Source,
}

impl Entry {
    /// Offset of the content in the archive.
    #[must_use]
    pub fn data_offset(&self) -> u64 {
        self.offset.saturating_add(self.header.len() as u64)
    }

    /// Zeros after the content, up to the next block.
    #[must_use]
    pub fn padding(&self) -> usize {
        usize::try_from(ply_tar::padding(self.len)).unwrap_or(0)
    }
}

/// A whole archive, laid out.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Its members, in order.
    pub entries: Vec<Entry>,
    /// Length of the archive in bytes, its end included.
    pub total: u64,
}

/// An entry of `manifest.json`, in Docker's order of fields.
#[derive(Serialize)]
struct Listed {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags")]
    tags: Option<Vec<String>>,
    #[serde(rename = "Layers")]
    layers: Vec<String>,
}

impl Plan {
    /// Lays out an archive of these images. The same images give the same bytes.
    ///
    /// # Errors
    /// A document cannot be written as JSON, a header cannot be encoded, or the archive is longer than 64 bits can count.
    pub fn new(format: Format, images: &[PlannedImage]) -> std::io::Result<Self> {
        let mut layout = Layout::default();
        match format {
            Format::Docker => layout.docker(images)?,
            Format::Oci => layout.oci(images)?,
        }
        layout.finish()
    }

    /// Length of the end: two blocks of zeros.
    pub const END: u64 = 2 * BLOCK;
}

/// Members as they are found, before they are put in order.
#[derive(Default)]
struct Layout {
    heads: Vec<(String, Vec<u8>)>,
    documents: Vec<(Digest, Source, u64)>,
    layers: Vec<(Digest, Source, u64)>,
    seen: BTreeSet<Digest>,
}

impl Layout {
    fn document(&mut self, raw: &[u8]) {
        let digest = Digest::of(raw);
        if self.seen.insert(digest) {
            self.documents.push((digest, Source::Bytes(raw.to_vec()), raw.len() as u64));
        }
    }

    fn blob(&mut self, blob: &Descriptor) {
        if self.seen.insert(blob.digest) {
            self.layers.push((blob.digest, Source::Blob(blob.digest), blob.size));
        }
    }

    fn head(&mut self, name: &str, value: &impl Serialize) -> std::io::Result<()> {
        self.heads.push((name.to_owned(), serde_json::to_vec(value)?));
        Ok(())
    }

    fn docker(&mut self, images: &[PlannedImage]) -> std::io::Result<()> {
        // Images that differ only in how their layers were compressed are one image here.
        let mut plain: Vec<(Document<Manifest>, &PlannedPlatform, Vec<Reference>)> = Vec::new();
        for image in images {
            let Some(platform) = image.images.first() else { continue };
            let manifest = plain_manifest(platform);
            match plain.iter_mut().find(|(known, ..)| known.digest == manifest.digest) {
                Some((.., names)) => names.extend_from_slice(&image.names),
                None => plain.push((manifest, platform, image.names.clone())),
            }
        }
        let (mut listed, mut entries) = (Vec::new(), Vec::new());
        for (manifest, platform, names) in &mut plain {
            names.sort();
            let kind =
                manifest.value.media_type.clone().unwrap_or_else(|| MediaType::new(MediaType::MANIFEST));
            let root = Descriptor::new(kind, manifest.digest, manifest.raw.len() as u64);
            entries.extend(name_entries(&root, names, |name| {
                name.tag().map(|tag| tag.as_str().to_owned()).unwrap_or_default()
            }));
            listed.push(Listed {
                config: blob_name(&platform.config.digest),
                tags: (!names.is_empty()).then(|| names.iter().map(Reference::familiar).collect()),
                layers: platform.layers.iter().map(|l| blob_name(&l.diff_id.0)).collect(),
            });
            self.document(&manifest.raw);
            self.document(&platform.config.raw);
            for layer in platform.layers.iter().filter(|l| !l.omitted) {
                if self.seen.insert(layer.diff_id.0) {
                    let source = if layer.blob.digest == layer.diff_id.0 {
                        Source::Blob(layer.blob.digest)
                    } else {
                        Source::Plain(layer.blob.digest, layer.diff_id)
                    };
                    self.layers.push((layer.diff_id.0, source, layer.plain));
                }
            }
        }
        self.head("oci-layout", &serde_json::json!({"imageLayoutVersion": "1.0.0"}))?;
        self.head("index.json", &Index::new(entries))?;
        self.head("manifest.json", &listed)
    }

    fn oci(&mut self, images: &[PlannedImage]) -> std::io::Result<()> {
        let mut entries = Vec::new();
        for image in images {
            entries.extend(name_entries(&image.root, &image.names, Reference::canonical));
            for platform in &image.images {
                self.document(&platform.manifest.raw);
                self.document(&platform.config.raw);
            }
            for raw in &image.documents {
                self.document(raw);
            }
            for blob in &image.blobs {
                self.blob(blob);
            }
            for layer in image.images.iter().flat_map(|p| &p.layers).filter(|l| !l.omitted) {
                self.blob(&layer.blob);
            }
        }
        self.head("oci-layout", &serde_json::json!({"imageLayoutVersion": "1.0.0"}))?;
        self.head("index.json", &Index::new(entries))
    }

    /// Documents first, so that a reader of a pipe knows early what will come.
    fn finish(mut self) -> std::io::Result<Plan> {
        let mut plan = Plan::default();
        self.documents.sort_by_key(|(digest, ..)| *digest);
        plan.folder("blobs/")?;
        plan.folder("blobs/sha256/")?;
        for (name, bytes) in self.heads {
            let len = bytes.len() as u64;
            plan.file(name, Source::Bytes(bytes), len)?;
        }
        for (digest, source, len) in self.documents.into_iter().chain(self.layers) {
            plan.file(blob_name(&digest), source, len)?;
        }
        plan.total = plan.total.checked_add(Plan::END).ok_or_else(too_long)?;
        Ok(plan)
    }
}

impl Plan {
    fn folder(&mut self, path: &str) -> std::io::Result<()> {
        self.push(path.to_owned(), ply_tar::Kind::Directory, Source::Bytes(Vec::new()), 0)
    }

    fn file(&mut self, path: String, source: Source, len: u64) -> std::io::Result<()> {
        self.push(path, ply_tar::Kind::File, source, len)
    }

    fn push(&mut self, path: String, kind: ply_tar::Kind, source: Source, len: u64) -> std::io::Result<()> {
        let mode = if kind == ply_tar::Kind::Directory { 0o755 } else { 0o644 };
        let entry = ply_tar::Entry { mode, size: len, ..ply_tar::Entry::new(kind, path.as_bytes()) };
        let header = ply_tar::header_bytes(&entry).map_err(std::io::Error::other)?;
        let entry = Entry { path, header, offset: self.total, len, source };
        let end = len.checked_next_multiple_of(BLOCK).and_then(|len| entry.data_offset().checked_add(len));
        self.total = end.ok_or_else(too_long)?;
        self.entries.push(entry);
        Ok(())
    }
}

fn too_long() -> std::io::Error {
    std::io::Error::new(
        std::io::ErrorKind::FileTooLarge,
        "the archive would be longer than 64 bits can count",
    )
}

/// The manifest as it is where its layers are plain, else one that we make for the plain layers.
fn plain_manifest(platform: &PlannedPlatform) -> Document<Manifest> {
    if platform.layers.iter().all(|l| l.blob.digest == l.diff_id.0) {
        return platform.manifest.clone();
    }
    let kind = MediaType::new(MediaType::LAYER);
    let layers: Vec<Descriptor> =
        platform.layers.iter().map(|l| Descriptor::new(kind.clone(), l.diff_id.0, l.plain)).collect();
    Manifest::make(&platform.config.raw, &layers)
}

/// An entry for each name, or one without.
fn name_entries(
    root: &Descriptor,
    names: &[Reference],
    ref_name: impl Fn(&Reference) -> String,
) -> Vec<Descriptor> {
    if names.is_empty() {
        return vec![root.clone()];
    }
    names
        .iter()
        .map(|name| {
            let mut entry = root.clone();
            entry.annotations.insert(annotation::CONTAINERD_NAME.to_owned(), name.canonical());
            entry.annotations.insert(annotation::REF_NAME.to_owned(), ref_name(name));
            entry
        })
        .collect()
}
