use ply_tree::{Kind, TreeView};

use crate::efficiency::{Efficiency, Sizes};
use crate::numbers::Numbers;
use crate::rows::{Row, RowVersion, Rows};
use crate::{Origin, OverlayError};

/// What the layers of a stack add and hide, in bytes of regular files. A file with several names counts once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Each layer, bottom first.
    pub layers: Vec<LayerUsage>,
    /// How well the layers use their bytes, as dive counts it.
    pub efficiency: Efficiency,
}

/// What one layer adds and hides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LayerUsage {
    /// Bytes it holds.
    pub adds: u64,
    /// Of these, what the union does not show under any name.
    pub hidden: u64,
    /// Bytes of layers below that were last seen under this layer.
    pub hides: u64,
}

impl Usage {
    /// Bytes in all layers.
    #[must_use]
    pub fn total(&self) -> u64 {
        sum(self.layers.iter().map(|layer| layer.adds))
    }

    /// Bytes that the union does not show.
    #[must_use]
    pub fn hidden(&self) -> u64 {
        sum(self.layers.iter().map(|layer| layer.hidden))
    }

    /// Bytes that it shows.
    #[must_use]
    pub fn visible(&self) -> u64 {
        self.total().saturating_sub(self.hidden())
    }
}

/// Sizes come from outside, and so may be anything.
fn sum(sizes: impl Iterator<Item = u64>) -> u64 {
    sizes.fold(0, u64::saturating_add)
}

/// Counts what each layer adds and hides.
///
/// # Errors
/// A layer cannot be read; a hard link to a layer below that the union shows leads to no file.
pub fn usage(layers: &[&dyn TreeView]) -> Result<Usage, OverlayError> {
    let mut rows = Rows::new(layers)?;
    let mut count = Count {
        layers: vec![LayerUsage::default(); layers.len()],
        files: Numbers::default(),
        links: Vec::new(),
    };
    let mut sizes = Sizes::default();
    while let Some(row) = rows.next()? {
        let mut held = Vec::with_capacity(row.versions.len());
        for version in &row.versions {
            held.push(count.version(&rows, &row, version)?);
        }
        sizes.row(&rows.union, &row, &held)?;
    }
    Ok(Usage { layers: count.finish(), efficiency: sizes.finish() })
}

struct Count {
    layers: Vec<LayerUsage>,
    files: Numbers<Origin, File>,
    /// Names that layers above gave to files: of which file, and who hid the name.
    links: Vec<(Origin, Option<usize>)>,
}

/// A file of a layer.
struct File {
    size: u64,
    /// The last layer that hid a name of it; `None` while one shows.
    gone: Option<usize>,
}

impl File {
    /// A name that this layer hid, or none did.
    fn name(&mut self, hidden: Option<usize>) {
        self.gone = self.gone.zip(hidden).map(|(a, b)| a.max(b));
    }
}

impl Count {
    /// The bytes that come with this name: all of a file's with its first.
    fn version(
        &mut self,
        rows: &Rows<'_>,
        row: &Row<'_>,
        version: &RowVersion<'_>,
    ) -> Result<u64, OverlayError> {
        let hidden = version.hidden.as_ref().map(|hider| hider.layer);
        match &version.node.kind {
            Kind::File { size, .. } => {
                if let Some(file) = self.files.get_mut(&version.at) {
                    file.name(hidden);
                    return Ok(0);
                }
                self.files.insert(version.at, File { size: *size, gone: hidden });
                if let Some(layer) = self.layers.get_mut(version.at.layer) {
                    layer.adds = layer.adds.saturating_add(*size);
                }
                Ok(*size)
            }
            Kind::LinkBelow { .. } => {
                match rows.union.follow(version.at, version.node.clone(), || row.path.clone()) {
                    Ok((file, _)) => self.links.push((file, hidden)),
                    // What the union does not show need not be whole.
                    Err(OverlayError::Link { .. }) if hidden.is_some() => {}
                    Err(error) => return Err(error),
                }
                Ok(0)
            }
            Kind::Directory(_)
            | Kind::Symlink { .. }
            | Kind::CharDevice(_)
            | Kind::BlockDevice(_)
            | Kind::Fifo
            | Kind::Socket
            | Kind::Whiteout => Ok(0),
        }
    }

    fn finish(mut self) -> Vec<LayerUsage> {
        for (file, hidden) in self.links {
            if let Some(file) = self.files.get_mut(&file) {
                file.name(hidden);
            }
        }
        for (at, file) in self.files {
            let Some(by) = file.gone else { continue };
            if let Some(layer) = self.layers.get_mut(at.layer) {
                layer.hidden = layer.hidden.saturating_add(file.size);
            }
            if let Some(layer) = self.layers.get_mut(by) {
                layer.hides = layer.hides.saturating_add(file.size);
            }
        }
        self.layers
    }
}
