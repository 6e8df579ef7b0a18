//! An image where it lies in a registry: its documents, read and checked; of its layers only what they say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ply_digest::Digest;
use ply_image::{
    BlobError, BlobSink, BlobSource, CONFIG_LIMIT, Config, Descriptor, Document, DocumentError, Image, Index,
    MANIFEST_LIMIT, Manifest, MediaType, Platform, Target,
};
use ply_reference::{Reference, Tag};
use ply_registry::{Client, RawManifest, RegistryError, Repository, Wanted};
use ply_store::{Catalog, Ingest, Store};

use crate::select::{Platforms, nameless_view};
use crate::view::View;
use crate::{Engine, Error};

/// What a name in a registry points to.
pub(crate) struct Remote<'a> {
    pub(crate) reference: Reference,
    pub(crate) repository: Repository<'a>,
    pub(crate) target: Target,
    /// Documents that the store does not have, by digest.
    documents: Mutex<HashMap<Digest, Vec<u8>>>,
    store: Store,
}

/// What is asked of a registry for a reference: its digest, else its tag, else `latest`.
pub(crate) fn wanted(reference: &Reference) -> Wanted {
    match reference.digest() {
        Some(digest) => Wanted::Digest(*digest),
        None => Wanted::Tag(reference.tag().cloned().unwrap_or_else(Tag::latest)),
    }
}

impl<'a> Remote<'a> {
    /// Reads what a name points to.
    pub(crate) fn find(client: &Client<'a>, store: &Store, reference: &Reference) -> Result<Self, Error> {
        let repository = client.repository(reference.name())?;
        let manifest = repository.manifest(&wanted(reference))?;
        Self::read(repository, store, reference, manifest)
    }

    /// Reads the indexes below a document that came.
    pub(crate) fn read(
        repository: Repository<'a>,
        store: &Store,
        reference: &Reference,
        manifest: RawManifest,
    ) -> Result<Self, Error> {
        let root = kind_of(&manifest)?;
        let documents = HashMap::from([(root.digest, manifest.raw)]);
        let target = Target { root: root.clone(), indexes: Vec::new(), manifests: Vec::new() };
        let (reference, store) = (reference.clone(), store.clone());
        let mut remote = Self { reference, repository, target, documents: Mutex::new(documents), store };
        remote.target = Target::read_with(&root, &mut |digest| {
            let raw = remote.document(digest).map_err(|error| in_document(error, digest))?;
            Document::parse(raw).map(Arc::new)
        })?;
        Ok(remote)
    }

    /// A manifest or an index: from the store where it is whole there, else from the registry.
    pub(crate) fn document(&self, digest: &Digest) -> Result<Vec<u8>, Error> {
        let known = || self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(raw) = known().get(digest) {
            return Ok(raw.clone());
        }
        if let Some(raw) = stored(&self.store, digest, MANIFEST_LIMIT) {
            return Ok(raw);
        }
        let found = self.repository.manifest(&Wanted::Digest(*digest))?;
        known().insert(*digest, found.raw.clone());
        Ok(found.raw)
    }

    /// The images for some platforms, best first for each; for the host the best there is.
    pub(crate) fn images(&self, platforms: &Platforms) -> Result<Vec<Image>, Error> {
        let listed: Vec<Descriptor> = match platforms {
            Platforms::All => self.target.images().cloned().collect(),
            Platforms::Host => vec![self.best(&Platform::host())?],
            Platforms::These(wanted) => wanted.iter().map(|p| self.best(p)).collect::<Result<_, _>>()?,
        };
        let images = listed.into_iter().map(|listed| self.image(&listed)).collect::<Result<Vec<_>, _>>()?;
        if let Platforms::These(wanted) = platforms {
            for (image, platform) in images.iter().zip(wanted) {
                let found = image.config.value.platform();
                if !found.satisfies(platform) {
                    let (wanted, found) = (platform.to_string(), found.to_string());
                    return Err(DocumentError::NoPlatform { wanted, found }.into());
                }
            }
        }
        Ok(images)
    }

    fn best(&self, platform: &Platform) -> Result<Descriptor, Error> {
        let found = self.target.candidates(platform).into_iter().next();
        found.ok_or_else(|| {
            let (wanted, found) = (platform.to_string(), self.target.platforms());
            DocumentError::NoPlatform { wanted, found }.into()
        })
    }

    fn image(&self, listed: &Descriptor) -> Result<Image, Error> {
        let raw = self.document(&listed.digest)?;
        if listed.size != raw.len() as u64 {
            let why = format!("has {} bytes, and its index says {}", raw.len(), listed.size);
            return Err(Error::within(format!("manifest {}", listed.digest))(why));
        }
        let manifest = Document::<Manifest>::parse(raw)?;
        let kind = manifest.value.config.media_type.as_str();
        if !kind.is_empty() && !kind.contains(".image.") {
            let why = format!("is no image: its config is of type {}", crate::error::shown(kind));
            return Err(Error::within(self.reference.familiar())(why));
        }
        let config = self.config(&manifest.value.config)?;
        Ok(Image::new(manifest, Document::<Config>::parse(config)?)?)
    }

    fn config(&self, blob: &Descriptor) -> Result<Vec<u8>, Error> {
        use std::io::Read;
        if blob.size > CONFIG_LIMIT {
            return Err(
                DocumentError::TooLarge { what: "config", size: blob.size, limit: CONFIG_LIMIT }.into()
            );
        }
        if let Some(raw) = stored(&self.store, &blob.digest, CONFIG_LIMIT) {
            return Ok(raw);
        }
        let known = || self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(raw) = known().get(&blob.digest) {
            return Ok(raw.clone());
        }
        let what = format!("config {}", blob.digest);
        let mut raw = Vec::new();
        self.repository.blob(&blob.digest, blob.size).read_to_end(&mut raw).map_err(unwrapped(&what))?;
        let found = Digest::of(&raw);
        if found == blob.digest {
            known().insert(found, raw.clone());
            return Ok(raw);
        }
        Err(Error::Mismatch { what, found, expected: blob.digest, by: "its name" })
    }

    /// What there is to see of it without its layers.
    pub(crate) fn view(&self, catalog: &Catalog, platform: Option<&Platform>) -> Result<View, Error> {
        let image = self.one(platform)?;
        let names = Some(&self.reference).filter(|name| name.digest().is_none());
        let root = &self.target.root;
        Ok(View {
            names: names.cloned().into_iter().collect(),
            digests: vec![format!("{}@{}", self.reference.name().familiar(), root.digest)],
            target: Some(root.clone()),
            ..nameless_view(catalog, image)
        })
    }

    /// The image for a platform, or for this host.
    pub(crate) fn one(&self, platform: Option<&Platform>) -> Result<Image, Error> {
        let platforms = platform.map_or(Platforms::Host, |platform| Platforms::These(vec![platform.clone()]));
        let none = ply_archive::ArchiveError::NoImage;
        Ok(self.images(&platforms)?.into_iter().next().ok_or(none)?)
    }

    /// Brings in its indexes, and the documents of some of its images.
    pub(crate) fn put_documents(&self, ingest: &Ingest, images: &[Image]) -> Result<(), Error> {
        let indexes = self.target.indexes.iter().map(|index| &index.raw);
        let of_images = images.iter().flat_map(|image| [&image.manifest.raw, &image.config.raw]);
        for raw in indexes.chain(of_images) {
            ingest.put(raw).map_err(Error::within("writing a document"))?;
        }
        Ok(())
    }
}

/// What a reader of a blob said, without the wrapping that [`std::io::Read`] wants.
pub(crate) fn unwrapped(what: &str) -> impl FnOnce(std::io::Error) -> Error {
    let what = what.to_owned();
    move |error| match error.downcast::<RegistryError>() {
        Ok(RegistryError::Interrupted) => Error::Interrupted,
        Ok(error) => error.into(),
        Err(error) => Error::within(what)(error),
    }
}

/// A document that lies whole in the store. One that is damaged there is asked for again.
fn stored(store: &Store, digest: &Digest, limit: u64) -> Option<Vec<u8>> {
    use std::io::Read;
    let mut raw = Vec::new();
    store.open(digest).ok()?.take(limit.saturating_add(1)).read_to_end(&mut raw).ok()?;
    (Digest::of(&raw) == *digest).then_some(raw)
}

/// What the registry calls a document, checked against what the document calls itself and what it is: a body that can be read as
/// two kinds is neither (CVE-2021-41190).
fn kind_of(manifest: &RawManifest) -> Result<Descriptor, Error> {
    let said = &manifest.descriptor.media_type;
    let is_index = match (said.is_index(), said.is_manifest()) {
        (false, false) => Document::<Index>::parse(manifest.raw.clone()).is_ok(),
        (is_index, _) => is_index,
    };
    let own = if is_index {
        Document::<Index>::parse(manifest.raw.clone())?.value.media_type
    } else {
        Document::<Manifest>::parse(manifest.raw.clone())?.value.media_type
    };
    let own = own.filter(|own| !own.as_str().is_empty());
    let usual = if is_index { MediaType::INDEX } else { MediaType::MANIFEST };
    let kind = own.or_else(|| (said.is_index() || said.is_manifest()).then(|| said.clone()));
    let media_type = kind.unwrap_or_else(|| MediaType::new(usual));
    Ok(Descriptor { media_type, ..manifest.descriptor.clone() })
}

/// [`Target`] leaves out what is absent, and gives up where something else is wrong.
fn in_document(error: Error, digest: &Digest) -> DocumentError {
    match error {
        Error::Document(error) => error,
        Error::Registry(RegistryError::NotFound { .. }) => BlobError::Absent(*digest).into(),
        error => BlobError::Io { digest: *digest, at: None, source: std::io::Error::other(error) }.into(),
    }
}

impl Engine<'_> {
    /// What a name in a registry points to.
    pub(crate) fn remote(&self, reference: &Reference) -> Result<Remote<'_>, Error> {
        Remote::find(&self.client(), &self.store, reference)
    }
}
