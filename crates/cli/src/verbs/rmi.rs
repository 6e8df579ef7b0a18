use plywood::Error;
use plywood::remove::Removed;

use super::Outcome;
use crate::arguments::Rmi;
use crate::context::Context;
use crate::output;
use crate::report::{Exit, Failure, tell};

pub(crate) fn run(context: &Context, arguments: &Rmi) -> Outcome {
    let engine = context.engine()?;
    let mut exit = Exit::Done;
    for wanted in &arguments.images {
        match engine.remove(wanted, arguments.force) {
            Ok(removed) => print(&removed)?,
            Err(error) => {
                tell(&error);
                if !(arguments.force && matches!(error, Error::NoSuchImage { .. })) {
                    exit = Exit::Failed;
                }
            }
        }
    }
    Ok(exit)
}

fn print(removed: &Removed) -> Result<(), Failure> {
    let untagged = removed.untagged.iter().map(|name| format!("Untagged: {name}\n"));
    let deleted = removed.deleted.iter().map(|digest| format!("Deleted: {digest}\n"));
    output::print(&untagged.chain(deleted).collect::<String>())
}
