//! Blobs into a repository: mounted from another one where the registry has them, in one piece, or in chunks that can be sent
//! again (OCI distribution specification, "Pushing blobs").

use std::io::{self, Read};

use ply_digest::{Digest, Progress};
use ply_reference::Name;
use ureq::http::{Method, Uri};

use crate::answer::{Answer, said_digest};
use crate::authentication::Scope;
use crate::host::{At, Call};
use crate::origin::{encode, with_query};
use crate::transport::Payload;
use crate::{Bytes, RegistryError, Repository};

/// Up to this size a blob is sent in one piece.
const CHUNK: u64 = 32 << 20;

/// A blob on its way into a repository.
#[derive(Debug)]
#[must_use = "finish() gives the blob its digest"]
pub struct Upload<'a> {
    repository: Repository<'a>,
    scope: Scope,
    location: Uri,
    /// Bytes the registry has.
    sent: u64,
    /// Least length of a chunk that the registry takes.
    least: u64,
    what: String,
}

/// Whether a blob was there already.
#[derive(Debug)]
pub enum Begun<'a> {
    /// It was mounted from another repository: nothing is to be sent.
    Mounted,
    /// It is to be sent.
    Upload(Box<Upload<'a>>),
}

impl<'a> Repository<'a> {
    /// Begins to send a blob whose digest is not known yet.
    ///
    /// # Errors
    /// Who asks may not write there.
    pub fn upload(&self, what: impl Into<String>) -> Result<Upload<'a>, RegistryError> {
        let (what, scope) = (what.into(), self.push_scope(&[]));
        let answer = self.post(&scope, "blobs/uploads/", &what, &[202])?;
        self.begun(answer, scope, what)
    }

    /// Asks for a blob that another repository of the same registry has; where that is refused the upload has begun.
    ///
    /// # Errors
    /// Who asks may not write there.
    pub fn mount(&self, digest: &Digest, from: &Name) -> Result<Begun<'a>, RegistryError> {
        let what = format!("blob {digest}");
        let scope = self.push_scope(std::slice::from_ref(from));
        let path =
            format!("blobs/uploads/?mount={}&from={}", encode(&digest.to_string()), encode(from.path()));
        let answer = self.post(&scope, &path, &what, &[201, 202])?;
        if answer.status == 201 {
            answer.drain();
            return Ok(Begun::Mounted);
        }
        self.begun(answer, self.push_scope(&[]), what).map(|upload| Begun::Upload(Box::new(upload)))
    }

    fn post(&self, scope: &Scope, path: &str, what: &str, good: &[u16]) -> Result<Answer, RegistryError> {
        let call = Call::new(Method::POST, scope, format!("an upload of {what}"));
        self.host.expect(At::Path(&self.path(path)), &call, good)
    }

    fn begun(&self, answer: Answer, scope: Scope, what: String) -> Result<Upload<'a>, RegistryError> {
        let least = answer.header("oci-chunk-min-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        let location = self.location(&answer)?;
        answer.drain();
        Ok(Upload { repository: self.clone(), scope, location, sent: 0, least, what })
    }

    fn location(&self, answer: &Answer) -> Result<Uri, RegistryError> {
        self.host.next(&answer.from, answer.header("location").unwrap_or_default())
    }
}

impl Upload<'_> {
    /// The most that is sent at once.
    #[must_use]
    pub fn chunk(&self) -> u64 {
        CHUNK.max(self.least)
    }

    /// The least that the registry takes at once, but for the last of a blob.
    #[must_use]
    pub const fn least(&self) -> u64 {
        self.least
    }

    /// Bytes the registry has by now.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// Sends bytes from where the registry is to `end`, in chunks. A chunk that breaks off is sent again from
    /// where the registry says it is; of an upload that it does not know any more, all of them.
    ///
    /// # Errors
    /// The registry does not take them, also after several tries; or they cannot be read.
    pub fn send(
        &mut self,
        bytes: &dyn Bytes,
        end: u64,
        progress: &dyn Progress,
    ) -> Result<(), RegistryError> {
        let (mut retry, mut told) = (0, self.sent);
        while self.sent < end {
            let (from, to) = (self.sent, end.min(self.sent.saturating_add(self.chunk())));
            let is_last = retry >= self.repository.host.retries();
            match self.patch(bytes, to) {
                Ok(()) if self.sent > from => retry = 0,
                Ok(()) if is_last => {
                    let why = format!("takes {} and has none of it", self.what);
                    return Err(self.repository.host.refused(why));
                }
                Err(error) if is_last || !may_pass(&error) => return Err(error),
                tried => {
                    self.repository.host.pause(retry)?;
                    retry = retry.saturating_add(1);
                    if tried.is_err() {
                        self.ask(to)?;
                    }
                }
            }
            if progress.advance(self.sent.saturating_sub(told)).is_break() {
                return Err(RegistryError::Interrupted);
            }
            told = told.max(self.sent);
        }
        Ok(())
    }

    fn patch(&mut self, bytes: &dyn Bytes, to: u64) -> Result<(), RegistryError> {
        let from = self.sent;
        let open = || -> io::Result<Box<dyn Read>> { Ok(Box::new(Part { bytes, at: from, end: to })) };
        let call = Call::new(Method::PATCH, &self.scope, self.what.clone())
            .header("content-type", "application/octet-stream")
            .header("content-range", format!("{from}-{}", to.saturating_sub(1)))
            .payload(Payload::Stream(to.saturating_sub(from), &open))
            .once();
        let answer = self.repository.host.expect(At::Url(&self.location), &call, &[201, 202, 204])?;
        self.location = self.repository.location(&answer)?;
        self.sent = self.believed(received(&answer).unwrap_or(to), to)?;
        answer.drain();
        Ok(())
    }

    /// Asks how far the registry is, which has at most so many bytes.
    fn ask(&mut self, most: u64) -> Result<(), RegistryError> {
        let what = format!("the state of the upload of {}", self.what);
        let call = Call::new(Method::GET, &self.scope, what);
        let answer = self.repository.host.expect(At::Url(&self.location), &call, &[202, 204, 404])?;
        if answer.status == 404 {
            answer.drain();
            *self = self.repository.upload(self.what.clone())?;
            return Ok(());
        }
        if answer.header("location").is_some() {
            self.location = self.repository.location(&answer)?;
        }
        self.sent = self.believed(received(&answer).unwrap_or(0), most)?;
        answer.drain();
        Ok(())
    }

    /// What the registry says it has, unless that is more than it was given.
    fn believed(&self, has: u64, most: u64) -> Result<u64, RegistryError> {
        if has <= most {
            return Ok(has);
        }
        let why = format!("says it has {has} bytes of {}, and was given {most}", self.what);
        Err(self.repository.host.refused(why))
    }

    /// Ends the upload of what was sent in chunks.
    ///
    /// # Errors
    /// The registry does not take it, or calls it otherwise.
    pub fn finish(self, digest: &Digest) -> Result<(), RegistryError> {
        let call = Call::new(Method::PUT, &self.scope, self.what.clone())
            .header("content-type", "application/octet-stream");
        self.close(digest, &call)
    }

    /// Sends all in one piece: for blobs that are not large, and of which nothing was sent yet. `false` where it broke off in a
    /// way that may pass: then another upload must begin.
    ///
    /// # Errors
    /// The registry does not take it.
    pub fn put(self, bytes: &dyn Bytes, size: u64, digest: &Digest) -> Result<bool, RegistryError> {
        let open = || -> io::Result<Box<dyn Read>> { Ok(Box::new(Part { bytes, at: 0, end: size })) };
        let call = Call::new(Method::PUT, &self.scope, self.what.clone())
            .header("content-type", "application/octet-stream")
            .payload(Payload::Stream(size, &open))
            .once();
        match self.close(digest, &call) {
            Ok(()) => Ok(true),
            Err(error) if may_pass(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn close(&self, digest: &Digest, call: &Call<'_>) -> Result<(), RegistryError> {
        let host = &self.repository.host;
        let no_place = || host.refused("names no place for an upload");
        let uri = with_query(&self.location, "digest", &digest.to_string()).ok_or_else(no_place)?;
        let answer = host.expect(At::Url(&uri), call, &[201, 204])?;
        let said = said_digest(&answer.headers);
        answer.drain();
        host.agree(&self.what, said, *digest)
    }
}

impl Repository<'_> {
    /// Sends a blob whose digest and size are known: in one piece, or in chunks.
    ///
    /// # Errors
    /// The registry does not take it, also after several tries.
    pub fn push_blob(
        &self,
        mut begun: Option<Upload<'_>>,
        digest: &Digest,
        size: u64,
        bytes: &dyn Bytes,
        progress: &dyn Progress,
    ) -> Result<(), RegistryError> {
        let what = || format!("blob {digest}");
        let mut retry = 0;
        loop {
            let mut upload = match begun.take() {
                Some(upload) => upload,
                None => self.upload(what())?,
            };
            if size > upload.chunk() {
                upload.send(bytes, size, progress)?;
                return upload.finish(digest);
            }
            if upload.put(bytes, size, digest)? {
                let _ = progress.advance(size);
                return Ok(());
            }
            if retry >= self.host.retries() {
                let doing = format!("send {} to {}", what(), self.domain());
                return Err(RegistryError::Unreachable {
                    doing,
                    source: "it broke off again and again".into(),
                });
            }
            self.host.pause(retry)?;
            retry = retry.saturating_add(1);
        }
    }
}

/// `Range: 0-N`: how many bytes the registry has.
fn received(answer: &Answer) -> Option<u64> {
    let (first, last) = answer.header("range")?.trim().trim_start_matches("bytes=").split_once('-')?;
    let last: u64 = last.trim().parse().ok()?;
    // `0-0` is both one byte and none: distribution means none.
    (first.trim() == "0").then_some(if last == 0 { 0 } else { last.saturating_add(1) })
}

fn may_pass(error: &RegistryError) -> bool {
    match error {
        // A registry that is at another offset than we thought says 416.
        RegistryError::Status { status, .. } => crate::retry::may_pass(*status) || *status == 416,
        RegistryError::Unreachable { .. } => true,
        _ => false,
    }
}

/// Some of them, as a stream.
struct Part<'a> {
    bytes: &'a dyn Bytes,
    at: u64,
    end: u64,
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..most).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        match self.bytes.read_at(buffer, self.at)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            n => {
                self.at = self.at.saturating_add(n as u64);
                Ok(n)
            }
        }
    }
}
