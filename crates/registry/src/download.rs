//! Blobs on their way into files: many at once, large ones in several ranges at once, while somebody reads behind.

use std::io::{self, Read};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use ply_digest::{Digest, Progress};

use crate::blob::{Answered, BlobReader};
use crate::{RegistryError, Repository};

/// Bytes of a range: large enough that a request for each does not matter, small enough that several connections work
/// close behind each other.
const RANGE: u64 = 8 << 20;
/// From this size on a blob is fetched in ranges.
const LARGE: u64 = 4 * RANGE;
/// What is read from a connection at once.
const BLOCK: usize = 128 << 10;

/// Bytes that can be read at any offset: a file's, mostly.
pub trait Bytes: Sync {
    /// Reads some bytes from an offset on; none at the end.
    ///
    /// # Errors
    /// The system's word.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

/// Where the bytes of a blob go, and are read again.
pub trait Place: Bytes {
    /// Writes bytes at an offset; many threads may, at different ones.
    ///
    /// # Errors
    /// The system's word.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
}

impl Bytes for &[u8] {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut rest = self.get(from..).unwrap_or_default();
        rest.read(buffer)
    }
}

/// A blob on its way into a place.
pub struct Download<'a> {
    digest: Digest,
    size: u64,
    place: &'a dyn Place,
    progress: &'a dyn Progress,
    state: Mutex<State>,
    bell: Condvar,
}

impl std::fmt::Debug for Download<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Download")
            .field("digest", &self.digest)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    mode: Mode,
    /// Where the part begins that nobody has taken yet.
    next: u64,
    /// The parts that are being fetched or came: begin, how far, end. In order.
    parts: Vec<Part>,
    /// Parts before this one are complete.
    first: usize,
    has_failed: bool,
    /// Why, until somebody is told.
    failure: Option<RegistryError>,
    /// Whether nobody waits for the bytes any more.
    abandoned: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Nobody has begun.
    #[default]
    New,
    /// One asks for the first part, to see whether the server has ranges.
    Probing,
    /// It has.
    Ranges,
    /// One fetches all of it.
    Whole,
}

#[derive(Debug, Clone, Copy)]
struct Part {
    at: u64,
    end: u64,
}

impl<'a> Download<'a> {
    /// A blob that is to come. Bytes are counted in `progress`, which may say stop.
    #[must_use]
    pub fn new(digest: Digest, size: u64, place: &'a dyn Place, progress: &'a dyn Progress) -> Self {
        Self { digest, size, place, progress, state: Mutex::default(), bell: Condvar::new() }
    }

    /// Reads the blob from its beginning, and waits where it has not come yet.
    #[must_use]
    pub fn reader(&self) -> Behind<'_, 'a> {
        Behind { download: self, at: 0, ready: 0 }
    }

    /// Says that nobody will read any more: what was not asked for yet is not asked for.
    pub fn abandon(&self) {
        self.lock().abandoned = true;
        self.bell.notify_all();
    }

    /// Whether all of it has come: who reads does not wait any more.
    pub fn is_whole(&self) -> bool {
        let state = self.lock();
        state.next == self.size && state.ready() == self.size
    }

    /// Why it does not come, told once.
    pub fn failure(&self) -> Option<RegistryError> {
        self.lock().failure.take()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'g>(&self, state: MutexGuard<'g, State>) -> MutexGuard<'g, State> {
        self.bell.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// A part for a thread that has nothing to do.
    fn claim(&self) -> Claim {
        let mut state = self.lock();
        if state.abandoned || state.has_failed {
            return Claim::Nothing;
        }
        match state.mode {
            Mode::New if self.size < LARGE => {
                state.mode = Mode::Whole;
                Claim::Part(state.take(self.size))
            }
            Mode::New => {
                state.mode = Mode::Probing;
                Claim::Part(state.take(RANGE))
            }
            Mode::Ranges if state.next < self.size => {
                let len = RANGE.min(self.size.saturating_sub(state.next));
                Claim::Part(state.take(len))
            }
            Mode::Probing => Claim::Later,
            Mode::Ranges | Mode::Whole => Claim::Nothing,
        }
    }

    /// Fetches a part; the first one of a large blob tells whether the server has ranges.
    fn fetch(&self, repository: &Repository<'_>, part: usize) -> Result<(), RegistryError> {
        let (at, mut end) = self.lock().bounds(part);
        let probing = end < self.size && at == 0;
        let mut reader = repository.blob_range(&self.digest, self.size, at, end);
        if probing {
            let answered = repository.ask(&self.digest, self.size, at, end)?;
            let ranges = matches!(answered, Answered::Range(_));
            if !ranges {
                end = self.size;
                reader = repository.blob_range(&self.digest, self.size, 0, end);
            }
            reader.begin(answered);
            let mut state = self.lock();
            state.mode = if ranges { Mode::Ranges } else { Mode::Whole };
            state.extend(part, end);
            drop(state);
            self.bell.notify_all();
        }
        self.pump(&mut reader, part, at, end)
    }

    fn pump(
        &self,
        reader: &mut BlobReader<'_>,
        part: usize,
        mut at: u64,
        end: u64,
    ) -> Result<(), RegistryError> {
        let mut block = vec![0; BLOCK];
        loop {
            let n = reader.next(&mut block)?;
            let Some(bytes) = block.get(..n).filter(|bytes| !bytes.is_empty()) else { break };
            self.place
                .write_at(bytes, at)
                .map_err(RegistryError::io(format!("write blob {}", self.digest)))?;
            at = at.saturating_add(n as u64);
            if at == end {
                // What goes on after its end is found before anybody takes it for whole.
                reader.next(&mut block)?;
            }
            if self.progress.advance(n as u64).is_break() {
                return Err(RegistryError::Interrupted);
            }
            let mut state = self.lock();
            state.came(part, at);
            let abandoned = state.abandoned;
            drop(state);
            self.bell.notify_all();
            if abandoned {
                return Ok(());
            }
        }
        debug_assert!(at == end || self.lock().abandoned, "a reader ends where it should");
        Ok(())
    }

    fn fail(&self, error: RegistryError) {
        let mut state = self.lock();
        state.has_failed = true;
        state.failure.get_or_insert(error);
        drop(state);
        self.bell.notify_all();
    }
}

enum Claim {
    Part(usize),
    /// Somebody finds out whether there are parts.
    Later,
    Nothing,
}

impl State {
    fn take(&mut self, len: u64) -> usize {
        let (at, end) = (self.next, self.next.saturating_add(len));
        self.next = end;
        self.parts.push(Part { at, end });
        self.parts.len().saturating_sub(1)
    }

    fn bounds(&self, part: usize) -> (u64, u64) {
        self.parts.get(part).map_or((0, 0), |part| (part.at, part.end))
    }

    fn extend(&mut self, part: usize, end: u64) {
        if let Some(part) = self.parts.get_mut(part) {
            part.end = end;
            self.next = self.next.max(end);
        }
    }

    fn came(&mut self, part: usize, at: u64) {
        if let Some(part) = self.parts.get_mut(part) {
            part.at = at;
        }
        while self.parts.get(self.first).is_some_and(|part| part.at == part.end) {
            self.first = self.first.saturating_add(1);
        }
    }

    /// How far the blob has come without a gap.
    fn ready(&self) -> u64 {
        self.parts
            .get(self.first)
            .map_or_else(|| self.parts.last().map_or(0, |last| last.end), |part| part.at)
    }
}

/// Fetches blobs over so many connections until all have come or failed; the first ones first. Whoever reads behind is told
/// of failures by their readers.
pub fn download(repository: &Repository<'_>, downloads: &[Download<'_>], connections: usize) {
    repository.host.stoppable(|| download_all(repository, downloads, connections));
}

fn download_all(repository: &Repository<'_>, downloads: &[Download<'_>], connections: usize) {
    let work = || {
        while let Some((download, part)) = claim(downloads) {
            if let Err(error) = download.fetch(repository, part) {
                download.fail(error);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..connections.max(1) {
            // A system without threads has this one.
            let _ = std::thread::Builder::new().name("fetch".to_owned()).spawn_scoped(scope, work);
        }
        work();
    });
}

/// The next part there is; waits where one may come.
fn claim<'d, 'a>(downloads: &'d [Download<'a>]) -> Option<(&'d Download<'a>, usize)> {
    loop {
        let mut probed = None;
        for download in downloads {
            match download.claim() {
                Claim::Part(part) => return Some((download, part)),
                Claim::Later => probed = probed.or(Some(download)),
                Claim::Nothing => {}
            }
        }
        let download = probed?;
        let mut state = download.lock();
        while state.mode == Mode::Probing && !state.has_failed && !state.abandoned {
            state = download.wait(state);
        }
    }
}

/// Reads a blob while it comes.
#[derive(Debug)]
pub struct Behind<'d, 'a> {
    download: &'d Download<'a>,
    at: u64,
    /// Known to have come.
    ready: u64,
}

impl Behind<'_, '_> {
    fn wait(&mut self) -> io::Result<()> {
        let download = self.download;
        let mut state = download.lock();
        loop {
            self.ready = state.ready();
            if self.ready > self.at {
                return Ok(());
            }
            if state.has_failed || state.abandoned {
                // The error itself is kept for `failure`.
                return Err(io::Error::other("the rest did not come"));
            }
            state = download.wait(state);
        }
    }
}

impl Read for Behind<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.download.size || buffer.is_empty() {
            return Ok(0);
        }
        if self.ready <= self.at {
            self.wait()?;
        }
        let most =
            usize::try_from(self.ready.saturating_sub(self.at)).unwrap_or(usize::MAX).min(buffer.len());
        let n = self.download.place.read_at(buffer.get_mut(..most).unwrap_or_default(), self.at)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at = self.at.saturating_add(n as u64);
        Ok(n)
    }
}
