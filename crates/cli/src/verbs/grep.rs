use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use plywood::Error;
use plywood::files::Files;
use plywood::files::grep::{GrepOptions, Hit, Place, Want};
use serde::Serialize;

use super::{Outcome, platform};
use crate::arguments::Grep;
use crate::context::Context;
use crate::listing;
use crate::output::{self, Lines, failed};
use crate::report::{Exit, Failure, is_closed_pipe, tell_search};

pub(crate) fn run(context: &Context, arguments: &Grep) -> Outcome {
    search(context, arguments).map_err(|failure| Failure::Search(Box::new(failure)))
}

/// A file with lines that match, for `--json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Json {
    path: String,
    layer: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    hidden_by: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    how: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    binary: bool,
    lines: Vec<Line>,
    #[serde(skip)]
    place: Place,
}

#[derive(Serialize)]
struct Line {
    line: u64,
    text: String,
}

impl Json {
    fn new(place: &Place) -> Self {
        Self {
            path: format!("/{}", String::from_utf8_lossy(&place.path)),
            layer: place.layer.ordinal(),
            hidden_by: place.hidden.as_ref().map(|by| by.layer.ordinal()),
            how: place.hidden.as_ref().map(|by| listing::how(by.removal.how)),
            binary: false,
            lines: Vec::new(),
            place: place.clone(),
        }
    }
}

/// Where what is found goes.
struct Printer<'a> {
    arguments: &'a Grep,
    files: &'a Files,
    lines: Lines,
    json: Vec<Json>,
    is_found: bool,
    has_failed: bool,
}

fn search(context: &Context, arguments: &Grep) -> Outcome {
    let platform = arguments.platform.as_deref().map(platform).transpose()?;
    let engine = context.engine()?;
    let files = engine.files(&arguments.image, platform.as_ref())?;
    let options = GrepOptions {
        ignore_case: arguments.ignore_case,
        fixed: arguments.fixed_strings,
        word: arguments.word_regexp,
        invert: arguments.invert_match,
        text: arguments.text,
        all_layers: arguments.all_layers,
        numbers: arguments.line_number || arguments.json,
        want: match (arguments.files_with_matches, arguments.count) {
            (true, _) => Want::Name,
            (false, true) => Want::Count,
            (false, false) => Want::Lines,
        },
    };
    let root = vec![OsString::from("/")];
    let paths = if arguments.paths.is_empty() { &root } else { &arguments.paths };
    let lines = Lines::new(false);
    let json = Vec::new();
    let mut printer = Printer { arguments, files: &files, lines, json, is_found: false, has_failed: false };
    for path in paths {
        let searched =
            engine.grep(&files, path.as_bytes(), &arguments.pattern, &options, &mut |place, hit| {
                match arguments.json {
                    true => printer.collect(place, hit),
                    false => printer.print(place, hit),
                }
            });
        match searched {
            Ok(()) => {}
            Err(error @ (Error::Misuse(_) | Error::Interrupted)) => return Err(error.into()),
            Err(error) if is_closed_pipe(&error) => return Err(error.into()),
            Err(error) => printer.fail(&error)?,
        }
    }
    printer.lines.finish().map_err(failed)?;
    if arguments.json {
        output::json(&printer.json)?;
    }
    Ok(match (printer.has_failed, printer.is_found) {
        (true, _) => Exit::Trouble,
        (false, true) => Exit::Done,
        (false, false) => Exit::Failed,
    })
}

impl Printer<'_> {
    fn print(&mut self, place: &Place, hit: Hit<'_>) -> Result<(), Error> {
        let at = match self.arguments.all_layers {
            true => format!("{}  ", listing::place(place.layer, place.hidden.as_ref(), self.files.len())),
            false => String::new(),
        };
        let (after, text) = match hit {
            Hit::Line { number, text } if self.arguments.line_number => (format!(":{number}:"), text),
            Hit::Line { text, .. } => (":".to_owned(), text),
            Hit::Count(count) => (format!(":{count}"), &b""[..]),
            Hit::Name => (String::new(), &b""[..]),
            Hit::Binary { offset } => {
                let why = format!(": binary file matches (found \"\\0\" byte around offset {offset})");
                (why, &b""[..])
            }
            Hit::Failed(error) => return self.fail(&error),
        };
        self.is_found = true;
        self.lines.line(&at, &place.path, &after, text).map_err(failed)
    }

    fn collect(&mut self, place: &Place, hit: Hit<'_>) -> Result<(), Error> {
        if let Hit::Failed(error) = hit {
            return self.fail(&error);
        }
        self.is_found = true;
        if self.json.last().is_none_or(|last| last.place != *place) {
            self.json.push(Json::new(place));
        }
        let Some(file) = self.json.last_mut() else { return Ok(()) };
        match hit {
            Hit::Line { number, text } => {
                let text = String::from_utf8_lossy(text).into_owned();
                file.lines.push(Line { line: number, text });
            }
            Hit::Binary { .. } => file.binary = true,
            Hit::Count(_) | Hit::Name | Hit::Failed(_) => {}
        }
        Ok(())
    }

    /// What was found before comes before it.
    fn fail(&mut self, error: &Error) -> Result<(), Error> {
        self.has_failed = true;
        self.lines.finish().map_err(failed)?;
        tell_search(error, "--all-layers");
        Ok(())
    }
}
