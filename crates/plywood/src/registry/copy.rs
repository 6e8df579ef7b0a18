//! `copy`: an image from one place to another, each spelled as skopeo spells it.

use std::path::PathBuf;

use ply_archive::{Format, Place, Transport};
use ply_layer::Encoding;
use ply_reference::Reference;

use super::push::Options as PushOptions;
use crate::load::{Input, Options as LoadOptions};
use crate::save::{Options as SaveOptions, Saving, Sources};
use crate::select::Platforms;
use crate::spelled::Spelled;
use crate::{Engine, Error};

/// How to copy.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Which platforms.
    pub platforms: Platforms,
    /// How layers are packed; if nobody says, as they are, and for a registry as `push` does.
    pub compress_layers: Option<Encoding>,
    /// Whether it is an error if the copy has another digest.
    pub preserve_digests: bool,
}

/// Where a copy goes.
enum Target {
    Remote(Reference),
    Daemon(Option<Reference>),
    Archive(Format, PathBuf, Option<Reference>),
    Folder(PathBuf, Option<String>),
    Store(Option<Reference>),
}

impl Target {
    fn parse(text: &str) -> Result<Self, Error> {
        let named = |name: &str| -> Result<Option<Reference>, Error> {
            if name.is_empty() { Ok(None) } else { Ok(Some(Reference::parse(name)?.with_default_tag())) }
        };
        match Spelled::parse(text)? {
            Spelled::Remote(reference) => Ok(Self::Remote(reference)),
            Spelled::Daemon(name) => Ok(Self::Daemon(named(name)?)),
            Spelled::Stored(name) => Ok(Self::Store(named(name)?)),
            Spelled::Place(Place { transport, path, name }) => match transport {
                Some(Transport::DockerArchive) => {
                    Ok(Self::Archive(Format::Docker, path, named(&name.unwrap_or_default())?))
                }
                Some(Transport::OciArchive) => {
                    Ok(Self::Archive(Format::Oci, path, named(&name.unwrap_or_default())?))
                }
                Some(Transport::Oci) => Ok(Self::Folder(path, name)),
                None => {
                    let shown = crate::error::shown(text);
                    let why = format!("{shown}: say what it is to be, docker-archive:, oci-archive: or oci:");
                    Err(Error::Misuse(why))
                }
            },
        }
    }
}

impl Engine<'_> {
    /// Copies an image.
    ///
    /// # Errors
    /// The source does not have it, the target cannot be written, or a digest would change that must not.
    pub fn copy(&self, from: &str, to: &str, options: &Options) -> Result<(), Error> {
        let target = Target::parse(to)?;
        let keeps_layers = matches!(target, Target::Store(_) | Target::Daemon(_));
        if options.compress_layers.is_some() && keeps_layers {
            let why = "--compress-layers is for copies to registries, archives and layouts";
            return Err(Error::Misuse(why.to_owned()));
        }
        // What is brought here on the way stays until it is written.
        let _hold = self.store.hold()?;
        match target {
            Target::Remote(name) => self.copy_to_registry(from, &name, options),
            Target::Store(name) => self.copy_to_store(from, name, options),
            Target::Daemon(name) => self.copy_to_daemon(from, name, options),
            Target::Archive(format, path, name) => {
                let saving = self.copied(from, format, name, options)?;
                self.write_file(&saving, &path)
            }
            Target::Folder(path, name) => {
                let saving = self.copied(from, Format::Oci, None, options)?;
                self.write_folder(&saving, &path, name.as_deref())
            }
        }
    }

    fn copied(
        &self,
        from: &str,
        format: Format,
        name: Option<Reference>,
        options: &Options,
    ) -> Result<Saving, Error> {
        let save = SaveOptions {
            format,
            platforms: options.platforms.clone(),
            named: name.map(|name| vec![name]),
            compress_layers: options.compress_layers,
            preserve_digests: options.preserve_digests,
            ..SaveOptions::default()
        };
        if options.preserve_digests && format == Format::Docker {
            let why = "Docker's archives hold plain layers, and so other manifests: --preserve-digests does not allow it";
            return Err(Error::Misuse(why.to_owned()));
        }
        self.save(&[from.to_owned()], &save)
    }

    fn copy_to_registry(&self, from: &str, name: &Reference, options: &Options) -> Result<(), Error> {
        let save = SaveOptions {
            format: Format::Oci,
            platforms: options.platforms.clone(),
            ..SaveOptions::default()
        };
        let (catalog, mut archives) = (self.store.catalog()?, Vec::new());
        let planned = self.planned_all(&catalog, from, &save, &mut archives)?;
        let [planned] = planned.as_slice() else {
            let shown = crate::error::shown(from);
            return Err(Error::Misuse(format!("{shown} is {} images: name one", planned.len())));
        };
        let push = PushOptions {
            compress: options.compress_layers,
            platforms: options.platforms.clone(),
            preserve_digests: options.preserve_digests,
        };
        let sources = Sources { store: &self.store, archives: &archives, repacked: None };
        self.push_planned(&catalog, planned, &sources, name, &push).map(drop)
    }

    fn copy_to_store(&self, from: &str, name: Option<Reference>, options: &Options) -> Result<(), Error> {
        let load =
            LoadOptions { platforms: options.platforms.clone(), tag: name.clone(), ..LoadOptions::default() };
        match Spelled::parse(from)? {
            Spelled::Remote(reference) => {
                let pulled = self.pull(&reference, &options.platforms)?;
                match name {
                    Some(name) if name != pulled.name => self.tag(&pulled.name.canonical(), &name).map(drop),
                    _ => Ok(()),
                }
            }
            Spelled::Daemon(wanted) => self.load_from_daemon(wanted, &load).map(drop),
            Spelled::Place(place) => {
                let load = LoadOptions { only: place.name.clone(), ..load };
                self.load(Input::Path(&place.path), &load).map(drop)
            }
            Spelled::Stored(wanted) => match name {
                Some(name) => self.tag(wanted, &name).map(drop),
                None => Err(Error::Misuse("from the store to the store: say the new name".to_owned())),
            },
        }
    }

    fn copy_to_daemon(&self, from: &str, name: Option<Reference>, options: &Options) -> Result<(), Error> {
        self.save_to_daemon(&self.copied(from, Format::Docker, name, options)?).map(drop)
    }
}
