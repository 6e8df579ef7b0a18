//! The reader itself: a state machine that is handed blocks and does no IO.

use crate::block::{self, BLOCK, Header};
use crate::extension::{Extension, ExtensionKind, Pending};
use crate::member::{Draft, Map};
use crate::sparse::{self, OldMap, TextMap};
use crate::{Entry, Limits, TarError};

/// What a [`Machine`] needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// The next 512 bytes, whole: hand them to [`Machine::feed`].
    Block,
    /// So many bytes of data and padding it does not look at: pass over them, all or part, and tell
    /// [`Machine::skipped`].
    Skip(u64),
    /// Nothing: the archive is over, and whatever follows is none of it.
    Rest,
}

/// How an archive ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trailer {
    /// Two blocks of zeros, as POSIX asks.
    TwoZeroBlocks,
    /// One block of zeros, then the end of the input; real tools take it.
    OneZeroBlock,
    /// The end of the input where a header could begin, or in the padding before it; real tools take it. An empty
    /// input ends so too.
    None,
}

/// What there is to say of a whole archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Members.
    pub members: u64,
    /// GNU volume labels (`V`) and directory dumps (`D`), which are passed over.
    pub skipped: u64,
    /// How it ended.
    pub trailer: Trailer,
    /// Bytes up to there, trailer included.
    pub offset: u64,
}

/// The reader: blocks in, entries out. It looks at headers only, so that data never has to pass through it.
///
/// [`Walker`](crate::Walker), [`Entries`](crate::Entries) and [`index`](crate::index()) drive it; drive it yourself
/// where the bytes come in yet another way:
///
/// ```
/// use ply_tar::{Entry, Limits, Machine, Want};
///
/// let archive = ply_tar::header_bytes(&Entry::directory("etc/"))?;
/// let mut machine = Machine::new(Limits::default());
/// assert_eq!(machine.wants(), Want::Block);
/// let entry = machine.feed(archive.first_chunk().unwrap())?.unwrap();
/// assert_eq!(entry.path, b"etc/");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Machine {
    limits: Limits,
    offset: u64,
    state: State,
    pending: Pending,
    members: u64,
    skipped: u64,
}

#[derive(Debug)]
enum State {
    Header,
    OneZeroBlock,
    Extension(Box<Extension>),
    OldMap(Box<(Draft, OldMap)>),
    TextMap(Box<(Draft, TextMap)>),
    Data(Data),
    End,
    /// An error was told; there is no way on.
    Failed,
}

/// Data of a member that is being passed over.
#[derive(Debug)]
struct Data {
    member: Vec<u8>,
    size: u64,
    left: u64,
    padding: u64,
}

impl Machine {
    /// At the beginning of an archive.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, offset: 0, state: State::Header, pending: Pending::default(), members: 0, skipped: 0 }
    }

    /// What it needs next. Never `Skip(0)`.
    #[must_use]
    pub fn wants(&self) -> Want {
        match &self.state {
            State::Header
            | State::OneZeroBlock
            | State::Extension(_)
            | State::OldMap(_)
            | State::TextMap(_) => Want::Block,
            State::Data(data) => Want::Skip(data.left.saturating_add(data.padding)),
            State::End | State::Failed => Want::Rest,
        }
    }

    /// Bytes taken so far, those passed over included.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Takes the block it wants; the entry, if that was the last block of one's headers. Its data comes next, and is
    /// what the machine then wants skipped.
    ///
    /// # Errors
    ///
    /// [`TarError::Malformed`], [`TarError::Limit`]. There is no way on after one: every further call fails.
    pub fn feed(&mut self, block: &[u8; BLOCK]) -> Result<Option<Entry>, TarError> {
        let at = self.offset;
        let state = std::mem::replace(&mut self.state, State::Failed);
        if matches!(state, State::Data(_) | State::End | State::Failed) {
            return Err(TarError::malformed(at, b"", "a block was read where none was wanted"));
        }
        self.offset = at
            .checked_add(BLOCK as u64)
            .ok_or_else(|| TarError::malformed(at, b"", "the archive is over 64 bits long"))?;
        match state {
            State::Header => self.header(block, at),
            State::OneZeroBlock => self.second_zero_block(block, at),
            State::Extension(extension) => self.extension(*extension, block).map(|()| None),
            State::OldMap(boxed) => {
                let (draft, map) = *boxed;
                self.old_map(draft, map, block)
            }
            State::TextMap(boxed) => {
                let (draft, map) = *boxed;
                self.text_map(draft, map, block)
            }
            State::Data(_) | State::End | State::Failed => Ok(None),
        }
    }

    /// Notes that `count` bytes it wanted skipped went by; at most what [`Machine::wants`] said, more counts as that.
    pub fn skipped(&mut self, count: u64) {
        let State::Data(data) = &mut self.state else { return };
        let from_data = count.min(data.left);
        let from_padding = count.saturating_sub(from_data).min(data.padding);
        data.left = data.left.saturating_sub(from_data);
        data.padding = data.padding.saturating_sub(from_padding);
        // `begin_data` made sure that this fits.
        self.offset = self.offset.saturating_add(from_data.saturating_add(from_padding));
        if data.left == 0 && data.padding == 0 {
            self.state = State::Header;
        }
    }

    /// Says that the input is over; `partial` is how many bytes of the block it wanted there still were.
    ///
    /// # Errors
    ///
    /// [`TarError::Truncated`] unless an archive may end here; [`TarError::Malformed`] after a failed
    /// [`feed`](Machine::feed).
    pub fn finish(&self, partial: usize) -> Result<End, TarError> {
        let over = self.offset.saturating_add(partial as u64);
        let inside_header = |have: u64, want: u64| truncated(b"", over, have, want);
        match &self.state {
            State::Failed => Err(TarError::malformed(self.offset, b"", "reading had failed before")),
            State::Header if partial == 0 && self.pending.start.is_none() => Ok(self.end(Trailer::None)),
            State::OneZeroBlock if partial == 0 => Ok(self.end(Trailer::OneZeroBlock)),
            State::Header | State::OneZeroBlock | State::OldMap(_) => {
                Err(inside_header(partial as u64, BLOCK as u64))
            }
            State::Extension(extension) => {
                let have = (extension.bytes.len() as u64).saturating_add(partial as u64);
                Err(inside_header(have, extension.size.saturating_add(block::padding(extension.size))))
            }
            State::TextMap(boxed) => {
                let entry = &boxed.0.entry;
                Err(truncated(&entry.path, over, over.saturating_sub(entry.data_offset), entry.stored))
            }
            State::Data(data) if data.left > 0 => {
                Err(truncated(&data.member, over, data.size.saturating_sub(data.left), data.size))
            }
            // Only padding is missing, and nothing would have come of it.
            State::Data(_) => Ok(self.end(Trailer::None)),
            State::End => Ok(self.end(Trailer::TwoZeroBlocks)),
        }
    }

    fn end(&self, trailer: Trailer) -> End {
        End { members: self.members, skipped: self.skipped, trailer, offset: self.offset }
    }

    fn header(&mut self, block: &[u8; BLOCK], at: u64) -> Result<Option<Entry>, TarError> {
        if is_zero(block) {
            if let Some(start) = self.pending.start {
                return Err(TarError::malformed(start, b"", "an extended header with no member after it"));
            }
            self.state = State::OneZeroBlock;
            return Ok(None);
        }
        let header = Header::new(block).map_err(|why| TarError::malformed(at, b"", why))?;
        let kind = match header.typeflag() {
            b'x' => ExtensionKind::Pax,
            b'g' => ExtensionKind::Global,
            b'L' => ExtensionKind::LongName,
            b'K' => ExtensionKind::LongLink,
            letter @ (b'M' | b'N' | b'X') => {
                let why = match letter {
                    b'M' => "the rest of a file that began on another volume (type M)",
                    b'N' => "a list of names in a form GNU tar gave up (type N)",
                    _ => "an extended header in Solaris's own form (type X)",
                };
                return Err(TarError::malformed(at, &header.name(), why));
            }
            _ => return self.member(block, header, at),
        };
        self.begin_extension(kind, header, at)?;
        Ok(None)
    }

    fn second_zero_block(&mut self, block: &[u8; BLOCK], at: u64) -> Result<Option<Entry>, TarError> {
        if !is_zero(block) {
            // GNU tar warns and stops here, bsdtar stops; Go, and so Docker, refuses.
            return Err(TarError::malformed(at, b"", "a header after a block of zeros"));
        }
        self.state = State::End;
        Ok(None)
    }

    fn begin_extension(&mut self, kind: ExtensionKind, header: Header<'_>, at: u64) -> Result<(), TarError> {
        let size = header.size().map_err(|why| TarError::malformed(at, b"", why))?;
        let limit = self.limits.extension;
        if size > limit {
            let what = "the length of an extended header";
            return Err(TarError::Limit { offset: at, member: String::new(), what, asked: size, limit });
        }
        self.pending.expect(kind, at).map_err(|why| TarError::malformed(at, b"", why))?;
        let extension = Extension { kind, at, size, bytes: Vec::new() };
        if size == 0 {
            return self.end_extension(extension);
        }
        self.state = State::Extension(Box::new(extension));
        Ok(())
    }

    fn extension(&mut self, mut extension: Extension, block: &[u8; BLOCK]) -> Result<(), TarError> {
        if extension.push(block) {
            return self.end_extension(extension);
        }
        self.state = State::Extension(Box::new(extension));
        Ok(())
    }

    fn end_extension(&mut self, extension: Extension) -> Result<(), TarError> {
        let Extension { kind, at, bytes, .. } = extension;
        self.pending.take(kind, bytes).map_err(|why| TarError::malformed(at, b"", why))?;
        self.state = State::Header;
        Ok(())
    }

    fn member(
        &mut self,
        block: &[u8; BLOCK],
        header: Header<'_>,
        at: u64,
    ) -> Result<Option<Entry>, TarError> {
        let Pending { start, names, records } = std::mem::take(&mut self.pending);
        let (mut draft, map) = Draft::new(block, header, at, names, records.unwrap_or_default())?;
        draft.entry.header_offset = start.unwrap_or(at);
        draft.entry.data_offset = self.offset;
        draft.check_names(&self.limits)?;
        match map {
            Map::None => self.begin_data(draft),
            Map::Whole(numbers) => self.begin_sparse_data(draft, &numbers),
            Map::Old(map) => {
                self.state = State::OldMap(Box::new((draft, map)));
                Ok(None)
            }
            Map::Text => {
                self.state = State::TextMap(Box::new((draft, TextMap::default())));
                Ok(None)
            }
        }
    }

    fn old_map(
        &mut self,
        draft: Draft,
        mut map: OldMap,
        block: &[u8; BLOCK],
    ) -> Result<Option<Entry>, TarError> {
        let more = map.continuation(block).map_err(|why| draft.malformed(why))?;
        let segments = map.numbers.len() / 2;
        if segments > self.limits.segments {
            return Err(draft.over("its number of segments", segments as u64, self.limits.segments as u64));
        }
        if more {
            self.state = State::OldMap(Box::new((draft, map)));
            return Ok(None);
        }
        let mut draft = draft;
        draft.entry.data_offset = self.offset;
        self.begin_sparse_data(draft, &map.numbers)
    }

    fn text_map(
        &mut self,
        mut draft: Draft,
        mut map: TextMap,
        block: &[u8; BLOCK],
    ) -> Result<Option<Entry>, TarError> {
        let before_data = self.offset.saturating_sub(draft.entry.data_offset);
        if before_data > draft.entry.stored {
            return Err(draft.malformed("its sparse map runs past its data"));
        }
        if before_data > self.limits.extension {
            return Err(draft.over("the length of its sparse map", before_data, self.limits.extension));
        }
        let complete = map.push(block, &self.limits).map_err(|error| draft.bad_map(error, &self.limits))?;
        if !complete {
            self.state = State::TextMap(Box::new((draft, map)));
            return Ok(None);
        }
        draft.entry.data_offset = self.offset;
        draft.entry.stored = draft.entry.stored.saturating_sub(before_data);
        self.begin_sparse_data(draft, &map.numbers)
    }

    fn begin_sparse_data(&mut self, mut draft: Draft, numbers: &[u64]) -> Result<Option<Entry>, TarError> {
        let map = sparse::segments(numbers, draft.entry.size, draft.entry.stored, &self.limits);
        draft.entry.sparse = Some(map.map_err(|error| draft.bad_map(error, &self.limits))?);
        self.begin_data(draft)
    }

    fn begin_data(&mut self, draft: Draft) -> Result<Option<Entry>, TarError> {
        let stored = draft.entry.stored;
        let padding = block::padding(stored);
        let end = self.offset.checked_add(stored).and_then(|end| end.checked_add(padding));
        if end.is_none() {
            return Err(draft.malformed("its data runs past 64 bits"));
        }
        self.state = if stored == 0 {
            State::Header
        } else {
            State::Data(Data { member: draft.entry.path.clone(), size: stored, left: stored, padding })
        };
        if draft.is_aside {
            self.skipped = self.skipped.saturating_add(1);
            return Ok(None);
        }
        self.members = self.members.saturating_add(1);
        Ok(Some(draft.entry))
    }
}

fn is_zero(block: &[u8; BLOCK]) -> bool {
    block.iter().all(|byte| *byte == 0)
}

fn truncated(member: &[u8], offset: u64, have: u64, want: u64) -> TarError {
    TarError::Truncated { offset, member: crate::error::printable(member), have, want }
}
