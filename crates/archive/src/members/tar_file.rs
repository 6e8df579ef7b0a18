use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use ply_image::Region;

use super::{Member, MemberMap, Members, tar_limits};
use crate::ArchiveError;
use crate::error::shown;

/// A plain tar in a file that can seek: found by its headers, read where its members lie.
#[derive(Debug)]
pub struct TarFile {
    file: Arc<File>,
    members: MemberMap<Span>,
    ended: bool,
}

/// Where a member's bytes lie.
#[derive(Debug, Clone, Copy)]
struct Span {
    offset: u64,
    len: u64,
}

impl TarFile {
    /// Reads the headers of a tar, and nothing else.
    ///
    /// # Errors
    /// It is no tar, it ends too early, or a member's name or link leaves the archive.
    pub fn open(file: File) -> Result<Self, ArchiveError> {
        let file = Arc::new(file);
        let mut members = MemberMap::default();
        let mut entries = ply_tar::index(&*file, tar_limits())?;
        for entry in entries.by_ref() {
            let entry = entry?;
            match entry.kind {
                ply_tar::Kind::File if entry.sparse.is_none() => {
                    members.file(&entry.path, Span { offset: entry.data_offset, len: entry.size })?;
                }
                ply_tar::Kind::Symlink => members.symlink(&entry.path, &entry.link)?,
                ply_tar::Kind::HardLink => members.hard_link(&entry.path, &entry.link)?,
                // Folders and devices hold nothing a document can name; nobody writes sparse members here.
                _ => members.other(&entry.path)?,
            }
        }
        let ended = entries.end().is_some_and(|end| end.trailer != ply_tar::Trailer::None);
        Ok(Self { file, members, ended })
    }

    fn span(&self, member: &Member) -> Result<Span, ArchiveError> {
        let found = self.members.find(&member.name)?;
        found.map(|(_, span)| *span).ok_or_else(|| ArchiveError::Missing {
            wanted: shown(&member.name),
            by: "the archive".to_owned(),
        })
    }
}

impl Members for TarFile {
    fn find(&self, name: &str) -> Result<Option<Member>, ArchiveError> {
        let found = self.members.find(name)?;
        Ok(found.map(|(name, span)| Member { name: name.to_owned(), size: span.len }))
    }

    fn names(&self) -> Vec<String> {
        self.members.names().map(str::to_owned).collect()
    }

    fn is_ended(&self) -> bool {
        self.ended
    }

    fn open(&self, member: &Member) -> Result<Box<dyn Read + Send + '_>, ArchiveError> {
        let Span { offset, len } = self.span(member)?;
        Ok(Box::new(Part { file: &self.file, at: offset, left: len }))
    }

    fn region(&self, member: &Member) -> Result<Option<Region>, ArchiveError> {
        let Span { offset, len } = self.span(member)?;
        Ok(Some(Region { file: Arc::clone(&self.file), offset, len }))
    }
}

/// A part of a file, read by position.
struct Part<'a> {
    file: &'a File,
    at: u64,
    left: u64,
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let want = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..want).filter(|b| !b.is_empty()) else {
            return Ok(0);
        };
        let n = self.file.read_at(buffer, self.at)?;
        if n == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.at = self.at.saturating_add(n as u64);
        self.left = self.left.saturating_sub(n as u64);
        Ok(n)
    }
}
