//! `pull`: an image out of a registry into the store, all or nothing; what came whole is kept for the next try.

use ply_digest::Digest;
use ply_image::{BlobSink, Descriptor, Image, Manifest, MediaType};
use ply_reference::Reference;
use ply_registry::{Client, Repository};
use ply_store::{Catalog, Ingest};

use super::layers::Layers;
use super::remote::{Remote, wanted};
use crate::point::point;
use crate::select::Platforms;
use crate::{Engine, Error};

/// Annotation of a name whose image was put together from layers that were here: the digest the registry gave.
pub(crate) const PULLED: &str = "plywood.pulled";

/// What was pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The name, with its tag or its digest.
    pub name: Reference,
    /// The digest of what the registry has under that name.
    pub digest: Digest,
    /// The image's ID; of several platforms, the first one's.
    pub id: Digest,
    /// Whether it was here already.
    pub was_here: bool,
}

impl Engine<'_> {
    /// Pulls an image. Of a tag that did not change nothing but its digest is asked for.
    ///
    /// # Errors
    /// The registry does not have it or does not give it, something is not what its digest says, or the store cannot be
    /// written: the names of the store are as before.
    pub fn pull(&self, reference: &Reference, platforms: &Platforms) -> Result<Pulled, Error> {
        self.pull_with(&self.client(), reference, platforms)
    }

    /// Pulls all tags of a repository; `each` hears of them one by one.
    ///
    /// # Errors
    /// As [`pull`](Self::pull), there is no tag, or what `each` says; what was pulled before stays.
    pub fn pull_all<E: From<Error>>(
        &self,
        name: &ply_reference::Name,
        platforms: &Platforms,
        mut each: impl FnMut(Pulled) -> Result<(), E>,
    ) -> Result<(), E> {
        let client = self.client();
        let tags = client.repository(name).and_then(|repository| repository.tags()).map_err(Error::from)?;
        if tags.is_empty() {
            return Err(Error::within(name.familiar())("has no tags".to_owned()).into());
        }
        for tag in tags {
            let reference = Reference::parse(&format!("{}:{tag}", name.canonical())).map_err(Error::from)?;
            each(self.pull_with(&client, &reference, platforms)?)?;
        }
        Ok(())
    }

    fn pull_with(
        &self,
        client: &Client<'_>,
        reference: &Reference,
        platforms: &Platforms,
    ) -> Result<Pulled, Error> {
        let name = pulled_name(reference);
        let repository = client.repository(name.name())?;
        if let Some(pulled) = self.unchanged(&repository, &name, platforms)? {
            self.store.settle()?;
            return Ok(pulled);
        }
        let manifest = repository.manifest(&wanted(&name))?;
        let remote = Remote::read(repository, &self.store, &name, manifest)?;
        let images = remote.images(platforms)?;
        let ingest = self.store.begin()?;
        // What is called by its digest must be that very one; and an index lists manifests as they are.
        let any = name.digest().is_none() && images.len() == 1;
        let mut layers = self.layers_of(&images, any)?;
        let absent = std::mem::take(&mut layers.absent);
        let had_all = absent.is_empty();
        let ingest = self.bring(ingest, &remote, absent)?;
        let root = self.take_remote_documents(&ingest, &remote, &images, &layers)?;
        let id = images.first().map(Image::id).ok_or(ply_archive::ArchiveError::NoImage)?;
        let digest = remote.target.root.digest;
        let was_here = ingest.commit(|names, catalog| {
            let id_of = |target: &Digest| Some(catalog.target(target)?.image?.id);
            let before = names.get(&name.canonical()).map(|target| target.digest);
            point(names, id_of, &name, &root, id, false)?;
            Ok::<_, Error>(had_all && before == Some(root.digest))
        })?;
        Ok(Pulled { name, digest, id, was_here })
    }

    /// What the name stands for here, where the registry has the same and all of it is here.
    fn unchanged(
        &self,
        repository: &Repository<'_>,
        name: &Reference,
        platforms: &Platforms,
    ) -> Result<Option<Pulled>, Error> {
        let catalog = self.store.catalog()?;
        let Some(record) = catalog.by_name(&name.canonical()) else { return Ok(None) };
        let Some(id) = self.whole(&record.facts, platforms) else { return Ok(None) };
        let here = match record.facts.image.as_ref().is_some_and(|image| image.made) {
            true => self
                .store
                .entry(&name.canonical())?
                .and_then(|entry| entry.annotations.get(PULLED)?.parse().ok()),
            false => Some(record.facts.target),
        };
        let pulled = |digest| Some(Pulled { name: name.clone(), digest, id, was_here: true });
        if let Some(digest) = name.digest() {
            // A digest does not move: nobody need be asked.
            return Ok(pulled(*digest).filter(|_| here == Some(*digest)));
        }
        let found = repository.head(&wanted(name))?;
        Ok(found.filter(|found| here == Some(found.digest)).and_then(|found| pulled(found.digest)))
    }

    /// The ID of the image a target holds for some platforms, where all of them are here, by name and size.
    fn whole(&self, facts: &ply_store::Facts, platforms: &Platforms) -> Option<Digest> {
        use crate::select::Which;
        let whole = |which: &Which| {
            let (_, image) = self.stored_image(facts, which).ok()?;
            let is_here =
                image.manifest.value.layers.iter().all(|layer| self.store.has(&layer.digest, layer.size));
            is_here.then(|| image.id())
        };
        match platforms {
            Platforms::Host => whole(&Which::Host),
            Platforms::These(wanted) => {
                let ids: Option<Vec<Digest>> =
                    wanted.iter().map(|platform| whole(&Which::Platform(platform.clone()))).collect();
                ids?.first().copied()
            }
            Platforms::All => {
                let target = ply_image::Target::read(&self.store, &Catalog::descriptor(facts)).ok()?;
                let ids: Option<Vec<Digest>> =
                    target.images().map(|listed| whole(&Which::Manifest(listed.digest))).collect();
                ids?.first().copied()
            }
        }
    }

    /// Brings in the documents; gives what the name points to.
    fn take_remote_documents(
        &self,
        ingest: &Ingest,
        remote: &Remote<'_>,
        images: &[Image],
        layers: &Layers,
    ) -> Result<Descriptor, Error> {
        let put = |raw: &[u8]| ingest.put(raw).map_err(Error::within("writing a document"));
        let dressed: Vec<_> = images.iter().map(|image| layers.dressed(image)).collect();
        if let ([image], [Some(blobs)]) = (images, dressed.as_slice()) {
            put(&image.config.raw)?;
            let made = Manifest::make(&image.config.raw, blobs);
            put(&made.raw)?;
            let kind = MediaType::new(MediaType::MANIFEST);
            let mut root = Descriptor::new(kind, made.digest, made.raw.len() as u64);
            root.annotations.insert(PULLED.to_owned(), remote.target.root.digest.to_string());
            return Ok(root);
        }
        remote.put_documents(ingest, images)?;
        Ok(bare(&remote.target.root))
    }
}

/// A descriptor of a name: what an index elsewhere said of it is no business of ours.
fn bare(root: &Descriptor) -> Descriptor {
    Descriptor::new(root.media_type.clone(), root.digest, root.size)
}

/// What an image is called that was pulled: by its digest alone where one was given, as in Docker.
fn pulled_name(reference: &Reference) -> Reference {
    match reference.digest() {
        Some(_) => reference.without_tag(),
        None => reference.clone().with_default_tag(),
    }
}

#[cfg(test)]
mod tests {
    use super::pulled_name;

    #[test]
    fn what_it_is_called() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let check = |given: &str, expect: &str| {
            assert_eq!(pulled_name(&given.parse().unwrap()).familiar(), expect, "{given}");
        };
        check("app", "app:latest");
        check("app:1", "app:1");
        check(&format!("app@{digest}"), &format!("app@{digest}"));
        check(&format!("app:1@{digest}"), &format!("app@{digest}"));
    }
}
