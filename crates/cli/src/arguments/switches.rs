//! `-q=false`, `--no-trunc=true`: Go's flags take a value even where they are switches, and scripts say so.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

/// The arguments with each switch as clap takes it: there, or not there.
pub(crate) fn plain(args: impl IntoIterator<Item = OsString>, command: &Command) -> Vec<OsString> {
    let mut at = command;
    let mut kept = Vec::new();
    let mut args = args.into_iter();
    kept.extend(args.next());
    while let Some(word) = args.next() {
        if word == "--" {
            kept.push(word);
            kept.extend(args.by_ref());
            break;
        }
        match word.to_str().and_then(|text| value_of(text, at)) {
            Some((switch, true)) => kept.push(switch.into()),
            Some((_, false)) => {}
            None => {
                let below = word.to_str().and_then(|name| at.find_subcommand(name));
                at = below.unwrap_or(at);
                kept.push(word);
            }
        }
    }
    kept
}

/// A switch with a value, and what that says.
fn value_of<'a>(text: &'a str, command: &Command) -> Option<(&'a str, bool)> {
    let (switch, value) = text.split_once('=')?;
    let is_meant = |arg: &&Arg| match switch.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => switch.strip_prefix('-').is_some_and(|short| {
            let mut letters = short.chars();
            letters.next() == arg.get_short() && arg.get_short().is_some() && letters.next().is_none()
        }),
    };
    let arg = command.get_arguments().find(is_meant)?;
    // What Go's strconv.ParseBool takes.
    let value = match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
        "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
        _ => return None,
    };
    matches!(arg.get_action(), ArgAction::SetTrue).then_some((switch, value))
}

#[cfg(test)]
mod tests {
    use super::plain;
    use clap::CommandFactory;

    #[test]
    fn switches_take_what_gos_take() {
        let check = |given: &str, expect: &str| {
            let words = given.split(' ').map(Into::into);
            let found = plain(words, &crate::arguments::Arguments::command());
            let found: Vec<_> = found.iter().map(|word| word.to_str().unwrap()).collect();
            assert_eq!(found.join(" "), expect, "{given}");
        };
        check("ply images -q=true", "ply images -q");
        check("ply images -q=false --no-trunc=false -a", "ply images -a");
        check("ply image ls --digests=1 --quiet=0", "ply image ls --digests");
        check("ply images -q=maybe", "ply images -q=maybe");
        check("ply images --format=true", "ply images --format=true");
        check("ply history --human=false x", "ply history --human=false x");
        check("ply rmi -- -f=false", "ply rmi -- -f=false");
        check("ply -q=false images", "ply -q=false images");
    }
}
