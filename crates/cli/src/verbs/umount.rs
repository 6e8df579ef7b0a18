use super::Outcome;
use crate::arguments::Umount;
use crate::context::Context;
use crate::report::{Exit, tell};

pub(crate) fn run(context: &Context, arguments: &Umount) -> Outcome {
    let engine = context.engine()?;
    let mut exit = Exit::Done;
    for dir in &arguments.dirs {
        if let Err(error) = engine.unmount(dir) {
            tell(&error);
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}
