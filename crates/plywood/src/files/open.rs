//! From an image to its files: every layer read into a tree, all at once.

use std::io::BufReader;

use ply_image::{Platform, Region};
use ply_layer::Compression;
use ply_layer::changeset::{Changeset, Feed, Reader, read};
use ply_store::Store;
use ply_tree::Source;
use rayon::prelude::*;

use super::bytes::make_plain;
use super::{Files, Layer, LayerBytes};
use crate::measure::RegionCursor;
use crate::select::Meant;
use crate::transfer::{BLOCK, RegionReader};
use crate::view::View;
use crate::{Engine, Error};

impl Engine<'_> {
    /// Opens the files of an image, of the store or not loaded. `IMAGE~2` is the image without its two topmost layers.
    ///
    /// # Errors
    /// There is no such image, or a layer is missing or damaged.
    pub fn files(&self, wanted: &str, platform: Option<&Platform>) -> Result<Files, Error> {
        self.open_files(wanted, platform, false)
    }

    /// The same for whoever will read all content: compressed layers are inflated once, into plain tars, and not a first
    /// time for their headers.
    ///
    /// # Errors
    /// As [`Engine::files`]; or there is no room for the plain tars.
    pub fn files_made_plain(&self, wanted: &str, platform: Option<&Platform>) -> Result<Files, Error> {
        self.open_files(wanted, platform, true)
    }

    fn open_files(&self, wanted: &str, platform: Option<&Platform>, make: bool) -> Result<Files, Error> {
        let (wanted, down) = split_down(wanted);
        let mut view = self.view(wanted, platform)?;
        let keep = view.layers.len().checked_sub(down).ok_or_else(|| {
            let of = view.layers.len();
            Error::Misuse(format!(
                "{} has {of} layers, and so no image {down} below it",
                crate::error::shown(wanted)
            ))
        })?;
        view.layers.truncate(keep);
        let (regions, store) = self.regions(wanted, platform, &view)?;
        let bytes = regions
            .into_iter()
            .zip(&view.layers)
            .map(|(region, layer)| LayerBytes::new(layer.diff_id, region, store.clone()))
            .collect::<Result<Vec<_>, _>>()?;
        if make {
            make_plain(&bytes, self.threads())?;
        }
        let layers = bytes
            .par_iter()
            .zip(&view.layers)
            .enumerate()
            .map(|(at, (bytes, layer))| {
                let what = || format!("layer {} of {keep} ({})", at + 1, layer.diff_id.0.short());
                let (region, compression) = bytes.at_hand();
                let read = tree(region, compression, at).map_err(Error::within(what()))?;
                let warnings = read.warnings.iter().map(ToString::to_string).collect();
                Ok(Layer { tree: read.tree, warnings })
            })
            .collect::<Result<_, Error>>()?;
        Ok(Files { view, layers, bytes })
    }

    /// Where the layers lie as they are stored; and the store, where they are its own.
    fn regions(
        &self,
        wanted: &str,
        platform: Option<&Platform>,
        view: &View,
    ) -> Result<(Vec<Region>, Option<Store>), Error> {
        match self.meant(wanted)? {
            Meant::Stored(..) => {
                let regions = view.layers.iter().map(|layer| {
                    let digest = layer.blob.as_ref().map_or(layer.diff_id.0, |blob| blob.digest);
                    let region = ply_image::BlobSource::region(&self.store, &digest)?;
                    Ok(region.ok_or(ply_image::BlobError::Absent(digest))?)
                });
                Ok((regions.collect::<Result<_, Error>>()?, Some(self.store.clone())))
            }
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
        }
    }
}

/// The tree of a layer: of a plain one by its headers alone, of a compressed one by reading it.
fn tree(
    region: &Region,
    compression: Compression,
    at: usize,
) -> Result<Changeset, Box<dyn std::error::Error + Send + Sync>> {
    let reader = Reader::new(Source(u32::try_from(at)?), 0);
    let limits = ply_tar::Limits::default();
    if compression == Compression::None {
        return Ok(read(RegionCursor::new(region), reader, limits)?);
    }
    let raw = BufReader::with_capacity(BLOCK, RegionReader::new(region));
    let mut plain = ply_layer::decoder(compression, raw, &ply_layer::Limits::default())?;
    let mut feed = Feed::new(reader, limits);
    let mut block = vec![0; BLOCK];
    loop {
        match plain.read(&mut block)? {
            0 => return Ok(feed.finish()?),
            n => feed.push(block.get(..n).unwrap_or_default())?,
        }
    }
}

/// `IMAGE~2`: the image, and how many layers down. A file may be called so too.
fn split_down(wanted: &str) -> (&str, usize) {
    let split = wanted.rsplit_once('~').and_then(|(image, down)| Some((image, down.parse().ok()?)));
    match split {
        Some((image, down)) if !std::path::Path::new(wanted).exists() => (image, down),
        _ => (wanted, 0),
    }
}
