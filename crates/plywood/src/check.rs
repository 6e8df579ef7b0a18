//! `check`: every blob hashed again, every link between documents followed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use ply_archive::{Archive, PackedLayer, Place};
use ply_digest::Digest;
use ply_image::{BlobError, BlobSource, DiffId, Document, DocumentError, Image, Manifest, Target};
use ply_store::{Catalog, Record};

use crate::error::chain;
use crate::select::{find, is_wanted, not_in};
use crate::transfer::{Expected, Job, Origin, Out, Walk};
use crate::{Engine, Error};

/// What a check found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Blobs that were hashed.
    pub blobs: usize,
    /// Bytes that were hashed.
    pub bytes: u64,
    /// Images that were looked at.
    pub images: usize,
    /// What is wrong, in the order of digests.
    pub damage: Vec<Damage>,
    /// Blobs that were taken from the archive.
    pub repaired: Vec<Digest>,
}

/// A blob that is missing or not what it should be.
#[derive(Debug, Clone)]
pub struct Damage {
    /// The blob.
    pub digest: Digest,
    /// What is wrong with it.
    pub why: String,
    /// The images it hurts: names, or IDs of images without one.
    pub images: Vec<String>,
    /// Whether it was moved aside.
    pub moved: bool,
    /// Whether a good copy was taken from the archive.
    pub repaired: bool,
}

/// Why a blob is not good.
struct Wrong {
    why: String,
    /// Whether the system did not let us read it: that says nothing of its bytes, and another day it may.
    unread: bool,
}

impl Wrong {
    fn told(why: impl Into<String>) -> Self {
        Self { why: why.into(), unread: false }
    }

    fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        let causes = std::iter::successors(Some(error), |error| error.source());
        let codes = causes.filter_map(|cause| cause.downcast_ref::<std::io::Error>()?.raw_os_error());
        // A link in the place of a blob is refused, and is none.
        let unread = codes.into_iter().any(|code| code != rustix::io::Errno::LOOP.raw_os_error());
        Self { why: chain(error), unread }
    }
}

/// A blob that an image needs, and what is known of it.
#[derive(Default)]
struct Needed {
    images: BTreeSet<String>,
    diff_id: Option<DiffId>,
    size: Option<u64>,
}

impl Engine<'_> {
    /// Checks the store, or one image. Damaged blobs are moved aside, so that loading the image again heals it;
    /// with an archive, good copies are taken from it at once.
    ///
    /// # Errors
    /// There is no such image; the store or the archive cannot be read. Damage is no error here: it is reported.
    pub fn check(&self, wanted: Option<&str>, repair: Option<&Path>) -> Result<Report, Error> {
        if let Some(place) = wanted.and_then(Place::parse) {
            return self.check_unloaded(&place);
        }
        let hold = self.store.hold()?;
        let catalog = self.store.catalog()?;
        let records: Vec<Record> = match wanted {
            Some(wanted) => catalog.entries_of(&find(&catalog, wanted)?.facts.target).collect(),
            None => catalog.records().collect(),
        };
        let mut wrong = BTreeMap::new();
        let needed = self.follow(&records, &mut wrong);
        let mut report = Report { images: records.len(), ..Report::default() };
        self.hash(&needed, wanted.is_none(), &mut wrong, &mut report)?;
        report.damage = wrong
            .into_iter()
            .map(|(digest, Wrong { why, unread })| Damage {
                digest,
                why,
                images: needed.get(&digest).map(|n| n.images.iter().cloned().collect()).unwrap_or_default(),
                moved: !unread && self.move_aside(&digest),
                repaired: false,
            })
            .collect();
        drop(hold);
        if let Some(path) = repair {
            self.repair(path, &mut report).map_err(|e| Error::within(path.display().to_string())(e))?;
        }
        Ok(report)
    }

    /// Hashes every layer of an archive that is not loaded; its documents were checked when they were read. Nothing is
    /// moved aside.
    fn check_unloaded(&self, place: &Place) -> Result<Report, Error> {
        let path = place.path.display().to_string();
        let archive = Archive::open(&place.path).map_err(Error::within(path.clone()))?;
        let mut report = Report::default();
        let mut layers: BTreeMap<Digest, (&PackedLayer, Vec<String>)> = BTreeMap::new();
        for packed in &archive.contents.images {
            if place.name.as_ref().is_some_and(|name| !is_wanted(packed, name)) {
                continue;
            }
            report.images = report.images.saturating_add(1);
            for image in &packed.images {
                let names = packed.names.iter().map(ply_reference::Reference::familiar).collect::<Vec<_>>();
                let names = if names.is_empty() { vec![image.id().to_string()] } else { names };
                for layer in &image.layers {
                    let digest = layer.digest.unwrap_or(layer.diff_id.0);
                    layers.entry(digest).or_insert_with(|| (layer, Vec::new())).1.extend(names.clone());
                }
            }
        }
        if report.images == 0 {
            return Err(Error::within(path)(not_in(&archive, place.name.as_deref().unwrap_or_default())));
        }
        let (mut jobs, mut of) = (Vec::new(), Vec::new());
        for (digest, (layer, images)) in layers {
            let mut damage = Damage { digest, why: String::new(), images, moved: false, repaired: false };
            let Some(member) = layer.member.clone() else {
                damage.why = "is missing".to_owned();
                report.damage.push(damage);
                continue;
            };
            report.blobs = report.blobs.saturating_add(1);
            report.bytes = report.bytes.saturating_add(member.size);
            jobs.push(Job {
                what: crate::error::shown(&layer.wanted),
                label: layer.diff_id.0.short(),
                from: Origin::Member(&*archive.members, member),
                expected: Expected { digest: layer.digest, diff_id: Some(layer.diff_id) },
                stored: None,
                plain: None,
                walk: Some(Walk::default()),
            });
            of.push(damage);
        }
        for (result, damage) in self.transfer_each(jobs)?.into_iter().zip(of) {
            if let Err(error) = result {
                report.damage.push(Damage { why: chain(&error), ..damage });
            }
        }
        Ok(report)
    }

    /// Follows the links between documents; gives what they need.
    fn follow(&self, records: &[Record], wrong: &mut BTreeMap<Digest, Wrong>) -> HashMap<Digest, Needed> {
        let mut needed: HashMap<Digest, Needed> = HashMap::new();
        let mut followed: HashMap<Digest, BTreeSet<Digest>> = HashMap::new();
        for record in records {
            let name = label(record);
            let target = record.facts.target;
            if let Some(known) = followed.get(&target) {
                for digest in known {
                    needed.entry(*digest).or_default().images.insert(name.clone());
                }
                continue;
            }
            let mut reached = BTreeSet::new();
            let mut need = |digest: Digest, size: Option<u64>, diff_id: Option<DiffId>| {
                reached.insert(digest);
                let entry = needed.entry(digest).or_default();
                entry.images.insert(name.clone());
                entry.size = entry.size.or(size);
                entry.diff_id = entry.diff_id.or(diff_id);
            };
            need(target, None, None);
            for (digest, why) in self.follow_one(record, &mut need) {
                need(digest, None, None);
                wrong.insert(digest, why);
            }
            followed.insert(target, reached);
        }
        needed
    }

    /// Follows one image as far as its documents lead; gives those that lead nowhere.
    fn follow_one(
        &self,
        record: &Record,
        need: &mut impl FnMut(Digest, Option<u64>, Option<DiffId>),
    ) -> Vec<(Digest, Wrong)> {
        let root = Catalog::descriptor(&record.facts);
        let target = match Target::read(&self.store, &root) {
            Ok(target) => target,
            Err(error) => return vec![blame(root.digest, &error)],
        };
        let mut wrong = Vec::new();
        for index in &target.indexes {
            need(index.digest, None, None);
        }
        for listed in &target.manifests {
            // An index may list what nobody brought along.
            if !target.indexes.is_empty()
                && matches!(self.store.size(&listed.digest), Err(BlobError::Absent(_)))
            {
                continue;
            }
            need(listed.digest, Some(listed.size), None);
            let followed = match listed.is_attestation() {
                true => self.follow_attestation(&listed.digest, need),
                false => self.follow_image(&listed.digest, need),
            };
            wrong.extend(followed.err().map(|error| blame(listed.digest, &error)));
        }
        wrong
    }

    fn follow_image(
        &self,
        manifest: &Digest,
        need: &mut impl FnMut(Digest, Option<u64>, Option<DiffId>),
    ) -> Result<(), DocumentError> {
        let image = match Image::read(&self.store, manifest) {
            Ok(image) => image,
            Err(error) => {
                // The config may be what is wrong: the manifest says who needs the layers all the same.
                if let Ok(manifest) = Document::<Manifest>::read(&self.store, manifest) {
                    need(manifest.value.config.digest, None, None);
                    manifest.value.layers.iter().for_each(|layer| need(layer.digest, Some(layer.size), None));
                }
                return Err(error);
            }
        };
        need(image.config.digest, Some(image.config.raw.len() as u64), None);
        for layer in image.layers() {
            need(layer.blob.digest, Some(layer.blob.size), Some(layer.diff_id));
        }
        Ok(())
    }

    fn follow_attestation(
        &self,
        manifest: &Digest,
        need: &mut impl FnMut(Digest, Option<u64>, Option<DiffId>),
    ) -> Result<(), DocumentError> {
        let manifest = Document::<Manifest>::read(&self.store, manifest)?.value;
        // What it names need not be here.
        let is_here = |digest: &Digest| !matches!(self.store.size(digest), Err(BlobError::Absent(_)));
        let named = std::iter::once(&manifest.config).chain(&manifest.layers);
        named
            .filter(|named| is_here(&named.digest))
            .for_each(|named| need(named.digest, Some(named.size), None));
        Ok(())
    }

    /// Hashes every blob that is needed and, for a whole check, every other one too.
    fn hash(
        &self,
        needed: &HashMap<Digest, Needed>,
        all: bool,
        wrong: &mut BTreeMap<Digest, Wrong>,
        report: &mut Report,
    ) -> Result<(), Error> {
        let mut digests: BTreeSet<Digest> = needed.keys().copied().collect();
        if all {
            digests.extend(self.store.blobs()?.iter().map(|blob| blob.digest));
        }
        let none = Needed::default();
        let (mut jobs, mut of) = (Vec::new(), Vec::new());
        for digest in digests {
            let need = needed.get(&digest).unwrap_or(&none);
            let size = match self.store.size(&digest) {
                Ok(size) => size,
                Err(BlobError::Absent(_)) => {
                    wrong.entry(digest).or_insert_with(|| Wrong::told("is missing"));
                    continue;
                }
                Err(e) => {
                    wrong.insert(digest, Wrong::of(&e));
                    continue;
                }
            };
            if let Some(expected) = need.size.filter(|&expected| expected != size) {
                let why = format!("has {size} bytes where there should be {expected}");
                wrong.insert(digest, Wrong::told(why));
                continue;
            }
            report.blobs = report.blobs.saturating_add(1);
            report.bytes = report.bytes.saturating_add(size);
            of.push(digest);
            jobs.push(Job {
                what: format!("blob {digest}"),
                label: digest.short(),
                from: Origin::Blob(&self.store, digest, size),
                expected: Expected { digest: Some(digest), diff_id: need.diff_id },
                stored: None,
                plain: None,
                walk: need.diff_id.map(|_| Walk::default()),
            });
        }
        for (digest, result) in of.into_iter().zip(self.transfer_each(jobs)?) {
            match result {
                Ok(_) => {}
                Err(Error::Mismatch { found, by, .. }) => {
                    wrong.insert(digest, Wrong::told(format!("hashes to {found}, not to what {by} says")));
                }
                Err(e) => {
                    wrong.insert(digest, Wrong::of(&e));
                }
            }
        }
        Ok(())
    }

    /// Moves a blob aside, if it is there and can be moved.
    fn move_aside(&self, digest: &Digest) -> bool {
        self.store.size(digest).is_ok() && self.store.quarantine(digest).is_ok()
    }

    /// Takes good copies of what is damaged or missing from an archive: the blob itself, or a compressed layer that it is
    /// the plain tar of.
    fn repair(&self, path: &Path, report: &mut Report) -> Result<(), Error> {
        let archive = Archive::open(path)?;
        let ingest = self.store.begin()?;
        let (mut jobs, mut blobs) = (Vec::new(), Vec::new());
        for damage in &report.damage {
            let Some((from, is_layer)) = copy_of(&archive, &damage.digest)? else { continue };
            let blob = ingest.blob(None)?;
            let out = Some(Out::of(&blob));
            let (stored, plain) = if is_layer { (None, out) } else { (out, None) };
            let digest = Some(damage.digest);
            jobs.push(Job {
                what: format!("blob {}", damage.digest),
                label: damage.digest.short(),
                from,
                expected: if is_layer {
                    Expected { digest: None, diff_id: digest.map(DiffId) }
                } else {
                    Expected { digest, diff_id: None }
                },
                stored,
                plain,
                walk: is_layer.then(Walk::default),
            });
            blobs.push((blob, damage.digest));
        }
        for (result, (blob, digest)) in self.transfer_each(jobs)?.into_iter().zip(blobs) {
            // A copy that is damaged too is no help, and no harm.
            if result.is_ok() {
                // What could not be read stands in its place yet.
                self.move_aside(&digest);
                report.repaired.push(digest);
                ingest.finish(blob, digest);
            }
        }
        for digest in report.damage.iter().map(|damage| damage.digest) {
            // What an archive does not hold as a file: the manifest of an image that came without one.
            if let Some(raw) =
                archive.contents.made.get(&digest).filter(|_| !report.repaired.contains(&digest))
            {
                ply_image::BlobSink::put(&ingest, raw).map_err(Error::within("repairing"))?;
                report.repaired.push(digest);
            }
        }
        ingest.commit::<_, Error>(|_, _| Ok(()))?;
        for damage in &mut report.damage {
            damage.repaired = report.repaired.contains(&damage.digest);
        }
        Ok(())
    }
}

/// Where an archive has a blob; else a layer, compressed perhaps, whose plain tar it is.
fn copy_of<'a>(archive: &'a Archive, digest: &Digest) -> Result<Option<(Origin<'a>, bool)>, Error> {
    if archive.contents.made.contains_key(digest) {
        return Ok(None);
    }
    if let Ok(size) = archive.size(digest) {
        return Ok(Some((Origin::Blob(archive, *digest, size), false)));
    }
    let layers = archive.contents.images.iter().flat_map(|packed| &packed.images).flat_map(|i| &i.layers);
    let member = layers.filter(|layer| layer.diff_id.0 == *digest).find_map(|layer| layer.member.clone());
    Ok(member.map(|member| (Origin::Member(&*archive.members, member), true)))
}

fn label(record: &Record) -> String {
    let name = record.name.as_deref().and_then(crate::select::parse_canonical).map(|n| n.familiar());
    name.unwrap_or_else(|| record.facts.image.as_ref().map_or(record.facts.target, |i| i.id).to_string())
}

/// Which blob an error is about.
fn blame(reading: Digest, error: &DocumentError) -> (Digest, Wrong) {
    let digest = match error {
        DocumentError::Blob(BlobError::Absent(digest) | BlobError::Io { digest, .. })
        | DocumentError::Shape { digest, .. }
        | DocumentError::Rule { digest, .. }
        | DocumentError::Digest { expected: digest, .. } => *digest,
        DocumentError::TooLarge { .. } | DocumentError::NoPlatform { .. } => reading,
    };
    let why = match error {
        DocumentError::Blob(BlobError::Absent(_)) => Wrong::told("is missing"),
        DocumentError::Digest { found, .. } => {
            Wrong::told(format!("hashes to {found}, not to what its name says"))
        }
        other => Wrong::of(other),
    };
    (digest, why)
}
