//! From an image to its files: every layer read into a tree, all at once.

use std::io::BufReader;

use ply_image::{BlobSource, Image, Platform, Region};
use ply_layer::Compression;
use ply_layer::changeset::{Changeset, Feed, Reader, read};
use ply_store::{Container, ContainerLock, Store};
use ply_tree::Source;
use rayon::prelude::*;

use super::bytes::make_plain;
use super::layer_tree::identity;
use super::upper::Upper;
use super::{Files, Layer, LayerBytes, LayerTree};
use crate::containers::Subject;
use crate::measure::RegionCursor;
use crate::select::{Meant, nameless_view};
use crate::transfer::{BLOCK, RegionReader};
use crate::view::View;
use crate::{Engine, Error};

/// What files are opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// To be looked at, and perhaps one or the other read.
    Headers,
    /// To be read, all of them.
    Content,
}

/// An image, and where its layers lie.
pub(crate) struct Located {
    pub(crate) view: View,
    /// From the bottom up.
    pub(crate) bytes: Vec<LayerBytes>,
    /// The store, where they are its own.
    pub(crate) store: Option<Store>,
}

impl Located {
    fn new(view: View, regions: Vec<Region>, store: Option<Store>) -> Result<Self, Error> {
        let layers = regions.into_iter().zip(&view.layers);
        let bytes = layers
            .map(|(region, layer)| LayerBytes::new(layer.diff_id, region, store.clone()))
            .collect::<Result<_, _>>()?;
        Ok(Self { view, bytes, store })
    }
}

impl Engine<'_> {
    /// Opens the files of an image, of the store or not loaded, or of a container. `IMAGE~2` is the image without its two
    /// topmost layers. A container's name comes before an image's, an image's ID before a container's.
    ///
    /// # Errors
    /// There is no such image or container, or a layer is missing or damaged.
    pub fn files(&self, wanted: &str, platform: Option<&Platform>) -> Result<Files, Error> {
        self.files_for(Need::Headers, wanted, platform)
    }

    /// The same for whoever will read all content: compressed layers are inflated once, into plain tars, and not a first
    /// time for their headers.
    ///
    /// # Errors
    /// As [`Engine::files`]; or there is no room for the plain tars.
    pub fn files_made_plain(&self, wanted: &str, platform: Option<&Platform>) -> Result<Files, Error> {
        self.files_for(Need::Content, wanted, platform)
    }

    fn files_for(&self, need: Need, wanted: &str, platform: Option<&Platform>) -> Result<Files, Error> {
        let (wanted, down) = split_down(wanted);
        match self.subject(wanted, || self.files_below_name(need, (wanted, down), platform))? {
            Subject::Container(container) => self.files_down(need, &container, down),
            Subject::Image(files) => Ok(files),
        }
    }

    /// The files of an image, whatever a container may be called.
    pub(crate) fn image_files(
        &self,
        need: Need,
        wanted: &str,
        platform: Option<&Platform>,
    ) -> Result<Files, Error> {
        self.files_below_name(need, split_down(wanted), platform)
    }

    fn files_below_name(
        &self,
        need: Need,
        (wanted, down): (&str, usize),
        platform: Option<&Platform>,
    ) -> Result<Files, Error> {
        self.open_layers(need, self.locate_below(wanted, down, platform)?)
    }

    /// Where the layers of an image lie, and nothing is read of them. A container is none here.
    pub(crate) fn locate(&self, wanted: &str, platform: Option<&Platform>) -> Result<Located, Error> {
        let (wanted, down) = split_down(wanted);
        self.locate_below(wanted, down, platform)
    }

    fn locate_below(&self, wanted: &str, down: usize, platform: Option<&Platform>) -> Result<Located, Error> {
        let meant = self.meant(wanted)?;
        let mut view = self.view_of(&meant, platform)?;
        shorten(&mut view, wanted, down)?;
        let (regions, store) = self.regions(&meant, platform, &view)?;
        Located::new(view, regions, store)
    }

    /// The files of a container, or of what lies so many layers below its own.
    fn files_down(&self, need: Need, container: &Container, down: usize) -> Result<Files, Error> {
        match down.checked_sub(1) {
            None => self.files_of_container(need, container, self.read_container(container)?),
            Some(down) => self.files_below(need, container, down),
        }
    }

    /// The files of a container: those of its image, and its own layer on top. The lock stays with them.
    pub(crate) fn files_of_container(
        &self,
        need: Need,
        container: &Container,
        lock: ContainerLock,
    ) -> Result<Files, Error> {
        let mut files = self.files_below(need, container, 0)?;
        files.upper = Some(Upper::read(&self.store, container, files.layers.len(), lock)?);
        Ok(files)
    }

    pub(crate) fn files_below(&self, need: Need, container: &Container, down: usize) -> Result<Files, Error> {
        self.open_layers(need, self.locate_container_below(container, down)?)
    }

    /// Where the layers of a container's image lie.
    pub(crate) fn locate_container(&self, container: &Container) -> Result<Located, Error> {
        self.locate_container_below(container, 0)
    }

    fn locate_container_below(&self, container: &Container, down: usize) -> Result<Located, Error> {
        let image = Image::read(&self.store, &container.manifest)?;
        let mut view = nameless_view(&self.store.catalog()?, image);
        shorten(&mut view, &container.name, down)?;
        let regions = self.stored_regions(&view)?;
        Located::new(view, regions, Some(self.store.clone()))
    }

    /// Reads every layer into a tree.
    pub(crate) fn open_layers(&self, need: Need, located: Located) -> Result<Files, Error> {
        let Located { view, bytes, store } = located;
        if need == Need::Content {
            make_plain(self.threads(), &bytes)?;
        }
        let of = view.layers.len();
        let layers = bytes
            .par_iter()
            .zip(&view.layers)
            .enumerate()
            // Each for itself: in halves, two large layers beside each other would be one thread's.
            .with_max_len(1)
            .map(|(at, (bytes, layer))| {
                let what = || format!("layer {} of {of} ({})", at.saturating_add(1), layer.diff_id.0.short());
                let source = Source(u32::try_from(at).map_err(Error::within(what()))?);
                let (region, compression) = bytes.at_hand();
                let of = if store.is_some() { Some(layer.diff_id.0) } else { identity(bytes.packed()) };
                if let Some(tree) = of.and_then(|of| LayerTree::kept(&self.store, &of, source)) {
                    return Ok(Layer { tree, warnings: Vec::new() });
                }
                let (read, size) = match store {
                    Some(_) => bytes.proven_tree(source).map_err(Error::within(what()))?,
                    None => tree(region, compression, source).map_err(Error::within(what()))?,
                };
                if let Some(of) = of {
                    LayerTree::keep(&read, &self.store, &of, size);
                }
                let warnings = read.warnings.iter().map(ToString::to_string).collect();
                Ok(Layer { tree: LayerTree::Read(read.tree), warnings })
            })
            .collect::<Result<_, Error>>()?;
        Ok(Files { view, layers, bytes, upper: None })
    }

    fn stored_regions(&self, view: &View) -> Result<Vec<Region>, Error> {
        let regions = view.layers.iter().map(|layer| {
            let digest = layer.blob.as_ref().map_or(layer.diff_id.0, |blob| blob.digest);
            Ok(self.store.in_file(&digest)?)
        });
        regions.collect()
    }

    /// Where the layers lie as they are stored; and the store, where they are its own.
    fn regions(
        &self,
        meant: &Meant<'_>,
        platform: Option<&Platform>,
        view: &View,
    ) -> Result<(Vec<Region>, Option<Store>), Error> {
        match meant {
            Meant::Stored(..) => Ok((self.stored_regions(view)?, Some(self.store.clone()))),
            Meant::Unloaded(unloaded) => {
                let image = unloaded.image(platform)?;
                let regions = image.layers.iter().take(view.layers.len()).map(|layer| {
                    let absent = || ply_archive::ArchiveError::Missing {
                        wanted: crate::error::shown(&layer.wanted),
                        by: "the archive".to_owned(),
                    };
                    let member = layer.member.as_ref().ok_or_else(absent)?;
                    Ok(unloaded.archive.members.region(member)?.ok_or_else(absent)?)
                });
                Ok((regions.collect::<Result<_, Error>>()?, None))
            }
            Meant::Remote(remote) => {
                Ok((self.fetched_regions(remote, platform, view)?, Some(self.store.clone())))
            }
        }
    }
}

/// Takes the topmost layers away.
fn shorten(view: &mut View, wanted: &str, down: usize) -> Result<(), Error> {
    let keep = view.layers.len().checked_sub(down).ok_or_else(|| {
        let of = view.layers.len();
        Error::Misuse(format!(
            "{} has {of} layers, and so no image {down} below it",
            crate::error::shown(wanted)
        ))
    })?;
    view.layers.truncate(keep);
    Ok(())
}

/// The tree of a layer, and the length of its plain tar: of a plain one by its headers alone, of a compressed one by reading
/// it.
fn tree(
    region: &Region,
    compression: Compression,
    source: Source,
) -> Result<(Changeset, u64), Box<dyn std::error::Error + Send + Sync>> {
    let reader = Reader::new(source, 0);
    let limits = ply_tar::Limits::default();
    if compression == Compression::None {
        return Ok((read(RegionCursor::new(region), reader, limits)?, region.len));
    }
    let raw = BufReader::with_capacity(BLOCK, RegionReader::new(region));
    let mut plain = ply_layer::decoder(compression, raw, &ply_layer::Limits::default())?;
    let mut feed = Feed::new(reader, limits);
    let (mut block, mut size) = (vec![0; BLOCK], 0);
    loop {
        match plain.read(&mut block)? {
            0 => return Ok((feed.finish()?, size)),
            n => {
                size = size.saturating_add(n as u64);
                feed.push(block.get(..n).unwrap_or_default())?;
            }
        }
    }
}

/// `IMAGE~2`: the image, and how many layers down. A file may be called so too.
pub(crate) fn split_down(wanted: &str) -> (&str, usize) {
    let split = wanted.rsplit_once('~').and_then(|(image, down)| Some((image, down.parse().ok()?)));
    match split {
        Some((image, down)) if !std::path::Path::new(wanted).exists() => (image, down),
        _ => (wanted, 0),
    }
}
