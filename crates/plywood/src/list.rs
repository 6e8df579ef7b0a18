//! `images`: what is in the store, or in an archive.

use std::collections::{BTreeMap, HashSet};

use ply_archive::{Archive, Place};
use ply_digest::Digest;
use ply_image::{Image, Timestamp};
use ply_reference::{Pattern, Reference};
use ply_store::{Brief, Catalog, Record};

use crate::select::{Found, Which, find, packed_view, parse_canonical};
use crate::{Engine, Error};

/// One line of the list: a name and the image it names, or an image without a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The name, tag and all.
    pub name: Option<Reference>,
    /// The digest of the manifest or index, where somebody gave it to us.
    pub digest: Option<Digest>,
    /// The image's ID.
    pub id: Digest,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Bytes of file content of all layers; `None` where they were not counted.
    pub size: Option<u64>,
}

/// Which images to list. All conditions must hold; of several values for one key, one must.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only images without a name, or only those with one.
    pub dangling: Option<bool>,
    /// Images that have these labels: key, and value if that matters.
    pub labels: Vec<(String, Option<String>)>,
    /// Images that lack these labels.
    pub not_labels: Vec<(String, Option<String>)>,
    /// Images made before this one.
    pub before: Vec<String>,
    /// Images made after this one.
    pub since: Vec<String>,
    /// Images whose names match one of these patterns.
    pub references: Vec<Pattern>,
    /// Images made before this moment.
    pub until: Option<Timestamp>,
}

impl Engine<'_> {
    /// Lists the images of the store, the newest first, then by name.
    ///
    /// # Errors
    /// The store cannot be read, or a filter names an image that is not there.
    pub fn list(&self, filter: &Filter) -> Result<Vec<Row>, Error> {
        let catalog = self.store.catalog()?;
        let chosen = self.sifted(&catalog, filter)?;
        Ok(chosen.iter().filter_map(|brief| row(&catalog, &catalog.record(brief.at)?)).collect())
    }

    /// The IDs of [`list`](Self::list), and nothing that costs more.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub fn list_ids(&self, filter: &Filter) -> Result<Vec<Digest>, Error> {
        let catalog = self.store.catalog()?;
        Ok(self.sifted(&catalog, filter)?.iter().map(|brief| brief.id).collect())
    }

    /// The entries of [`list`](Self::list).
    pub(crate) fn listed(&self, catalog: &Catalog, filter: &Filter) -> Result<Vec<Found>, Error> {
        let found = |record: Record| {
            let by_name = record.name.as_deref().and_then(parse_canonical);
            Found { facts: record.facts, by_name, which: Which::Host }
        };
        let briefs = self.sifted(catalog, filter)?;
        Ok(briefs.iter().filter_map(|brief| catalog.record(brief.at)).map(found).collect())
    }

    fn sifted<'c>(&self, catalog: &'c Catalog, filter: &Filter) -> Result<Vec<Brief<'c>>, Error> {
        let made = |wanted: &str| Ok(find(catalog, wanted)?.facts.image.and_then(|image| image.created));
        let bounds = Bounds::new(filter, made)?;
        // Nameless entries come first, so whatever has a name too is known when it is needed.
        let nameless = catalog.briefs().take_while(|brief| brief.name.is_none()).count();
        let named: HashSet<Digest> = if nameless == 0 {
            HashSet::new()
        } else {
            catalog.briefs().skip(nameless).map(|b| b.id).collect()
        };
        let mut seen = HashSet::new();
        let mut chosen = Vec::new();
        for brief in catalog.briefs() {
            // An image that has a name is not listed again without it, though another manifest of it lost its own.
            if brief.name.is_none() && (named.contains(&brief.id) || !seen.insert(brief.id)) {
                continue;
            }
            let matches =
                |p: &Pattern| brief.name.and_then(parse_canonical).is_some_and(|name| p.matches(&name));
            if bounds.admits(filter, brief.name.is_some(), matches, brief.created)
                && self.labels_admit(filter, catalog, &brief)?
            {
                chosen.push(brief);
            }
        }
        chosen.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.name.cmp(&b.name)));
        Ok(chosen)
    }

    /// Lists the images of an archive that is not loaded, in its own order. Images that a filter names are looked for
    /// in the archive.
    ///
    /// # Errors
    /// It cannot be read, a layer that must be read to be counted is damaged, or a filter names an image that is not
    /// in it.
    pub fn list_archive(&self, place: &Place, filter: &Filter) -> Result<Vec<Row>, Error> {
        let path = place.path.display().to_string();
        let archive = Archive::open(&place.path).map_err(Error::within(path.clone()))?;
        let made = |wanted: &str| {
            let found = archive.contents.images.iter().find(|packed| crate::select::answers(packed, wanted));
            let image = found.and_then(|packed| packed.images.first());
            let image = image.ok_or_else(|| crate::select::not_in(&archive, wanted));
            Ok(image?.config.value.created())
        };
        let bounds = Bounds::new(filter, made).map_err(Error::within(path))?;
        let mut rows = Vec::new();
        for packed in &archive.contents.images {
            if place.name.as_ref().is_some_and(|name| !crate::select::answers(packed, name)) {
                continue;
            }
            for image in &packed.images {
                let mut view = packed_view(packed, image);
                let names = packed.names.iter().map(Some).chain(packed.names.is_empty().then_some(None));
                let created = view.created();
                let admitted = |name: &Option<&Reference>| {
                    let matches = |p: &Pattern| name.is_some_and(|name| p.matches(name));
                    bounds.admits(filter, name.is_some(), matches, created)
                };
                let listed: Vec<Option<Reference>> =
                    names.filter(admitted).map(Option::<&_>::cloned).collect();
                if listed.is_empty() || !labels_match(&image.config.value.labels(), filter) {
                    continue;
                }
                crate::measure::measure_members(&archive, image, &mut view)?;
                let digest = packed.root.as_ref().filter(|_| !view.made).map(|root| root.digest);
                let (size, id) = (view.size(), image.id());
                rows.extend(listed.into_iter().map(|name| Row { name, digest, id, created, size }));
            }
        }
        Ok(rows)
    }

    /// Every name in the store, familiar, for completion; and every ID, short.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn words(&self) -> Result<Vec<String>, Error> {
        let catalog = self.store.catalog()?;
        let mut words: Vec<String> =
            catalog.names().filter_map(parse_canonical).map(|name| name.familiar()).collect();
        words.extend(catalog.records().filter_map(|r| r.facts.image.map(|i| i.id.short())));
        words.sort_unstable();
        words.dedup();
        Ok(words)
    }

    /// For each layer, how many images of the store have it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn layer_users(&self) -> Result<std::collections::HashMap<ply_image::DiffId, usize>, Error> {
        Ok(self.store.catalog()?.layer_users())
    }

    /// Counts the layers of images that were never counted: those of a layout that another tool filled.
    ///
    /// # Errors
    /// A layer is damaged.
    pub fn count_missing(&self) -> Result<(), Error> {
        let catalog = self.store.catalog()?;
        let unknown: Vec<Record> = catalog
            .records()
            .filter(|r| r.facts.image.as_ref().is_some_and(|i| catalog.content(&i.layers).is_none()))
            .collect();
        for record in unknown {
            let mut view = self.stored_view(&catalog, &record.facts, &Which::Host)?;
            let learnt = crate::measure::measure(&self.store, &mut view)?;
            self.store.remember(&learnt);
        }
        Ok(())
    }

    fn labels_admit(&self, filter: &Filter, catalog: &Catalog, brief: &Brief<'_>) -> Result<bool, Error> {
        if filter.labels.is_empty() && filter.not_labels.is_empty() {
            return Ok(true);
        }
        let Some(known) = catalog.record(brief.at).and_then(|r| r.facts.image) else { return Ok(false) };
        let labels = Image::read(&self.store, &known.manifest)?.config.value.labels();
        Ok(labels_match(&labels, filter))
    }
}

pub(crate) fn labels_match(labels: &BTreeMap<String, String>, filter: &Filter) -> bool {
    let has = |(key, value): &(String, Option<String>)| {
        labels.get(key).is_some_and(|found| value.as_ref().is_none_or(|value| value == found))
    };
    filter.labels.iter().all(has) && !filter.not_labels.iter().any(has)
}

fn row(catalog: &Catalog, record: &Record) -> Option<Row> {
    let image = record.facts.image.as_ref()?;
    Some(Row {
        name: record.name.as_deref().and_then(parse_canonical),
        digest: (!image.made).then_some(record.facts.target),
        id: image.id,
        created: image.created,
        size: catalog.content(&image.layers),
    })
}

/// The moments a list lies between.
struct Bounds {
    before: Option<Timestamp>,
    since: Option<Timestamp>,
}

impl Bounds {
    fn new(filter: &Filter, made: impl Fn(&str) -> Result<Option<Timestamp>, Error>) -> Result<Self, Error> {
        let all = |wanted: &[String]| wanted.iter().map(|w| made(w)).collect::<Result<Vec<_>, _>>();
        let before = all(&filter.before)?.into_iter().flatten().min();
        let since = all(&filter.since)?.into_iter().flatten().max();
        Ok(Self { before: before.into_iter().chain(filter.until).min(), since })
    }

    fn admits(
        &self,
        filter: &Filter,
        is_named: bool,
        matches: impl Fn(&Pattern) -> bool,
        created: Option<Timestamp>,
    ) -> bool {
        filter.dangling.is_none_or(|dangling| dangling != is_named)
            && self.before.is_none_or(|before| created < Some(before))
            && self.since.is_none_or(|since| created > Some(since))
            && (filter.references.is_empty() || filter.references.iter().any(matches))
    }
}
