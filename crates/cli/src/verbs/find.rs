use std::borrow::Cow;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use ply_tree::Kind;
use plywood::Error;
use plywood::files::find::{Among, Glob, Match, Tests};
use plywood::files::{Files, HiddenBy};
use serde::Serialize;

use super::{Outcome, platform};
use crate::arguments::Find;
use crate::context::Context;
use crate::listing;
use crate::output::{self, Lines, failed};
use crate::report::{Exit, Failure, is_closed_pipe, tell_search};

pub(crate) fn run(context: &Context, arguments: &Find) -> Outcome {
    search(context, arguments).map_err(|failure| Failure::Search(Box::new(failure)))
}

/// An entry that was found, for `--json`.
#[derive(Serialize)]
struct Json<'a> {
    #[serde(flatten)]
    entry: listing::Json<'a>,
    #[serde(flatten)]
    hidden: Option<Hidden<'a>>,
}

impl<'a> Json<'a> {
    fn new(found: &'a Match) -> Self {
        let hidden = found.hidden.as_ref().map(Hidden::new);
        Self { entry: listing::Json::new(&found.entry), hidden }
    }
}

/// By whom it was hidden.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Hidden<'a> {
    hidden_by: usize,
    how: &'static str,
    at: Cow<'a, str>,
}

impl<'a> Hidden<'a> {
    fn new(by: &'a HiddenBy) -> Self {
        let at = Cow::Owned(format!("/{}", String::from_utf8_lossy(&by.removal.at)));
        Self { hidden_by: by.layer.ordinal(), how: listing::how(by.removal.how), at }
    }
}

fn search(context: &Context, arguments: &Find) -> Outcome {
    let mut tests = tests(arguments)?;
    let platform = arguments.platform.as_deref().map(platform).transpose()?;
    let files = context.engine()?.files(&arguments.image, platform.as_ref())?;
    tests.layer = arguments.layer.as_deref().map(|layer| files.choose(layer)).transpose()?;
    let among = match (arguments.deleted, arguments.shadowed) {
        (false, false) => Among::Shown,
        (true, false) => Among::Deleted,
        (false, true) => Among::Shadowed,
        (true, true) => Among::Hidden,
    };
    let root = vec![OsString::from("/")];
    let paths = if arguments.paths.is_empty() { &root } else { &arguments.paths };
    let (mut lines, mut matches) = (Lines::new(arguments.null), Vec::new());
    let mut exit = Exit::Failed;
    for path in paths {
        let mut is_found = false;
        let searched = files.find_all(path.as_bytes(), among, &tests, &mut |found| {
            is_found = true;
            if arguments.json {
                matches.push(found);
                return Ok(());
            }
            print(&mut lines, &files, &found, arguments.null).map_err(failed)
        });
        match searched {
            Ok(()) if is_found && exit == Exit::Failed => exit = Exit::Done,
            Ok(()) => {}
            Err(error) if is_closed_pipe(&error) => return Err(error.into()),
            Err(error) => {
                // What was found before comes before it.
                lines.finish().map_err(failed)?;
                tell_search(&error, "--deleted");
                exit = Exit::Trouble;
            }
        }
    }
    lines.finish().map_err(failed)?;
    if arguments.json {
        output::json(&matches.iter().map(Json::new).collect::<Vec<_>>())?;
    }
    Ok(exit)
}

fn tests(arguments: &Find) -> Result<Tests, Error> {
    Ok(Tests {
        name: arguments.name.as_deref().map(Glob::new).transpose()?,
        path: arguments.whole.as_deref().map(Glob::new).transpose()?,
        kinds: arguments.kind.as_deref().map(str::parse).transpose()?,
        size: arguments.size.as_deref().map(str::parse).transpose()?,
        permissions: arguments.perm.as_deref().map(str::parse).transpose()?,
        layer: None,
    })
}

fn print(lines: &mut Lines, files: &Files, found: &Match, null: bool) -> std::io::Result<()> {
    let Match { entry, hidden } = found;
    let place = match hidden {
        Some(by) if !null => format!("{}  ", listing::place(entry.layer, Some(by), files.len())),
        _ => String::new(),
    };
    let mark = if !null && entry.node.kind == Kind::Whiteout { listing::WHITEOUT } else { "" };
    lines.line(&place, &entry.path, mark, b"")
}
