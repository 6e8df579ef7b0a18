//! The catalog: what `index.json` and the documents below it say, in a form that is read at once.
//!
//! It is derived: tied to the digest of the `index.json` it was made from, checked by a sum of its own, and made
//! again whenever it does not fit. What it knows of targets and layers holds for ever, since both are named by
//! their content; so a stale catalog makes the next one cheap.

mod facts;
mod format;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io;

use ply_digest::Digest;
use ply_image::{DiffId, MediaType, Timestamp};

use facts::Reading;
pub use facts::{Facts, ImageFacts, LayerFacts, Match, PlatformImage};
use format::{Builder, View};

use crate::error::free_space;
use crate::index_file::{Entry, Names};
use crate::layout::Layout;
use crate::{Hold, Store, StoreError};

/// What a store holds, as of one `index.json`.
#[derive(Debug)]
pub struct Catalog {
    view: View,
    learnt: BTreeMap<DiffId, LayerFacts>,
    #[expect(dead_code, reason = "held for its drop")]
    hold: Option<Hold>,
}

/// One entry of `index.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The canonical name; `None` for an image without one.
    pub name: Name,
    /// What its documents say.
    pub facts: Facts,
}

/// An entry that is an image, as far as a list of images needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brief<'a> {
    /// Its place in the catalog, for [`Catalog::record`].
    pub at: usize,
    /// The canonical name.
    pub name: Option<&'a str>,
    /// The image's ID.
    pub id: Digest,
    /// When it was made.
    pub created: Option<Timestamp>,
}

impl Record {
    /// Its name, and what it points to.
    fn place(self) -> (Name, Digest) {
        (self.name, self.facts.target)
    }
}

/// Whether blobs that were missing or damaged when a catalog was made have been healed since.
fn outdated(store: &Store, view: &View) -> bool {
    let now = |facts: &Facts| Reading::read(store, &Catalog::descriptor(facts)).facts;
    view.unsettled().iter().any(|facts| now(facts) != *facts)
}

/// A canonical name, or none.
pub type Name = Option<String>;

impl Catalog {
    /// The catalog for these bytes of `index.json`.
    pub(crate) fn load(store: &Store, index: &[u8]) -> Result<Self, StoreError> {
        let digest = Digest::of(index);
        let read = fs::read(store.layout.catalog());
        // One that is there and cannot be read now may be read another time: it knows what would have to be counted again.
        let may_replace = read.as_ref().map_or_else(|e| e.kind() == io::ErrorKind::NotFound, |_| true);
        let old = read.ok().and_then(View::open);
        if let Some(view) = old.as_ref().filter(|view| view.index() == digest && !outdated(store, view)) {
            return Ok(Self { view: view.clone(), learnt: BTreeMap::new(), hold: None });
        }
        let names = Names::parse(&store.layout, index)?;
        let old = Self { view: old.unwrap_or_else(View::empty), learnt: BTreeMap::new(), hold: None };
        let made = old.follow(store, &names, index);
        // Only a store that is ours already gets a file it did not have.
        if may_replace && store.layout.version().exists() && free_space(store.root()) > 0 {
            made.save(&store.layout);
        }
        Ok(made)
    }

    /// The same, and nothing that it leads to is collected while it lives.
    pub(crate) fn held(self, hold: Hold) -> Self {
        Self { hold: Some(hold), ..self }
    }

    /// The catalog for other names, reading only the documents this one does not know.
    pub(crate) fn follow(&self, store: &Store, names: &Names, index: &[u8]) -> Self {
        let digest = Digest::of(index);
        // What lies below an index may have come since: another platform of it was loaded.
        let nested = names.entries().any(|entry| entry.target.media_type.is_index());
        if self.learnt.is_empty() && !nested && self.view.unsettled().is_empty() {
            let entries: Vec<_> =
                names.entries().map(|entry| (entry.name.as_deref(), entry.target.digest)).collect();
            if let Some(view) = self.view.renamed(digest, &entries) {
                return Self { view, learnt: BTreeMap::new(), hold: None };
            }
        }
        let mut builder = Builder::new(digest);
        let mut known = self.view.readings();
        for Entry { name, target } in names.entries() {
            builder.entry(name.as_deref(), target.digest, || {
                let settled = |reading: &Reading| reading.facts.is_settled() && !target.media_type.is_index();
                let known = known.remove(&target.digest).filter(settled);
                Some(known.unwrap_or_else(|| Reading::read(store, target)))
            });
        }
        builder.layers(self.view.layers().chain(self.learnt.iter().map(|(id, facts)| (*id, *facts))));
        Self { view: builder.finish(), learnt: BTreeMap::new(), hold: None }
    }

    /// Adds facts about layers.
    pub(crate) fn learn(&mut self, facts: &[(DiffId, LayerFacts)]) {
        self.learnt.extend(facts.iter().copied());
        if !self.learnt.is_empty() {
            let known = self.view.layers().collect::<Vec<_>>();
            let learnt = self.learnt.iter().map(|(id, facts)| (*id, *facts));
            self.view = self.view.with_layers(known.into_iter().chain(learnt));
        }
    }

    /// Best effort: a store that cannot be written still answers.
    pub(crate) fn save(&self, layout: &Layout) {
        let beside = layout.catalog().with_extension(format!("{}.new", std::process::id()));
        if fs::write(&beside, self.view.bytes()).and_then(|()| fs::rename(&beside, layout.catalog())).is_err()
        {
            let _ = fs::remove_file(&beside);
        }
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.view.entries()
    }

    /// Whether the store holds no image.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every entry: those without a name first, then by name.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        (0..self.view.entries()).filter_map(|at| self.view.record(at))
    }

    /// Every entry that is an image, those without a name first, then by name; nothing is copied.
    pub fn briefs(&self) -> impl Iterator<Item = Brief<'_>> + '_ {
        (0..self.view.entries()).filter_map(|at| self.view.brief(at))
    }

    /// The entry at a place.
    #[must_use]
    pub fn record(&self, at: usize) -> Option<Record> {
        self.view.record(at)
    }

    /// The entry with this canonical name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<Record> {
        self.view.by_name(name).and_then(|at| self.view.record(at))
    }

    /// Every entry whose name begins so, sorted.
    pub fn by_name_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = Record> + 'a {
        (self.view.first_from(prefix)..self.view.entries()).map_while(move |at| {
            self.view.record(at).filter(|r| r.name.as_ref().is_some_and(|n| n.starts_with(prefix)))
        })
    }

    /// Every canonical name, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> + '_ {
        (0..self.view.entries()).filter_map(|at| self.view.name(at)).filter(|name| !name.is_empty())
    }

    /// The images whose ID lies between two digests, both included, sorted by ID; of every platform.
    #[must_use]
    pub fn by_id(&self, from: &Digest, to: &Digest) -> Vec<Match> {
        self.view.by_id(from, to)
    }

    /// What is known of a target.
    #[must_use]
    pub fn target(&self, digest: &Digest) -> Option<Facts> {
        self.view.target(digest)
    }

    /// Every image that a target holds: one a platform.
    #[must_use]
    pub fn images(&self, target: &Digest) -> Vec<PlatformImage> {
        self.view.images_of(target)
    }

    /// Every blob that the documents of a target name, documents included; not all need be here.
    #[must_use]
    pub fn blobs(&self, target: &Digest) -> Vec<Digest> {
        self.view.blobs(target).unwrap_or_default()
    }

    /// The entries that point at a target, those without a name too.
    pub fn entries_of<'a>(&'a self, target: &'a Digest) -> impl Iterator<Item = Record> + 'a {
        self.view.entries_of(target).into_iter().filter_map(|at| self.view.record(at))
    }

    /// What was found out about a layer.
    #[must_use]
    pub fn layer(&self, id: &DiffId) -> Option<LayerFacts> {
        self.view.layer(id)
    }

    /// DiffID and ChainID of the layers of all images; of an image of several platforms those of the one for this host, or
    /// the best there is.
    pub(crate) fn stacks(&self) -> HashSet<Digest> {
        let images = self.view.targets().filter_map(|facts| facts.image);
        images.flat_map(|image| image.stack().collect::<Vec<_>>()).collect()
    }

    /// Bytes of file content of these layers, hidden ones too; `None` where a layer was never counted.
    #[must_use]
    pub fn content(&self, layers: &[DiffId]) -> Option<u64> {
        layers.iter().try_fold(0_u64, |all, id| Some(all.saturating_add(self.layer(id)?.content)))
    }

    /// For each layer, how many images (by ID) have it.
    #[must_use]
    pub fn layer_users(&self) -> HashMap<DiffId, usize> {
        let mut images = HashSet::new();
        let mut users = HashMap::new();
        for facts in self.view.targets() {
            if let Some(image) = facts.image.filter(|image| images.insert(image.id)) {
                let once: HashSet<DiffId> = image.layers.into_iter().collect();
                for layer in once {
                    let count: &mut usize = users.entry(layer).or_default();
                    *count = count.saturating_add(1);
                }
            }
        }
        users
    }

    /// Every blob that an entry, a container or a mount reaches. Where the documents of an entry cannot be read nobody can say what
    /// it reaches, and so all blobs count as reached.
    pub(crate) fn reached(&self, store: &Store) -> Result<HashSet<Digest>, StoreError> {
        let mut reached = HashSet::new();
        let mut complete = true;
        for facts in self.view.targets() {
            complete &= facts.complete;
            reached.extend(self.blobs(&facts.target));
        }
        match store.kept_by_containers()? {
            Some(kept) => reached.extend(kept),
            None => complete = false,
        }
        match store.kept_by_mounts() {
            Some(kept) => reached.extend(kept),
            None => complete = false,
        }
        if !complete {
            reached.extend(store.blobs()?.into_iter().map(|blob| blob.digest));
        }
        Ok(reached)
    }

    /// The media type of an entry's target, for a descriptor.
    #[must_use]
    pub fn descriptor(facts: &Facts) -> ply_image::Descriptor {
        let kind = if facts.media_type.as_str().is_empty() {
            MediaType::new(MediaType::MANIFEST)
        } else {
            facts.media_type.clone()
        };
        ply_image::Descriptor::new(kind, facts.target, facts.target_size)
    }
}
