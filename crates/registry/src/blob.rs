//! A blob as a stream that survives broken connections: it goes on where it stopped.

use std::io::{self, Read};
use std::sync::Arc;

use ply_digest::Digest;
use ply_image::{BlobError, BlobSource, Region};
use ureq::http::Method;

use crate::answer::Answer;
use crate::host::{At, Call};
use crate::{RegistryError, Repository};

/// Bytes after which a connection that breaks is forgiven: it got somewhere.
const PROGRESS: u64 = 64 << 10;

/// A part of a blob, or all of it: bytes `at` to `end`, read in order, over as many connections as it takes.
///
/// What comes is not hashed here. More bytes than were promised are an error, fewer are asked for again.
pub struct BlobReader<'a> {
    repository: Repository<'a>,
    digest: Digest,
    size: u64,
    at: u64,
    end: u64,
    body: Option<Body>,
    failures: u32,
    /// Where the last failure was.
    failed_at: u64,
    /// Whether the server was seen to ignore or to bungle ranges.
    whole_only: bool,
}

/// An answer on its way.
struct Body {
    reader: ureq::BodyReader<'static>,
    /// Bytes of it that are read and dropped: a server without ranges begins at the beginning.
    skip: u64,
    /// Whether it may go on after what we want of it.
    longer: bool,
}

impl std::fmt::Debug for BlobReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobReader")
            .field("digest", &self.digest)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// How a server answered a request for some bytes.
pub(crate) enum Answered {
    /// With those.
    Range(Answer),
    /// With all.
    Whole(Answer),
    /// With others.
    Bungled,
}

impl<'a> Repository<'a> {
    /// A blob of this size, as a stream.
    #[must_use]
    pub fn blob(&self, digest: &Digest, size: u64) -> BlobReader<'a> {
        self.blob_range(digest, size, 0, size)
    }

    /// Bytes `at` to `end` of a blob of this size.
    pub(crate) fn blob_range(&self, digest: &Digest, size: u64, at: u64, end: u64) -> BlobReader<'a> {
        BlobReader {
            repository: self.clone(),
            digest: *digest,
            size,
            at,
            end,
            body: None,
            failures: 0,
            failed_at: at,
            whole_only: false,
        }
    }

    /// The size of a blob; `None` where the registry does not have it.
    ///
    /// # Errors
    /// The registry cannot be asked.
    pub fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, RegistryError> {
        let call = Call::new(Method::HEAD, &self.pull, format!("blob {digest}"));
        let answer =
            self.host.expect(At::Path(&self.path(&format!("blobs/{digest}"))), &call, &[200, 404])?;
        let found = (answer.status == 200).then(|| answer.length()).flatten();
        answer.drain();
        Ok(found)
    }

    fn refused(&self, digest: &Digest, why: &str) -> RegistryError {
        self.host.refused(format!("{why} of blob {digest}"))
    }

    /// Asks for bytes `at` to `end`, in one request.
    pub(crate) fn ask(
        &self,
        digest: &Digest,
        size: u64,
        at: u64,
        end: u64,
    ) -> Result<Answered, RegistryError> {
        let mut call = Call::new(Method::GET, &self.pull, format!("blob {digest}"));
        let is_part = at > 0 || end < size;
        if is_part {
            call = call.header("range", format!("bytes={at}-{}", end.saturating_sub(1)));
        }
        let path = self.path(&format!("blobs/{digest}"));
        let answer = self.host.expect(At::Path(&path), &call, &[200, 206, 416])?;
        let lied = |found: u64, expected: u64| {
            self.refused(digest, &format!("promises {found} bytes where there should be {expected}"))
        };
        match answer.status {
            206 if is_part && self.is_range(&answer, size, at, end) => match answer.length() {
                Some(length) if length > end.saturating_sub(at) => Err(lied(length, end.saturating_sub(at))),
                _ => Ok(Answered::Range(answer)),
            },
            200 => match answer.length() {
                Some(length) if length != size => Err(lied(length, size)),
                _ => Ok(Answered::Whole(answer)),
            },
            _ => {
                answer.drain();
                Ok(Answered::Bungled)
            }
        }
    }

    /// Whether a part is the one that was asked for, or the beginning of it.
    fn is_range(&self, answer: &Answer, size: u64, at: u64, end: u64) -> bool {
        let read = || {
            let range = answer.header("content-range")?.trim().strip_prefix("bytes")?.trim_start();
            let (part, total) = range.split_once('/')?;
            let (first, last) = part.split_once('-')?;
            let total = if total == "*" { size } else { total.parse().ok()? };
            Some((first.trim().parse::<u64>().ok()?, last.trim().parse::<u64>().ok()?, total))
        };
        read().is_some_and(|(first, last, total)| first == at && last >= first && last < end && total == size)
    }
}

impl BlobReader<'_> {
    /// The next bytes; 0 at the end.
    pub(crate) fn next(&mut self, buffer: &mut [u8]) -> Result<usize, RegistryError> {
        loop {
            self.repository.host.advance(0)?;
            if self.at == self.end {
                return self.finish().map(|()| 0);
            }
            match self.step(buffer)? {
                0 => self.retry()?,
                n => return Ok(n),
            }
        }
    }

    /// Reads on; 0 where the connection broke off.
    fn step(&mut self, buffer: &mut [u8]) -> Result<usize, RegistryError> {
        if self.body.is_none() {
            self.body = Some(self.open()?);
        }
        let Some(body) = &mut self.body else { return Ok(0) };
        while body.skip > 0 {
            self.repository.host.advance(0)?;
            let most = usize::try_from(body.skip).unwrap_or(usize::MAX).min(buffer.len());
            match body.reader.read(buffer.get_mut(..most).unwrap_or_default()) {
                Ok(n @ 1..) => body.skip = body.skip.saturating_sub(n as u64),
                Ok(0) | Err(_) => return Ok(0),
            }
        }
        let most = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX).min(buffer.len());
        let n = body.reader.read(buffer.get_mut(..most).unwrap_or_default()).unwrap_or(0);
        self.at = self.at.saturating_add(n as u64);
        Ok(n)
    }

    /// Takes an answer that has come already.
    pub(crate) fn begin(&mut self, answered: Answered) {
        self.body = self.take(answered);
    }

    fn open(&mut self) -> Result<Body, RegistryError> {
        loop {
            let (at, end) = if self.whole_only { (0, self.size) } else { (self.at, self.end) };
            let answered = self.repository.ask(&self.digest, self.size, at, end)?;
            let had_all = self.whole_only;
            match self.take(answered) {
                Some(body) => return Ok(body),
                None if had_all => {
                    let why = "answers with other bytes than were asked for,";
                    return Err(self.repository.refused(&self.digest, why));
                }
                None => {}
            }
        }
    }

    /// `None` where it is no use: then only all of it is asked for.
    fn take(&mut self, answered: Answered) -> Option<Body> {
        let body = |answer: Answer| answer.body.into_reader();
        match answered {
            Answered::Range(answer) => Some(Body { reader: body(answer), skip: 0, longer: false }),
            Answered::Whole(answer) => {
                Some(Body { reader: body(answer), skip: self.at, longer: self.end < self.size })
            }
            Answered::Bungled => {
                self.whole_only = true;
                None
            }
        }
    }

    /// All has come. What goes on after that is not what was promised.
    fn finish(&mut self) -> Result<(), RegistryError> {
        let Some(mut body) = self.body.take() else { return Ok(()) };
        if body.longer {
            return Ok(());
        }
        // Reading the end also gives the connection back.
        match body.reader.read(&mut [0]) {
            Ok(1..) => {
                let why = format!("sends more than the {} bytes", self.size);
                Err(self.repository.refused(&self.digest, &why))
            }
            _ => Ok(()),
        }
    }

    /// Waits before the next try; gives up after some in a row that got nowhere. Requests that fail are tried again
    /// elsewhere: here it is answers that break off.
    fn retry(&mut self) -> Result<(), RegistryError> {
        self.body = None;
        if self.at >= self.failed_at.saturating_add(PROGRESS) {
            self.failures = 0;
        }
        self.failed_at = self.at;
        if self.failures >= self.repository.host.retries() {
            let doing = format!("read blob {} from {}", self.digest, self.repository.domain());
            let why = format!("it broke off after {} of its {} bytes, again and again", self.at, self.size);
            return Err(RegistryError::Unreachable { doing, source: why.into() });
        }
        self.repository.host.pause(self.failures)?;
        self.failures = self.failures.saturating_add(1);
        Ok(())
    }
}

impl Read for BlobReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let host = Arc::clone(&self.repository.host);
        host.stoppable(|| self.next(buffer)).map_err(io::Error::other)
    }
}

/// A repository's blobs, one connection each.
impl BlobSource for Repository<'_> {
    fn open(&self, digest: &Digest) -> Result<Box<dyn Read + Send + '_>, BlobError> {
        let size = self.size(digest)?;
        Ok(Box::new(self.blob(digest, size)))
    }

    fn size(&self, digest: &Digest) -> Result<u64, BlobError> {
        let failed = |error| BlobError::Io { digest: *digest, at: None, source: io::Error::other(error) };
        self.blob_size(digest).map_err(failed)?.ok_or(BlobError::Absent(*digest))
    }

    fn region(&self, digest: &Digest) -> Result<Option<Region>, BlobError> {
        self.size(digest).map(|_| None)
    }
}
