//! `load`: images of an archive or layout into the store, all or nothing.

mod choice;
mod layers;

use std::collections::HashMap;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use ply_archive::{Archive, ArchiveError, Container};
use ply_digest::Digest;
use ply_image::{BlobSink, BlobSource, Descriptor, Manifest, MediaType};
use ply_layer::Compression;
use ply_reference::Reference;
use ply_store::Ingest;

use self::choice::{Choice, choose};
use self::layers::Layers;
use crate::point::point;
use crate::receive::Received;
use crate::select::Platforms;
use crate::transfer::BLOCK;
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
            Container::Folder(folder) => self.load_archive(&Archive::new(Box::new(folder))?, options),
            Container::Tar(tar) => self.load_archive(&Archive::new(Box::new(tar))?, options),
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

    fn load_archive(&self, archive: &Archive, options: &Options) -> Result<Loaded, Error> {
        self.load_into(self.store.begin()?, archive, None, options)
    }

    fn load_into(
        &self,
        ingest: Ingest,
        archive: &Archive,
        received: Option<&Received>,
        options: &Options,
    ) -> Result<Loaded, Error> {
        for what in &archive.contents.passed_over {
            self.watch.note(&format!("passed over, since it is no image: {what}"));
        }
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

fn at_place(place: String, error: Error) -> Error {
    match error {
        Error::Interrupted | Error::Store(_) | Error::Misuse(_) | Error::Conflict(_) => error,
        // It names the place itself.
        Error::Archive(ArchiveError::Io { ref path, .. }) if *path == place => error,
        other => Error::within(place)(other),
    }
}
