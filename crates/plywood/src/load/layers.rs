//! The layers of what is loaded: brought in from where they lie, each member once, or completed from the store.

use std::collections::{HashMap, HashSet};

use ply_archive::{Archive, Member, PackedImage, PackedLayer};
use ply_image::{BlobSink, BlobSource, Descriptor, DiffId, MediaType};
use ply_store::{Ingest, IngestBlob};

use super::choice::Choice;
use super::read_blob;
use crate::error::Lacking;
use crate::new_image::layer_type;
use crate::receive::{Received, small};
use crate::transfer::{Expected, Indexes, Job, Moved, Origin, Out, Walk, layer_place, verify};
use crate::{Engine, Error};

impl Engine<'_> {
    /// Brings in every layer of the chosen images, and gives what each turned out to be, by member or DiffID.
    pub(super) fn take_layers(
        &self,
        ingest: &Ingest,
        archive: &Archive,
        received: Option<&Received>,
        chosen: &[Choice<'_>],
    ) -> Result<Layers, Error> {
        let mut layers = Layers::default();
        let indexes = Indexes::new(ingest);
        let mut jobs = Jobs::new(Walk::incoming(self.max_layer_size, &indexes));
        let mut missing = Vec::new();
        for choice in chosen {
            for image in &choice.images {
                for (at, layer) in image.layers.iter().enumerate() {
                    let what = layer_place(at, image.layers.len(), &layer.wanted);
                    match &layer.member {
                        Some(member) => match received.map_or(Ok(None), |r| r.take(member, &what))? {
                            Some((moved, blob)) => layers.keep(ingest, member, moved, blob),
                            None => jobs.add(self, ingest, archive, layer, member, what)?,
                        },
                        None => missing.push((*image, at)),
                    }
                }
            }
            for further in &choice.packed.further {
                jobs.add_further(ingest, archive, received, further)?;
            }
        }
        jobs.run(self, ingest, &mut layers)?;
        for choice in chosen {
            check_layers(choice, &layers)?;
        }
        self.complete(ingest, &missing, &mut layers)?;
        Ok(layers)
    }

    /// Layers that a thin archive leaves out come from the store, where they are; read and checked, too.
    fn complete(
        &self,
        ingest: &Ingest,
        missing: &[(&PackedImage, usize)],
        layers: &mut Layers,
    ) -> Result<(), Error> {
        if missing.is_empty() {
            return Ok(());
        }
        let catalog = self.store.catalog()?;
        let wanted: Vec<DiffId> =
            missing.iter().filter_map(|(i, at)| Some(i.layers.get(*at)?.diff_id)).collect();
        let here = self.layer_blobs(&catalog, &wanted);
        let (mut jobs, mut lacking) = (Vec::new(), Vec::new());
        let mut seen = HashSet::new();
        for (image, at) in missing {
            let Some(layer) = image.layers.get(*at) else { continue };
            if !seen.insert(layer.diff_id) {
                continue;
            }
            let Some(blob) = best(&here, layer) else {
                let created_by = created_by(image, *at);
                lacking.push(Lacking { diff_id: layer.diff_id, created_by, wanted: layer.wanted.clone() });
                continue;
            };
            let from = Origin::Blob(&self.store, blob.digest, self.store.size(&blob.digest)?);
            // A manifest that names the plain tar needs the plain tar.
            let needs_plain = layer.digest == Some(layer.diff_id.0) && blob.digest != layer.diff_id.0;
            let plain = if needs_plain { Some(ingest.blob(None)?) } else { None };
            let out = plain.as_ref().map(Out::of);
            let job = Job {
                what: format!("layer {} of the store", layer.diff_id),
                label: layer.diff_id.0.short(),
                from,
                expected: Expected { digest: Some(blob.digest), diff_id: Some(layer.diff_id) },
                stored: None,
                plain: out,
                walk: Some(Walk::up_to(self.max_layer_size)),
            };
            jobs.push((job, plain, layer.diff_id, blob.clone()));
        }
        if !lacking.is_empty() {
            return Err(Error::LayersMissing { layers: lacking });
        }
        let (jobs, rest): (Vec<Job<'_>>, Vec<_>) =
            jobs.into_iter().map(|(job, plain, id, blob)| (job, (plain, id, blob))).unzip();
        for (moved, (plain, id, blob)) in self.transfer(jobs)?.into_iter().zip(rest) {
            ingest.learn(id, moved.facts);
            let descriptor = match plain {
                Some(plain) => {
                    ingest.finish(plain, id.0);
                    Descriptor::new(MediaType::new(MediaType::LAYER), id.0, moved.facts.plain)
                }
                None => blob,
            };
            layers.by_diff_id.insert(id, descriptor);
        }
        Ok(())
    }
}

/// What became of the layers.
#[derive(Default)]
pub(super) struct Layers {
    by_member: HashMap<String, Moved>,
    by_diff_id: HashMap<DiffId, Descriptor>,
}

impl Layers {
    /// A layer that came through a pipe and is stored already.
    fn keep(&mut self, ingest: &Ingest, member: &Member, moved: Moved, blob: Option<IngestBlob>) {
        if let Some(blob) = blob {
            ingest.finish(blob, moved.digest);
            ingest.learn(moved.diff_id, moved.facts);
        }
        self.by_member.insert(member.name.clone(), moved);
    }

    fn moved(&self, layer: &PackedLayer) -> Option<&Moved> {
        self.by_member.get(&layer.member.as_ref()?.name)
    }

    /// The descriptor of a layer's blob, for a manifest that we make.
    pub(super) fn blob(&self, layer: &PackedLayer) -> Result<Descriptor, Error> {
        if let Some(moved) = self.moved(layer) {
            return Ok(Descriptor::new(layer_type(moved.compression), moved.digest, moved.size));
        }
        let known = self.by_diff_id.get(&layer.diff_id).cloned();
        known.ok_or_else(|| ply_image::BlobError::Absent(layer.diff_id.0).into())
    }
}

/// Blobs to be brought in from where they lie, each member once.
struct Jobs<'a> {
    walk: Walk<'a>,
    jobs: Vec<Job<'a>>,
    /// Of each job: the member, if it is a layer; and its blob, unless the store has it.
    blobs: Vec<(Option<String>, Option<IngestBlob>)>,
    small: Vec<(String, Moved, IngestBlob)>,
    seen: HashSet<String>,
}

impl<'a> Jobs<'a> {
    fn new(walk: Walk<'a>) -> Self {
        let (jobs, blobs, small, seen) = Default::default();
        Self { walk, jobs, blobs, small, seen }
    }

    fn add(
        &mut self,
        engine: &Engine<'_>,
        ingest: &Ingest,
        archive: &'a Archive,
        layer: &PackedLayer,
        member: &Member,
        what: String,
    ) -> Result<(), Error> {
        if !self.seen.insert(member.name.clone()) {
            return Ok(());
        }
        if archive.members.region(member)?.is_none() {
            return self.add_small(ingest, archive, member, &what);
        }
        let stored_as = layer.digest.or(layer.blob.as_ref().map(|blob| blob.digest));
        let is_indexed = engine.store.layer_index(&layer.diff_id.0).is_some();
        let (blob, stored) = incoming(ingest, stored_as, member.size, &what)?;
        self.jobs.push(Job {
            what,
            label: layer.diff_id.0.short(),
            from: Origin::Member(&*archive.members, member.clone()),
            expected: Expected { digest: layer.digest, diff_id: Some(layer.diff_id) },
            stored: Some(stored),
            plain: None,
            walk: Some(if is_indexed { Walk::up_to(self.walk.longest) } else { self.walk }),
        });
        self.blobs.push((Some(member.name.clone()), Some(blob)));
        Ok(())
    }

    /// A layer so small that it was kept in memory as it came through the pipe.
    fn add_small(
        &mut self,
        ingest: &Ingest,
        archive: &Archive,
        member: &Member,
        what: &str,
    ) -> Result<(), Error> {
        let bytes = archive.members.read(member, member.size)?;
        let blob = ingest.blob(None)?;
        blob.write(&bytes).map_err(Error::within(what))?;
        let moved = small(&bytes, self.walk).map_err(Error::within(what))?;
        self.small.push((member.name.clone(), moved, blob));
        Ok(())
    }

    /// What an attestation names: kept as it is, where it is there.
    fn add_further(
        &mut self,
        ingest: &Ingest,
        archive: &'a Archive,
        received: Option<&Received>,
        further: &Descriptor,
    ) -> Result<(), Error> {
        let digest = further.digest;
        if !self.seen.insert(digest.to_string()) {
            return Ok(());
        }
        let Some(member) = archive.member(&digest)? else { return Ok(()) };
        let what = format!("blob {digest}");
        if let Some((found, blob)) = received.and_then(|received| received.take_blob(&member)) {
            if found != digest {
                return Err(Error::Mismatch { what, found, expected: digest, by: "its name" });
            }
            if let Some(blob) = blob {
                ingest.finish(blob, digest);
            }
            return Ok(());
        }
        if archive.members.region(&member)?.is_none() {
            let raw = read_blob(archive, further)?;
            return ingest.put(&raw).map(drop).map_err(Error::within("writing an attestation"));
        }
        let (blob, stored) = incoming(ingest, Some(digest), member.size, &what)?;
        self.jobs.push(Job {
            what,
            label: digest.short(),
            from: Origin::Member(&*archive.members, member),
            expected: Expected { digest: Some(digest), diff_id: None },
            stored: Some(stored),
            plain: None,
            walk: None,
        });
        self.blobs.push((None, Some(blob)));
        Ok(())
    }

    fn run(self, engine: &Engine<'_>, ingest: &Ingest, layers: &mut Layers) -> Result<(), Error> {
        for (name, moved, blob) in self.small {
            ingest.finish(blob, moved.digest);
            ingest.learn(moved.diff_id, moved.facts);
            layers.by_member.insert(name, moved);
        }
        for (moved, (name, blob)) in engine.transfer(self.jobs)?.into_iter().zip(self.blobs) {
            match blob {
                // It is here, and as it should be.
                Some(blob) if moved.size > 0 && blob.is_empty() => ingest.discard(blob),
                Some(blob) => ingest.finish(blob, moved.digest),
                None => {}
            }
            if let Some(name) = name {
                ingest.learn(moved.diff_id, moved.facts);
                layers.by_member.insert(name, moved);
            }
        }
        Ok(())
    }
}

/// A blob to be, and where it is written. What lies in the store already may be damaged: it is compared with what comes in, which
/// costs no more than reading it, and stays if it is the same.
fn incoming(
    ingest: &Ingest,
    digest: Option<ply_digest::Digest>,
    size: u64,
    what: &str,
) -> Result<(IngestBlob, Out), Error> {
    let here = digest.filter(|digest| ingest.store().has(digest, size));
    let Some(old) = here.and_then(|digest| ingest.store().in_file(&digest).ok()) else {
        let blob = ingest.blob(Some(size))?;
        let out = Out::of(&blob);
        return Ok((blob, out));
    };
    let old = old.file.try_clone().map_err(Error::within(what))?;
    let blob = ingest.blob(None)?;
    let out = Out::unless(&blob, old);
    Ok((blob, out))
}

/// What came through a pipe was hashed before anybody knew what it should be; and one member can be two layers.
fn check_layers(choice: &Choice<'_>, layers: &Layers) -> Result<(), Error> {
    for image in &choice.images {
        for (at, layer) in image.layers.iter().enumerate() {
            if let Some(moved) = layers.moved(layer) {
                let what = layer_place(at, image.layers.len(), &layer.wanted);
                verify(&what, Expected { digest: layer.digest, diff_id: Some(layer.diff_id) }, moved)?;
            }
        }
    }
    Ok(())
}

/// Of the blobs that hold a layer: the very one the manifest names, else a plain one, else any; but where the
/// manifest names a compressed one, no other will do.
fn best<'a>(here: &'a HashMap<DiffId, Vec<Descriptor>>, layer: &PackedLayer) -> Option<&'a Descriptor> {
    let blobs = here.get(&layer.diff_id)?;
    let very = blobs.iter().find(|b| Some(b.digest) == layer.digest);
    let plain = blobs.iter().find(|b| b.digest == layer.diff_id.0);
    let any_will_do = layer.digest.is_none_or(|d| d == layer.diff_id.0);
    very.or_else(|| plain.or_else(|| blobs.first()).filter(|_| any_will_do))
}

/// The command that made a layer, for a message.
fn created_by(image: &PackedImage, at: usize) -> String {
    let mut steps = image.config.value.history.iter().filter(|step| !step.empty_layer);
    steps.nth(at).map(|step| step.created_by.clone()).unwrap_or_default()
}
