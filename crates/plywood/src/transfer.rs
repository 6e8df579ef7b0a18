//! Moving blobs: each byte read once, hashed once, written once, many blobs at a time.
//!
//! Plain layers are pumped in lanes: each core hashes several of them at once, reading and writing them itself.
//! Compressed ones are inflated on one thread while another hashes both what went in and what came out.

mod budget;
mod copy;
mod counter;
mod inflate;
mod origin;
mod out;
mod take;

use std::sync::{Mutex, PoisonError};

use ply_digest::{Digest, Progress, Pump, PumpError, pump};
use ply_image::DiffId;
use ply_layer::Compression;
use ply_store::LayerFacts;

pub(crate) use budget::Budget;
use copy::head;
pub(crate) use copy::{RegionReader, sniff};
pub(crate) use counter::{Counter, Indexes, Walk, content_of};
pub(crate) use inflate::{Failure, Inflated, Outs, Plain, inflate};
pub(crate) use origin::Origin;
#[cfg(feature = "registry")]
pub(crate) use out::WRITE_BACK;
pub(crate) use out::{Out, refused};
pub(crate) use take::take;

use crate::watch::{Task, TaskProgress};
use crate::workers::each;
use crate::{Engine, Error};

/// Size of a block: what is read, hashed and written at once.
pub(crate) const BLOCK: usize = 128 << 10;
/// Threads that copy plain blobs, at most: each has a block for every lane, 16 MiB in all, and no disk needs more.
const COPIERS: usize = 32;

/// What the bytes of a blob must be.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Expected {
    /// Digest of the bytes as stored.
    pub(crate) digest: Option<Digest>,
    /// Digest of the plain tar.
    pub(crate) diff_id: Option<DiffId>,
}

/// A blob to be moved, or only to be read and checked.
pub(crate) struct Job<'a> {
    /// What it is, for messages: `layer 3 of 11 (blobs/sha256/5d1e…)`.
    pub(crate) what: String,
    /// Twelve digits, for a bar.
    pub(crate) label: String,
    /// Where its bytes lie.
    pub(crate) from: Origin<'a>,
    /// What they must be.
    pub(crate) expected: Expected,
    /// Where the bytes go as they are.
    pub(crate) stored: Option<Out>,
    /// Where the plain bytes go, for one that is compressed.
    pub(crate) plain: Option<Out>,
    /// How its headers are walked, if it is a layer.
    pub(crate) walk: Option<Walk<'a>>,
}

/// What a blob turned out to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moved {
    /// Digest of the bytes as stored.
    pub(crate) digest: Digest,
    /// Bytes as stored.
    pub(crate) size: u64,
    /// Digest of the plain tar; for what is no layer, that of the bytes.
    pub(crate) diff_id: DiffId,
    /// How it is compressed.
    pub(crate) compression: Compression,
    /// What was counted.
    pub(crate) facts: LayerFacts,
}

/// How a job went, and which it was.
type Outcome = (usize, Result<Moved, Error>);

impl Engine<'_> {
    /// Moves blobs; the results are in the order of the jobs. Ends with the first that fails.
    pub(crate) fn transfer(&self, jobs: Vec<Job<'_>>) -> Result<Vec<Moved>, Error> {
        self.transfer_each(jobs)?.into_iter().collect()
    }

    /// Moves blobs and says of each how it went: one that is damaged does not stop the others. Only an
    /// interruption ends it all.
    pub(crate) fn transfer_each(&self, jobs: Vec<Job<'_>>) -> Result<Vec<Result<Moved, Error>>, Error> {
        let tasks: Vec<Task> =
            jobs.iter().map(|j| Task { label: j.label.clone(), total: Some(j.from.len()) }).collect();
        self.watch.plan(&tasks);
        let moved = self.move_all(jobs);
        self.watch.finish();
        moved
    }

    fn move_all(&self, jobs: Vec<Job<'_>>) -> Result<Vec<Result<Moved, Error>>, Error> {
        let mut moved: Vec<Option<Result<Moved, Error>>> = jobs.iter().map(|_| None).collect();
        let (mut plain, mut packed) = (Vec::new(), Vec::new());
        for (at, job) in jobs.into_iter().enumerate() {
            // A blob that is no layer is only what its digest says.
            if job.walk.is_none() {
                plain.push((at, job));
                continue;
            }
            match job.sniff() {
                Ok(Compression::None) => plain.push((at, job)),
                Ok(compression) => packed.push((at, job, compression)),
                Err(e) => put(&mut moved, at, Err(e)),
            }
        }
        for (at, result) in self.inflate_all(packed)? {
            put(&mut moved, at, result);
        }
        for (at, result) in self.copy_all(plain)? {
            put(&mut moved, at, result);
        }
        Ok(moved.into_iter().flatten().collect())
    }

    /// In lanes, largest first.
    fn copy_all(&self, jobs: Vec<(usize, Job<'_>)>) -> Result<Vec<Outcome>, Error> {
        let feeds = jobs.into_iter().map(|(at, job)| copy::Copy::new(at, job, self.watch)).collect();
        let how = Pump { threads: self.threads().min(COPIERS), block: BLOCK, ..Pump::default() };
        // A feed that fails says so in its result, so that the others go on; only `Stopped` comes out here.
        match pump(feeds, &how, &()) {
            Ok(done) => Ok(done.into_iter().map(|(feed, _)| feed.finish()).collect()),
            Err(PumpError::Stopped | PumpError::Feed { .. }) => Err(Error::Interrupted),
        }
    }

    /// As many at once as there are threads and memory, largest first.
    fn inflate_all(&self, mut jobs: Vec<(usize, Job<'_>, Compression)>) -> Result<Vec<Outcome>, Error> {
        jobs.sort_by_key(|(_, job, _)| std::cmp::Reverse(job.from.len()));
        let jobs: Vec<_> = jobs.into_iter().map(|job| Mutex::new(Some(job))).collect();
        let done = Mutex::new(Vec::new());
        let budget = Budget::inflating();
        each(
            self.threads(),
            &jobs,
            || (),
            |(), job| {
                let Some((at, job, compression)) = lock(job).take() else { return Ok(()) };
                let progress = TaskProgress { watch: self.watch, task: at };
                match inflate_one(&job, compression, &budget, &progress) {
                    Err(Error::Interrupted) => return Err(Error::Interrupted),
                    // A job that fails says so in its result, so that the others go on.
                    result => lock(&done).push((at, result)),
                }
                self.watch.done(at);
                Ok(())
            },
        )?;
        Ok(done.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Job<'_> {
    fn sniff(&self) -> Result<Compression, Error> {
        sniff(&self.from.open()?).map_err(Error::within(self.what.clone()))
    }
}

fn inflate_one(
    job: &Job<'_>,
    compression: Compression,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Moved, Error> {
    let from = job.from.open()?;
    let head = head(&from).map_err(Error::within(job.what.clone()))?;
    let _share = budget.take_for(&head);
    let walk = job.walk.unwrap_or_default();
    let outs = Outs { stored: job.stored.as_ref(), plain: Plain::Out(job.plain.as_ref()), walk };
    let moved = inflate(RegionReader::new(&from), compression, outs, progress);
    let moved = moved.map_err(|e| e.at(&job.what))?.verified(&job.what, job.expected)?;
    Ok(moved)
}

/// Compares what came with what was promised.
pub(crate) fn verify(what: &str, expected: Expected, moved: &Moved) -> Result<(), Error> {
    let mismatch = |found, expected, by| Error::Mismatch { what: what.to_owned(), found, expected, by };
    if let Some(digest) = expected.digest.filter(|d| *d != moved.digest) {
        return Err(mismatch(moved.digest, digest, "its name"));
    }
    if let Some(diff_id) = expected.diff_id.filter(|d| *d != moved.diff_id) {
        return Err(mismatch(moved.diff_id.0, diff_id.0, "its config"));
    }
    Ok(())
}

fn put(moved: &mut [Option<Result<Moved, Error>>], at: usize, result: Result<Moved, Error>) {
    if let Some(place) = moved.get_mut(at) {
        *place = Some(result);
    }
}

/// What is behind these locks is whole whenever a thread can panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A job's message place for a blob that is a layer of so many.
pub(crate) fn layer_place(at: usize, of: usize, name: &str) -> String {
    format!("layer {} of {of} ({})", at.saturating_add(1), crate::error::shown(name))
}
