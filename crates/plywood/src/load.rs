//! `load`: images of an archive or layout into the store, all or nothing.

use std::collections::HashMap;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use ply_archive::{Archive, ArchiveError, Container, Member, Packed, PackedImage, PackedLayer};
use ply_digest::Digest;
use ply_image::{BlobSink, BlobSource, Descriptor, DiffId, Image, Manifest, MediaType, Platform};
use ply_layer::Compression;
use ply_reference::Reference;
use ply_store::{Catalog, Ingest, IngestBlob, Names};

use crate::error::Lacking;
use crate::receive::{Received, small};
use crate::select::{Platforms, platform_of};
use crate::transfer::{BLOCK, Expected, Job, Moved, Origin, Out, layer_place, verify};
use crate::{Engine, Error};

/// What to load, and how.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Which platforms of an image with several.
    pub platforms: Platforms,
    /// Only the image of this name.
    pub only: Option<String>,
    /// Names the image so, in place of the names it has.
    pub tag: Option<Reference>,
    /// A name that is taken by another image is an error.
    pub no_clobber: bool,
}

/// What was loaded.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The images, in the order of the archive.
    pub images: Vec<LoadedImage>,
    /// Names that moved, and the ID of the image each had named.
    pub moved: Vec<(Reference, Digest)>,
    /// Platforms that were asked for, and whose blobs the archive does not have.
    pub absent: Vec<String>,
}

/// An image that was loaded.
#[derive(Debug, Clone)]
pub struct LoadedImage {
    /// Its names.
    pub names: Vec<Reference>,
    /// Its ID.
    pub id: Digest,
}

/// Where an archive comes from.
pub enum Input<'a> {
    /// A file or folder.
    Path(&'a Path),
    /// A stream that is read once.
    Stream(Box<dyn Read + Send + 'a>),
}

impl std::fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => f.debug_tuple("Path").field(path).finish(),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

impl Engine<'_> {
    /// Loads images.
    ///
    /// # Errors
    /// Anything in the archive is not what it says, or the store cannot be written; then nothing was loaded.
    pub fn load(&self, input: Input<'_>, options: &Options) -> Result<Loaded, Error> {
        match input {
            Input::Path(path) => {
                let place = path.display().to_string();
                self.load_path(path, options).map_err(|e| at_place(place, e))
            }
            Input::Stream(stream) => self.load_stream(stream, options),
        }
    }

    fn load_path(&self, path: &Path, options: &Options) -> Result<Loaded, Error> {
        match ply_archive::open(path)? {
            Container::Folder(folder) => self.load_archive(&Archive::new(Box::new(folder))?, None, options),
            Container::Tar(tar) => self.load_archive(&Archive::new(Box::new(tar))?, None, options),
            Container::Stream(file, _) => self.load_stream(Box::new(file), options),
        }
    }

    fn load_stream(&self, stream: Box<dyn Read + Send + '_>, options: &Options) -> Result<Loaded, Error> {
        let ingest = self.store.begin()?;
        let buffered = BufReader::with_capacity(BLOCK, stream);
        let (compression, reader) =
            ply_layer::sniff(buffered).map_err(Error::within("reading the archive"))?;
        let received = match compression {
            Compression::None => self.receive(&ingest, reader)?,
            compression => {
                let decoder = ply_layer::decoder(compression, reader, &ply_layer::Limits::default())
                    .map_err(Error::within("reading the archive"))?;
                self.receive(&ingest, decoder)?
            }
        };
        let received = Arc::new(received);
        let archive = Archive::new(Box::new(crate::receive::Shared(Arc::clone(&received))))?;
        self.load_into(ingest, &archive, Some(&received), options)
    }

    fn load_archive(
        &self,
        archive: &Archive,
        received: Option<&Received>,
        options: &Options,
    ) -> Result<Loaded, Error> {
        self.load_into(self.store.begin()?, archive, received, options)
    }

    fn load_into(
        &self,
        ingest: Ingest,
        archive: &Archive,
        received: Option<&Received>,
        options: &Options,
    ) -> Result<Loaded, Error> {
        let mut loaded = Loaded::default();
        let chosen = choose(archive, options, &mut loaded.absent)?;
        let layers = self.take_layers(&ingest, archive, received, &chosen)?;
        let mut targets = Vec::new();
        for choice in &chosen {
            let root = self.take_documents(&ingest, archive, choice, &layers)?;
            let names = match &options.tag {
                Some(tag) => vec![tag.clone()],
                None => choice.packed.names.clone(),
            };
            let id = choice.images.first().map(|i| i.id()).ok_or(ArchiveError::NoImage)?;
            loaded.images.push(LoadedImage { names, id });
            targets.push(root);
        }
        let images = loaded.images.clone();
        loaded.moved = ingest.commit(|names, catalog| {
            let mut moved = Vec::new();
            // Of two images with one name in an archive the last has it, and the first is told to have lost it.
            let mut just_named: HashMap<Digest, Digest> = HashMap::new();
            for (image, root) in images.iter().zip(&targets) {
                if image.names.is_empty() {
                    names.keep(root);
                }
                for name in &image.names {
                    let id_of = |target: &Digest| {
                        let known = || Some(catalog.target(target)?.image?.id);
                        just_named.get(target).copied().or_else(known)
                    };
                    moved.extend(point(names, id_of, name, root, image.id, options.no_clobber)?);
                }
                just_named.insert(root.digest, image.id);
            }
            Ok::<_, Error>(moved)
        })?;
        Ok(loaded)
    }

    /// Brings in every layer of the chosen images, and gives what each turned out to be, by member or DiffID.
    fn take_layers(
        &self,
        ingest: &Ingest,
        archive: &Archive,
        received: Option<&Received>,
        chosen: &[Choice<'_>],
    ) -> Result<Layers, Error> {
        let mut layers = Layers::default();
        let mut jobs = Jobs::default();
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
        let mut seen = std::collections::HashSet::new();
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
                is_layer: true,
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

    /// The blobs of the store that hold these layers.
    fn layer_blobs(&self, catalog: &Catalog, wanted: &[DiffId]) -> HashMap<DiffId, Vec<Descriptor>> {
        let mut blobs: HashMap<DiffId, Vec<Descriptor>> = HashMap::new();
        for record in catalog.records() {
            let Some(known) = record.facts.image else { continue };
            if !known.layers.iter().any(|id| wanted.contains(id)) {
                continue;
            }
            let Ok(image) = Image::read(&self.store, &known.manifest) else { continue };
            for layer in image.layers() {
                if wanted.contains(&layer.diff_id) && self.store.has(&layer.blob.digest, layer.blob.size) {
                    blobs.entry(layer.diff_id).or_default().push(layer.blob);
                }
            }
        }
        blobs
    }

    /// Brings in the documents of an image; gives what its names point to.
    fn take_documents(
        &self,
        ingest: &Ingest,
        archive: &Archive,
        choice: &Choice<'_>,
        layers: &Layers,
    ) -> Result<Descriptor, Error> {
        let put = |raw: &[u8]| ingest.put(raw).map_err(Error::within("writing a document"));
        for document in &choice.packed.documents {
            put(&read_blob(archive, document)?)?;
        }
        let mut root = choice.packed.root.clone();
        for image in &choice.images {
            put(&image.config.raw)?;
            let manifest = match &image.manifest {
                Some(manifest) => Arc::clone(manifest),
                None => {
                    let blobs = image.layers.iter().map(|l| layers.blob(l)).collect::<Result<Vec<_>, _>>()?;
                    Arc::new(Manifest::make(&image.config.raw, &blobs))
                }
            };
            put(&manifest.raw)?;
            if root.is_none() {
                let kind = MediaType::new(MediaType::MANIFEST);
                root = Some(Descriptor::new(kind, manifest.digest, manifest.raw.len() as u64));
            }
        }
        root.ok_or_else(|| ArchiveError::NoImage.into())
    }
}

/// An image of an archive, and those of its platforms that are wanted.
struct Choice<'a> {
    packed: &'a Packed,
    images: Vec<&'a PackedImage>,
}

fn choose<'a>(
    archive: &'a Archive,
    options: &Options,
    absent: &mut Vec<String>,
) -> Result<Vec<Choice<'a>>, Error> {
    let images: Vec<&Packed> = match &options.only {
        Some(name) => {
            let found: Vec<&Packed> =
                archive.contents.images.iter().filter(|p| crate::select::is_wanted(p, name)).collect();
            if found.is_empty() {
                return Err(crate::select::not_in(archive, name));
            }
            found
        }
        None => archive.contents.images.iter().collect(),
    };
    if options.tag.is_some() && images.len() > 1 {
        let why = format!("--tag names one image, but there are {}: choose one with --only", images.len());
        return Err(Error::Misuse(why));
    }
    images
        .into_iter()
        .map(|packed| Ok(Choice { packed, images: choose_platforms(packed, &options.platforms, absent)? }))
        .collect()
}

/// The host's platform; where it is not there, all that are: nothing is lost by loading what cannot run here.
fn choose_platforms<'a>(
    packed: &'a Packed,
    platforms: &Platforms,
    absent: &mut Vec<String>,
) -> Result<Vec<&'a PackedImage>, Error> {
    let of = |wanted: &Platform| -> Vec<&'a PackedImage> {
        packed.images.iter().filter(|i| platform_of(i).satisfies(wanted)).collect()
    };
    let all = || packed.images.iter().collect();
    match platforms {
        Platforms::All => Ok(all()),
        Platforms::Host => {
            let host = of(&Platform::host());
            Ok(if host.is_empty() { all() } else { host })
        }
        Platforms::These(wanted) => {
            let mut chosen = Vec::new();
            for platform in wanted {
                let found = of(platform);
                if found.is_empty() {
                    absent.push(platform.to_string());
                }
                chosen.extend(found);
            }
            if chosen.is_empty() {
                let found: Vec<String> = packed.images.iter().map(|i| platform_of(i).to_string()).collect();
                let wanted = absent.join(", ");
                return Err(ply_image::DocumentError::NoPlatform { wanted, found: found.join(", ") }.into());
            }
            Ok(chosen)
        }
    }
}

/// What became of the layers.
#[derive(Default)]
struct Layers {
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
    fn blob(&self, layer: &PackedLayer) -> Result<Descriptor, Error> {
        if let Some(moved) = self.moved(layer) {
            let kind = match moved.compression {
                Compression::Gzip => MediaType::LAYER_GZIP,
                Compression::Zstd => MediaType::LAYER_ZSTD,
                Compression::None | Compression::Bzip2 | Compression::Xz => MediaType::LAYER,
            };
            return Ok(Descriptor::new(MediaType::new(kind), moved.digest, moved.size));
        }
        let known = self.by_diff_id.get(&layer.diff_id).cloned();
        known.ok_or_else(|| ply_image::BlobError::Absent(layer.diff_id.0).into())
    }
}

/// Blobs to be brought in from where they lie, each member once.
#[derive(Default)]
struct Jobs<'a> {
    jobs: Vec<Job<'a>>,
    /// Of each job: the member, if it is a layer; and its blob, unless the store has it.
    blobs: Vec<(Option<String>, Option<IngestBlob>)>,
    small: Vec<(String, Moved, IngestBlob)>,
    seen: std::collections::HashSet<String>,
}

impl<'a> Jobs<'a> {
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
        let here = stored_as.is_some_and(|digest| engine.store.has(&digest, member.size));
        let blob = if here { None } else { Some(ingest.blob(Some(member.size))?) };
        self.jobs.push(Job {
            what,
            label: layer.diff_id.0.short(),
            from: Origin::Member(&*archive.members, member.clone()),
            expected: Expected { digest: layer.digest, diff_id: Some(layer.diff_id) },
            stored: blob.as_ref().map(Out::of),
            plain: None,
            is_layer: true,
        });
        self.blobs.push((Some(member.name.clone()), blob));
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
        std::io::Write::write_all(&mut blob.open()?, &bytes).map_err(Error::within(what))?;
        let moved = small(&bytes).map_err(Error::within(what))?;
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
        if !self.seen.insert(digest.to_string()) || ingest.has(&digest, further.size) {
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
        let blob = ingest.blob(Some(member.size))?;
        self.jobs.push(Job {
            what,
            label: digest.short(),
            from: Origin::Member(&*archive.members, member),
            expected: Expected { digest: Some(digest), diff_id: None },
            stored: Some(Out::of(&blob)),
            plain: None,
            is_layer: false,
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
            if let Some(blob) = blob {
                ingest.finish(blob, moved.digest);
            }
            if let Some(name) = name {
                ingest.learn(moved.diff_id, moved.facts);
                layers.by_member.insert(name, moved);
            }
        }
        Ok(())
    }
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

/// Reads a small blob of an archive whole, and checks it.
fn read_blob(archive: &Archive, blob: &Descriptor) -> Result<Vec<u8>, Error> {
    /// An attestation is a document, and may be as large as a large one.
    const LIMIT: u64 = 64 << 20;
    if blob.size > LIMIT {
        let why = format!("has {} bytes, more than the {LIMIT} a document may have", blob.size);
        return Err(Error::within(format!("blob {}", blob.digest))(why));
    }
    let mut raw = Vec::new();
    archive
        .open(&blob.digest)?
        .take(LIMIT)
        .read_to_end(&mut raw)
        .map_err(Error::within(format!("reading blob {}", blob.digest)))?;
    let found = Digest::of(&raw);
    if found == blob.digest {
        return Ok(raw);
    }
    let what = format!("blob {}", blob.digest);
    Err(Error::Mismatch { what, found, expected: blob.digest, by: "its name" })
}

/// Points a name at an image. One that named another image says so, and that image stays, without the name.
pub(crate) fn point(
    names: &mut Names,
    id_of: impl Fn(&Digest) -> Option<Digest>,
    name: &Reference,
    root: &Descriptor,
    id: Digest,
    no_clobber: bool,
) -> Result<Option<(Reference, Digest)>, Error> {
    let canonical = name.canonical();
    let old = names.get(&canonical).cloned();
    let old_id = old.as_ref().and_then(|d| id_of(&d.digest));
    // Another platform of the same index is the same image.
    let moves = old.as_ref().is_some_and(|old| old.digest != root.digest) && old_id != Some(id);
    if moves && no_clobber {
        return Err(Error::Conflict(format!("{} names another image already", name.familiar())));
    }
    names.set(&canonical, root);
    match (old, old_id) {
        (Some(old), old_id) if moves => {
            names.keep(&old);
            Ok(old_id.map(|id| (name.clone(), id)))
        }
        _ => Ok(None),
    }
}

fn at_place(place: String, error: Error) -> Error {
    match error {
        Error::Interrupted | Error::Store(_) | Error::Misuse(_) | Error::Conflict(_) => error,
        // It names the place itself.
        Error::Archive(ArchiveError::Io { ref path, .. }) if *path == place => error,
        other => Error::within(place)(other),
    }
}
