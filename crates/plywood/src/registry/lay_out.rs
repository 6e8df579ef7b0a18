//! Images that lie in a registry or a daemon, laid out to be written elsewhere: their blobs are brought here first.

use std::io;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use ply_archive::{Archive, Place, PlannedImage, PlannedPlatform};
use ply_image::{Descriptor, Document, Index, MediaType};
use ply_reference::Reference;
use ply_registry::daemon::Daemon;

use super::look::keep;
use crate::files::temporary;
use crate::save::{Options, planned_layer};
use crate::select::{Platforms, descriptor};
use crate::{Engine, Error};

impl Engine<'_> {
    /// An image in a registry. What it names is fetched into the store, without a name there.
    pub(crate) fn planned_remote(
        &self,
        reference: &Reference,
        options: &Options,
    ) -> Result<PlannedImage, Error> {
        let remote = self.remote(reference)?;
        let images = remote.images(&options.platforms)?;
        self.keep_layers(&remote, &images, false)?;
        let ingest = self.store.begin()?;
        remote.put_documents(&ingest, &images)?;
        keep(ingest)?;
        let catalog = self.store.catalog()?;
        // One image of an index is that image, and not an index that lists what is not here.
        let alone = match (images.as_slice(), &options.platforms) {
            ([image], Platforms::Host | Platforms::These(_)) => Some(descriptor(image)),
            _ => None,
        };
        let (root, blobs) = match alone {
            Some(manifest) => (manifest, Vec::new()),
            None => {
                (remote.target.root.clone(), remote.target.indexes.iter().map(|i| described(i)).collect())
            }
        };
        let images = images.into_iter().map(|image| {
            let layers = image.layers().into_iter().map(|layer| {
                let plain = catalog.layer(&layer.diff_id).map(|facts| facts.plain);
                planned_layer(&self.store, options.format, layer.diff_id, layer.blob, plain, false)
            });
            let layers = layers.collect::<Result<_, Error>>()?;
            Ok(PlannedPlatform { layers, manifest: image.manifest, config: image.config })
        });
        let images = images.collect::<Result<Vec<_>, Error>>()?;
        let names = vec![reference.clone()].into_iter().filter(|name| name.digest().is_none()).collect();
        Ok(PlannedImage { names, root, documents: Vec::new(), blobs, images })
    }

    /// Images of a Docker daemon, by way of an archive that has no name.
    pub(crate) fn planned_daemon(
        &self,
        name: &str,
        options: &Options,
        archives: &mut Vec<Archive>,
    ) -> Result<Vec<PlannedImage>, Error> {
        let mut stream = Daemon::from_environment()?.export(&[daemon_name(name)?])?;
        let failed = || Error::within("taking the image from the daemon");
        let mut file = temporary(self.store.root())?;
        io::copy(&mut stream, &mut file).map_err(failed())?;
        // Opened once more through this name, and then on its own.
        let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        self.planned_unloaded(&Place { transport: None, path, name: None }, options, archives)
    }
}

/// An index, as its digest and its size say.
fn described(index: &Document<Index>) -> Descriptor {
    let kind = index.value.media_type.clone().unwrap_or_else(|| MediaType::new(MediaType::INDEX));
    Descriptor::new(kind, index.digest, index.raw.len() as u64)
}

/// A name as a daemon knows it: with a tag.
pub(crate) fn daemon_name(name: &str) -> Result<String, Error> {
    match ply_reference::Query::parse(name)? {
        ply_reference::Query::Id(_) => Ok(name.to_owned()),
        query => {
            Ok(query.reference().map_or_else(|| name.to_owned(), |r| r.clone().with_default_tag().familiar()))
        }
    }
}
