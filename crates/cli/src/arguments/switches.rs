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
            // What follows is a command of somebody else's.
            None if begins_command(&word, &kept, at) => {
                kept.push(word);
                kept.extend(args.by_ref());
                break;
            }
            None => {
                let below = word.to_str().and_then(|name| at.find_subcommand(name));
                at = below.unwrap_or(at);
                kept.push(word);
            }
        }
    }
    kept
}

/// Whether a word is the first of those that are no options of a verb that takes a command: neither an option, nor the value
/// of the one before.
fn begins_command(word: &OsString, before: &[OsString], verb: &Command) -> bool {
    let is_option = word.to_str().is_some_and(|word| word.starts_with('-') && word != "-");
    let is_value =
        before.last().and_then(|word| word.to_str()).is_some_and(|option| takes_value(option, verb));
    verb.get_arguments().any(Arg::is_trailing_var_arg_set) && !is_option && !is_value
}

/// Whether an option's value is the next word.
fn takes_value(option: &str, verb: &Command) -> bool {
    let takes = |arg: Option<&Arg>| arg.is_some_and(|arg| arg.get_action().takes_values());
    if let Some(long) = option.strip_prefix("--") {
        return takes(verb.get_arguments().find(|arg| arg.get_long() == Some(long)));
    }
    let Some(letters) = option.strip_prefix('-') else { return false };
    // `-itu root`: the first that takes one takes what is left of the word, if anything is.
    let of = |letter: char| verb.get_arguments().find(|arg| arg.get_short() == Some(letter));
    let first = letters.char_indices().find(|(_, letter)| takes(of(*letter)));
    first.is_some_and(|(at, letter)| at.saturating_add(letter.len_utf8()) == letters.len())
}

/// Whether somebody asked for `run`, whatever else is wrong with it.
pub(crate) fn is_run(args: &[OsString]) -> bool {
    let mut words = args.iter().skip(1).filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        match word {
            "--store" | "--threads" => drop(words.next()),
            "container" => {}
            word if word.starts_with('-') => {}
            word => return word == "run",
        }
    }
    false
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
    fn run_is_known_by_its_word() {
        let check = |line: &str, expect: bool| {
            let words: Vec<std::ffi::OsString> = line.split(' ').map(Into::into).collect();
            assert_eq!(super::is_run(&words), expect, "{line}");
        };
        check("ply run --bad", true);
        check("ply --store run run -x", true);
        check("ply --store=run rmi run", false);
        check("ply container run -x", true);
        check("ply container rm run", false);
        check("ply", false);
    }

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
        // A command of somebody else's has switches of its own.
        check("ply create --name try app -v=true", "ply create --name try app -v=true");
        check("ply run --rm=true -it=false app ls --rm=true", "ply run --rm -it=false app ls --rm=true");
        check("ply run -e A --rm=false app x --rm=false", "ply run -e A app x --rm=false");
        check("ply run -itu root --rm=true app x", "ply run -itu root --rm app x");
        check("ply run -uroot app --rm=true", "ply run -uroot app --rm=true");
    }
}
