use serde::Serialize;

use super::Outcome;
use crate::arguments::Search;
use crate::context::Context;
use crate::escape::{self, Lines};
use crate::output;
use crate::report::{Exit, Failure};

/// A line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "Name")]
    name: &'a str,
    #[serde(rename = "Tag")]
    tag: &'a str,
}

pub(crate) fn run(context: &Context, arguments: &Search) -> Outcome {
    let text = arguments.name.strip_prefix("docker://").unwrap_or(&arguments.name);
    let name = ply_reference::Name::parse(text).map_err(plywood::Error::from)?;
    let tags = context.engine()?.tags(&name)?;
    let shown = tags.iter().take(arguments.limit.unwrap_or(usize::MAX));
    let familiar = name.familiar();
    for tag in shown {
        if arguments.json {
            output::json_line(&Line { name: &familiar, tag })?;
        } else {
            output::line(&escape::text(tag, Lines::Escape))?;
        }
    }
    if tags.is_empty() {
        return Err(Failure::Message(format!("{familiar} has no tags")));
    }
    Ok(Exit::Done)
}
