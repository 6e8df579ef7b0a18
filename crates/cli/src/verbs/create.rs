use plywood::containers::Create;

use super::{Outcome, platform};
use crate::arguments;
use crate::context::Context;
use crate::output;
use crate::report::Exit;

/// Prints the ID, as Docker does.
pub(crate) fn run(context: &Context, arguments: &arguments::Create) -> Outcome {
    let options = Create {
        name: arguments.name.clone(),
        platform: arguments.platform.as_deref().map(platform).transpose()?,
        command: arguments.command.clone(),
    };
    let container = context.engine()?.create(&arguments.image, &options)?;
    output::line(&container.id.to_string())?;
    Ok(Exit::Done)
}
