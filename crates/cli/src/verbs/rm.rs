use plywood::Error;

use super::Outcome;
use crate::arguments::Rm;
use crate::context::Context;
use crate::output;
use crate::report::{Exit, tell};

/// Prints what was asked for, as Docker does.
pub(crate) fn run(context: &Context, arguments: &Rm) -> Outcome {
    let engine = context.engine()?;
    let mut exit = Exit::Done;
    for wanted in &arguments.containers {
        match engine.remove_container(wanted, arguments.force) {
            Ok(()) => output::line(wanted)?,
            Err(error) => {
                tell(&error);
                if !(arguments.force && matches!(error, Error::NoSuchContainer { .. })) {
                    exit = Exit::Failed;
                }
            }
        }
    }
    Ok(exit)
}
