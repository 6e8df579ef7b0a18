//! Extended headers on their way: what was read of one, and what those before a member say together.

use crate::block::BLOCK;
use crate::member::Names;
use crate::pax::Records;

/// The extended headers there are, by letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExtensionKind {
    /// `x`: records for the next member.
    Pax,
    /// `g`: records for all members to come.
    Global,
    /// `L`: the next member's path.
    LongName,
    /// `K`: the next member's link target.
    LongLink,
}

/// An extended header whose body is being read.
#[derive(Debug)]
pub(crate) struct Extension {
    pub(crate) kind: ExtensionKind,
    /// Offset of its header.
    pub(crate) at: u64,
    /// Bytes it says it has; `bytes` grows to it as they come.
    pub(crate) size: u64,
    pub(crate) bytes: Vec<u8>,
}

impl Extension {
    /// Takes a block of the body; true: that was the last.
    pub(crate) fn push(&mut self, block: &[u8; BLOCK]) -> bool {
        let left = self.size.saturating_sub(self.bytes.len() as u64);
        let taken = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
        self.bytes.extend(block.iter().take(taken));
        self.bytes.len() as u64 >= self.size
    }
}

/// What the extended headers read so far say of the member to come.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// Offset of the first.
    pub(crate) start: Option<u64>,
    pub(crate) names: Names,
    pub(crate) records: Option<Records>,
}

impl Pending {
    /// Whether a header of this kind may come now, at offset `at`.
    pub(crate) fn expect(&mut self, kind: ExtensionKind, at: u64) -> Result<(), &'static str> {
        let is_second = match kind {
            ExtensionKind::Pax => self.records.is_some(),
            ExtensionKind::LongName => self.names.path.is_some(),
            ExtensionKind::LongLink => self.names.link.is_some(),
            ExtensionKind::Global if self.start.is_some() => {
                return Err("a global header between an extended header and its member");
            }
            ExtensionKind::Global => return Ok(()),
        };
        if is_second {
            // Go takes the last of two, the `tar` crate refuses: so do we.
            return Err("a second extended header for the same member");
        }
        self.start.get_or_insert(at);
        Ok(())
    }

    /// Takes a whole extended header.
    pub(crate) fn take(&mut self, kind: ExtensionKind, bytes: Vec<u8>) -> Result<(), String> {
        match kind {
            ExtensionKind::Pax => self.records = Some(Records::parse(&bytes)?),
            ExtensionKind::LongName => self.names.path = Some(long_name(bytes)?),
            ExtensionKind::LongLink => self.names.link = Some(long_name(bytes)?),
            // Docker passes over global headers, others apply them: what steers would part the two.
            ExtensionKind::Global if Records::parse(&bytes)?.steers() => {
                return Err("a global header that gives every member a name or a size".to_owned());
            }
            ExtensionKind::Global => {}
        }
        Ok(())
    }
}

/// The body of an `L` or `K` header: a name and NULs after it. GNU tar writes one, some write none, some fill a block.
fn long_name(mut bytes: Vec<u8>) -> Result<Vec<u8>, &'static str> {
    let len = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
    bytes.truncate(len);
    if bytes.is_empty() {
        return Err("a long name that is empty");
    }
    if bytes.contains(&0) {
        return Err("a long name with a NUL in it");
    }
    Ok(bytes)
}
