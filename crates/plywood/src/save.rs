//! `save`: images into an archive. It is laid out first, to the byte; then written in order into a stream, or at
//! all places at once into a file. What is written is hashed on the way.

mod file;
mod folder;
mod repack;
mod stream;
mod unloaded;

use repack::Repacked;

pub(crate) use file::{Beside, into_file, preallocate};
pub(crate) use stream::write_plain_layer;
pub(crate) use unloaded::Sources;

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;

use ply_archive::{Archive, Format, Place, Plan, PlannedImage, PlannedLayer, PlannedPlatform};
use ply_digest::Digest;
use ply_image::{BlobSource, Descriptor, DiffId, Document, Image, Manifest, Platform, Target};
use ply_layer::Encoding;
use ply_reference::{Query, Reference};
use ply_store::{Catalog, Hold};

use crate::select::{Found, Platforms, Which, find, parse_canonical};
use crate::spelled::Spelled;
use crate::{Engine, Error};

/// What to save, and how.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Docker's format, or OCI's.
    pub format: Format,
    /// Which platforms of an image with several.
    pub platforms: Platforms,
    /// What the other side has already.
    pub without: Without,
    /// Compresses the whole archive.
    pub compress: Option<Encoding>,
    /// How layers are packed in OCI's format; as they are stored, if nobody says.
    pub compress_layers: Option<Encoding>,
    /// Whether it is an error to give an image another digest than it has.
    pub preserve_digests: bool,
    /// Names the images so, in place of the names they have.
    pub named: Option<Vec<Reference>>,
}

/// Layers that need not travel.
#[derive(Debug, Clone, Default)]
pub struct Without {
    /// By the digests of their plain tars.
    pub diff_ids: HashSet<DiffId>,
    /// By the digests of their blobs.
    pub blobs: HashSet<Digest>,
}

/// An archive that is laid out and not written yet.
#[derive(Debug)]
#[must_use = "nothing is written before write_file or write_stream"]
pub struct Saving {
    plan: Plan,
    compress: Option<Encoding>,
    /// Layers that travel.
    pub travels: Vec<PlannedLayer>,
    /// Layers that do not.
    pub stays: Vec<PlannedLayer>,
    archives: Vec<Archive>,
    repacked: Option<Repacked>,
    _hold: Hold,
}

impl Saving {
    /// Where the blobs lie.
    fn sources<'a>(&'a self, engine: &'a Engine<'_>) -> Sources<'a> {
        Sources { store: &engine.store, archives: &self.archives, repacked: self.repacked.as_ref() }
    }

    /// Length of the archive in bytes, before it is compressed.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.plan.total
    }
}

impl Engine<'_> {
    /// What the other side has, told by an image here, an archive, or a list of DiffIDs.
    ///
    /// # Errors
    /// There is no such image or archive, or the list holds something else.
    pub fn without(
        &self,
        given: &[String],
        read_list: impl Fn(&str) -> std::io::Result<String>,
    ) -> Result<Without, Error> {
        let mut without = Without::default();
        for given in given {
            if given == "-" || (Place::parse(given).is_none_or(|p| p.transport.is_none()) && is_list(given)) {
                let text = read_list(given).map_err(Error::within(crate::error::shown(given)))?;
                read_diff_ids(&text, given, &mut without)?;
            } else {
                let view = self.view(given, None)?;
                without.diff_ids.extend(view.layers.iter().map(|l| l.diff_id));
                without.blobs.extend(view.layers.iter().filter_map(|l| Some(l.blob.as_ref()?.digest)));
            }
        }
        Ok(without)
    }

    /// Lays out an archive of these images. Until it is written nothing it needs is collected.
    ///
    /// # Errors
    /// There is no such image; a platform that was asked for is not here.
    pub fn save(&self, wanted: &[String], options: &Options) -> Result<Saving, Error> {
        let hold = self.store.hold()?;
        let catalog = self.store.catalog()?;
        let mut images: Vec<PlannedImage> = Vec::new();
        let mut archives = Vec::new();
        for wanted in wanted {
            let planned = self.planned_all(&catalog, wanted, options, &mut archives)?;
            for image in planned {
                match images.iter_mut().find(|other| is_same(other, &image)) {
                    Some(other) => other.names.extend(image.names),
                    None => images.push(image),
                }
            }
        }
        for image in &mut images {
            if let Some(names) = &options.named {
                image.names.clone_from(names);
            }
            image.names.sort();
            image.names.dedup();
        }
        let repacked = match options.compress_layers {
            Some(_) if options.format == Format::Docker => {
                let why = "Docker's archives hold plain layers: --compress-layers goes with OCI's format";
                return Err(Error::Misuse(why.to_owned()));
            }
            Some(wanted) => {
                let sources = Sources { store: &self.store, archives: &archives, repacked: None };
                Some(self.repack(&mut images, &sources, wanted, options)?)
            }
            None => None,
        };
        let plan = Plan::new(options.format, &images).map_err(Error::within("laying out the archive"))?;
        let mut seen = HashSet::new();
        let (stays, travels) = images
            .iter()
            .flat_map(|image| match options.format {
                Format::Docker => image.images.get(..1).unwrap_or_default(),
                Format::Oci => &image.images,
            })
            .flat_map(|platform| platform.layers.iter())
            .filter(|layer| seen.insert(layer.blob.digest))
            .cloned()
            .partition(|layer| layer.omitted);
        Ok(Saving { plan, compress: options.compress, travels, stays, archives, repacked, _hold: hold })
    }

    /// The images that a word means, wherever they lie, laid out.
    pub(crate) fn planned_all(
        &self,
        catalog: &Catalog,
        wanted: &str,
        options: &Options,
        archives: &mut Vec<Archive>,
    ) -> Result<Vec<PlannedImage>, Error> {
        match Spelled::parse(wanted)? {
            Spelled::Place(place) => self.planned_unloaded(&place, options, archives),
            #[cfg(feature = "registry")]
            Spelled::Remote(reference) => Ok(vec![self.planned_remote(&reference, options)?]),
            #[cfg(feature = "registry")]
            Spelled::Daemon(name) => self.planned_daemon(name, options, archives),
            #[cfg(not(feature = "registry"))]
            Spelled::Daemon(_) => Err(crate::spelled::without_registries(wanted)),
            Spelled::Stored(wanted) => {
                let found = several(catalog, wanted)?.into_iter();
                found.map(|found| self.planned(catalog, found, options)).collect()
            }
        }
    }

    /// Writes an archive into a file, durably: beside it first, then renamed; or through it where it is a FIFO.
    ///
    /// # Errors
    /// A blob is damaged, or the file cannot be written; then nothing stands under its name that was not there.
    pub fn write_file(&self, saving: &Saving, path: &Path) -> Result<(), Error> {
        file::write(self, saving, path)
    }

    /// Writes the images into a folder, as a layout or into the one that is there.
    ///
    /// # Errors
    /// A blob is damaged, or the folder cannot be written or is something else; then it lists what it listed before.
    pub fn write_folder(&self, saving: &Saving, folder: &Path, name: Option<&str>) -> Result<(), Error> {
        folder::write(self, saving, folder, name)
    }

    /// Writes an archive into a stream.
    ///
    /// # Errors
    /// A blob is damaged, or the stream cannot be written; part of the archive may be written by then.
    pub fn write_stream(&self, saving: &Saving, out: &mut (dyn Write + Send)) -> Result<(), Error> {
        stream::write(self, saving, out)
    }

    pub(crate) fn planned(
        &self,
        catalog: &Catalog,
        found: Found,
        options: &Options,
    ) -> Result<PlannedImage, Error> {
        let root = Catalog::descriptor(&found.facts);
        let target = Target::read(&self.store, &root)?;
        let mut blobs: Vec<Descriptor> = target
            .indexes
            .iter()
            .map(|i| Descriptor::new(root.media_type.clone(), i.digest, i.raw.len() as u64))
            .collect();
        let mut images = Vec::new();
        for image in self.chosen(&found, &target, options)? {
            images.push(self.platform(catalog, &image, options)?);
        }
        for listed in target.manifests.iter().filter(|d| d.is_attestation()) {
            blobs.extend(self.attestation(listed)?);
        }
        // A digest is what the archive says anyway.
        let names = found.by_name.into_iter().filter(|name| name.digest().is_none()).collect();
        Ok(PlannedImage { names, root, documents: Vec::new(), blobs, images })
    }

    fn chosen(&self, found: &Found, target: &Target, options: &Options) -> Result<Vec<Image>, Error> {
        let chosen = self.chosen_platforms(found, target, options)?;
        one_platform(options, chosen.iter().map(|image| image.config.value.platform()))?;
        Ok(chosen)
    }

    fn chosen_platforms(
        &self,
        found: &Found,
        target: &Target,
        options: &Options,
    ) -> Result<Vec<Image>, Error> {
        match &options.platforms {
            // Whole by default where the format can hold it: what came in goes out.
            Platforms::Host if options.format == Format::Docker => {
                Ok(vec![self.stored_image(&found.facts, &found.which)?.1])
            }
            Platforms::Host | Platforms::All => {
                let here = target.images().filter_map(|d| match Image::read(&self.store, &d.digest) {
                    Err(ply_image::DocumentError::Blob(ply_image::BlobError::Absent(_)))
                        if !target.indexes.is_empty() =>
                    {
                        None
                    }
                    other => Some(other),
                });
                Ok(here.collect::<Result<_, _>>()?)
            }
            Platforms::These(wanted) => {
                let of = |p: &Platform| self.stored_image(&found.facts, &Which::Platform(p.clone()));
                wanted.iter().map(|p| Ok(of(p)?.1)).collect()
            }
        }
    }

    fn platform(
        &self,
        catalog: &Catalog,
        image: &Image,
        options: &Options,
    ) -> Result<PlannedPlatform, Error> {
        let layers = image.layers().into_iter().map(|layer| {
            let plain = catalog.layer(&layer.diff_id).map(|facts| facts.plain);
            let omitted = omitted(options, layer.diff_id, layer.blob.digest);
            planned_layer(&self.store, options.format, layer.diff_id, layer.blob, plain, omitted)
        });
        let layers = layers.collect::<Result<_, Error>>()?;
        Ok(PlannedPlatform { manifest: image.manifest.clone(), config: image.config.clone(), layers })
    }

    /// An attestation's manifest and what it names, as far as they are here.
    fn attestation(&self, listed: &Descriptor) -> Result<Vec<Descriptor>, Error> {
        if !self.is_here(listed)? {
            return Ok(Vec::new());
        }
        let manifest = Document::<Manifest>::read(&self.store, &listed.digest)?;
        let named = std::iter::once(manifest.value.config).chain(manifest.value.layers);
        let mut blobs = vec![listed.clone()];
        for named in named {
            if self.is_here(&named)? {
                blobs.push(named);
            }
        }
        Ok(blobs)
    }

    /// Whether a blob is here that need not be. One of another size is damaged, and not absent.
    fn is_here(&self, blob: &Descriptor) -> Result<bool, Error> {
        match self.store.size(&blob.digest) {
            Err(ply_image::BlobError::Absent(_)) => Ok(false),
            Ok(size) if size == blob.size => Ok(true),
            Ok(size) => {
                let why =
                    format!("has {size} bytes where there should be {}: `ply check` tells more", blob.size);
                Err(Error::within(format!("blob {}", blob.digest))(why))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Docker's format has one place for a platform: more are refused.
fn one_platform(options: &Options, chosen: impl ExactSizeIterator<Item = Platform>) -> Result<(), Error> {
    if options.format != Format::Docker || chosen.len() < 2 {
        return Ok(());
    }
    let count = chosen.len();
    let platforms: Vec<String> = chosen.map(|platform| platform.to_string()).collect();
    let why = format!(
        "Docker's format holds one platform of an image, and {count} were asked for ({}): choose one, or use --format oci",
        platforms.join(", ")
    );
    Err(Error::Misuse(why))
}

/// Whether the other side has a layer: by its DiffID, or where blobs travel as they are by the very blob.
fn omitted(options: &Options, diff_id: DiffId, blob: Digest) -> bool {
    match options.format {
        Format::Docker => options.without.diff_ids.contains(&diff_id),
        Format::Oci => {
            options.without.blobs.contains(&blob) || options.without.diff_ids.contains(&DiffId(blob))
        }
    }
}

/// A layer to be written. The length of its plain tar, where it is not known, takes reading it; only Docker's format wants it.
pub(crate) fn planned_layer(
    source: &dyn BlobSource,
    format: Format,
    diff_id: DiffId,
    blob: Descriptor,
    plain: Option<u64>,
    omitted: bool,
) -> Result<PlannedLayer, Error> {
    let plain = match plain {
        Some(plain) => plain,
        None if blob.digest == diff_id.0 || format == Format::Oci => blob.size,
        None => {
            let region = source.in_file(&blob.digest)?;
            let counted = crate::measure::count(&region);
            counted.map_err(Error::within(format!("blob {}", blob.digest)))?.plain
        }
    };
    Ok(PlannedLayer { diff_id, plain, blob, omitted })
}

/// Docker's format holds one platform of an image, so two of one index are two images there.
fn is_same(a: &PlannedImage, b: &PlannedImage) -> bool {
    let first = |image: &PlannedImage| image.images.first().map(|platform| platform.config.digest);
    a.root.digest == b.root.digest && first(a) == first(b)
}

/// What a word means to `save`: an image by name, ID or digest; or, for a repository, all its tags.
pub(crate) fn several(catalog: &Catalog, wanted: &str) -> Result<Vec<Found>, Error> {
    if let Some(reference) = Query::parse(wanted)?.reference()
        && reference.tag().is_none()
        && reference.digest().is_none()
    {
        let prefix = format!("{}:", reference.name().canonical());
        let tags: Vec<Found> = catalog
            .by_name_prefix(&prefix)
            .filter_map(|record| {
                let name = parse_canonical(record.name.as_deref()?)?;
                Some(Found { facts: record.facts, by_name: Some(name), which: Which::Host })
            })
            .collect();
        if !tags.is_empty() {
            return Ok(tags);
        }
    }
    Ok(vec![find(catalog, wanted)?])
}

/// A file that is no archive is a list.
fn is_list(path: &str) -> bool {
    use std::io::Read;
    let mut start = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(512).read_to_end(&mut start))
        .is_ok_and(|_| std::str::from_utf8(&start).is_ok_and(|text| !text.contains('\0')))
}

/// DiffIDs, any number of them on a line; or what `ply layers --no-trunc` prints, where they stand in the second column.
fn read_diff_ids(text: &str, by: &str, without: &mut Without) -> Result<(), Error> {
    let is_table = text.lines().next().is_some_and(|line| line.starts_with("LAYER "));
    for line in text.lines().skip(usize::from(is_table)) {
        let words = line.split_whitespace();
        let words: Vec<&str> = if is_table { words.skip(1).take(1).collect() } else { words.collect() };
        for word in words {
            let digest = word.parse::<Digest>().map_err(|why| {
                let (by, word) = (crate::error::shown(by), crate::error::shown(word));
                Error::Misuse(format!("{by} holds {word}, which is no DiffID: {why}"))
            })?;
            without.diff_ids.insert(DiffId(digest));
        }
    }
    Ok(())
}
