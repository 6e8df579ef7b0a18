use ply_tar::{Entry, Kind, Limits, TarError, Walker};

/// Counts the content of a layer's files while its bytes go past: what Docker calls its size.
#[derive(Debug)]
pub(crate) struct Counter {
    walker: Walker,
    content: u64,
}

impl Default for Counter {
    fn default() -> Self {
        Self { walker: Walker::new(Limits::default()), content: 0 }
    }
}

impl Counter {
    /// The next bytes of the tar.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), TarError> {
        let content = &mut self.content;
        self.walker.push(bytes, |entry| *content = content.saturating_add(content_of(entry)))
    }

    /// Counted so far.
    pub(crate) const fn content(&self) -> u64 {
        self.content
    }

    /// The end of the tar: bytes of content of all files.
    pub(crate) fn finish(self) -> Result<u64, TarError> {
        self.walker.finish()?;
        Ok(self.content)
    }
}

/// Bytes a member adds to an image's size, as Docker sums them up over a layer's unpacked files: a file has what it
/// seems to have, holes too; a symbolic link the length of its target; a hard link nothing of its own.
pub(crate) fn content_of(entry: &Entry) -> u64 {
    match entry.kind {
        Kind::File => entry.size,
        Kind::Symlink => entry.link.len() as u64,
        Kind::HardLink | Kind::CharDevice | Kind::BlockDevice | Kind::Directory | Kind::Fifo => 0,
    }
}
