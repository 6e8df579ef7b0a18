//! `ply log`: the history of a path, a line for each layer that did something to it.

mod words;

use std::os::unix::ffi::OsStrExt;

use ply_tree::path::printable;
use plywood::files::{
    Action, Entry, Event, Files, How, LONGEST_TEXT, LayerNumber, Log, MOST_LINES, Patch, Version,
};
use plywood::{DiffId, Error, Timestamp, history};
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::{Outcome, platform};
use crate::arguments;
use crate::context::Context;
use crate::listing::{self, Json};
use crate::report::{Exit, Failure, note};
use crate::{command, output, units, when};

pub(crate) fn run(context: &Context, arguments: &arguments::Log) -> Outcome {
    let platform = arguments.platform.as_deref().map(platform).transpose()?;
    let files = context.engine()?.files(&arguments.image, platform.as_ref())?;
    let wanted = arguments.path.as_bytes();
    let shown = printable(&ply_tree::path::clean(wanted));
    let Some(log) = files.log(wanted)? else {
        return Err(Failure::Message(format!("{shown}: no layer of {} has it", arguments.image)));
    };
    if log.by_links {
        note(&format!("{shown}: no layer has that name; links lead to {}", printable(&log.path)));
    }
    let patch = |event: &Event| {
        if context.interrupted() {
            return Err(Error::Interrupted);
        }
        arguments.patch.then(|| files.patch(&log.path, event)).transpose()
    };
    if arguments.json {
        json(&files, &log, patch)?;
    } else {
        print(&files, &log, patch)?;
    }
    Ok(Exit::Done)
}

/// Patches are printed as they are made: together they may be large.
fn print(
    files: &Files,
    log: &Log,
    patch: impl Fn(&Event) -> Result<Option<Option<Patch>>, Error>,
) -> Result<(), Failure> {
    let owners = files.owners();
    let made = history::of_layers(&files.view);
    let now = Timestamp::now();
    let now = when::from_unix(now.seconds, now.nanoseconds);
    let line = |event: &Event| {
        let step = made.get(event.layer);
        let created = step.and_then(|step| step.created.as_deref()).and_then(when::parse);
        let id = files.layer(LayerNumber(event.layer)).map(|(_, layer)| layer.diff_id.0.short());
        let (layer, age) = match id {
            Some(_) => {
                let age = created.map_or_else(|| "N/A".to_owned(), |moment| when::history_age(moment, now));
                (format!("layer {}", event.layer.saturating_add(1)), age)
            }
            // A container's own layer is in the making.
            None => ("container".to_owned(), String::new()),
        };
        let (what, how) = words::told(event, &log.path, &owners);
        [
            layer,
            id.unwrap_or_default(),
            age,
            what.to_owned(),
            how,
            step.map(|step| command::shown(&step.created_by, &step.comment)).unwrap_or_default(),
        ]
    };
    let lines: Vec<[String; 6]> = log.events.iter().map(line).collect();
    for (at, (event, line)) in log.events.iter().zip(aligned(&lines)).enumerate() {
        let patch = patch(event)?;
        // One is apart from the next, as in `git log -p`.
        let gap = if at > 0 && patch.is_some() { "\n" } else { "" };
        let mut text = format!("{gap}{line}\n").into_bytes();
        match patch.flatten() {
            None => {}
            Some(Patch::Text { unified, .. }) => text.extend(unified),
            Some(Patch::Binary) => text.extend(b"binary files differ\n"),
            Some(Patch::TooLong) => {
                let (size, lines) = (units::size(LONGEST_TEXT), listing::grouped(MOST_LINES as u64));
                text.extend(format!("no diff: a file is longer than {size} or {lines} lines\n").bytes());
            }
        }
        output::bytes(&text)?;
    }
    Ok(())
}

/// Three spaces between columns, two after the layer; nothing trails.
fn aligned(lines: &[[String; 6]]) -> Vec<String> {
    let mut widths = [0; 6];
    for line in lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.width().max(*width);
        }
    }
    let pad = |(cell, (width, gap)): (&String, (usize, usize))| match width {
        0 => String::new(),
        _ => format!("{cell}{}", " ".repeat(width.saturating_add(gap).saturating_sub(cell.width()))),
    };
    let columns = || widths.into_iter().zip([2, 2, 3, 3, 3, 3]);
    let line = |cells: &[String; 6]| -> String { cells.iter().zip(columns()).map(pad).collect() };
    lines.iter().map(|cells| line(cells).trim_end().to_owned()).collect()
}

/// What a layer did, for `--json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    layer: usize,
    diff_id: Option<DiffId>,
    created: Option<String>,
    created_by: String,
    action: &'static str,
    changed: Vec<&'static str>,
    how: Option<&'static str>,
    at: Option<String>,
    before: Option<Json<'a>>,
    after: Option<Json<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<Option<String>>,
}

fn json(
    files: &Files,
    log: &Log,
    patch: impl Fn(&Event) -> Result<Option<Option<Patch>>, Error>,
) -> Result<(), Failure> {
    let made = history::of_layers(&files.view);
    let entry = |version: &Option<Version>| {
        let version = version.as_ref()?;
        let layer = LayerNumber(version.origin.layer);
        Some(Entry { path: log.path.clone(), node: version.node.clone(), layer })
    };
    let versions: Vec<_> =
        log.events.iter().map(|event| (entry(&event.before), entry(&event.after))).collect();
    let lines = log.events.iter().zip(&versions).map(|(event, (before, after))| {
        let step = made.get(event.layer);
        let (action, changed, removal) = match &event.action {
            Action::Added => ("added", Vec::new(), None),
            Action::Changed(differences) => ("changed", listing::differing(*differences), None),
            Action::Replaced => ("replaced", Vec::new(), None),
            Action::Deleted(removal) => ("deleted", Vec::new(), Some(removal)),
        };
        Ok(Line {
            layer: event.layer.saturating_add(1),
            diff_id: files.layer(LayerNumber(event.layer)).map(|(_, layer)| layer.diff_id),
            created: step.and_then(|step| step.created.clone()),
            created_by: step.map(|step| step.created_by.clone()).unwrap_or_default(),
            action,
            changed,
            how: removal.map(|removal| how(removal.how)),
            at: removal.map(|removal| format!("/{}", String::from_utf8_lossy(&removal.at))),
            before: before.as_ref().map(Json::new),
            after: after.as_ref().map(Json::new),
            patch: patch(event)?.map(|patch| match patch? {
                Patch::Text { unified, .. } => Some(String::from_utf8_lossy(&unified).into_owned()),
                Patch::Binary | Patch::TooLong => None,
            }),
        })
    });
    output::json(&lines.collect::<Result<Vec<_>, Error>>()?)
}

/// How something went, in the words of `--json`.
pub(super) const fn how(how: How) -> &'static str {
    match how {
        How::Whiteout => "whiteout",
        How::Opaque => "opaque",
        How::Replaced => "replaced",
    }
}
