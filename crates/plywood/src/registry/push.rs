//! `push`: images into a registry. Only what it lacks travels: blobs first, then manifests, and last what the tag points to.

use std::collections::HashMap;

use ply_archive::{Format, PlannedImage};
use ply_digest::Digest;
use ply_image::{BlobSource, Descriptor, DiffId};
use ply_layer::Encoding;
use ply_reference::{Name, Reference, Tag};
use ply_registry::{Repository, Wanted};
use ply_store::Catalog;

use super::send::{Sending, Sent};
use crate::documents::{Documents, Written, other_digest};
use crate::save::Options as SaveOptions;
use crate::select::{Platforms, find, parse_canonical};
use crate::{Engine, Error};

/// What to push, and how.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How layers travel; `None`: compressed ones as they are, plain ones with gzip.
    pub compress: Option<Encoding>,
    /// Which platforms.
    pub platforms: Platforms,
    /// Whether it is an error to push anything else than the very manifests that are here.
    pub preserve_digests: bool,
}

/// What was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The name, with its tag or its digest.
    pub name: Reference,
    /// Digest of what the name points to now.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// What became of each layer, from the top down, each once.
    pub layers: Vec<(DiffId, Sent)>,
}

impl Engine<'_> {
    /// Pushes an image of the store under its own name.
    ///
    /// # Errors
    /// There is no such image, a blob of it is damaged or missing, or the registry does not take it.
    pub fn push(&self, name: &Reference, options: &Options) -> Result<Pushed, Error> {
        let _hold = self.store.hold()?;
        let name = name.clone().with_default_tag();
        let catalog = self.store.catalog()?;
        let found = find(&catalog, &name.familiar())?;
        let save = SaveOptions {
            format: Format::Oci,
            platforms: options.platforms.clone(),
            ..SaveOptions::default()
        };
        let planned = self.planned(&catalog, found, &save)?;
        self.push_planned(&catalog, &planned, &self.store, &name, options)
    }

    /// Pushes all tags of a repository; `each` hears of them one by one.
    ///
    /// # Errors
    /// As [`push`](Self::push), or what `each` says; what was pushed before stays.
    pub fn push_all<E: From<Error>>(
        &self,
        name: &Name,
        options: &Options,
        mut each: impl FnMut(Pushed) -> Result<(), E>,
    ) -> Result<(), E> {
        let catalog = self.store.catalog().map_err(Error::from)?;
        let prefix = format!("{}:", name.canonical());
        let names: Vec<Reference> = catalog
            .by_name_prefix(&prefix)
            .filter_map(|record| parse_canonical(record.name.as_deref()?))
            .collect();
        if names.is_empty() {
            return Err(Error::NoSuchImage { wanted: name.familiar(), nearest: None }.into());
        }
        for name in names {
            each(self.push(&name, options)?)?;
        }
        Ok(())
    }

    /// Pushes images whose blobs lie in a source.
    pub(crate) fn push_planned(
        &self,
        catalog: &Catalog,
        planned: &PlannedImage,
        source: &dyn BlobSource,
        name: &Reference,
        options: &Options,
    ) -> Result<Pushed, Error> {
        let client = self.client();
        let repository = client.repository(name.name())?;
        let mut documents = Documents::of(planned, source);
        documents.reduce(self.watch)?;
        let layers = documents.layers();
        let sending = Sending {
            engine: self,
            repository: &repository,
            source,
            compress: options.compress,
            elsewhere: self.elsewhere(catalog, &repository),
        };
        let sent = sending.layers(&layers)?;
        sending.small(&documents.small(source)?)?;
        let blobs: HashMap<DiffId, Descriptor> =
            sent.iter().map(|(id, blob, _)| (*id, blob.clone())).collect();
        let written = documents.written(&blobs)?;
        if options.preserve_digests && written.root.digest != planned.root.digest {
            return Err(other_digest());
        }
        self.put_manifests(&repository, &written, name)?;
        let mut layers: Vec<(DiffId, Sent)> = sent.into_iter().map(|(id, _, how)| (id, how)).collect();
        layers.reverse();
        Ok(Pushed { name: name.clone(), digest: written.root.digest, size: written.root.size, layers })
    }

    fn put_manifests(
        &self,
        repository: &Repository<'_>,
        written: &Written,
        name: &Reference,
    ) -> Result<(), Error> {
        for (descriptor, raw) in &written.below {
            repository.put_manifest(&Wanted::Digest(descriptor.digest), &descriptor.media_type, raw)?;
        }
        let wanted = match (name.tag(), name.digest()) {
            (Some(tag), _) => Wanted::Tag(tag.clone()),
            (None, Some(_)) => Wanted::Digest(written.root.digest),
            (None, None) => Wanted::Tag(Tag::latest()),
        };
        Ok(repository.put_manifest(&wanted, &written.root.media_type, &written.raw)?)
    }

    /// Where else on the same registry blobs may be: in repositories that images here are named after.
    fn elsewhere(&self, catalog: &Catalog, repository: &Repository<'_>) -> HashMap<Digest, Name> {
        let prefix = format!("{}/", repository.domain());
        let mut elsewhere = HashMap::new();
        for record in catalog.by_name_prefix(&prefix) {
            let Some(name) = record.name.as_deref().and_then(parse_canonical) else { continue };
            if name.name() == repository.name() || name.name().domain() != repository.domain() {
                continue;
            }
            for blob in catalog.blobs(&record.facts.target) {
                elsewhere.entry(blob).or_insert_with(|| name.name().clone());
            }
        }
        elsewhere
    }
}
