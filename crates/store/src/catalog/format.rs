//! How the catalog lies in its file: sorted tables of fixed-size rows, read in place.
//!
//! All numbers are little-endian. Header: magic (8 bytes), sum of what follows it (32), digest of `index.json`
//! (32), then the number of rows of each table (7 × u32). The tables follow each other without gaps:
//!
//! | table | row | sorted by |
//! |---|---|---|
//! | targets | target, ID, manifest (32 each), size u64, created i64 + u32, flags u32, media type (heap offset, length u32), layers and blobs (first, count u32 each) | target |
//! | entries | name (heap offset, length u32), target u32 | name |
//! | ids | ID, manifest (32 each), target u32: every platform that is here | ID |
//! | layers | DiffID (32), content u64, plain u64 | DiffID |
//! | blobs | digest (32) | digest |
//! | references | u32 into layers or blobs | |
//! | heap | bytes of names | |

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use ply_digest::{Digest, Hasher, update_many};
use ply_image::{DiffId, MediaType, Timestamp};

use super::facts::Reading;
use super::{Brief, Facts, ImageFacts, LayerFacts, Match, PlatformImage, Record};

const MAGIC: &[u8; 8] = b"plycat\x00\x02";
const HEADER: usize = 8 + 32 + 32 + 7 * 4;
const WIDTHS: [usize; 7] = [152, 12, 68, 48, 32, 4, 1];

const TARGETS: usize = 0;
const ENTRIES: usize = 1;
const IDS: usize = 2;
const LAYERS: usize = 3;
const BLOBS: usize = 4;
const REFERENCES: usize = 5;
const HEAP: usize = 6;

const HAS_IMAGE: u32 = 1;
const MADE: u32 = 2;
const COMPLETE: u32 = 4;
const DATED: u32 = 8;
/// A layer that was named but never counted.
const UNKNOWN: u64 = u64::MAX;

/// A catalog, read in place.
#[derive(Debug, Clone)]
pub(super) struct View {
    bytes: Arc<Vec<u8>>,
    /// Where each table begins, and where the last one ends.
    starts: [usize; 8],
}

/// Sum over the bytes, as three streams at once: hashing is what this machine does best.
fn sum(bytes: &[u8]) -> Digest {
    let third = bytes.len() / 3;
    let (a, rest) = bytes.split_at_checked(third).unwrap_or((bytes, &[]));
    let (b, c) = rest.split_at_checked(third).unwrap_or((rest, &[]));
    let (mut x, mut y, mut z) = (Hasher::new(), Hasher::new(), Hasher::new());
    update_many(&mut [(&mut x, a), (&mut y, b), (&mut z, c)]);
    let mut all = Hasher::new();
    for part in [x, y, z] {
        all.update(part.finalize().as_bytes());
    }
    all.finalize()
}

impl View {
    /// Takes the bytes of a catalog; `None` where they are not one, or damaged.
    pub(super) fn open(bytes: Vec<u8>) -> Option<Self> {
        let mut read = Reader(bytes.get(..HEADER)?);
        if read.take(8)? != MAGIC {
            return None;
        }
        let expected = read.digest()?;
        if sum(bytes.get(40..)?) != expected {
            return None;
        }
        read.digest()?;
        let mut starts = [HEADER; 8];
        let mut end = HEADER;
        let [_, ends @ ..] = &mut starts;
        for (place, width) in ends.iter_mut().zip(WIDTHS) {
            let rows = usize::try_from(read.u32()?).ok()?;
            end = end.checked_add(rows.checked_mul(width)?)?;
            *place = end;
        }
        (end == bytes.len()).then(|| Self { bytes: Arc::new(bytes), starts })
    }

    pub(super) fn empty() -> Self {
        Builder::new(Digest::of(b"")).finish()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Digest of the `index.json` it was made from.
    pub(super) fn index(&self) -> Digest {
        self.bytes.get(40..72).and_then(|b| Reader(b).digest()).unwrap_or(Digest::of(b""))
    }

    /// The bytes of a table; one that is none has none.
    fn table(&self, table: usize) -> &[u8] {
        let place = || self.starts.get(table).zip(self.starts.get(table.checked_add(1)?));
        place().and_then(|(start, end)| self.bytes.get(*start..*end)).unwrap_or_default()
    }

    fn rows(&self, table: usize) -> usize {
        let width = WIDTHS.get(table).copied();
        width.and_then(|width| self.table(table).len().checked_div(width)).unwrap_or_default()
    }

    fn row(&self, table: usize, at: usize) -> Option<Reader<'_>> {
        let width = *WIDTHS.get(table)?;
        let start = at.checked_mul(width)?;
        self.table(table).get(start..start.checked_add(width)?).map(Reader)
    }

    fn number(&self, table: usize, at: usize) -> Option<usize> {
        self.row(table, at)?.index()
    }

    fn text(&self, offset: usize, len: usize) -> Option<&str> {
        std::str::from_utf8(self.table(HEAP).get(offset..offset.checked_add(len)?)?).ok()
    }

    pub(super) fn entries(&self) -> usize {
        self.rows(ENTRIES)
    }

    /// Name of an entry; empty where it has none.
    pub(super) fn name(&self, at: usize) -> Option<&str> {
        let mut row = self.row(ENTRIES, at)?;
        self.text(row.index()?, row.index()?)
    }

    pub(super) fn record(&self, at: usize) -> Option<Record> {
        let mut row = self.row(ENTRIES, at)?;
        let name = self.text(row.index()?, row.index()?)?;
        let facts = self.facts(row.index()?)?;
        Some(Record { name: (!name.is_empty()).then(|| name.to_owned()), facts })
    }

    /// First entry whose name is not before `name`.
    pub(super) fn first_from(&self, name: &str) -> usize {
        partition(self.entries(), |at| self.name(at).is_some_and(|n| n < name))
    }

    pub(super) fn by_name(&self, name: &str) -> Option<usize> {
        let at = self.first_from(name);
        (self.name(at) == Some(name)).then_some(at)
    }

    /// A target, and where the references to its blobs stand.
    fn target_row(&self, at: usize) -> Option<(Facts, (usize, usize))> {
        let mut row = self.row(TARGETS, at)?;
        let (target, id, manifest) = (row.digest()?, row.digest()?, row.digest()?);
        let (target_size, seconds, nanoseconds) = (row.u64()?, row.u64()?.cast_signed(), row.u32()?);
        let flags = row.u32()?;
        let media_type = MediaType::new(self.text(row.index()?, row.index()?)?);
        let (layers, layer_count) = (row.index()?, row.index()?);
        let (blobs, blob_count) = (row.index()?, row.index()?);
        let image = if flags & HAS_IMAGE == 0 {
            None
        } else {
            Some(ImageFacts {
                id,
                manifest,
                made: flags & MADE != 0,
                created: (flags & DATED != 0).then_some(Timestamp { seconds, nanoseconds }),
                layers: self.refer(layers, layer_count, LAYERS)?.into_iter().map(DiffId).collect(),
            })
        };
        let facts = Facts { target, target_size, media_type, image, complete: flags & COMPLETE != 0 };
        Some((facts, (blobs, blob_count)))
    }

    /// Name, ID and time of an entry, with nothing copied; `None` where it is no image that is here.
    pub(super) fn brief(&self, at: usize) -> Option<Brief<'_>> {
        let mut row = self.row(ENTRIES, at)?;
        let name = self.text(row.index()?, row.index()?)?;
        let mut target = self.row(TARGETS, row.index()?)?;
        target.take(32)?;
        let id = target.digest()?;
        target.take(32 + 8)?;
        let (seconds, nanoseconds, flags) = (target.u64()?.cast_signed(), target.u32()?, target.u32()?);
        let created = (flags & DATED != 0).then_some(Timestamp { seconds, nanoseconds });
        let name = Some(name).filter(|name| !name.is_empty());
        (flags & HAS_IMAGE != 0).then_some(Brief { at, name, id, created })
    }

    /// The same targets under other names; `None` where a target is not known, or is no longer named by any
    /// entry, or names that are gone take too much room.
    pub(super) fn renamed(&self, index: Digest, entries: &[(Option<&str>, Digest)]) -> Option<Self> {
        let mut tables: [Vec<u8>; 7] = Default::default();
        for (table, rows) in tables.iter_mut().enumerate().filter(|(table, _)| *table != ENTRIES) {
            *rows = self.table(table).to_vec();
        }
        let mut used = vec![false; self.rows(TARGETS)];
        let mut rows: Vec<(&str, usize)> = Vec::new();
        for (name, target) in entries {
            let target = self.find(TARGETS, target)?;
            *used.get_mut(target)? = true;
            rows.push((name.unwrap_or_default(), target));
        }
        rows.sort_unstable();
        let needed: usize = rows.iter().map(|(name, _)| name.len()).sum();
        if used.contains(&false) || tables[HEAP].len() > needed.saturating_mul(2).saturating_add(64 << 10) {
            return None;
        }
        for (name, target) in rows {
            let place = match self.by_name(name) {
                Some(at) => self.row(ENTRIES, at)?.take(8)?.try_into().ok()?,
                None => intern(&mut tables[HEAP], name),
            };
            tables[ENTRIES].extend(place);
            tables[ENTRIES].extend(number(target).to_le_bytes());
        }
        Some(assemble(&index, &tables))
    }

    fn facts(&self, at: usize) -> Option<Facts> {
        self.target_row(at).map(|(facts, _)| facts)
    }

    /// The rows of `table` that references `first..first + count` name.
    fn refer(&self, first: usize, count: usize, table: usize) -> Option<Vec<Digest>> {
        (first..first.checked_add(count)?)
            .map(|at| self.row(table, self.number(REFERENCES, at)?)?.digest())
            .collect()
    }

    /// Every blob a target reaches.
    pub(super) fn blobs(&self, target: &Digest) -> Option<Vec<Digest>> {
        let (_, (first, count)) = self.target_row(self.find(TARGETS, target)?)?;
        self.refer(first, count, BLOBS)
    }

    fn digest_at(&self, table: usize, at: usize) -> Option<Digest> {
        self.row(table, at)?.digest()
    }

    fn find(&self, table: usize, digest: &Digest) -> Option<usize> {
        let at = partition(self.rows(table), |at| self.digest_at(table, at).is_some_and(|d| d < *digest));
        (self.digest_at(table, at)? == *digest).then_some(at)
    }

    pub(super) fn target(&self, digest: &Digest) -> Option<Facts> {
        self.facts(self.find(TARGETS, digest)?)
    }

    pub(super) fn targets(&self) -> impl Iterator<Item = Facts> + '_ {
        (0..self.rows(TARGETS)).filter_map(|at| self.facts(at))
    }

    /// The targets whose documents might tell more when read again.
    pub(super) fn unsettled(&self) -> Vec<Facts> {
        let flags = |at: usize| {
            let mut row = self.row(TARGETS, at)?;
            row.take(3 * 32 + 8 + 8 + 4)?;
            row.u32()
        };
        let settled = HAS_IMAGE | COMPLETE;
        (0..self.rows(TARGETS))
            .filter(|&at| flags(at).is_none_or(|flags| flags & settled != settled))
            .filter_map(|at| self.facts(at))
            .collect()
    }

    pub(super) fn entries_of(&self, target: &Digest) -> Vec<usize> {
        let Some(wanted) = self.find(TARGETS, target) else {
            return Vec::new();
        };
        let target_of = |at: usize| {
            let mut row = self.row(ENTRIES, at)?;
            row.take(8)?;
            row.index()
        };
        (0..self.entries()).filter(|&at| target_of(at) == Some(wanted)).collect()
    }

    pub(super) fn by_id(&self, from: &Digest, to: &Digest) -> Vec<Match> {
        let first =
            partition(self.rows(IDS), |at| self.id_row(at).is_some_and(|(image, _)| image.id < *from));
        (first..self.rows(IDS))
            .map_while(|at| self.id_row(at).filter(|(image, _)| image.id <= *to))
            .filter_map(|(image, target)| Some(Match { image, facts: self.facts(target)? }))
            .collect()
    }

    fn id_row(&self, at: usize) -> Option<(PlatformImage, usize)> {
        let mut row = self.row(IDS, at)?;
        Some((PlatformImage { id: row.digest()?, manifest: row.digest()? }, row.index()?))
    }

    pub(super) fn images_of(&self, target: &Digest) -> Vec<PlatformImage> {
        let Some(wanted) = self.find(TARGETS, target) else { return Vec::new() };
        let rows = (0..self.rows(IDS)).filter_map(|at| self.id_row(at));
        rows.filter(|(_, target)| *target == wanted).map(|(image, _)| image).collect()
    }

    /// Every image of every target, by target.
    fn images(&self) -> HashMap<usize, Vec<PlatformImage>> {
        let mut images: HashMap<usize, Vec<PlatformImage>> = HashMap::new();
        for (image, target) in (0..self.rows(IDS)).filter_map(|at| self.id_row(at)) {
            images.entry(target).or_default().push(image);
        }
        images
    }

    /// All that was read below each target.
    pub(super) fn readings(&self) -> HashMap<Digest, Reading> {
        let mut images = self.images();
        (0..self.rows(TARGETS))
            .filter_map(|at| {
                let (facts, (first, count)) = self.target_row(at)?;
                let blobs = self.refer(first, count, BLOBS)?;
                let images = images.remove(&at).unwrap_or_default();
                Some((facts.target, Reading { facts, blobs, images }))
            })
            .collect()
    }

    pub(super) fn layer(&self, id: &DiffId) -> Option<LayerFacts> {
        self.layer_row(self.find(LAYERS, &id.0)?).map(|(_, facts)| facts)
    }

    fn layer_row(&self, at: usize) -> Option<(DiffId, LayerFacts)> {
        let mut row = self.row(LAYERS, at)?;
        let (id, content, plain) = (row.digest()?, row.u64()?, row.u64()?);
        (content != UNKNOWN).then_some((DiffId(id), LayerFacts { content, plain }))
    }

    /// The layers that were counted.
    pub(super) fn layers(&self) -> impl Iterator<Item = (DiffId, LayerFacts)> + '_ {
        (0..self.rows(LAYERS)).filter_map(|at| self.layer_row(at))
    }

    /// The same catalog with other facts about layers.
    pub(super) fn with_layers(&self, layers: impl Iterator<Item = (DiffId, LayerFacts)>) -> Self {
        let mut builder = Builder::new(self.index());
        let mut readings = self.readings();
        for (name, target) in (0..self.entries()).filter_map(|at| self.record(at)).map(Record::place) {
            builder.entry(name.as_deref(), target, || readings.remove(&target));
        }
        builder.layers(layers);
        builder.finish()
    }
}

/// First of `len` rows for which `before` does not hold; rows for which it holds come first.
fn partition(len: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = low.midpoint(high);
        if before(middle) { low = middle.saturating_add(1) } else { high = middle }
    }
    low
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(n)?;
        self.0 = tail;
        Some(head)
    }

    fn digest(&mut self) -> Option<Digest> {
        self.take(32)?.try_into().ok().map(Digest::from_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    fn index(&mut self) -> Option<usize> {
        usize::try_from(self.u32()?).ok()
    }
}

/// Puts a catalog together.
pub(super) struct Builder {
    index: Digest,
    entries: Vec<(String, Digest)>,
    targets: BTreeMap<Digest, Reading>,
    layers: BTreeMap<DiffId, LayerFacts>,
}

impl Builder {
    pub(super) fn new(index: Digest) -> Self {
        Self { index, entries: Vec::new(), targets: BTreeMap::new(), layers: BTreeMap::new() }
    }

    /// Adds an entry; `read` is asked once for each target.
    pub(super) fn entry(
        &mut self,
        name: Option<&str>,
        target: Digest,
        read: impl FnOnce() -> Option<Reading>,
    ) {
        self.entries.push((name.unwrap_or_default().to_owned(), target));
        if !self.targets.contains_key(&target)
            && let Some(reading) = read()
        {
            self.targets.insert(target, reading);
        }
    }

    pub(super) fn layers(&mut self, layers: impl Iterator<Item = (DiffId, LayerFacts)>) {
        self.layers.extend(layers);
    }

    pub(super) fn finish(mut self) -> View {
        self.entries.sort_unstable();
        let used: BTreeSet<DiffId> = self
            .targets
            .values()
            .filter_map(|reading| reading.facts.image.as_ref())
            .flat_map(|i| i.layers.iter().copied())
            .collect();
        let layer_row: HashMap<DiffId, u32> = used.iter().copied().zip(0..).collect();
        let blobs: BTreeSet<Digest> =
            self.targets.values().flat_map(|reading| reading.blobs.iter().copied()).collect();
        let blob_row: HashMap<Digest, u32> = blobs.iter().copied().zip(0..).collect();
        let target_row: HashMap<Digest, u32> = self.targets.keys().copied().zip(0..).collect();

        let mut tables: [Vec<u8>; 7] = Default::default();
        let mut media_types = HashMap::new();
        for Reading { facts, blobs, .. } in self.targets.values() {
            // There are a handful of media types, and a target has one.
            let heap = &mut tables[HEAP];
            let text = facts.media_type.as_str();
            let media_type = *media_types.entry(text.to_owned()).or_insert_with(|| intern(heap, text));
            write_target(&mut tables, facts, media_type, blobs, &layer_row, &blob_row);
        }
        for (name, target) in &self.entries {
            let name = intern(&mut tables[HEAP], name);
            tables[ENTRIES].extend(name);
            tables[ENTRIES].extend(target_row.get(target).copied().unwrap_or(u32::MAX).to_le_bytes());
        }
        let mut ids: Vec<(PlatformImage, u32)> = self
            .targets
            .values()
            .filter_map(|reading| Some((reading, *target_row.get(&reading.facts.target)?)))
            .flat_map(|(reading, row)| reading.images.iter().map(move |image| (*image, row)))
            .collect();
        ids.sort_unstable();
        for (image, row) in ids {
            tables[IDS].extend(image.id.as_bytes());
            tables[IDS].extend(image.manifest.as_bytes());
            tables[IDS].extend(row.to_le_bytes());
        }
        for id in &used {
            let facts =
                self.layers.get(id).copied().unwrap_or(LayerFacts { content: UNKNOWN, plain: UNKNOWN });
            tables[LAYERS].extend(id.0.as_bytes());
            tables[LAYERS].extend(facts.content.to_le_bytes());
            tables[LAYERS].extend(facts.plain.to_le_bytes());
        }
        tables[BLOBS].extend(blobs.iter().flat_map(|d| *d.as_bytes()));
        assemble(&self.index, &tables)
    }
}

fn number(n: usize) -> u32 {
    // Four thousand million rows do not fit in memory either.
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Puts text on the heap; offset and length as bytes.
fn intern(heap: &mut Vec<u8>, text: &str) -> [u8; 8] {
    let mut place = [0; 8];
    place[..4].copy_from_slice(&number(heap.len()).to_le_bytes());
    place[4..].copy_from_slice(&number(text.len()).to_le_bytes());
    heap.extend(text.as_bytes());
    place
}

fn write_target(
    tables: &mut [Vec<u8>; 7],
    facts: &Facts,
    media_type: [u8; 8],
    blobs: &[Digest],
    layer_row: &HashMap<DiffId, u32>,
    blob_row: &HashMap<Digest, u32>,
) {
    let image = facts.image.as_ref();
    let zero = Digest::from_bytes([0; 32]);
    let created = image.and_then(|i| i.created);
    let mut flags = 0;
    for (flag, holds) in [
        (HAS_IMAGE, image.is_some()),
        (MADE, image.is_some_and(|i| i.made)),
        (COMPLETE, facts.complete),
        (DATED, created.is_some()),
    ] {
        flags |= if holds { flag } else { 0 };
    }
    let mut refer = |rows: Vec<u32>| {
        let first = number(tables[REFERENCES].len() / 4);
        tables[REFERENCES].extend(rows.iter().flat_map(|row| row.to_le_bytes()));
        [first, number(rows.len())]
    };
    let layers = image.map_or(&[][..], |i| &i.layers);
    let layers = refer(layers.iter().filter_map(|id| layer_row.get(id).copied()).collect());
    let blobs = refer(blobs.iter().filter_map(|d| blob_row.get(d).copied()).collect());

    let row = &mut tables[TARGETS];
    for digest in [facts.target, image.map_or(zero, |i| i.id), image.map_or(zero, |i| i.manifest)] {
        row.extend(digest.as_bytes());
    }
    row.extend(facts.target_size.to_le_bytes());
    row.extend(created.map_or(0, |c| c.seconds).to_le_bytes());
    row.extend(created.map_or(0, |c| c.nanoseconds).to_le_bytes());
    row.extend(flags.to_le_bytes());
    row.extend(media_type);
    row.extend(layers.into_iter().chain(blobs).flat_map(u32::to_le_bytes));
    row.extend([0; 8]);
}

fn assemble(index: &Digest, tables: &[Vec<u8>; 7]) -> View {
    let mut bytes = Vec::new();
    bytes.extend(MAGIC);
    bytes.extend([0; 32]);
    bytes.extend(index.as_bytes());
    let mut starts = [HEADER; 8];
    let mut end = HEADER;
    let [_, ends @ ..] = &mut starts;
    for ((rows, width), place) in tables.iter().zip(WIDTHS).zip(ends) {
        bytes.extend(number(rows.len().checked_div(width).unwrap_or_default()).to_le_bytes());
        end = end.saturating_add(rows.len());
        *place = end;
    }
    for rows in tables {
        bytes.extend(rows);
    }
    let check = sum(bytes.get(40..).unwrap_or_default());
    if let Some(place) = bytes.get_mut(8..40) {
        place.copy_from_slice(check.as_bytes());
    }
    View { bytes: Arc::new(bytes), starts }
}
