use plywood::files::diff::{Change, Comparison, ConfigChange, Options, Patch, Row, Side, Stat, Totals, What};
use plywood::files::{Entry, diff::ChangeKind, diff::Differences};
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::{Outcome, platform};
use crate::arguments::Diff;
use crate::context::Context;
use crate::escape::{self, Lines};
use crate::report::{Exit, Failure};
use crate::{listing, output, units};

/// Patches worked out at a time: each may have twice the 4 MiB of the longest text.
const AT_ONCE: usize = 8;

pub(crate) fn run(context: &Context, arguments: &Diff) -> Outcome {
    let platform = arguments.platform.as_deref().map(platform).transpose()?;
    let engine = context.engine()?;
    let before = engine.files(&arguments.image, platform.as_ref())?;
    let after = match (&arguments.other, &arguments.layers) {
        (Some(other), None) => Some(engine.files(other, platform.as_ref())?),
        (None, Some(_)) => None,
        (_, Some(_)) => return Err(misuse("--layers compares layers of one image: name no second one")),
        (None, None) if before.is_container() => None,
        (None, None) => {
            return Err(misuse("what to compare with? Name a second image, or layers: --layers N..M"));
        }
    };
    let compared = match (&after, &arguments.layers) {
        (Some(after), _) => Comparison { before: Side::whole(&before), after: Side::whole(after) },
        (None, Some(range)) => before.range(range)?,
        // A container with its image.
        (None, None) => {
            let below = Side { files: &before, layers: before.len().saturating_sub(1) };
            Comparison { before: below, after: Side::whole(&before) }
        }
    };
    let options =
        Options { ignore_times: arguments.ignore_times, below_deleted: arguments.stat || arguments.patch };
    let mut changes = compared.changes(options)?;
    if arguments.other.is_none() && arguments.layers.is_none() {
        // As in Docker: whatever is made in the root of a container changes the time of the root.
        let time = Differences { time: true, ..Differences::default() };
        changes.retain(|change| !(change.path().is_empty() && change.kind == ChangeKind::Changed(time)));
    }
    let config = compared.config();
    let is_different = !(changes.is_empty() && config.is_empty());
    if arguments.json {
        json(&compared, &changes, &config, arguments.patch)?;
    } else if arguments.stat {
        output::print(&stat(&compared.stat(&changes)?, &config))?;
    } else {
        print(&compared, &changes, &config, arguments.patch)?;
    }
    // As `git diff --exit-code` and `diff` have it.
    Ok(if arguments.exit_code && is_different { Exit::Failed } else { Exit::Done })
}

fn misuse(why: &str) -> Failure {
    Failure::Misuse(why.to_owned())
}

fn print(
    compared: &Comparison<'_>,
    changes: &[Change],
    config: &[ConfigChange],
    with_patches: bool,
) -> Result<(), Failure> {
    let line = |change: &Change| format!("{} /{}\n", change.kind.letter(), listing::name(change.path()));
    if with_patches {
        for changes in changes.chunks(AT_ONCE) {
            let mut text = Vec::new();
            for (change, patch) in changes.iter().zip(compared.patches(changes)?) {
                text.extend(line(change).bytes());
                text.extend(patch.map_or_else(Vec::new, |patch| shown(change, patch)));
            }
            output::bytes(&text)?;
        }
    } else {
        output::print(&changes.iter().map(line).collect::<String>())?;
    }
    output::print(&config.iter().map(|change| config_line(change) + "\n").collect::<String>())
}

fn shown(change: &Change, patch: Patch) -> Vec<u8> {
    let path = listing::name(change.path());
    match patch {
        Patch::Text { unified, .. } => unified,
        Patch::Binary => format!("Binary files a/{path} and b/{path} differ\n").into_bytes(),
        Patch::TooLong => format!("Files a/{path} and b/{path} differ; too long to be shown\n").into_bytes(),
    }
}

/// `C config Env: - FOO=1 + FOO=2`.
fn config_line(change: &ConfigChange) -> String {
    let side = |sign: char, text: &Option<String>| {
        text.as_ref()
            .map_or_else(String::new, |text| format!(" {sign} {}", escape::text(text, Lines::Escape)))
    };
    let (before, after) = (side('-', &change.before), side('+', &change.after));
    format!("C config {}:{before}{after}", escape::text(&change.key, Lines::Escape))
}

fn stat(stat: &Stat, config: &[ConfigChange]) -> String {
    let rows: Vec<(char, String, String, String)> = stat
        .rows
        .iter()
        .map(|row| {
            let (how, size) = told(row);
            (row.kind.letter(), shown_path(row), how, size)
        })
        .collect();
    let width = |texts: &mut dyn Iterator<Item = &String>| texts.map(|text| text.width()).max().unwrap_or(0);
    let of_path = width(&mut rows.iter().map(|(_, path, _, _)| path));
    let of_how = width(&mut rows.iter().filter(|(_, _, _, size)| !size.is_empty()).map(|(_, _, how, _)| how));
    let of_size = width(&mut rows.iter().map(|(_, _, _, size)| size));
    let mut text = String::new();
    for (letter, path, how, size) in &rows {
        let gap = " ".repeat(of_path.saturating_sub(path.width()));
        let line = format!(" {letter} {path}{gap}   {how:of_how$}   {size:>of_size$}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    for change in config {
        text.push_str(&format!(" {}\n", config_line(change)));
    }
    let Totals { added, changed, deleted, more, less } = stat.totals;
    if stat.totals.files() > 0 {
        let [added, changed, deleted] = [added, changed, deleted].map(|n| listing::grouped(n as u64));
        let (more, less) = (units::size(more), units::size(less));
        text.push_str(&format!("{added} added, {changed} changed, {deleted} deleted; +{more} -{less}\n"));
    }
    text
}

/// Directories end with a slash; `*` is what lies in one.
fn shown_path(row: &Row) -> String {
    let path = listing::name(&row.path);
    let slash = if path.is_empty() { "" } else { "/" };
    match &row.what {
        What::Directory(_) => format!("{path}/"),
        What::Within(_) => format!("{path}{slash}*"),
        What::One { change, .. } if is_directory(&change.before) && is_directory(&change.after) => {
            format!("{path}/")
        }
        What::One { .. } => path,
    }
}

fn is_directory(entry: &Option<Entry>) -> bool {
    entry.as_ref().is_none_or(|entry| entry.node.is_directory())
}

/// Two cells: what a row counts or how it changed, and bytes.
fn told(row: &Row) -> (String, String) {
    match &row.what {
        What::Directory(totals) | What::Within(totals) => {
            let files = totals.files();
            if files == 0 {
                return ("empty".to_owned(), String::new());
            }
            let word = if files == 1 { "file" } else { "files" };
            (format!("{} {word}", listing::grouped(files as u64)), bytes(*totals))
        }
        What::One { change, lines } => match (&change.before, &change.after) {
            (None, Some(entry)) => (kind(entry), added(entry, "")),
            (Some(entry), None) => (kind(entry), added(entry, "-")),
            (Some(before), Some(after)) => changed(row.kind, before, after, *lines),
            (None, None) => Default::default(),
        },
    }
}

/// `21.4MB`, `-41MB`, `+5kB -1kB`.
fn bytes(totals: Totals) -> String {
    match (totals.more, totals.less) {
        (more, 0) if totals.changed == 0 && totals.deleted == 0 => units::size(more),
        (0, 0) => String::new(),
        (more, 0) => format!("+{}", units::size(more)),
        (0, less) => format!("-{}", units::size(less)),
        (more, less) => format!("+{} -{}", units::size(more), units::size(less)),
    }
}

fn kind(entry: &Entry) -> String {
    listing::kind(&entry.node.kind).to_owned()
}

fn added(entry: &Entry, sign: &str) -> String {
    match entry.node.kind {
        ply_tree::Kind::File { size, .. } => format!("{sign}{}", units::size(size)),
        _ => String::new(),
    }
}

fn changed(
    how: ChangeKind,
    before: &Entry,
    after: &Entry,
    lines: Option<(usize, usize)>,
) -> (String, String) {
    let ChangeKind::Changed(differences) = how else { return Default::default() };
    let (old, new) = (&before.node.metadata, &after.node.metadata);
    let (mut words, mut size) = (Vec::new(), String::new());
    if differences.kind {
        words.push(format!("{} → {}", kind(before), kind(after)));
    } else if differences.content {
        let (less, more) = (before.node.size(), after.node.size());
        match (lines, &after.node.kind) {
            (Some((more, 0)), _) => words.push(format!("+{}", units::count(more, "line"))),
            (Some((0, less)), _) => words.push(format!("-{}", units::count(less, "line"))),
            (Some((more, less)), _) => words.push(format!("+{more} -{less} lines")),
            (None, ply_tree::Kind::Symlink { target }) => words.push(format!("→ {}", listing::name(target))),
            (None, _) => {
                words.push("content".to_owned());
                size = match more.cmp(&less) {
                    std::cmp::Ordering::Greater => format!("+{}", units::size(more.saturating_sub(less))),
                    std::cmp::Ordering::Less => format!("-{}", units::size(less.saturating_sub(more))),
                    std::cmp::Ordering::Equal => String::new(),
                };
            }
        }
    }
    if differences.mode {
        words.push(format!("{:04o} → {:04o}", old.mode, new.mode));
    }
    if differences.owner {
        words.push(format!("{}:{} → {}:{}", old.uid, old.gid, new.uid, new.gid));
    }
    if differences.xattrs {
        words.push("xattrs".to_owned());
    }
    if words.is_empty() {
        words.push("time".to_owned());
    }
    (words.join(", "), size)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Json<'a> {
    files: Vec<File<'a>>,
    config: Vec<Config<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    path: String,
    change: &'static str,
    differs: Vec<&'static str>,
    before: Option<listing::Json<'a>>,
    after: Option<listing::Json<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    key: &'a str,
    before: Option<&'a str>,
    after: Option<&'a str>,
}

fn json(
    compared: &Comparison<'_>,
    changes: &[Change],
    config: &[ConfigChange],
    with_patches: bool,
) -> Result<(), Failure> {
    let patches = if with_patches { compared.patches(changes)? } else { Vec::new() };
    let mut patches = patches.into_iter();
    let files = changes.iter().map(|change| {
        let patch = match patches.next().flatten() {
            Some(Patch::Text { unified, .. }) => Some(String::from_utf8_lossy(&unified).into_owned()),
            Some(Patch::Binary | Patch::TooLong) | None => None,
        };
        let (word, differs) = match change.kind {
            ChangeKind::Added => ("added", Vec::new()),
            ChangeKind::Deleted => ("deleted", Vec::new()),
            ChangeKind::Changed(differences) => ("changed", listing::differing(differences)),
        };
        File {
            path: format!("/{}", String::from_utf8_lossy(change.path())),
            change: word,
            differs,
            before: change.before.as_ref().map(listing::Json::new),
            after: change.after.as_ref().map(listing::Json::new),
            patch,
        }
    });
    let files = files.collect();
    let config = config
        .iter()
        .map(|change| Config {
            key: &change.key,
            before: change.before.as_deref(),
            after: change.after.as_deref(),
        })
        .collect();
    output::json(&Json { files, config })
}
