//! Many streams hashed on all cores: threads, and lanes in each.

mod plan;
mod queue;
mod worker;

use std::{
    cmp::Reverse,
    num::NonZero,
    panic::resume_unwind,
    sync::{Condvar, Mutex, atomic::AtomicBool},
    thread,
};

use crate::{Digest, Hasher, Progress, lanes::Engine};
use queue::{Job, Queue};
use worker::{Outcome, Shared};

/// A stream that is read, block by block, to be hashed.
///
/// `fill` may do more than read: who copies while hashing writes the block out before returning. It may wait.
pub trait Feed: Send {
    /// What `fill` fails with.
    type Error: Send;

    /// About how many bytes will come: the largest are begun first. A wrong hint costs time, nothing else.
    fn size_hint(&self) -> u64 {
        0
    }

    /// Puts the stream's next bytes at the start of `buffer` and says how many; 0 is the end of the stream.
    ///
    /// # Errors
    /// Its own; the pump then stops, and gives it on.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Self::Error>;

    /// Is told the digest of all its bytes, once, by the thread that hashed the last of them, while others work on.
    fn hashed(&mut self, digest: &Digest) {
        let _ = digest;
    }
}

/// How streams are pumped. All buffers together are `threads` × `lanes` × `block` bytes; nothing else grows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pump {
    /// How many threads work, the caller's among them; 0: as many as there are processors.
    pub threads: usize,
    /// How many streams a thread hashes at once; 0: [`lanes`](crate::lanes).
    pub lanes: usize,
    /// Bytes in a buffer; 0: 128 KiB. 1 MiB costs four times the system time of 128 KiB in a copy from file to file.
    pub block: usize,
}

/// Why a pump gave no digests.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PumpError<E> {
    /// [`Progress::advance`] said so.
    #[error("hashing was stopped")]
    Stopped,
    /// A feed failed; of several, the first in the order they were given.
    #[error("hashing stream {index}")]
    Feed {
        /// Which, in the order they were given, from 0.
        index: usize,
        /// What `fill` said.
        source: E,
    },
}

/// Reads all `feeds` to their ends and gives each back with the digest of its bytes, in the order given.
///
/// The largest are begun first. A feed so large that all would wait for it has a thread to itself.
/// A thread that finds nothing left takes over what others have begun, so a feed may be filled by several threads in turn.
///
/// ```
/// use ply_digest::{Digest, Feed, Pump, pump};
///
/// struct Text(&'static [u8]);
///
/// impl Feed for Text {
///     type Error = std::io::Error;
///
///     fn size_hint(&self) -> u64 {
///         self.0.len() as u64
///     }
///
///     fn fill(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
///         std::io::Read::read(&mut self.0, buffer)
///     }
/// }
///
/// let done = pump(vec![Text(b"one"), Text(b"two")], &Pump::default(), &())?;
/// assert_eq!(done[1].1, Digest::of(b"two"));
/// # Ok::<(), ply_digest::PumpError<std::io::Error>>(())
/// ```
///
/// # Errors
/// [`PumpError::Feed`] if a feed fails, [`PumpError::Stopped`] if `progress` breaks; the others are dropped where they are.
pub fn pump<F: Feed>(
    feeds: Vec<F>,
    how: &Pump,
    progress: &dyn Progress,
) -> Result<Vec<(F, Digest)>, PumpError<F::Error>> {
    pump_with(Engine::detect(), feeds, how, progress)
}

/// [`pump`] with an engine of the caller's choice, so that tests can have the portable one.
pub(crate) fn pump_with<F: Feed>(
    engine: Engine,
    feeds: Vec<F>,
    how: &Pump,
    progress: &dyn Progress,
) -> Result<Vec<(F, Digest)>, PumpError<F::Error>> {
    let lanes = if how.lanes == 0 { engine.lanes() } else { how.lanes };
    let threads = if how.threads == 0 { processors() } else { how.threads };
    let threads = threads.min(feeds.len()).max(1);
    let jobs = largest_first(feeds, threads, lanes);
    let shared = Shared {
        engine,
        lanes,
        block: if how.block == 0 { DEFAULT_BLOCK } else { how.block },
        queue: Mutex::new(Queue::new(jobs, threads)),
        bell: Condvar::new(),
        stop: AtomicBool::new(false),
        progress,
    };
    let outcomes = thread::scope(|scope| {
        // A thread that cannot be had is no error: the others do its work.
        let others: Vec<_> = (1..threads)
            .filter_map(|_| {
                let thread = thread::Builder::new().name("ply-digest".into());
                thread.spawn_scoped(scope, || shared.work()).inspect_err(|_| shared.queue().leave()).ok()
            })
            .collect();
        let mut outcomes = vec![shared.work()];
        outcomes.extend(others.into_iter().map(|it| it.join().unwrap_or_else(|panic| resume_unwind(panic))));
        outcomes
    });
    in_order(outcomes)
}

const DEFAULT_BLOCK: usize = 128 * 1024;

fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

fn largest_first<F: Feed>(feeds: Vec<F>, threads: usize, lanes: usize) -> Vec<Job<F>> {
    let mut jobs: Vec<_> = feeds
        .into_iter()
        .enumerate()
        .map(|(index, feed)| (feed.size_hint(), Job { index, feed, hasher: Hasher::new(), alone: false }))
        .collect();
    jobs.sort_by_key(|&(size, _)| Reverse(size));
    let sizes: Vec<u64> = jobs.iter().map(|&(size, _)| size).collect();
    for (_, job) in jobs.iter_mut().take(plan::alone(&sizes, threads, lanes)) {
        job.alone = true;
    }
    jobs.into_iter().map(|(_, job)| job).collect()
}

/// All digests in the order the feeds were given, or the error that comes first in that order.
fn in_order<F: Feed>(outcomes: Vec<Outcome<F>>) -> Result<Vec<(F, Digest)>, PumpError<F::Error>> {
    let mut all = Vec::new();
    let mut errors = Vec::new();
    for outcome in outcomes {
        match outcome {
            Ok(done) => all.extend(done),
            Err(error) => errors.push(error),
        }
    }
    if let Some(error) = errors.into_iter().min_by_key(place) {
        return Err(error);
    }
    all.sort_unstable_by_key(|&(index, ..)| index);
    Ok(all.into_iter().map(|(_, feed, digest)| (feed, digest)).collect())
}

/// A feed's own error says more than that the pump was stopped.
fn place<E>(error: &PumpError<E>) -> usize {
    match error {
        PumpError::Stopped => usize::MAX,
        PumpError::Feed { index, .. } => *index,
    }
}

#[cfg(test)]
mod tests;
