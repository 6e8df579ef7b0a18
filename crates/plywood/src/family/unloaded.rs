//! The family of the images in archives that are not loaded.

use std::collections::{BTreeSet, HashMap, HashSet};

use ply_archive::{Archive, ArchiveError, Packed, PackedImage, PackedLayer, Place};
use ply_digest::Digest;
use ply_reference::Query;

use super::{Born, Family, Member, each_once, trie};
use crate::Error;
use crate::select::{answers, choose, not_in, platform_of};

/// What archives hold.
#[derive(Default)]
struct Found {
    born: Vec<Born>,
    /// Bytes of the members that hold the blobs. What an archive leaves out, and a manifest that nobody wrote, takes no room.
    sizes: HashMap<Digest, u64>,
    /// The images that were asked for.
    wanted: HashSet<Digest>,
}

pub(super) fn family(places: &[Place]) -> Result<Family, Error> {
    let mut found = Found::default();
    for place in places {
        let path = || place.path.display().to_string();
        let archive = Archive::open(&place.path).map_err(Error::within(path()))?;
        found.take(&archive, place.name.as_deref()).map_err(|error| match error {
            Error::Misuse(_) => error,
            error => Error::within(path())(error),
        })?;
    }
    let mut born = each_once(found.born.into_iter());
    trie::keep_line(&mut born, &found.wanted);
    Ok(trie::family(&born, &found.sizes, |_| None))
}

impl Found {
    fn take(&mut self, archive: &Archive, wanted: Option<&str>) -> Result<(), Error> {
        let mut is_there = false;
        for packed in &archive.contents.images {
            // Of an index that lists no platform that is here, there is nothing to draw.
            let Ok(host) = choose(packed, None) else { continue };
            if wanted.is_none_or(|wanted| answers(packed, wanted)) {
                is_there = true;
                self.wanted.extend(meant(packed, host, wanted));
            }
            for image in &packed.images {
                self.image(archive, packed, image, image.id() == host.id())?;
            }
        }
        match wanted {
            Some(wanted) if !is_there => Err(not_in(archive, wanted)),
            _ => Ok(()),
        }
    }

    /// The image that a name means on this host brings along what belongs to all: index and attestations.
    fn image(
        &mut self,
        archive: &Archive,
        packed: &Packed,
        image: &PackedImage,
        is_host: bool,
    ) -> Result<(), ArchiveError> {
        let mut documents = BTreeSet::from([image.id()]);
        documents.extend(image.manifest.as_ref().map(|manifest| manifest.digest));
        if is_host {
            let common = packed.root.iter().chain(&packed.documents).chain(&packed.further);
            documents.extend(common.map(|blob| blob.digest));
        }
        for document in &documents {
            let size = archive.member(document)?.map_or(0, |member| member.size);
            self.sizes.insert(*document, size);
        }
        for layer in &image.layers {
            if let Some(member) = &layer.member {
                self.sizes.insert(blob(layer), member.size);
            }
        }
        let platform = (!is_host).then(|| platform_of(image));
        self.born.push(Born {
            member: Member { id: image.id(), names: packed.names.clone(), platform },
            layers: image.layers.iter().map(|layer| layer.diff_id).collect(),
            blobs: image.layers.iter().map(|layer| BTreeSet::from([blob(layer)])).collect(),
            documents,
        });
        Ok(())
    }
}

/// What a layer's blob is called here: by its digest, or where none is promised as the layer is.
fn blob(layer: &PackedLayer) -> Digest {
    let promised = layer.blob.as_ref().map(|blob| blob.digest).or(layer.digest);
    promised.unwrap_or(layer.diff_id.0)
}

/// Which images of an entry are meant: the one with an ID, or the one for this host; without a name, all.
fn meant(packed: &Packed, host: &PackedImage, wanted: Option<&str>) -> Vec<Digest> {
    let all = packed.images.iter().map(PackedImage::id);
    let Some(wanted) = wanted else { return all.collect() };
    let prefix = Query::parse(wanted).ok().and_then(|query| query.id().copied());
    let by_id: Vec<Digest> =
        all.filter(|id| prefix.as_ref().is_some_and(|prefix| prefix.matches(id))).collect();
    if by_id.is_empty() { vec![host.id()] } else { by_id }
}
