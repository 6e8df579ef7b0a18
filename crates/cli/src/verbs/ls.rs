use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use ply_tree::{Kind, Last};
use plywood::files::{Entry, Files, Scope};

use super::{Outcome, platform};
use crate::arguments::Ls;
use crate::context::Context;
use crate::listing::{self, Json};
use crate::output;
use crate::report::{Exit, Failure, tell};

pub(crate) fn run(context: &Context, arguments: &Ls) -> Outcome {
    let platform = arguments.platform.as_deref().map(platform).transpose()?;
    let files = context.engine()?.files(&arguments.image, platform.as_ref())?;
    let scope = match &arguments.layer {
        Some(layer) => Scope::Alone(files.choose(layer)?),
        None => Scope::Union,
    };
    let root = vec![OsString::from("/")];
    let paths = if arguments.paths.is_empty() { &root } else { &arguments.paths };
    // As `ls` has it: with -l a link is shown, else what it points at.
    let last = if arguments.long { Last::Keep } else { Last::Follow };
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for path in paths {
        match files.list(path.as_bytes(), scope, last, arguments.recursive) {
            Ok(entries) => found.push((path, entries)),
            Err(error) => missing.push(error),
        }
    }
    let is_shown =
        |entry: &Entry| arguments.all || !entry.path.split(|b| *b == b'/').any(|n| n.starts_with(b"."));
    for (_, entries) in &mut found {
        // What is asked for by name is shown, hidden or not.
        if entries.len() > 1 || !is_itself(entries) {
            entries.retain(is_shown);
        }
    }
    if arguments.json {
        let entries: Vec<Json<'_>> = found.iter().flat_map(|(_, entries)| entries).map(Json::new).collect();
        output::json(&entries)?;
    } else {
        print(&files, &found, arguments)?;
    }
    missing.iter().for_each(tell);
    Ok(if missing.is_empty() { Exit::Done } else { Exit::Failed })
}

/// Whether a list is of one thing that is no directory.
fn is_itself(entries: &[Entry]) -> bool {
    entries.first().is_some_and(|entry| !entry.node.is_directory())
}

fn print(files: &Files, found: &[(&OsString, Vec<Entry>)], arguments: &Ls) -> Result<(), Failure> {
    let owners = if arguments.long { files.owners() } else { Default::default() };
    let mut text = String::new();
    for (at, (path, entries)) in found.iter().enumerate() {
        if found.len() > 1 {
            let gap = if at == 0 { "" } else { "\n" };
            text.push_str(&format!("{gap}{}:\n", listing::name(path.as_bytes())));
        }
        let shown = |entry: &Entry| match arguments.recursive {
            true => format!("/{}", listing::name(&entry.path)),
            false => listing::name(entry.name()),
        };
        if arguments.long {
            let lines: Vec<_> = entries.iter().map(|e| listing::line(e, &owners, &shown(e))).collect();
            text.push_str(&columns(&lines));
        } else {
            let mark = |entry: &Entry| if entry.node.kind == Kind::Whiteout { listing::WHITEOUT } else { "" };
            text.extend(entries.iter().map(|entry| format!("{}{}\n", shown(entry), mark(entry))));
        }
    }
    output::print(&text)
}

/// Aligned as `ls` does: numbers to the right, two spaces between.
fn columns(lines: &[[String; 7]]) -> String {
    let mut widths = [0; 7];
    for line in lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            // No format is wider.
            *width = cell.chars().count().min(usize::from(u16::MAX)).max(*width);
        }
    }
    let mut text = String::new();
    for [mode, user, group, size, time, layer, name] in lines {
        let [_, of_user, of_group, of_size, _, of_layer, _] = widths;
        text.push_str(&format!(
            "{mode}  {user:of_user$}  {group:of_group$}  {size:>of_size$}  {time}  {layer:>of_layer$}  {name}\n"
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::columns;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let row = |user: &str| ["m", user, "g", "1", "t", "2", "name"].map(str::to_owned);
        assert_eq!(
            columns(&[row("root"), row("me")]),
            "m  root  g  1  t  2  name\nm  me    g  1  t  2  name\n"
        );
        let long = "x".repeat(70_000);
        assert!(columns(&[row(&long), row("me")]).starts_with(&format!("m  {long}  g")));
    }
}
