//! `prune`: images nobody needs, and what can be made again.

use std::collections::{HashMap, HashSet};

use ply_digest::Digest;
use ply_reference::Reference;
use ply_store::Catalog;

use crate::list::Filter;
use crate::remove::{Removal, Removed};
use crate::select::Found;
use crate::{Engine, Error};

/// What to prune.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Images with names too.
    pub all: bool,
    /// Only images that pass.
    pub filter: Filter,
    /// Keeps so many of the newest tags of each repository.
    pub keep: Option<usize>,
    /// No images, but all that can be made again: indexes and plain tars.
    pub cache: bool,
    /// Removes nothing; says what would go.
    pub dry_run: bool,
}

/// What was, or would be, pruned.
#[derive(Debug, Clone, Default)]
pub struct Pruned {
    /// The images, one after the other.
    pub removed: Vec<Removed>,
    /// Bytes that were freed; of a dry run, those that would be.
    pub bytes: u64,
}

impl Engine<'_> {
    /// Removes images without a name, or with `all` those with one too, but for those that a container was made from or that are
    /// mounted; and then every blob nothing reaches and what broken-off transactions left behind.
    ///
    /// # Errors
    /// Somebody uses the store for longer than thirty seconds; or it cannot be written.
    pub fn prune(&self, options: &Options) -> Result<Pruned, Error> {
        if options.cache {
            let would = || self.store.derived().iter().map(|file| file.size).fold(0, u64::saturating_add);
            let bytes = if options.dry_run { would() } else { self.store.drop_derived()? };
            return Ok(Pruned { bytes, ..Pruned::default() });
        }
        let catalog = self.store.catalog()?;
        let going = self.going(&catalog, options)?;
        if options.dry_run {
            return self.would_prune(&catalog, &going);
        }
        drop(catalog);
        let mut removed = Vec::new();
        if !going.is_empty() {
            // Chosen once more, in the change that removes them: meanwhile somebody may have given one a name, or moved a name.
            removed = self.store.edit(|names, catalog| {
                let going = self.going(catalog, options)?;
                let mut removal = Removal::new(self, names, catalog);
                going.iter().map(|found| removal.take(found, true)).collect::<Result<Vec<_>, Error>>()
            })?;
        }
        let bytes = self.store.collect()?.bytes;
        Ok(Pruned { removed, bytes })
    }

    /// The entries that go, in the order of a list.
    fn going(&self, catalog: &Catalog, options: &Options) -> Result<Vec<Found>, Error> {
        let listed = self.listed(catalog, &options.filter)?;
        let kept = newest(&listed, options.keep);
        let all = options.all || options.keep.is_some();
        let containers = self.containers()?.into_iter().map(|container| container.image_id);
        let mounts = self.store.mounts()?.into_iter().map(|mount| mount.image_id);
        let used: HashSet<Digest> = containers.chain(mounts).collect();
        let goes = |found: &Found| {
            let is_used = found.facts.image.as_ref().is_some_and(|image| used.contains(&image.id));
            let is_wanted = found.by_name.as_ref().is_some_and(|name| !all || kept.contains(name));
            !is_used && !is_wanted
        };
        Ok(listed.into_iter().filter(goes).collect())
    }

    /// The bytes only what goes reaches, and what is reached by nothing already; of what was derived, too.
    fn would_prune(&self, catalog: &Catalog, going: &[Found]) -> Result<Pruned, Error> {
        let names: HashSet<String> =
            going.iter().filter_map(|found| Some(found.by_name.as_ref()?.canonical())).collect();
        let nameless: HashSet<Digest> = going
            .iter()
            .filter(|found| found.by_name.is_none())
            .filter_map(|found| Some(found.facts.image.as_ref()?.id))
            .collect();
        let goes = |record: &ply_store::Record| match &record.name {
            Some(name) => names.contains(name),
            None => record.facts.image.as_ref().is_some_and(|i| nameless.contains(&i.id)),
        };
        let (mut stays, mut stacks) = (HashSet::new(), HashSet::new());
        for record in catalog.records().filter(|r| !goes(r)) {
            stays.extend(catalog.blobs(&record.facts.target));
            stacks.extend(record.facts.image.iter().flat_map(ply_store::ImageFacts::stack));
        }
        let unreached = self.store.unreached()?;
        let lost: HashSet<Digest> = unreached.iter().map(|b| b.digest).collect();
        let reached: HashSet<Digest> =
            catalog.records().filter(goes).flat_map(|r| catalog.blobs(&r.facts.target)).collect();
        let bytes = self
            .store
            .blobs()?
            .iter()
            .filter(|b| {
                lost.contains(&b.digest) || (reached.contains(&b.digest) && !stays.contains(&b.digest))
            })
            .fold(0, |all: u64, b| all.saturating_add(b.size));
        let is_needed = |of: &Digest| stacks.contains(of) || stays.contains(of);
        let derived =
            self.store.derived().into_iter().filter(|file| !file.of.as_ref().is_some_and(is_needed));
        let bytes = derived
            .fold(bytes, |all, file| all.saturating_add(file.size))
            .saturating_add(self.store.left_over());
        let removed = going
            .iter()
            .map(|found| Removed {
                untagged: found.by_name.iter().map(Reference::familiar).collect(),
                deleted: match (&found.by_name, &found.facts.image) {
                    (None, Some(image)) => vec![image.id],
                    _ => Vec::new(),
                },
                ..Removed::default()
            })
            .collect();
        Ok(Pruned { removed, bytes })
    }
}

/// The newest names of each repository. What is listed comes newest first.
fn newest(listed: &[Found], keep: Option<usize>) -> HashSet<Reference> {
    let Some(keep) = keep else { return HashSet::new() };
    let mut counts: HashMap<String, usize> = HashMap::new();
    listed
        .iter()
        .filter_map(|found| found.by_name.as_ref())
        .filter(|name| {
            let count = counts.entry(name.name().canonical()).or_insert(0);
            *count = (*count).saturating_add(1);
            *count <= keep
        })
        .cloned()
        .collect()
}
