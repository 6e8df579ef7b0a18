//! What a layer changed inside a file, as a unified diff.

use std::io::{self, Read};

use ply_overlay::{Action, Event, Version};
use ply_tree::{Kind, path};
use similar::TextDiff;

use super::Files;
use crate::Error;

/// Bytes of a file that is still compared line by line.
pub const LONGEST_TEXT: u64 = 4 << 20;
/// Lines of such a file, at most: of many short ones that come again and again a comparison takes long (2 million, each one of
/// eight letters: 40 s; 100,000: under a second).
pub const MOST_LINES: usize = 100_000;
/// Where a NUL makes a file binary, as `grep` and git have it.
const LOOKED_AT: usize = 8 << 10;

/// What `log -p` shows of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Patch {
    /// No content differs, or what differs has none: directories, devices.
    Nothing,
    /// A unified diff of text, or of the targets of symbolic links. Any bytes but NUL.
    Text(Vec<u8>),
    /// One of the files is no text.
    Binary,
    /// One of the files is longer than [`LONGEST_TEXT`], or has more than [`MOST_LINES`].
    TooLong,
}

/// One side of a patch.
enum Side {
    /// Nothing is there, or nothing with content.
    None,
    Text(Vec<u8>),
    Binary,
    TooLong,
}

impl Files {
    /// What an event changed in the content at a path.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn patch(&self, path: &[u8], event: &Event) -> Result<Patch, Error> {
        // Nothing need be read to know that nothing differs.
        if matches!(event.action, Action::Changed(differences) if !differences.content) {
            return Ok(Patch::Nothing);
        }
        let (before, after) = (self.side(event.before.as_ref()), self.side(event.after.as_ref()));
        let [before, after] = [before, after].map(|side| side.map_err(self.failed()));
        unified(path, &before?, &after?).map_err(self.failed())
    }

    fn side(&self, version: Option<&Version>) -> io::Result<Side> {
        let Some(version) = version else { return Ok(Side::None) };
        let mut text = match &version.node.kind {
            Kind::Symlink { target } => return Ok(Side::Text(target.to_vec())),
            Kind::File { size, .. } if *size > LONGEST_TEXT => return Ok(Side::TooLong),
            Kind::File { size, .. } => Vec::with_capacity(usize::try_from(*size).unwrap_or(0)),
            Kind::Directory(_)
            | Kind::CharDevice(_)
            | Kind::BlockDevice(_)
            | Kind::Fifo
            | Kind::Socket
            | Kind::Whiteout
            | Kind::LinkBelow { .. } => return Ok(Side::None),
        };
        if let Some(mut content) = self.content_of(version) {
            content.read_to_end(&mut text)?;
        }
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

fn unified(path: &[u8], before: &Side, after: &Side) -> io::Result<Patch> {
    let (old, new) = match (before.text(), after.text()) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(Patch::TooLong), _) | (_, Err(Patch::TooLong)) => return Ok(Patch::TooLong),
        _ => return Ok(Patch::Binary),
    };
    let name = |side: &Side, letter: &str| match side {
        Side::None => "/dev/null".to_owned(),
        Side::Text(_) | Side::Binary | Side::TooLong => format!("{letter}{}", path::printable(path)),
    };
    let diff = TextDiff::from_lines(old, new);
    let mut patch = Vec::new();
    for hunk in diff.unified_diff().iter_hunks() {
        if patch.is_empty() {
            patch = format!("--- {}\n+++ {}\n", name(before, "a"), name(after, "b")).into_bytes();
        }
        // Not the whole at once: that makes bytes that are not UTF-8 into others.
        hunk.to_writer(&mut patch)?;
    }
    Ok(if patch.is_empty() { Patch::Nothing } else { Patch::Text(patch) })
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
        let check = |before: Side, after: Side, expect: &[u8]| {
            let patch = unified(b"etc/motd", &before, &after).unwrap();
            let Patch::Text(patch) = patch else { panic!("{patch:?}") };
            assert_eq!(String::from_utf8_lossy(&patch), String::from_utf8_lossy(expect));
            assert_eq!(patch, expect);
        };
        check(
            text("a\nb\n"),
            text("a\nc\n"),
            b"--- a/etc/motd\n+++ b/etc/motd\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n",
        );
        check(Side::None, text("a\n"), b"--- /dev/null\n+++ b/etc/motd\n@@ -0,0 +1 @@\n+a\n");
        check(text("a\n"), Side::None, b"--- a/etc/motd\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n");
        check(
            text("a"),
            text("b"),
            b"--- a/etc/motd\n+++ b/etc/motd\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file\n",
        );
        // Bytes that are no UTF-8 stay as they are.
        check(
            text(b"\xfc\n"),
            text(b"\xff\n"),
            b"--- a/etc/motd\n+++ b/etc/motd\n@@ -1 +1 @@\n-\xfc\n+\xff\n",
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
        let check = |before: Side, after: Side, expect: Patch| {
            assert_eq!(unified(b"f", &before, &after).unwrap(), expect);
        };
        check(Side::None, Side::None, Patch::Nothing);
        check(text("same\n"), text("same\n"), Patch::Nothing);
        check(Side::None, text(""), Patch::Nothing);
        check(Side::Binary, text("a\n"), Patch::Binary);
        check(Side::None, Side::Binary, Patch::Binary);
        check(Side::Binary, Side::TooLong, Patch::TooLong);
        check(Side::TooLong, Side::None, Patch::TooLong);
    }
}
