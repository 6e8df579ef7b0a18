use std::io::{IsTerminal, Write};

use plywood::Error;
use plywood::prune::Options;

use super::Outcome;
use super::images::parse_filter;
use crate::arguments::Prune;
use crate::context::Context;
use crate::report::{Exit, Failure};
use crate::stdin::Patient;
use crate::{output, units};

pub(crate) fn run(context: &Context, arguments: &Prune) -> Outcome {
    let options = Options {
        all: arguments.all,
        filter: parse_filter(&arguments.filter)?,
        keep: arguments.keep,
        cache: arguments.cache,
        dry_run: arguments.dry_run,
    };
    // What can be made again nobody loses.
    if !arguments.force && !arguments.dry_run && !arguments.cache && !agreed(context, arguments)? {
        return Ok(Exit::Done);
    }
    let pruned = context.engine()?.prune(&options)?;
    let mut text = String::new();
    for removed in &pruned.removed {
        text.extend(removed.untagged.iter().map(|name| format!("untagged: {name}\n")));
        text.extend(removed.deleted.iter().map(|digest| format!("deleted: {digest}\n")));
    }
    if !text.is_empty() {
        text = format!("Deleted Images:\n{text}\n");
    }
    if options.dry_run {
        text = text.replacen("Deleted Images:", "Would delete:", 1);
        text.push_str(&format!(
            "Total space that would be reclaimed: {}\n",
            units::size_with_precision(pruned.bytes, 4)
        ));
    } else {
        text.push_str(&format!("Total reclaimed space: {}\n", units::size_with_precision(pruned.bytes, 4)));
    }
    output::print(&text)?;
    Ok(Exit::Done)
}

/// Asks, on a terminal; where nobody can be asked, nothing is removed unasked.
fn agreed(context: &Context, arguments: &Prune) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Misuse("nobody is there to be asked: say -f, or --dry-run".to_owned()));
    }
    let what = match (arguments.keep, arguments.all) {
        (Some(1), _) => "all images but the newest tag of each repository".to_owned(),
        (Some(n), _) => format!("all images but the {n} newest tags of each repository"),
        (None, true) => "all images".to_owned(),
        (None, false) => "all dangling images".to_owned(),
    };
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "WARNING! This will remove {what}.\nAre you sure you want to continue? [y/N] ");
    let answer = Patient::stdin(context).line().map_err(|e| {
        if context.interrupted() {
            Error::Interrupted.into()
        } else {
            Failure::Message(format!("cannot read the answer: {e}"))
        }
    })?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
