//! The index that is mounted: of the union of an image's layers. The store keeps it by the union's ChainID; of an archive
//! that is not loaded, by the identity of the file.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use ply_digest::Digest;
use ply_erofs::{ErofsError, Form, Slot, encode};
use ply_image::Region;
use ply_layer::Compression;
use ply_overlay::{keep, merge};
use ply_store::Store;
use ply_tree::Source;

use super::placed::{Place, Placed};
use crate::files::{Located, Need, identity, intact, make_plain, unnamed};
use crate::{Engine, Error};

/// An index in a file, and the files that its data lies in.
pub(super) struct Index {
    pub(super) file: File,
    pub(super) data: Vec<Arc<File>>,
    /// What was odd in layers and taken all the same, and what of them is left out.
    pub(super) warnings: Vec<String>,
}

/// The files that layers lie in, each once, and where in them each layer lies.
struct Data {
    files: Vec<Arc<File>>,
    slots: Vec<Slot>,
    places: Vec<Place>,
}

impl Engine<'_> {
    /// Sees to it that the layers' plain tars lie somewhere. Compressed layers of the store, and with `cache` others, are
    /// inflated, once; without it others are refused.
    pub(super) fn lay_plain(&self, located: &mut Located, cache: bool) -> Result<(), Error> {
        if located.store.is_none() && !cache {
            return all_plain(located);
        }
        if located.store.is_none() {
            located.bytes.iter_mut().try_for_each(|bytes| bytes.keep_in(&self.store))?;
        }
        make_plain(self.threads(), &located.bytes)
    }

    /// The index of an image whose plain tars lie somewhere.
    pub(super) fn index(&self, located: Located) -> Result<Index, Error> {
        let data = Data::of(&located)?;
        let key = data.key(&located);
        if key.is_some() {
            // What cannot be written keeps nothing, and is told when the mount is to be recorded.
            let _ = self.store.create();
        }
        if let Some(file) = key.as_ref().and_then(|key| kept_union(&self.store, key, &data.slots)) {
            return Ok(Index { file, data: data.files, warnings: Vec::new() });
        }
        let files = self.open_layers(Need::Headers, located)?;
        let merged = merge(&files.trees(None), keep).map_err(files.failed())?;
        let placed = Placed { union: &merged.tree, places: &data.places };
        let index = encode(&placed, Form::Root, &data.slots).map_err(|error| unfit(files.failed(), error))?;
        let left_out = placed.left_out().map_err(files.failed())?;
        let odd = files.layers().iter().flat_map(|layer| layer.warnings.iter().cloned());
        let warnings: Vec<String> = odd.chain(left_out.iter().map(ToString::to_string)).collect();
        // It must be told each time: an index says nothing of it.
        let file = key
            .filter(|_| warnings.is_empty())
            .and_then(|key| self.store.keep_union_index(&key, &index))
            .map_or_else(|| self.unkept(&index), Ok)?;
        Ok(Index { file, data: data.files, warnings })
    }

    /// An index in a file without a name: in the store's folder, which mostly is on a disk, or where temporary files go.
    fn unkept(&self, index: &[u8]) -> Result<File, Error> {
        let file = unnamed(self.store.root()).or_else(|_| unnamed(&std::env::temp_dir()));
        let written = file.and_then(|mut file| file.write_all(index).map(|()| file));
        written.map_err(Error::within("writing the index to a temporary file"))
    }
}

fn all_plain(located: &Located) -> Result<(), Error> {
    let packed = located.bytes.iter().position(|bytes| bytes.at_hand().1 != Compression::None);
    match packed.and_then(|at| Some((at, located.view.layers.get(at)?))) {
        None => Ok(()),
        Some((at, layer)) => {
            let of = located.bytes.len();
            let which = format!("layer {} of {of} ({})", at.saturating_add(1), layer.diff_id.0.short());
            Err(Error::Misuse(format!(
                "{which} is compressed: `ply load` the image, then mount it, or give --cache"
            )))
        }
    }
}

impl Data {
    fn of(located: &Located) -> Result<Self, Error> {
        let mut data = Self { files: Vec::new(), slots: Vec::new(), places: Vec::new() };
        for (bytes, layer) in located.bytes.iter().zip(&located.view.layers) {
            let region = bytes.plain()?;
            let known = data.files.iter().position(|file| Arc::ptr_eq(file, &region.file));
            let at = match known {
                Some(at) => at,
                None => {
                    let metadata = region.file.metadata();
                    let size = metadata.map_err(Error::within(format!("layer {}", layer.diff_id)))?.len();
                    // What lies where others put it may be anything, whatever its DiffID.
                    let is_ours = located.store.is_some() || !bytes.is_as_found();
                    let whole = || Region { file: Arc::clone(&region.file), offset: 0, len: size };
                    let digest = if is_ours { Some(layer.diff_id.0) } else { identity(&whole()) };
                    data.slots.push(Slot { digest, size });
                    data.files.push(Arc::clone(&region.file));
                    data.files.len().saturating_sub(1)
                }
            };
            let source = Source(u32::try_from(at).map_err(Error::within("counting layers"))?);
            data.places.push(Place { source, offset: region.offset });
        }
        Ok(data)
    }

    /// What tells the union apart from all others: of layers of the store their ChainID, whatever they were stored as; of
    /// others the files that they lie in, and where. None where such a file changed so lately that it cannot be told apart.
    fn key(&self, located: &Located) -> Option<Digest> {
        if located.store.is_some() {
            return located.view.layers.last().map(|layer| layer.chain_id.0);
        }
        let digests = self.slots.iter().map(|slot| slot.digest).collect::<Option<Vec<Digest>>>()?;
        let lens = located.bytes.iter().map(|bytes| bytes.at_hand().0.len).collect::<Vec<_>>();
        let said = format!("{digests:?} {:?} {lens:?}", self.places);
        (!digests.is_empty()).then(|| Digest::of(said.as_bytes()))
    }
}

/// The index that the store keeps of a union, if it is whole, and of these layers.
fn kept_union(store: &Store, key: &Digest, slots: &[Slot]) -> Option<File> {
    let file = store.union_index(key)?;
    // Sizes are told in blocks.
    let is_of = |known: &Slot, slot: &Slot| {
        known.digest == slot.digest && known.size == slot.size.next_multiple_of(512)
    };
    let are_ours =
        |known: &[Slot]| known.len() == slots.len() && known.iter().zip(slots).all(|(a, b)| is_of(a, b));
    intact(file.try_clone().ok()?, Form::Root, are_ours).map(|_| file)
}

/// What cannot be mounted can be unpacked.
fn unfit(failed: impl FnOnce(ErofsError) -> Error, error: ErofsError) -> Error {
    match error {
        ErofsError::Unfit { path, why } => {
            let path = ply_tree::path::printable(&path);
            Error::Misuse(format!("this cannot be mounted, but unpacked: {path}: {why}"))
        }
        error => failed(error),
    }
}
