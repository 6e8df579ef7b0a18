use plywood::Change;
use plywood::containers::Commit;

use super::{Outcome, made_at, new_name};
use crate::arguments;
use crate::context::Context;
use crate::output;
use crate::report::Exit;

/// Prints the ID, as Docker does.
pub(crate) fn run(context: &Context, arguments: &arguments::Commit) -> Outcome {
    let changes = arguments.change.iter().map(|change| Change::parse(change));
    let options = Commit {
        names: arguments.name.as_deref().map(new_name).transpose()?.into_iter().collect(),
        changes: changes.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect(),
        message: arguments.message.clone(),
        author: arguments.author.clone(),
        created: made_at()?,
    };
    let engine = context.engine()?;
    let made = engine.commit(&engine.container(&arguments.container)?, &options)?;
    output::line(&made.id.to_string())?;
    Ok(Exit::Done)
}
