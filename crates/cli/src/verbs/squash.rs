use plywood::squash::Options;

use super::{Outcome, made_at, new_name, platform};
use crate::arguments::Squash;
use crate::context::Context;
use crate::output;
use crate::report::Exit;

/// Prints the ID.
pub(crate) fn run(context: &Context, arguments: &Squash) -> Outcome {
    let platform = arguments.platform.as_deref().map(platform).transpose()?;
    let options = Options {
        from: arguments.from.clone(),
        names: arguments.tag.iter().map(|name| new_name(name)).collect::<Result<_, _>>()?,
        message: arguments.message.clone(),
        created: made_at()?,
    };
    let made = context.engine()?.squash(&arguments.image, platform.as_ref(), &options)?;
    output::line(&made.id.to_string())?;
    Ok(Exit::Done)
}
