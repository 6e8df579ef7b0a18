//! What differs inside two files, line by line.

use std::io::{self, Read};

use ply_tree::{Content, Kind, path};
use rayon::prelude::*;
use similar::{ChangeTag, TextDiff};

use super::{Change, ChangeKind, Comparison, Entry, Side};
use crate::Error;

/// Bytes of a file that is still compared line by line.
const LONGEST_TEXT: u64 = 4 << 20;
/// Where a NUL makes a file binary, as `grep` and git have it.
const LOOKED_AT: usize = 8 << 10;

/// What differs in the content of two files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Patch {
    /// Text.
    Text {
        /// A unified diff with its two lines of names; any bytes, as the files have them.
        unified: Vec<u8>,
        /// Lines that only the second has.
        added: usize,
        /// Lines that only the first has.
        removed: usize,
    },
    /// One of the files is no text.
    Binary,
    /// One of the files has more than 4 MiB.
    TooLong,
}

enum Text {
    /// No file is there.
    None,
    Lines(Vec<u8>),
    Binary,
    TooLong,
}

impl Comparison<'_> {
    /// For each change what differs in the content, worked out several at once; `None` where no file's content does.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn patches(&self, changes: &[Change]) -> Result<Vec<Option<Patch>>, Error> {
        changes.par_iter().map(|change| self.patch(change)).collect()
    }

    /// What differs in the content of one change; `None` where no file's content does.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn patch(&self, change: &Change) -> Result<Option<Patch>, Error> {
        if let ChangeKind::Changed(differences) = change.kind
            && !differences.content
            && !differences.kind
        {
            return Ok(None);
        }
        let read = |side: Side<'_>, entry: &Option<Entry>| {
            side.text(entry.as_ref()).map_err(Error::within(path::printable(change.path())))
        };
        let (old, new) = (read(self.before, &change.before)?, read(self.after, &change.after)?);
        unified(change.path(), &old, &new).map_err(Error::within(path::printable(change.path())))
    }
}

impl Side<'_> {
    fn text(self, entry: Option<&Entry>) -> io::Result<Text> {
        let Some(Kind::File { size, extents }) = entry.map(|entry| &entry.node.kind) else {
            return Ok(Text::None);
        };
        if *size > LONGEST_TEXT {
            return Ok(Text::TooLong);
        }
        let mut text = Vec::with_capacity(usize::try_from(*size).unwrap_or(0));
        Content::new(self.files, extents, *size).read_to_end(&mut text)?;
        let is_binary = text.iter().take(LOOKED_AT).any(|byte| *byte == 0);
        Ok(if is_binary { Text::Binary } else { Text::Lines(text) })
    }
}

fn unified(path: &[u8], before: &Text, after: &Text) -> io::Result<Option<Patch>> {
    let lines = match (before, after) {
        (Text::None, Text::None) => return Ok(None),
        (Text::TooLong, _) | (_, Text::TooLong) => return Ok(Some(Patch::TooLong)),
        (Text::Binary, _) | (_, Text::Binary) => return Ok(Some(Patch::Binary)),
        (Text::None | Text::Lines(_), Text::None | Text::Lines(_)) => [before, after].map(split),
    };
    let [old, new] = &lines;
    let name = |text: &Text, letter: char| match text {
        Text::None => "/dev/null".to_owned(),
        Text::Lines(_) | Text::Binary | Text::TooLong => format!("{letter}{}", path::printable(path)),
    };
    let diff = TextDiff::configure().newline_terminated(true).diff_slices(old, new);
    let mut bytes = Vec::new();
    for hunk in diff.unified_diff().iter_hunks() {
        if bytes.is_empty() {
            bytes = format!("--- {}\n+++ {}\n", name(before, 'a'), name(after, 'b')).into_bytes();
        }
        // Not the whole at once: that makes bytes that are not UTF-8 into others.
        hunk.to_writer(&mut bytes)?;
    }
    let (mut added, mut removed) = (0, 0);
    for change in diff.iter_all_changes() {
        match change.tag() {
            ChangeTag::Insert => added += 1,
            ChangeTag::Delete => removed += 1,
            ChangeTag::Equal => {}
        }
    }
    Ok((!bytes.is_empty()).then_some(Patch::Text { unified: bytes, added, removed }))
}

/// Lines as `diff` has them, which end with a newline and nothing else.
fn split(text: &Text) -> Vec<&[u8]> {
    match text {
        Text::Lines(text) => text.split_inclusive(|byte| *byte == b'\n').collect(),
        Text::None | Text::Binary | Text::TooLong => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: impl AsRef<[u8]>) -> Text {
        Text::Lines(text.as_ref().to_vec())
    }

    #[test]
    fn text_is_compared_by_lines() {
        // As GNU `diff -u` prints them.
        let check = |before: Text, after: Text, (more, less): (usize, usize), expect: &[u8]| {
            let patch = unified(b"etc/motd", &before, &after).unwrap();
            let Some(Patch::Text { unified, added, removed }) = patch else { panic!("{patch:?}") };
            assert_eq!(unified, expect, "{}", String::from_utf8_lossy(&unified));
            assert_eq!((added, removed), (more, less), "{}", String::from_utf8_lossy(&unified));
        };
        let names = |rest: &[u8]| [b"--- a/etc/motd\n+++ b/etc/motd\n", rest].concat();
        check(lines("a\nb\n"), lines("a\nc\n"), (1, 1), &names(b"@@ -1,2 +1,2 @@\n a\n-b\n+c\n"));
        check(Text::None, lines("a\n"), (1, 0), b"--- /dev/null\n+++ b/etc/motd\n@@ -0,0 +1 @@\n+a\n");
        check(lines("a\n"), Text::None, (0, 1), b"--- a/etc/motd\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n");
        check(lines("a\n"), lines(""), (0, 1), &names(b"@@ -1 +0,0 @@\n-a\n"));
        check(
            lines("a"),
            lines("b"),
            (1, 1),
            &names(b"@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file\n"),
        );
        // Latin-1, and a carriage return in a line.
        check(
            lines(b"gr\xfcn\n"),
            lines(b"gr\xfcn\rx\n"),
            (1, 1),
            &names(b"@@ -1 +1 @@\n-gr\xfcn\n+gr\xfcn\rx\n"),
        );
    }

    #[test]
    fn what_is_no_text_is_not_compared() {
        let check = |before: Text, after: Text, expect: Option<Patch>| {
            assert_eq!(unified(b"f", &before, &after).unwrap(), expect);
        };
        check(Text::None, Text::None, None);
        check(Text::None, lines(""), None);
        check(Text::Binary, lines("a\n"), Some(Patch::Binary));
        check(Text::None, Text::Binary, Some(Patch::Binary));
        check(Text::Binary, Text::TooLong, Some(Patch::TooLong));
        check(Text::TooLong, Text::None, Some(Patch::TooLong));
    }
}
