//! `tree`: the family of the images in a store, or in an archive: who is built on whom, down to `scratch`, and what each
//! adds on disk.

mod trie;
mod unloaded;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use ply_archive::Place;
use ply_digest::Digest;
use ply_image::{BlobSource, ChainId, DiffId, Document, Image, Manifest, Platform};
use ply_reference::Reference;
use ply_store::{Catalog, Facts, PlatformImage};
use rayon::prelude::*;

use crate::select::{Which, find, parse_canonical};
use crate::{Engine, Error};

/// Images as a tree, in the order it is drawn: each before those built on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Family {
    /// What is drawn.
    pub relatives: Vec<Relative>,
    /// How many images there are.
    pub images: usize,
    /// How many layers, each counted once.
    pub layers: usize,
    /// Bytes of all their blobs: the sum of [`Relative::own`].
    pub on_disk: u64,
    /// Bytes that they would take if each image were stored alone: the sum of own and shared of all images.
    pub without_sharing: u64,
}

/// An image; or layers that several images share and that are no image here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relative {
    /// What it is built on, as an index among the relatives; `None` for `scratch`.
    pub parent: Option<usize>,
    /// Which image it is.
    pub image: Option<Member>,
    /// The name of its stack of layers; `None` without a layer.
    pub chain_id: Option<ChainId>,
    /// The layers on top of its parent's, from the bottom up.
    pub layers: Vec<DiffId>,
    /// Bytes of file content of these layers, as Docker counts them; `None` where one was never counted.
    pub content: Option<u64>,
    /// Bytes of the blobs that are told here and nowhere else: layers as stored, manifest and config.
    pub own: u64,
    /// Bytes of the blobs that it has besides, told further up in the tree.
    pub shared: u64,
}

/// An image of the family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its ID.
    pub id: Digest,
    /// Its names, sorted.
    pub names: Vec<Reference>,
    /// What it is for, where its names mean another image on this host.
    pub platform: Option<Platform>,
}

/// What a family is made from.
#[derive(Debug, Clone)]
struct Born {
    member: Member,
    layers: Vec<DiffId>,
    /// The blobs of each layer; more than one where it came compressed in several ways.
    blobs: Vec<BTreeSet<Digest>>,
    /// Manifests, config, index, attestations.
    documents: BTreeSet<Digest>,
}

impl Engine<'_> {
    /// The family of the store; with images named, only these and what they are built on. With archives named that are not
    /// loaded it is theirs, of all images in each or of the one that is named with it, and nothing of the store's.
    ///
    /// # Errors
    /// The store or an archive cannot be read; there is no such image; or images of both are named.
    pub fn family(&self, wanted: &[String]) -> Result<Family, Error> {
        let places: Vec<Place> = wanted.iter().filter_map(|wanted| Place::parse(wanted)).collect();
        match places.len() {
            0 => self.stored_family(wanted),
            n if n == wanted.len() => unloaded::family(&places),
            _ => Err(Error::Misuse("a tree is of the store or of archives, not of both".to_owned())),
        }
    }

    fn stored_family(&self, wanted: &[String]) -> Result<Family, Error> {
        let catalog = self.store.catalog()?;
        let ids = wanted.iter().map(|wanted| id(&catalog, wanted)).collect::<Result<HashSet<_>, _>>()?;
        let mut born = self.born(&catalog)?;
        if !wanted.is_empty() {
            trie::keep_line(&mut born, &ids);
        }
        let blobs: HashSet<Digest> = born
            .iter()
            .flat_map(|born| born.blobs.iter().flatten().chain(&born.documents))
            .copied()
            .collect();
        // What is missing takes no room.
        let size = |blob: Digest| (blob, self.store.size(&blob).unwrap_or(0));
        let sizes: HashMap<Digest, u64> = blobs.into_par_iter().map(size).collect();
        Ok(trie::family(&born, &sizes, |layer| catalog.layer(layer).map(|facts| facts.content)))
    }

    /// Every image of the store, each once.
    fn born(&self, catalog: &Catalog) -> Result<Vec<Born>, Error> {
        let mut targets: BTreeMap<Digest, (Facts, BTreeSet<Reference>)> = BTreeMap::new();
        for record in catalog.records() {
            let name = record.name.as_deref().and_then(parse_canonical);
            let target = record.facts.target;
            targets.entry(target).or_insert_with(|| (record.facts, BTreeSet::new())).1.extend(name);
        }
        let targets: Vec<_> = targets.into_values().collect();
        let read: Vec<Vec<Born>> = targets
            .par_iter()
            .map(|(facts, names)| self.of_target(catalog, facts, names))
            .collect::<Result<_, Error>>()?;
        Ok(each_once(read.into_iter().flatten()))
    }

    /// The images that a target holds: one for this host, and others.
    fn of_target(
        &self,
        catalog: &Catalog,
        facts: &Facts,
        names: &BTreeSet<Reference>,
    ) -> Result<Vec<Born>, Error> {
        let Some(host) = &facts.image else { return Ok(Vec::new()) };
        let mut documents: BTreeSet<Digest> = catalog.blobs(&facts.target).into_iter().collect();
        // A plain layer's blob is called as the layer is, and then no document must be read.
        let blobs: Vec<Digest> = match host.layers.iter().all(|layer| documents.contains(&layer.0)) {
            true => host.layers.iter().map(|layer| layer.0).collect(),
            false => {
                let manifest = Document::<Manifest>::read(&self.store, &host.manifest)?;
                manifest.value.layers.iter().map(|layer| layer.digest).collect()
            }
        };
        let names: Vec<Reference> = names.iter().cloned().collect();
        let mut born = Vec::new();
        for PlatformImage { id, manifest } in catalog.images(&facts.target) {
            if id == host.id {
                continue;
            }
            // A platform that cannot be read is `check`'s to tell.
            let Ok(image) = Image::read(&self.store, &manifest) else { continue };
            let platform = Some(image.config.value.platform());
            let member = Member { id, names: names.clone(), platform };
            let layers = image.layers();
            born.push(Born {
                member,
                layers: layers.iter().map(|layer| layer.diff_id).collect(),
                blobs: layers.iter().map(|layer| BTreeSet::from([layer.blob.digest])).collect(),
                documents: BTreeSet::from([manifest, id]),
            });
        }
        for other in &born {
            for blob in other.blobs.iter().flatten().chain(&other.documents) {
                documents.remove(blob);
            }
        }
        for blob in &blobs {
            documents.remove(blob);
        }
        born.push(Born {
            member: Member { id: host.id, names, platform: None },
            layers: host.layers.clone(),
            blobs: blobs.into_iter().map(|blob| BTreeSet::from([blob])).collect(),
            documents,
        });
        Ok(born)
    }
}

impl Born {
    /// The same image once more, by another manifest.
    fn merge(&mut self, other: Self) {
        self.member.names.extend(other.member.names);
        self.member.names.sort();
        self.member.names.dedup();
        if other.member.platform.is_none() {
            self.member.platform = None;
        }
        for (blobs, others) in self.blobs.iter_mut().zip(other.blobs) {
            blobs.extend(others);
        }
        self.documents.extend(other.documents);
    }
}

/// Images, the same one by another manifest told together.
fn each_once(all: impl Iterator<Item = Born>) -> Vec<Born> {
    let mut once: BTreeMap<Digest, Born> = BTreeMap::new();
    for born in all {
        match once.get_mut(&born.member.id) {
            None => drop(once.insert(born.member.id, born)),
            Some(known) => known.merge(born),
        }
    }
    once.into_values().collect()
}

/// The ID of an image of the store.
fn id(catalog: &Catalog, wanted: &str) -> Result<Digest, Error> {
    let found = find(catalog, wanted)?;
    let none = || Error::NoSuchImage { wanted: crate::error::shown(wanted), nearest: None };
    match found.which {
        Which::Manifest(manifest) => {
            let images = catalog.images(&found.facts.target);
            images.iter().find(|image| image.manifest == manifest).map(|image| image.id).ok_or_else(none)
        }
        Which::Host | Which::Platform(_) => found.facts.image.map(|image| image.id).ok_or_else(none),
    }
}

#[cfg(test)]
mod tests;
