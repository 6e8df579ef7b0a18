//! Differences in a few lines: whole directories as one, files that changed with how much.

use std::collections::{HashMap, HashSet};

use ply_tree::{Kind, Source, path};
use rayon::prelude::*;

use super::{Change, ChangeKind, Comparison, Entry, Patch};
use crate::Error;

/// More rows of one letter than this, side by side in one directory, become one.
const MOST: usize = 8;

/// Differences in a few lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// Sorted as the changes are.
    pub rows: Vec<Row>,
    /// All of them together.
    pub totals: Totals,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// How it differs.
    pub kind: ChangeKind,
    /// The path, clean.
    pub path: Vec<u8>,
    /// What is told of it.
    pub what: What,
}

/// What a row tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A directory that was added or deleted with all that it holds.
    Directory(Totals),
    /// So much that was added, changed or deleted in a directory that it is told together.
    Within(Totals),
    /// One thing.
    One {
        /// What was, and what is.
        change: Box<Change>,
        /// Lines added and removed, where a text changed.
        lines: Option<(usize, usize)>,
    },
}

/// Numbers of files, all that is no directory, and bytes of content. A file with several names counts once by its bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Files that were added.
    pub added: usize,
    /// Files that changed.
    pub changed: usize,
    /// Files that were deleted.
    pub deleted: usize,
    /// Bytes that came: of added files, and of those that grew.
    pub more: u64,
    /// Bytes that went.
    pub less: u64,
}

impl Totals {
    /// Files, whatever became of them.
    #[must_use]
    pub const fn files(&self) -> usize {
        self.added.saturating_add(self.changed).saturating_add(self.deleted)
    }

    fn add(&mut self, other: Self) {
        self.added = self.added.saturating_add(other.added);
        self.changed = self.changed.saturating_add(other.changed);
        self.deleted = self.deleted.saturating_add(other.deleted);
        self.more = self.more.saturating_add(other.more);
        self.less = self.less.saturating_add(other.less);
    }
}

impl Comparison<'_> {
    /// Changes in a few lines. They must have been listed with what lay in deleted directories.
    ///
    /// # Errors
    /// A text that changed cannot be read.
    pub fn stat(&self, changes: &[Change]) -> Result<Stat, Error> {
        let (mut rows, totals) = rows(changes);
        fold(&mut rows);
        rows.par_iter_mut().try_for_each(|row| {
            let What::One { change, lines } = &mut row.what else { return Ok(()) };
            if change.before.is_none() || change.after.is_none() {
                return Ok(());
            }
            if let Some(Patch::Text { added, removed, .. }) = self.patch(change)? {
                *lines = Some((added, removed));
            }
            Ok::<_, Error>(())
        })?;
        Ok(Stat { rows, totals })
    }
}

/// A row for each change that is not told by the row of a directory, and the sum of all.
fn rows(changes: &[Change]) -> (Vec<Row>, Totals) {
    let mut rows: Vec<Row> = Vec::new();
    let (mut sum, mut seen) = (Totals::default(), [HashSet::new(), HashSet::new()]);
    for change in changes {
        let totals = totals(change, &mut seen);
        sum.add(totals);
        if let Some(Row { kind, path, what: What::Directory(directory) }) = rows.last_mut()
            && kind.letter() == change.kind.letter()
            && is_below(change.path(), path)
        {
            directory.add(totals);
            continue;
        }
        let is_directory =
            |entry: &Option<Entry>| entry.as_ref().is_none_or(|entry| entry.node.is_directory());
        let directory = is_directory(&change.before) && is_directory(&change.after);
        let what = match change.kind {
            ChangeKind::Added | ChangeKind::Deleted if directory => What::Directory(totals),
            // Only the time of a directory, or what it holds: its files tell.
            ChangeKind::Changed(d) if directory && !(d.mode || d.owner || d.xattrs) => continue,
            ChangeKind::Added | ChangeKind::Deleted | ChangeKind::Changed(_) => {
                What::One { change: Box::new(change.clone()), lines: None }
            }
        };
        rows.push(Row { kind: change.kind, path: change.path().to_owned(), what });
    }
    (rows, sum)
}

fn is_below(path: &[u8], directory: &[u8]) -> bool {
    directory.is_empty() || path.strip_prefix(directory).is_some_and(|rest| rest.starts_with(b"/"))
}

type Seen = HashSet<(usize, Source, u64)>;

/// What one change counts; of files with several names, which lie in one place, only the first has bytes.
fn totals(change: &Change, seen: &mut [Seen; 2]) -> Totals {
    let [seen_before, seen_after] = seen;
    let bytes = |entry: &Option<Entry>, seen: &mut Seen| {
        let Some(Kind::File { size, extents }) = entry.as_ref().map(|entry| &entry.node.kind) else {
            return 0;
        };
        let entry_layer = entry.as_ref().map_or(0, |entry| entry.layer.0);
        let links = entry.as_ref().map_or(1, |entry| entry.node.links);
        let place = extents.first().map(|first| (entry_layer, first.source, first.offset));
        let counted = links > 1 && place.is_some_and(|place| !seen.insert(place));
        if counted { 0 } else { *size }
    };
    let is_file = |entry: &Option<Entry>| entry.as_ref().is_some_and(|entry| !entry.node.is_directory());
    let (before, after) = (bytes(&change.before, seen_before), bytes(&change.after, seen_after));
    let one = usize::from(is_file(&change.before) || is_file(&change.after));
    let (more, less) = (after.saturating_sub(before), before.saturating_sub(after));
    match change.kind {
        ChangeKind::Added => Totals { added: one, more, ..Totals::default() },
        ChangeKind::Deleted => Totals { deleted: one, less, ..Totals::default() },
        ChangeKind::Changed(_) => Totals { changed: one, more, less, ..Totals::default() },
    }
}

/// Tells together what would fill the screen: many rows of one letter below one directory, the deepest directories first.
/// Of the root and the directories in it, only what lies in them directly: `usr/*` would say too little. Directories in
/// the root stay.
fn fold(rows: &mut Vec<Row>) {
    let deepest = rows.iter().map(|row| depth(&row.path)).max().unwrap_or(0);
    for depth in (0..deepest).rev() {
        fold_at(rows, depth);
    }
}

fn depth(path: &[u8]) -> usize {
    path::components(path).count()
}

fn fold_at(rows: &mut Vec<Row>, level: usize) {
    let directory = |row: &Row| {
        let deep = depth(&row.path);
        let is_direct = deep == level.saturating_add(1)
            && match row.what {
                What::One { .. } => true,
                What::Directory(_) => level > 0,
                What::Within(_) => false,
            };
        (deep > level && (level >= 2 || is_direct)).then(|| {
            (row.kind.letter(), path::components(&row.path).take(level).collect::<Vec<_>>().join(&b'/'))
        })
    };
    let mut counts: HashMap<(char, Vec<u8>), usize> = HashMap::new();
    for key in rows.iter().filter_map(directory) {
        let count = counts.entry(key).or_default();
        *count = count.saturating_add(1);
    }
    counts.retain(|_, count| *count > MOST);
    if counts.is_empty() {
        return;
    }
    let mut sums: HashMap<(char, Vec<u8>), usize> = HashMap::new();
    let mut folded: Vec<Row> = Vec::new();
    for row in rows.drain(..) {
        let Some(key) = directory(&row).filter(|key| counts.contains_key(key)) else {
            folded.push(row);
            continue;
        };
        let totals = match &row.what {
            What::Directory(totals) | What::Within(totals) => *totals,
            What::One { change, .. } => totals(change, &mut [Seen::new(), Seen::new()]),
        };
        let at = *sums.entry(key.clone()).or_insert_with(|| {
            folded.push(Row { kind: row.kind, path: key.1, what: What::Within(Totals::default()) });
            folded.len().saturating_sub(1)
        });
        if let Some(Row { what: What::Within(sum), .. }) = folded.get_mut(at) {
            sum.add(totals);
        }
    }
    *rows = folded;
}

#[cfg(test)]
mod tests {
    use ply_overlay::Differences;
    use ply_tree::{Directory, Extent, Metadata, Node};

    use super::*;
    use crate::files::LayerNumber;

    /// `A etc/` or `C etc/motd 3 5`: a letter, a path, sizes before and after.
    fn change(text: &str) -> Change {
        let mut words = text.split(' ');
        let (letter, path) = (words.next().unwrap(), words.next().unwrap());
        let entry = |size: Option<&str>| {
            let kind = match path.strip_suffix('/') {
                Some(_) => Kind::Directory(Directory::default()),
                None => Kind::File {
                    size: size.map_or(0, |size| size.parse().unwrap()),
                    extents: vec![Extent { source: Source(0), offset: 512, len: 1 }],
                },
            };
            let mut node = Node::new(kind, Metadata::new(0o644));
            node.links = if path.contains("link") { 2 } else { 1 };
            Some(Entry { path: path.trim_end_matches('/').into(), node, layer: LayerNumber(0) })
        };
        let (size, other) = (words.next(), words.next());
        match letter {
            "A" => Change { kind: ChangeKind::Added, before: None, after: entry(size) },
            "D" => Change { kind: ChangeKind::Deleted, before: entry(size), after: None },
            _ => {
                let mode = letter == "M";
                let differences = Differences { content: !mode, mode, ..Differences::default() };
                let kind = ChangeKind::Changed(if path.ends_with('/') && !mode {
                    Differences::default()
                } else {
                    differences
                });
                Change { kind, before: entry(size), after: entry(other) }
            }
        }
    }

    #[test]
    fn directories_are_told_as_one() {
        let check = |changes: &[&str], expect: &[&str]| {
            let changes: Vec<Change> = changes.iter().map(|text| change(text)).collect();
            let (mut rows, sum) = rows(&changes);
            fold(&mut rows);
            let shown: Vec<String> = rows
                .iter()
                .map(|row| {
                    let path = String::from_utf8_lossy(&row.path);
                    let letter = row.kind.letter();
                    match &row.what {
                        What::Directory(t) => {
                            format!("{letter} {path}/ {} +{} -{}", t.files(), t.more, t.less)
                        }
                        What::Within(t) => format!("{letter} {path}/* {} +{} -{}", t.files(), t.more, t.less),
                        What::One { .. } => format!("{letter} {path}"),
                    }
                })
                .chain([format!("{} {} {} +{} -{}", sum.added, sum.changed, sum.deleted, sum.more, sum.less)])
                .collect();
            assert_eq!(shown, expect);
        };
        check(&[], &["0 0 0 +0 -0"]);
        check(
            &[
                "C usr/",
                "A usr/local/",
                "A usr/local/a 3",
                "A usr/local/b/",
                "A usr/local/b/c 4",
                "A usr/local-2 1",
            ],
            &["A usr/local/ 2 +7 -0", "A usr/local-2", "3 0 0 +8 -0"],
        );
        check(
            &["C etc/", "C etc/motd 3 5", "D etc/x/", "D etc/x/a 100", "D etc/y 1"],
            &["C etc/motd", "D etc/x/ 1 +0 -100", "D etc/y", "0 1 2 +2 -101"],
        );
        check(&["M etc/"], &["C etc", "0 0 0 +0 -0"]);
        check(&["A a/", "A a/link 5", "A a/link2 5"], &["A a/ 2 +5 -0", "2 0 0 +5 -0"]);
        let many: Vec<String> = (0..9).map(|n| format!("C lib/f{n} 10 {}", 9 + 2 * (n % 2))).collect();
        let mut many: Vec<&str> = many.iter().map(String::as_str).collect();
        many.insert(3, "A lib/new 2");
        check(&many, &["C lib/* 9 +4 -5", "A lib/new", "1 9 0 +6 -5"]);
        // Each alone in a directory of its own.
        let deep: Vec<String> = (0..9).map(|n| format!("A usr/share/l{n}/x 1")).collect();
        let mut deep: Vec<&str> = deep.iter().map(String::as_str).collect();
        check(&deep, &["A usr/share/* 9 +9 -0", "9 0 0 +9 -0"]);
        deep.push("A usr/y 1");
        check(&deep, &["A usr/share/* 9 +9 -0", "A usr/y", "10 0 0 +10 -0"]);
        let top: Vec<String> = (0..9).flat_map(|n| [format!("A d{n}/"), format!("A f{n} 1")]).collect();
        let top: Vec<&str> = top.iter().map(String::as_str).collect();
        let directories = (1..9).map(|n| format!("A d{n}/ 0 +0 -0"));
        let expect: Vec<String> = ["A d0/ 0 +0 -0".to_owned(), "A /* 9 +9 -0".to_owned()]
            .into_iter()
            .chain(directories)
            .chain(["9 0 0 +9 -0".to_owned()])
            .collect();
        check(&top, &expect.iter().map(String::as_str).collect::<Vec<_>>());
        check(&many[5..], &["C lib/f4", "C lib/f5", "C lib/f6", "C lib/f7", "C lib/f8", "0 5 0 +2 -3"]);
    }
}
