//! What differs inside two versions of a file, as a unified diff.

use std::io::{self, Read};

use ply_overlay::{Action, Event, Version};
use ply_tree::{Content, Kind, Node, path};
use similar::{ChangeTag, TextDiff};

use super::Files;
use crate::Error;

/// Bytes of a file that is still compared line by line.
pub const LONGEST_TEXT: u64 = 4 << 20;
/// Lines of such a file, at most: of many short ones that come again and again a comparison takes long (2 million, each one of
/// eight letters: 40 s; 100,000: under a second).
pub const MOST_LINES: usize = 100_000;
/// Where a NUL makes a file binary, as `grep` and git have it.
const LOOKED_AT: usize = 8 << 10;

/// What differs in the content of two files, or in the targets of two symbolic links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Patch {
    /// Text. Any bytes but NUL.
    Text {
        /// A unified diff with its two lines of names.
        unified: Vec<u8>,
        /// Lines that only the second has.
        added: usize,
        /// Lines that only the first has.
        removed: usize,
    },
    /// One of the files is no text.
    Binary,
    /// One of the files is longer than [`LONGEST_TEXT`], or has more than [`MOST_LINES`].
    TooLong,
}

/// One side of a patch.
pub(super) enum Side {
    /// Nothing is there, or nothing with content.
    None,
    Text(Vec<u8>),
    Binary,
    TooLong,
}

impl Files {
    /// What an event changed in the content at a path; `None` where none differs, or what differs has none.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn patch(&self, path: &[u8], event: &Event) -> Result<Option<Patch>, Error> {
        // Nothing need be read to know that nothing differs.
        if matches!(event.action, Action::Changed(differences) if !differences.content) {
            return Ok(None);
        }
        let side = |version: &Option<Version>| {
            version.as_ref().map_or(Ok(Side::None), |version| self.side(&version.node))
        };
        let (before, after) = (side(&event.before), side(&event.after));
        let [before, after] = [before, after].map(|side| side.map_err(self.failed()));
        unified(path, &before?, &after?).map_err(self.failed())
    }

    /// What of an inode is compared; its extents are those of its layer.
    pub(super) fn side(&self, node: &Node) -> io::Result<Side> {
        let (size, extents) = match &node.kind {
            Kind::Symlink { target } => return Ok(Side::Text(target.to_vec())),
            Kind::File { size, .. } if *size > LONGEST_TEXT => return Ok(Side::TooLong),
            Kind::File { size, extents } => (*size, extents),
            Kind::Directory(_)
            | Kind::CharDevice(_)
            | Kind::BlockDevice(_)
            | Kind::Fifo
            | Kind::Socket
            | Kind::Whiteout
            | Kind::LinkBelow { .. } => return Ok(Side::None),
        };
        let mut text = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        Content::new(self, extents, size).read_to_end(&mut text)?;
        Ok(Side::of(text))
    }
}

impl Side {
    /// What is there to compare, or why it is not compared.
    fn text(&self) -> Result<&[u8], Patch> {
        match self {
            Self::None => Ok(&[]),
            Self::Text(text) => Ok(text),
            Self::Binary => Err(Patch::Binary),
            Self::TooLong => Err(Patch::TooLong),
        }
    }

    fn of(text: Vec<u8>) -> Self {
        if text.iter().take(LOOKED_AT).any(|byte| *byte == 0) {
            return Self::Binary;
        }
        let lines = text.iter().filter(|byte| **byte == b'\n').count();
        if lines > MOST_LINES { Self::TooLong } else { Self::Text(text) }
    }
}

/// Compares two sides; `None` where they are the same.
pub(super) fn unified(path: &[u8], before: &Side, after: &Side) -> io::Result<Option<Patch>> {
    let (old, new) = match (before.text(), after.text()) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(Patch::TooLong), _) | (_, Err(Patch::TooLong)) => return Ok(Some(Patch::TooLong)),
        _ => return Ok(Some(Patch::Binary)),
    };
    let name = |side: &Side, letter: char| match side {
        Side::None => "/dev/null".to_owned(),
        Side::Text(_) | Side::Binary | Side::TooLong => format!("{letter}{}", path::printable(path)),
    };
    let [old, new] = [old, new].map(lines);
    let diff = TextDiff::configure().newline_terminated(true).diff_slices(&old, &new);
    let mut unified = Vec::new();
    for hunk in diff.unified_diff().iter_hunks() {
        if unified.is_empty() {
            unified = format!("--- {}\n+++ {}\n", name(before, 'a'), name(after, 'b')).into_bytes();
        }
        // Not the whole at once: that makes bytes that are not UTF-8 into others.
        hunk.to_writer(&mut unified)?;
    }
    let (mut added, mut removed) = (0_usize, 0_usize);
    for change in diff.iter_all_changes() {
        match change.tag() {
            ChangeTag::Insert => added = added.saturating_add(1),
            ChangeTag::Delete => removed = removed.saturating_add(1),
            ChangeTag::Equal => {}
        }
    }
    Ok((!unified.is_empty()).then_some(Patch::Text { unified, added, removed }))
}

/// Lines as `diff` has them, which end with a newline and nothing else.
fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: impl AsRef<[u8]>) -> Side {
        Side::Text(text.as_ref().to_vec())
    }

    #[test]
    fn text_is_compared_by_lines() {
        // As `diff -u` prints them.
        let check = |before: Side, after: Side, (more, less): (usize, usize), expect: &[u8]| {
            let patch = unified(b"etc/motd", &before, &after).unwrap();
            let Some(Patch::Text { unified, added, removed }) = patch else { panic!("{patch:?}") };
            assert_eq!(unified, expect, "{}", String::from_utf8_lossy(&unified));
            assert_eq!((added, removed), (more, less), "{}", String::from_utf8_lossy(&unified));
        };
        let names = |rest: &[u8]| [b"--- a/etc/motd\n+++ b/etc/motd\n", rest].concat();
        check(text("a\nb\n"), text("a\nc\n"), (1, 1), &names(b"@@ -1,2 +1,2 @@\n a\n-b\n+c\n"));
        check(Side::None, text("a\n"), (1, 0), b"--- /dev/null\n+++ b/etc/motd\n@@ -0,0 +1 @@\n+a\n");
        check(text("a\n"), Side::None, (0, 1), b"--- a/etc/motd\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n");
        check(text("a\n"), text(""), (0, 1), &names(b"@@ -1 +0,0 @@\n-a\n"));
        let cut = b"@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file\n";
        check(text("a"), text("b"), (1, 1), &names(cut));
        // Bytes that are no UTF-8 stay as they are, and a carriage return ends no line.
        check(
            text(b"gr\xfcn\n"),
            text(b"gr\xffn\rx\n"),
            (1, 1),
            &names(b"@@ -1 +1 @@\n-gr\xfcn\n+gr\xffn\rx\n"),
        );
    }

    #[test]
    fn text_is_told_by_its_bytes() {
        let check = |text: Vec<u8>, expect: &str| {
            let side = match Side::of(text) {
                Side::None => "none",
                Side::Text(_) => "text",
                Side::Binary => "binary",
                Side::TooLong => "too long",
            };
            assert_eq!(side, expect);
        };
        check(Vec::new(), "text");
        check(b"gr\xfcn\x1b\r\n".to_vec(), "text");
        check(b"a\0".to_vec(), "binary");
        check([vec![b'a'; LOOKED_AT - 1], vec![0]].concat(), "binary");
        check([vec![b'a'; LOOKED_AT], vec![0]].concat(), "text");
        check(vec![b'\n'; MOST_LINES], "text");
        check(vec![b'\n'; MOST_LINES + 1], "too long");
    }

    #[test]
    fn what_is_no_text_is_not_compared() {
        let check = |before: Side, after: Side, expect: Option<Patch>| {
            assert_eq!(unified(b"f", &before, &after).unwrap(), expect);
        };
        check(Side::None, Side::None, None);
        check(text("same\n"), text("same\n"), None);
        check(Side::None, text(""), None);
        check(Side::Binary, text("a\n"), Some(Patch::Binary));
        check(Side::None, Side::Binary, Some(Patch::Binary));
        check(Side::Binary, Side::TooLong, Some(Patch::TooLong));
        check(Side::TooLong, Side::None, Some(Patch::TooLong));
    }
}
