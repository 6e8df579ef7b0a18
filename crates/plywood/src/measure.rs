//! What Docker calls the size of a layer: the content of its files, counted by its headers.

use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use ply_archive::{Archive, PackedImage};
use ply_image::{BlobSource, Region};
use ply_store::LayerFacts;
use ply_tree::{Kind, Tree, walk};
use rayon::prelude::*;

use crate::Error;
use crate::transfer::{BLOCK, RegionReader, content_of};
use crate::view::View;

/// Counts the layers of a view that were not counted yet; gives back what was found out.
pub(crate) fn measure(
    source: &dyn BlobSource,
    view: &mut View,
) -> Result<Vec<(ply_image::DiffId, LayerFacts)>, Error> {
    let learnt: Vec<_> = view
        .layers
        .par_iter_mut()
        .with_max_len(1)
        .filter(|layer| layer.content.is_none())
        .map(|layer| {
            let blob = layer.blob.as_ref().ok_or(ply_archive::ArchiveError::NoImage)?;
            let facts = match source.region(&blob.digest)? {
                Some(region) => count(&region).map_err(Error::within(format!("layer {}", layer.diff_id)))?,
                None => return Ok(None),
            };
            layer.content = Some(facts.content);
            Ok(Some((layer.diff_id, facts)))
        })
        .collect::<Result<Vec<_>, Error>>()?;
    Ok(learnt.into_iter().flatten().collect())
}

pub(crate) fn measure_members(archive: &Archive, image: &PackedImage, view: &mut View) -> Result<(), Error> {
    view.layers.par_iter_mut().zip(&image.layers).with_max_len(1).try_for_each(|(layer, packed)| {
        let Some(member) = &packed.member else { return Ok(()) };
        if let Some(region) = archive.members.region(member)? {
            layer.content = Some(count(&region).map_err(Error::within(packed.wanted.clone()))?.content);
        }
        Ok(())
    })
}

/// Counts the content of a layer's files: of a plain one by its headers alone, of a compressed one by reading it.
pub(crate) fn count(region: &Region) -> Result<LayerFacts, Box<dyn std::error::Error + Send + Sync>> {
    let reader = io::BufReader::with_capacity(BLOCK, RegionReader::new(region));
    let (compression, reader) = ply_layer::sniff(reader)?;
    if compression == ply_layer::Compression::None {
        let mut content: u64 = 0;
        for entry in ply_tar::index(RegionCursor::new(region), ply_tar::Limits::default())? {
            content = content.saturating_add(content_of(&entry?));
        }
        return Ok(LayerFacts { content, plain: region.len });
    }
    let mut decoder = ply_layer::decoder(compression, reader, &ply_layer::Limits::default())?;
    let mut content = 0_u64;
    let mut walker = ply_tar::Walker::new(ply_tar::Limits::default());
    let mut block = vec![0; BLOCK];
    let mut plain = 0;
    loop {
        let n = decoder.read(&mut block)?;
        if n == 0 {
            walker.finish()?;
            return Ok(LayerFacts { content, plain });
        }
        plain = plain.saturating_add(n as u64);
        let count = |entry: &ply_tar::Entry| content = content.saturating_add(content_of(entry));
        walker.push(block.get(..n).unwrap_or_default(), count)?;
    }
}

/// Bytes of content in a tree, a file of several names counted at each.
pub(crate) fn content(tree: &Tree) -> u64 {
    let steps = walk(tree, Tree::ROOT).into_iter().flatten().flatten();
    let sizes = steps.filter_map(|step| match tree.get(step.id)?.kind {
        Kind::File { size, .. } => Some(size),
        _ => None,
    });
    sizes.fold(0, u64::saturating_add)
}

/// How much is read ahead: the header after that of a small file is there already.
const WINDOW: usize = 4096;

/// A region as something that can seek, read for the headers of a tar.
pub(crate) struct RegionCursor<'a> {
    region: &'a Region,
    at: u64,
    /// What was read last, and where it begins.
    window: Vec<u8>,
    start: u64,
}

impl<'a> RegionCursor<'a> {
    pub(crate) fn new(region: &'a Region) -> Self {
        Self { region, at: 0, window: Vec::with_capacity(WINDOW), start: 0 }
    }

    /// The bytes from here on, as far as they are at hand.
    fn at_hand(&self) -> &[u8] {
        let skip = self.at.checked_sub(self.start).and_then(|skip| usize::try_from(skip).ok());
        skip.and_then(|skip| self.window.get(skip..)).unwrap_or_default()
    }

    fn fill(&mut self) -> io::Result<()> {
        let left = usize::try_from(self.region.len.saturating_sub(self.at)).unwrap_or(usize::MAX);
        self.window.resize(WINDOW.min(left), 0);
        self.start = self.at;
        let read = self.region.file.read_at(&mut self.window, self.region.offset.saturating_add(self.at));
        self.window.truncate(*read.as_ref().unwrap_or(&0));
        read.map(drop)
    }
}

impl Read for RegionCursor<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at_hand().is_empty() {
            self.fill()?;
        }
        let n = self.at_hand().read(buffer)?;
        self.at = self.at.saturating_add(n as u64);
        Ok(n)
    }
}

impl Seek for RegionCursor<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.region.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
