use super::{Outcome, new_name};
use crate::arguments::Tag;
use crate::context::Context;
use crate::report::Exit;

/// Silent, as Docker is.
pub(crate) fn run(context: &Context, arguments: &Tag) -> Outcome {
    let name = new_name(&arguments.name)?;
    context.engine()?.tag(&arguments.image, &name)?;
    Ok(Exit::Done)
}
