//! `rmi`: names away, and images whose last name goes.

use std::collections::HashSet;

use ply_digest::Digest;
use ply_image::{ChainId, Config, DiffId, Document, chain_ids};
use ply_reference::{Query, Reference};
use ply_store::{Catalog, Container, Facts, Names, Record};

use crate::select::{Found, find, parse_canonical};
use crate::{Engine, Error};

/// What was removed, in the order Docker tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// Names that were taken away: `name:tag`, then `name@digest`.
    pub untagged: Vec<String>,
    /// The image, where its last name went, and then the layers that no other image has, from the top down, each
    /// by its ChainID.
    pub deleted: Vec<Digest>,
    /// Blobs that were removed.
    pub blobs: usize,
    /// Bytes they took.
    pub bytes: u64,
}

impl Engine<'_> {
    /// Removes a name; with its last name, the image. By ID the image goes with its only name, or, if `force`,
    /// with all of them.
    ///
    /// # Errors
    /// There is no such image; it has several names, or a container was made from it, and it is not forced.
    pub fn remove(&self, wanted: &str, force: bool) -> Result<Removed, Error> {
        let (mut removed, candidates) = self.store.edit(|names, catalog| {
            let found = find(catalog, wanted)?;
            refuse_digest(wanted, catalog, &found)?;
            let mut removal = Removal::new(self, names, catalog);
            let removed = removal.take(&found, force)?;
            let candidates: Vec<Digest> =
                removal.gone.iter().flat_map(|target| catalog.blobs(target)).collect();
            Ok::<_, Error>((removed, candidates))
        })?;
        self.collect_into(&mut removed, &candidates)?;
        Ok(removed)
    }

    /// Removes blobs now if nobody uses the store; else the next collection does.
    pub(crate) fn collect_into(&self, removed: &mut Removed, candidates: &[Digest]) -> Result<(), Error> {
        if !candidates.is_empty()
            && let Some(collected) = self.store.collect_if_free(candidates)?
        {
            removed.blobs = collected.blobs.len();
            removed.bytes = collected.bytes;
        }
        Ok(())
    }
}

/// Images that go, one after the other, in one change of the names.
pub(crate) struct Removal<'a> {
    engine: &'a Engine<'a>,
    names: &'a mut Names,
    /// As it was before the first of them.
    catalog: &'a Catalog,
    /// Targets that are gone, with all of their names.
    gone: HashSet<Digest>,
    /// Once they are asked for.
    containers: Option<Vec<User>>,
}

/// A container, and the chains of layers that it keeps.
struct User {
    container: Container,
    chains: Vec<ChainId>,
}

impl<'a> Removal<'a> {
    pub(crate) fn new(engine: &'a Engine<'a>, names: &'a mut Names, catalog: &'a Catalog) -> Self {
        Self { engine, names, catalog, gone: HashSet::new(), containers: None }
    }

    /// Takes a name away; with its last name, or where it was found without one, the image.
    ///
    /// # Errors
    /// It has several names, or a container was made from it, and it is not forced.
    pub(crate) fn take(&mut self, found: &Found, force: bool) -> Result<Removed, Error> {
        let mut removed = Removed::default();
        let entries = self.entries_of(&found.facts);
        if let Some(name) = found.by_name.as_ref().filter(|_| entries.len() > 1) {
            untag(self.names, &mut removed, name, &found.facts);
            return Ok(removed);
        }
        let image = found.facts.image.as_ref().map(|image| image.id);
        let users = self.users()?;
        let user = users.iter().find(|user| Some(user.container.image_id) == image).filter(|_| !force);
        if let Some(user) = user {
            return Err(in_use(found, &user.container.id.short()));
        }
        let kept = users.iter().flat_map(|user| user.chains.iter().copied()).collect();
        match &found.by_name {
            Some(name) => untag(self.names, &mut removed, name, &found.facts),
            None => untag_all(self.names, &mut removed, &entries, force)?,
        }
        for target in entries.iter().map(|record| record.facts.target) {
            self.names.remove_target(&target);
            self.gone.insert(target);
        }
        removed.deleted = deleted(self.catalog, &found.facts, &self.gone, kept);
        Ok(removed)
    }

    /// Every entry for the same image that is still there: by ID, since several manifests may hold it.
    fn entries_of(&self, facts: &Facts) -> Vec<Record> {
        let same = match &facts.image {
            // An index that holds it for another platform than this host's is another image.
            Some(image) => self
                .catalog
                .by_id(&image.id, &image.id)
                .into_iter()
                .map(|found| found.facts)
                .filter(|f| f.image.as_ref().is_some_and(|other| other.id == image.id))
                .collect(),
            None => vec![facts.clone()],
        };
        let is_there = |record: &Record| match &record.name {
            Some(name) => self.names.get(name).is_some_and(|target| target.digest == record.facts.target),
            None => !self.gone.contains(&record.facts.target),
        };
        let entries = same.iter().flat_map(|f| self.catalog.entries_of(&f.target).collect::<Vec<_>>());
        entries.filter(is_there).collect()
    }

    fn users(&mut self) -> Result<&[User], Error> {
        if self.containers.is_none() {
            self.containers = Some(self.engine.users()?);
        }
        Ok(self.containers.as_deref().unwrap_or_default())
    }
}

impl Engine<'_> {
    /// All containers, and what they keep.
    fn users(&self) -> Result<Vec<User>, Error> {
        let user = |container: Container| {
            let config = Document::<Config>::read(&self.store, &container.image_id)?;
            let chains = chain_ids(&config.value.rootfs.diff_ids);
            Ok(User { container, chains })
        };
        self.containers()?.into_iter().map(user).collect()
    }
}

/// A digest is no name of its own here, unless the image was pulled by it: it belongs to every tag of its repository that points there.
fn refuse_digest(wanted: &str, catalog: &Catalog, found: &Found) -> Result<(), Error> {
    let query = Query::parse(wanted)?;
    let is_digest = |r: &&Reference| r.digest().is_some() && found.by_name.is_none();
    let Some(reference) = query.reference().filter(is_digest) else { return Ok(()) };
    let repository = reference.name();
    let tags: Vec<String> = catalog
        .entries_of(&found.facts.target)
        .filter_map(|record| parse_canonical(record.name.as_deref()?))
        .filter(|name| name.name() == repository)
        .map(|name| name.familiar())
        .collect();
    let wanted = crate::error::shown(wanted);
    Err(Error::Conflict(format!("{wanted} goes with the last tag of it: remove {}", tags.join(", "))))
}

/// What a container keeps is removed by force only: its names go, its blobs stay with the container.
fn in_use(found: &Found, container: &str) -> Error {
    let id = found.facts.image.as_ref().map(|image| image.id.short()).unwrap_or_default();
    Error::Conflict(match &found.by_name {
        Some(name) => format!(
            "conflict: unable to remove repository reference \"{}\" (must force) - container {container} is using its referenced image {id}",
            name.familiar()
        ),
        None => format!(
            "conflict: unable to delete {id} (must be forced) - image is being used by stopped container {container}"
        ),
    })
}

/// Takes a name away. The digest that the image is known by in its repository goes with the last tag there.
fn untag(names: &mut Names, removed: &mut Removed, name: &Reference, facts: &Facts) {
    names.remove(&name.canonical());
    removed.untagged.push(name.familiar());
    let given = facts.image.as_ref().is_some_and(|image| !image.made);
    let stays = names.names_of(&facts.target).filter_map(parse_canonical).any(|o| o.name() == name.name());
    if given && !stays && name.digest().is_none() {
        removed.untagged.push(format!("{}@{}", name.name().familiar(), facts.target));
    }
}

fn untag_all(names: &mut Names, removed: &mut Removed, entries: &[Record], force: bool) -> Result<(), Error> {
    let named: Vec<(Reference, &Facts)> = entries
        .iter()
        .filter_map(|r| Some((r.name.as_deref().and_then(parse_canonical)?, &r.facts)))
        .collect();
    if named.len() > 1 && !force {
        let id =
            entries.first().and_then(|r| r.facts.image.as_ref()).map(|i| i.id.short()).unwrap_or_default();
        return Err(Error::Conflict(format!(
            "conflict: unable to delete {id} (must be forced) - image is referenced in multiple repositories"
        )));
    }
    for (name, facts) in named {
        untag(names, removed, &name, facts);
    }
    Ok(())
}

/// The image and its layers that no other image and no container has, as Docker lists them.
fn deleted(catalog: &Catalog, facts: &Facts, gone: &HashSet<Digest>, kept: Vec<ChainId>) -> Vec<Digest> {
    let Some(image) = &facts.image else { return vec![facts.target] };
    let mut kept: HashSet<ChainId> = kept.into_iter().collect();
    let mut seen = HashSet::new();
    for record in catalog.records().filter(|r| !gone.contains(&r.facts.target)) {
        if let Some(other) =
            record.facts.image.filter(|i| seen.insert(i.id) && shares(&image.layers, &i.layers))
        {
            kept.extend(chain_ids(&other.layers));
        }
    }
    let mut deleted = vec![image.id];
    let chains = chain_ids(&image.layers);
    deleted.extend(chains.into_iter().rev().filter(|chain| !kept.contains(chain)).map(|chain| chain.0));
    deleted
}

/// Chains are the same only from the bottom up.
fn shares(a: &[DiffId], b: &[DiffId]) -> bool {
    !a.is_empty() && a.first() == b.first()
}
