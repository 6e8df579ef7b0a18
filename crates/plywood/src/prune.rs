//! `prune`: images nobody needs, and what can be made again.

use std::collections::{HashMap, HashSet};

use ply_digest::Digest;
use ply_reference::Reference;

use crate::list::{Filter, Row};
use crate::remove::Removed;
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
        let rows = self.list(&options.filter)?;
        let kept = newest(&rows, options.keep);
        let all = options.all || options.keep.is_some();
        let containers = self.containers()?.into_iter().map(|container| container.image_id);
        let mounts = self.store.mounts()?.into_iter().map(|mount| mount.image_id);
        let used: HashSet<Digest> = containers.chain(mounts).collect();
        let going: Vec<&Row> = rows
            .iter()
            .filter(|row| !used.contains(&row.id))
            .filter(|row| match &row.name {
                Some(name) => all && !kept.contains(name),
                None => true,
            })
            .collect();
        if options.dry_run {
            return self.would_prune(&going);
        }
        let mut pruned = Pruned::default();
        for row in going {
            let wanted = row.name.as_ref().map_or_else(|| row.id.to_string(), Reference::canonical);
            match self.remove(&wanted, true) {
                // Another manifest of it went, and the image with it.
                Err(Error::NoSuchImage { .. }) => {}
                other => pruned.removed.push(other?),
            }
        }
        let collected = self.store.collect()?;
        pruned.bytes = pruned.removed.iter().map(|r| r.bytes).fold(collected.bytes, u64::saturating_add);
        Ok(pruned)
    }

    /// The bytes only what goes reaches, and what is reached by nothing already; of what was derived, too.
    fn would_prune(&self, going: &[&Row]) -> Result<Pruned, Error> {
        let catalog = self.store.catalog()?;
        let names: HashSet<String> =
            going.iter().filter_map(|r| Some(r.name.as_ref()?.canonical())).collect();
        let nameless: HashSet<Digest> = going.iter().filter(|r| r.name.is_none()).map(|r| r.id).collect();
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
            .map(|row| Removed {
                untagged: row.name.iter().map(Reference::familiar).collect(),
                deleted: if row.name.is_none() { vec![row.id] } else { Vec::new() },
                ..Removed::default()
            })
            .collect();
        Ok(Pruned { removed, bytes })
    }
}

/// The newest names of each repository. The rows come newest first.
fn newest(rows: &[Row], keep: Option<usize>) -> HashSet<Reference> {
    let Some(keep) = keep else { return HashSet::new() };
    let mut counts: HashMap<String, usize> = HashMap::new();
    rows.iter()
        .filter_map(|row| row.name.as_ref())
        .filter(|name| {
            let count = counts.entry(name.name().canonical()).or_insert(0);
            *count = (*count).saturating_add(1);
            *count <= keep
        })
        .cloned()
        .collect()
}
