//! An archive that comes through a pipe, or out of a decompressor: taken in member by member, understood at the end.
//!
//! Each member goes straight to the transaction, hashed as it is stored and as it is when plain; what no document
//! names in the end is dropped with the transaction.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use ply_archive::{ArchiveError, Member, MemberMap, Members};
use ply_digest::{Digest, Hasher, Progress};
use ply_image::{DiffId, Region};
use ply_layer::Compression;
use ply_store::{Ingest, IngestBlob};
use ply_tar::{Entries, Kind, TarError, Trailer};

use crate::transfer::{BLOCK, Counter, Failure, Indexes, Moved, Out, Walk, lock, take};
use crate::watch::TaskProgress;
use crate::{Engine, Error};

/// Members up to this size are kept in memory: they are mostly documents.
const SMALL: u64 = 64 << 10;
/// All members in memory together; further ones go to disk, however small.
const MEMORY: u64 = 8 << 20;

/// The members of an archive that came through a pipe.
pub(crate) struct Received {
    map: MemberMap<usize>,
    held: Vec<Held>,
    /// Whether the end mark of the tar came, too.
    ended: bool,
}

/// A member that came through a pipe.
enum Held {
    Small(Vec<u8>),
    Large(Box<Large>),
}

/// A member that went to disk.
struct Large {
    /// Until it is taken.
    blob: Mutex<Option<IngestBlob>>,
    path: PathBuf,
    size: u64,
    digest: Digest,
    /// What it is as a layer.
    layer: Result<Moved, Mutex<Option<Failure>>>,
}

impl Large {
    fn open(&self, member: &Member) -> Result<File, ArchiveError> {
        File::open(&self.path).map_err(|source| ArchiveError::Io {
            doing: "open",
            path: crate::error::shown(&member.name),
            source,
        })
    }

    /// As a layer; why it is none is told once.
    fn layer(&self, name: &str) -> Result<Moved, Error> {
        match &self.layer {
            Ok(moved) => Ok(*moved),
            Err(failure) => Err(match lock(failure).take() {
                Some(failure) => failure.at(name),
                None => Error::within(name)("is no layer"),
            }),
        }
    }
}

impl Received {
    /// What a member turned out to be, and its blob, which can be taken once; `None` where it is small.
    ///
    /// # Errors
    /// It is no layer.
    pub(crate) fn take(
        &self,
        member: &Member,
        what: &str,
    ) -> Result<Option<(Moved, Option<IngestBlob>)>, Error> {
        match self.held(member) {
            Ok(Held::Large(large)) => Ok(Some((large.layer(what)?, lock(&large.blob).take()))),
            _ => Ok(None),
        }
    }

    /// The blob of a member that need not be a layer, and its digest.
    pub(crate) fn take_blob(&self, member: &Member) -> Option<(Digest, Option<IngestBlob>)> {
        match self.held(member) {
            Ok(Held::Large(large)) => Some((large.digest, lock(&large.blob).take())),
            _ => None,
        }
    }
}

impl Engine<'_> {
    /// Takes in a whole archive.
    pub(crate) fn receive(&self, ingest: &Ingest, stream: impl Read + Send) -> Result<Received, Error> {
        let mut entries = Entries::new(stream, ply_archive::tar_limits());
        let mut received = Received { map: MemberMap::default(), held: Vec::new(), ended: false };
        let mut in_memory = 0_u64;
        let indexes = Indexes::new(ingest);
        let walk = Walk::incoming(self.max_layer_size, &indexes);
        let progress = TaskProgress::alone(self.watch, "archive", None);
        while let Some(entry) = entries.next_entry().map_err(ArchiveError::from)? {
            match entry.kind {
                Kind::File if entry.sparse.is_none() => {}
                Kind::Symlink => {
                    received.map.symlink(&entry.path, &entry.link)?;
                    continue;
                }
                Kind::HardLink => {
                    received.map.hard_link(&entry.path, &entry.link)?;
                    continue;
                }
                _ => {
                    received.map.other(&entry.path)?;
                    continue;
                }
            }
            let name = ply_archive_name(&entry.path);
            let held = if entry.size <= SMALL && in_memory.saturating_add(entry.size) <= MEMORY {
                in_memory = in_memory.saturating_add(entry.size);
                let mut bytes = Vec::new();
                entries.read_to_end(&mut bytes).map_err(unreadable(&name))?;
                Held::Small(bytes)
            } else {
                take_blob(ingest, walk, &mut entries, entry.size, &name, &progress)?
            };
            received.map.file(&entry.path, received.held.len())?;
            received.held.push(held);
            if progress.advance(0).is_break() {
                return Err(Error::Interrupted);
            }
        }
        received.ended = entries.end().is_some_and(|end| end.trailer != Trailer::None);
        drain(&mut entries.into_inner(), &progress)?;
        Ok(received)
    }
}

fn ply_archive_name(path: &[u8]) -> String {
    crate::error::shown(&String::from_utf8_lossy(path))
}

/// What the tar reader says names the member already.
fn unreadable(name: &str) -> impl FnOnce(io::Error) -> Error {
    move |error| match error.downcast::<TarError>() {
        Ok(error) => ArchiveError::from(error).into(),
        Err(error) => Error::within(name)(error),
    }
}

/// What follows the end of a tar is read to the end, so that whoever writes into the pipe is not cut off.
fn drain(rest: &mut impl Read, progress: &dyn Progress) -> Result<(), Error> {
    let mut block = vec![0; BLOCK];
    loop {
        match rest.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(n) if progress.advance(n as u64).is_break() => return Err(Error::Interrupted),
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::within("reading the end of the archive")(e)),
        }
    }
}

/// Takes in a member that may be a layer: stored as it comes, hashed as it is and as it is when plain. What it is not
/// is no error: nobody may want it.
fn take_blob(
    ingest: &Ingest,
    walk: Walk<'_>,
    content: &mut (impl Read + Send),
    size: u64,
    name: &str,
    progress: &dyn Progress,
) -> Result<Held, Error> {
    let blob = ingest.blob(Some(size)).map_err(Error::within(name))?;
    let out = Out::of(&blob);
    let taken = take(content, size, Some(&out), walk, progress).map_err(|failure| match failure {
        Failure::Read(error) => unreadable(name)(error),
        failure => failure.at(name),
    })?;
    Ok(Held::Large(Box::new(Large {
        path: blob.path().to_owned(),
        blob: Mutex::new(Some(blob)),
        size: taken.size,
        digest: taken.digest,
        layer: taken.layer.map_err(|failure| Mutex::new(Some(failure))),
    })))
}

impl Received {
    fn held(&self, member: &Member) -> Result<&Held, ArchiveError> {
        let found = self.map.find(&member.name)?;
        found.and_then(|(_, &at)| self.held.get(at)).ok_or_else(|| ArchiveError::Missing {
            wanted: crate::error::shown(&member.name),
            by: "the archive".to_owned(),
        })
    }
}

impl Members for Received {
    fn find(&self, name: &str) -> Result<Option<Member>, ArchiveError> {
        let found = self.map.find(name)?;
        Ok(found.and_then(|(name, &at)| {
            let size = match self.held.get(at)? {
                Held::Small(bytes) => bytes.len() as u64,
                Held::Large(large) => large.size,
            };
            Some(Member { name: name.to_owned(), size })
        }))
    }

    fn names(&self) -> Vec<String> {
        self.map.names().map(str::to_owned).collect()
    }

    fn is_ended(&self) -> bool {
        self.ended
    }

    fn open(&self, member: &Member) -> Result<Box<dyn Read + Send + '_>, ArchiveError> {
        Ok(match self.held(member)? {
            Held::Small(bytes) => Box::new(bytes.as_slice()),
            Held::Large(large) => Box::new(large.open(member)?),
        })
    }

    fn region(&self, member: &Member) -> Result<Option<Region>, ArchiveError> {
        Ok(match self.held(member)? {
            Held::Small(_) => None,
            Held::Large(large) => {
                let file = Arc::new(large.open(member)?);
                Some(Region { file, offset: 0, len: large.size })
            }
        })
    }

    fn read_diff_id(&self, member: &Member) -> Result<(DiffId, u64), ArchiveError> {
        match self.held(member)? {
            Held::Large(large) => {
                let moved = large.layer(&crate::error::shown(&member.name));
                let moved = moved.map_err(|source| ArchiveError::Member {
                    member: crate::error::shown(&member.name),
                    why: format!("is no layer: {}", crate::error::chain(&source)),
                })?;
                Ok((moved.diff_id, moved.facts.plain))
            }
            Held::Small(bytes) => {
                let failed = |source| ArchiveError::Io {
                    doing: "read",
                    path: crate::error::shown(&member.name),
                    source,
                };
                let moved = small(bytes, Walk::default()).map_err(failed)?;
                Ok((moved.diff_id, moved.facts.plain))
            }
        }
    }
}

/// What a small layer is.
pub(crate) fn small(bytes: &[u8], walk: Walk<'_>) -> io::Result<Moved> {
    let compression = Compression::detect(bytes.get(..Compression::PREFIX.min(bytes.len())).unwrap_or(bytes));
    let mut plain =
        ply_layer::decoder(compression, bytes, &ply_layer::Limits::default()).map_err(io::Error::other)?;
    let (mut hasher, mut counter) = (Hasher::new(), Counter::new(walk));
    let mut block = vec![0; BLOCK];
    loop {
        let n = plain.read(&mut block)?;
        if n == 0 {
            break;
        }
        let bytes = block.get(..n).unwrap_or_default();
        hasher.update(bytes);
        counter.push(bytes).map_err(io::Error::other)?;
    }
    let plain = hasher.len();
    let diff_id = DiffId(hasher.finalize());
    let facts = counter.finish(diff_id, plain).map_err(io::Error::other)?;
    Ok(Moved { digest: Digest::of(bytes), size: bytes.len() as u64, diff_id, compression, facts })
}

/// The members of a received archive, shared with whoever takes its blobs.
pub(crate) struct Shared(pub(crate) Arc<Received>);

impl Members for Shared {
    fn find(&self, name: &str) -> Result<Option<Member>, ArchiveError> {
        self.0.find(name)
    }

    fn names(&self) -> Vec<String> {
        self.0.names()
    }

    fn is_ended(&self) -> bool {
        self.0.is_ended()
    }

    fn open(&self, member: &Member) -> Result<Box<dyn Read + Send + '_>, ArchiveError> {
        self.0.open(member)
    }

    fn region(&self, member: &Member) -> Result<Option<Region>, ArchiveError> {
        self.0.region(member)
    }

    fn read_diff_id(&self, member: &Member) -> Result<(DiffId, u64), ArchiveError> {
        self.0.read_diff_id(member)
    }
}
