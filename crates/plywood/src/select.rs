//! Which image somebody means: by name, by digest, by the beginning of an ID, or by the place it lies in.

use ply_archive::{Archive, Packed, PackedImage, Place};
use ply_digest::Digest;
use ply_image::{Descriptor, Document, Image, MediaType, Platform, Target, raw_document};
use ply_reference::{IdPrefix, Query, Reference};
use ply_store::{Catalog, Facts, Match};

use crate::files::split_down;
use crate::measure::{measure, measure_members};
use crate::registry::Remote;
use crate::spelled::Spelled;
use crate::view::{View, ViewLayer};
use crate::{Engine, Error};

/// Which platforms of an image are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Platforms {
    /// The one this machine runs.
    #[default]
    Host,
    /// All that are here.
    All,
    /// These, and it is an error if one is missing.
    These(Vec<Platform>),
}

/// One of several images that something could mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its ID.
    pub id: Digest,
    /// Its names.
    pub names: Vec<String>,
}

/// An image found in the store.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// What it is.
    pub(crate) facts: Facts,
    /// The name it was found by, tag and all; `None` for an ID or a digest.
    pub(crate) by_name: Option<Reference>,
    /// Which of its platforms is meant.
    pub(crate) which: Which,
}

/// Which of the images of a target is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Which {
    /// The one for this host, or the best there is.
    Host,
    /// The one for a platform, and it is an error if there is none.
    Platform(Platform),
    /// The one with this manifest, since its ID or digest was given.
    Manifest(Digest),
}

impl Found {
    /// What was found, unless a platform is asked for by name.
    pub(crate) fn which(&self, platform: Option<&Platform>) -> Which {
        platform.map_or_else(|| self.which.clone(), |p| Which::Platform(p.clone()))
    }
}

/// An image in an archive that is open.
pub(crate) struct Unloaded {
    pub(crate) archive: Archive,
    pub(crate) at: usize,
}

impl Unloaded {
    /// The image for a platform.
    pub(crate) fn image(&self, platform: Option<&Platform>) -> Result<&PackedImage, Error> {
        choose(self.packed().ok_or(ply_archive::ArchiveError::NoImage)?, platform)
    }

    pub(crate) fn packed(&self) -> Option<&Packed> {
        self.archive.contents.images.get(self.at)
    }
}

/// What somebody means: an image of the store, or one that lies elsewhere.
pub(crate) enum Meant<'a> {
    Stored(Catalog, Box<Found>),
    Unloaded(Box<Unloaded>),
    #[cfg_attr(not(feature = "registry"), expect(dead_code, reason = "nothing lies in a registry"))]
    Remote(Box<Remote<'a>>),
}

impl Engine<'_> {
    /// An image to look at.
    ///
    /// # Errors
    /// There is none, or more than one; its documents are absent or damaged.
    pub fn view(&self, wanted: &str, platform: Option<&Platform>) -> Result<View, Error> {
        self.view_of(&self.meant(wanted)?, platform)
    }

    pub(crate) fn view_of(&self, meant: &Meant<'_>, platform: Option<&Platform>) -> Result<View, Error> {
        match meant {
            Meant::Stored(catalog, found) => self.stored_view(catalog, &found.facts, &found.which(platform)),
            Meant::Unloaded(unloaded) => {
                let packed = unloaded.packed().ok_or(ply_archive::ArchiveError::NoImage)?;
                Ok(packed_view(packed, choose(packed, platform)?))
            }
            Meant::Remote(remote) => remote.view(&self.store.catalog()?, platform),
        }
    }

    /// The manifest or index that a name points to, byte for byte; for a platform, its manifest.
    ///
    /// # Errors
    /// There is no such image, or nobody wrote a manifest for it.
    pub fn raw_manifest(&self, wanted: &str, platform: Option<&Platform>) -> Result<Vec<u8>, Error> {
        let meant = self.meant(wanted)?;
        let view = self.view_of(&meant, platform)?;
        let target = if platform.is_some() { view.manifest } else { view.target };
        let none =
            || Error::Misuse(format!("{} has no manifest that anybody wrote", crate::error::shown(wanted)));
        let digest = target.ok_or_else(none)?.digest;
        match &meant {
            Meant::Stored(..) => Ok(raw_document(&self.store, &digest)?),
            Meant::Unloaded(unloaded) => Ok(raw_document(&unloaded.archive, &digest)?),
            Meant::Remote(remote) => remote.document(&digest),
        }
    }

    /// As [`view`](Self::view), with the content of every layer counted.
    ///
    /// # Errors
    /// As [`view`](Self::view); a layer that must be read to be counted is damaged.
    pub fn measured_view(&self, wanted: &str, platform: Option<&Platform>) -> Result<View, Error> {
        let meant = self.meant(wanted)?;
        let mut view = self.view_of(&meant, platform)?;
        match &meant {
            Meant::Stored(..) => {
                let learnt = measure(&self.store, &mut view)?;
                if !learnt.is_empty() {
                    self.store.remember(&learnt);
                }
            }
            Meant::Unloaded(unloaded) => {
                measure_members(&unloaded.archive, unloaded.image(platform)?, &mut view)?;
            }
            // Nothing is fetched only to be counted.
            Meant::Remote(_) => {}
        }
        Ok(view)
    }

    pub(crate) fn meant(&self, wanted: &str) -> Result<Meant<'_>, Error> {
        match Spelled::parse(wanted)? {
            Spelled::Place(place) => self.unloaded(&place).map(|u| Meant::Unloaded(Box::new(u))),
            #[cfg(feature = "registry")]
            Spelled::Remote(reference) => self.remote(&reference).map(|r| Meant::Remote(Box::new(r))),
            Spelled::Daemon(_) => {
                let shown = crate::error::shown(wanted);
                let why = format!(
                    "{shown} lies in a daemon, which tells nothing of its layers: load it first (ply pull {shown})"
                );
                Err(Error::Misuse(why))
            }
            Spelled::Stored(wanted) => {
                let catalog = self.store.catalog()?;
                let found = find(&catalog, wanted)?;
                Ok(Meant::Stored(catalog, Box::new(found)))
            }
        }
    }

    /// Opens an archive and finds the image in it that was named; or the only one.
    pub(crate) fn unloaded(&self, place: &Place) -> Result<Unloaded, Error> {
        let path = &place.path;
        let archive = Archive::open(path).map_err(Error::within(path.display().to_string()))?;
        let images = &archive.contents.images;
        let at = match &place.name {
            None if images.len() == 1 => Some(0),
            None => return Err(Error::NameNeeded { path: path.clone(), names: names_in(&archive) }),
            Some(name) => images.iter().position(|packed| answers(packed, name)),
        };
        match at {
            Some(at) => Ok(Unloaded { archive, at }),
            None => {
                let wanted = place.name.as_deref().unwrap_or_default();
                Err(Error::within(path.display().to_string())(not_in(&archive, wanted)))
            }
        }
    }

    pub(crate) fn stored_view(&self, catalog: &Catalog, facts: &Facts, which: &Which) -> Result<View, Error> {
        let (manifest, image) = self.stored_image(facts, which)?;
        let named = names_of(catalog, facts, image.id());
        let digests = digests_of(&named);
        Ok(View {
            names: named.into_iter().map(|(name, _)| name).filter(|name| name.digest().is_none()).collect(),
            digests,
            target: Some(Catalog::descriptor(facts)),
            manifest: Some(manifest),
            ..nameless_view(catalog, image)
        })
    }

    /// One of the images of a target.
    pub(crate) fn stored_image(&self, facts: &Facts, which: &Which) -> Result<(Descriptor, Image), Error> {
        let known = match which {
            Which::Manifest(manifest) => Some(*manifest),
            Which::Host => facts.image.as_ref().map(|image| image.manifest),
            Which::Platform(_) => None,
        };
        if let Some(manifest) = known {
            let image = Image::read(&self.store, &manifest)?;
            return Ok((descriptor(&image), image));
        }
        let target = Target::read(&self.store, &Catalog::descriptor(facts))?;
        let asked = if let Which::Platform(platform) = which { Some(platform) } else { None };
        let wanted = asked.cloned().unwrap_or_else(Platform::host);
        for candidate in target.candidates(&wanted) {
            let image = match Image::read(&self.store, &candidate.digest) {
                Err(ply_image::DocumentError::Blob(ply_image::BlobError::Absent(_)))
                    if !target.indexes.is_empty() =>
                {
                    continue;
                }
                other => other?,
            };
            if asked.is_none_or(|p| image.config.value.platform().satisfies(p)) {
                return Ok((candidate, image));
            }
        }
        Err(self.no_platform(&target, &wanted).into())
    }

    /// What is here instead; and whether what was wanted is listed at least.
    fn no_platform(&self, target: &Target, wanted: &Platform) -> ply_image::DocumentError {
        let (mut here, mut gone) = (Vec::new(), false);
        for listed in target.images() {
            let image = Image::read(&self.store, &listed.digest).ok();
            match image.map(|image| image.config.value.platform()) {
                Some(platform) => here.push(platform.to_string()),
                None => gone |= listed.platform.as_ref().is_some_and(|p| p.satisfies(wanted)),
            }
        }
        let mut found = if here.is_empty() { "none".to_owned() } else { here.join(", ") };
        if gone {
            found.push_str(", and that one is listed without being here");
        }
        ply_image::DocumentError::NoPlatform { wanted: wanted.to_string(), found }
    }
}

/// An image, whatever points to it.
pub(crate) fn nameless_view(catalog: &Catalog, image: Image) -> View {
    let layers = image.layers().into_iter().map(|layer| ViewLayer {
        diff_id: layer.diff_id,
        chain_id: layer.chain_id,
        content: catalog.layer(&layer.diff_id).map(|facts| facts.content),
        blob: Some(layer.blob),
    });
    View {
        names: Vec::new(),
        digests: Vec::new(),
        target: None,
        made: image.manifest.value.is_made(),
        manifest: Some(descriptor(&image)),
        layers: layers.collect(),
        config: image.config,
    }
}

/// Where an image's manifest is found.
pub(crate) fn descriptor(image: &Image) -> Descriptor {
    let kind = image.manifest.value.media_type.clone().unwrap_or_else(|| MediaType::new(MediaType::MANIFEST));
    Descriptor::new(kind, image.manifest.digest, image.manifest.raw.len() as u64)
}

/// Every name of an image, and the target it points to where its digest was given to us: several manifests may hold one
/// image, and what is one image to a user has all their names.
fn names_of(catalog: &Catalog, facts: &Facts, id: Digest) -> Vec<(Reference, Option<Digest>)> {
    let same = |found: &Match| found.facts.image.as_ref().is_some_and(|image| image.id == id);
    let mut targets: Vec<Facts> =
        catalog.by_id(&id, &id).into_iter().filter(same).map(|found| found.facts).collect();
    if targets.iter().all(|target| target.target != facts.target) {
        targets.push(facts.clone());
    }
    let mut named: Vec<_> = targets
        .iter()
        .flat_map(|facts| {
            let given = facts.image.as_ref().is_some_and(|image| !image.made).then_some(facts.target);
            let records = catalog.entries_of(&facts.target).collect::<Vec<_>>();
            records.into_iter().filter_map(move |r| Some((parse_canonical(r.name.as_deref()?)?, given)))
        })
        .collect();
    named.sort();
    named
}

/// `name@digest` for each repository an image has a given digest in.
fn digests_of(named: &[(Reference, Option<Digest>)]) -> Vec<String> {
    let mut digests: Vec<String> = named
        .iter()
        .filter_map(|(name, target)| Some(format!("{}@{}", name.name().familiar(), (*target)?)))
        .collect();
    digests.sort_unstable();
    digests.dedup();
    digests
}

/// Canonical names come from our own index; one that another tool put there may be anything.
pub(crate) fn parse_canonical(name: &str) -> Option<Reference> {
    Reference::parse(name).ok()
}

/// Finds an image in a catalog, as Docker does: a name before an ID.
pub(crate) fn find(catalog: &Catalog, wanted: &str) -> Result<Found, Error> {
    let query = Query::parse(wanted).map_err(|why| match split_down(wanted) {
        (_, 0) => why.into(),
        _ => Error::Misuse(format!(
            "{}: layers alone have files, but no config and no ID: ls, cat, diff, export, mount and the like take it",
            crate::error::shown(wanted)
        )),
    })?;
    if let Some(reference) = query.reference()
        && let Some(found) = by_reference(catalog, reference)
    {
        return Ok(found);
    }
    let none = || Error::NoSuchImage {
        wanted: crate::error::shown(wanted),
        nearest: query.reference().and_then(|r| nearest(catalog, r)),
    };
    by_id(catalog, wanted, query.id().ok_or_else(none)?)?.ok_or_else(none)
}

fn by_reference(catalog: &Catalog, reference: &Reference) -> Option<Found> {
    if let Some(digest) = reference.digest() {
        // What was pulled by its digest is called so.
        let name = reference.without_tag();
        if let Some(record) = catalog.by_name(&name.canonical()) {
            return Some(Found { facts: record.facts, by_name: Some(name), which: Which::Host });
        }
        let repository = format!("{}:", reference.name().canonical());
        return catalog
            .by_name_prefix(&repository)
            .find_map(|record| by_digest(catalog, record.facts, digest));
    }
    let name = reference.clone().with_default_tag();
    let record = catalog.by_name(&name.canonical())?;
    Some(Found { facts: record.facts, by_name: Some(name), which: Which::Host })
}

/// A target by its own digest, or by that of the manifest of one of its platforms.
fn by_digest(catalog: &Catalog, facts: Facts, digest: &Digest) -> Option<Found> {
    if facts.target == *digest {
        return Some(Found { facts, by_name: None, which: Which::Host });
    }
    let image = catalog.images(&facts.target).into_iter().find(|image| image.manifest == *digest)?;
    Some(Found { facts, by_name: None, which: Which::Manifest(image.manifest) })
}

fn by_id(catalog: &Catalog, wanted: &str, prefix: &IdPrefix) -> Result<Option<Found>, Error> {
    let (from, to) = (Digest::from_bytes(prefix.lower_bound()), Digest::from_bytes(prefix.upper_bound()));
    let matches = catalog.by_id(&from, &to);
    let mut ids: Vec<Digest> = matches.iter().map(|found| found.image.id).collect();
    ids.dedup();
    if ids.len() > 1 {
        let candidates = ids.into_iter().take(10).map(|id| candidate(catalog, id)).collect();
        return Err(Error::Ambiguous { wanted: wanted.to_owned(), candidates });
    }
    // Several targets can hold one image: one with a name is what is meant, and one that is this image first of all.
    let rank = |found: &Match| {
        let named = catalog.entries_of(&found.facts.target).any(|r| r.name.is_some());
        (found.facts.image.as_ref().is_none_or(|i| i.id != found.image.id), !named)
    };
    if let Some(Match { image, facts }) = matches.into_iter().min_by_key(rank) {
        return Ok(Some(Found { facts, by_name: None, which: Which::Manifest(image.manifest) }));
    }
    let target = prefix.digest().and_then(|digest| catalog.target(&digest));
    Ok(target.map(|facts| Found { facts, by_name: None, which: Which::Host }))
}

fn candidate(catalog: &Catalog, id: Digest) -> Candidate {
    let names = catalog
        .by_id(&id, &id)
        .iter()
        .flat_map(|m| catalog.entries_of(&m.facts.target).filter_map(|r| r.name).collect::<Vec<_>>())
        .filter_map(|name| parse_canonical(&name).map(|n| n.familiar()))
        .collect();
    Candidate { id, names }
}

/// A name that is likely what was meant: at most a third of its letters are wrong. Without a tag, repositories are
/// compared.
fn nearest(catalog: &Catalog, reference: &Reference) -> Option<String> {
    let has_tag = reference.tag().is_some();
    let wanted = reference.familiar();
    catalog
        .names()
        .filter_map(parse_canonical)
        .filter_map(|name| {
            let compared = if has_tag { name.familiar() } else { name.name().familiar() };
            let distance = strsim::osa_distance(&wanted, &compared);
            (distance.saturating_mul(3) <= compared.chars().count()).then(|| (distance, name.familiar()))
        })
        .min()
        .map(|(_, name)| name)
}

/// What an archive calls its images; those without a name by their IDs.
fn names_in(archive: &Archive) -> Vec<String> {
    let images = archive.contents.images.iter();
    images
        .flat_map(|packed| {
            let ids = packed.images.iter().map(|image| image.id().short());
            let ids = ids.filter(|_| packed.names.is_empty());
            packed.names.iter().map(Reference::familiar).chain(ids).collect::<Vec<_>>()
        })
        .collect()
}

pub(crate) fn not_in(archive: &Archive, wanted: &str) -> Error {
    Error::NotInArchive { wanted: crate::error::shown(wanted), names: names_in(archive) }
}

/// Whether an image in an archive answers to a name, the layout's own spelling, or the beginning of its ID.
pub(crate) fn answers(packed: &Packed, wanted: &str) -> bool {
    if packed.ref_names.iter().any(|name| name == wanted) {
        return true;
    }
    let Ok(query) = Query::parse(wanted) else { return false };
    let named = query.reference().is_some_and(|reference| {
        let reference = reference.clone().with_default_tag();
        packed.names.contains(&reference)
    });
    named || query.id().is_some_and(|id| packed.images.iter().any(|i| id.matches(&i.id())))
}

/// As [`answers`]; a repository alone means all its tags, as it does where images are saved.
pub(crate) fn is_wanted(packed: &Packed, wanted: &str) -> bool {
    let of_repository = || {
        let query = Query::parse(wanted).ok()?;
        let reference = query.reference().filter(|r| r.tag().is_none() && r.digest().is_none())?;
        Some(packed.names.iter().any(|name| name.name() == reference.name()))
    };
    answers(packed, wanted) || of_repository().unwrap_or(false)
}

/// The image of an archive's entry for a platform; for the host, or the first, if none is asked for.
pub(crate) fn choose<'a>(packed: &'a Packed, platform: Option<&Platform>) -> Result<&'a PackedImage, Error> {
    let satisfies = |wanted: &Platform| packed.images.iter().find(|i| platform_of(i).satisfies(wanted));
    let chosen = match platform {
        Some(wanted) => satisfies(wanted),
        None => satisfies(&Platform::host()).or_else(|| packed.images.first()),
    };
    chosen.ok_or_else(|| {
        let found: Vec<String> = packed.images.iter().map(|i| platform_of(i).to_string()).collect();
        let wanted = platform.map(ToString::to_string).unwrap_or_default();
        ply_image::DocumentError::NoPlatform { wanted, found: found.join(", ") }.into()
    })
}

/// What an index says an image is for, else what its config says.
pub(crate) fn platform_of(image: &PackedImage) -> Platform {
    let listed = image.listed.as_ref().and_then(|d| d.platform.clone());
    listed.unwrap_or_else(|| image.config.value.platform())
}

pub(crate) fn packed_view(packed: &Packed, image: &PackedImage) -> View {
    let layers = image
        .layers
        .iter()
        .zip(image.config.value.chain_ids())
        .map(|(layer, chain_id)| ViewLayer {
            diff_id: layer.diff_id,
            chain_id,
            blob: layer.blob.clone(),
            content: None,
        })
        .collect();
    let made = image.manifest.as_ref().is_none_or(|m| m.value.is_made());
    let given = packed.root.as_ref().filter(|_| !made).map(|root| root.digest);
    let named: Vec<_> = packed.names.iter().map(|name| (name.clone(), given)).collect();
    View {
        names: packed.names.clone(),
        digests: digests_of(&named),
        target: packed.root.clone(),
        made,
        manifest: image.manifest.as_ref().map(|m| {
            let kind = m.value.media_type.clone().unwrap_or_else(|| MediaType::new(MediaType::MANIFEST));
            Descriptor::new(kind, m.digest, m.raw.len() as u64)
        }),
        config: Document::clone(&image.config),
        layers,
    }
}
