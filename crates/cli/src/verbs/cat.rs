use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use plywood::Error;

use super::{Outcome, platform};
use crate::arguments::Cat;
use crate::context::Context;
use crate::output::Stdout;
use crate::report::{Exit, Failure, tell};

pub(crate) fn run(context: &Context, arguments: &Cat) -> Outcome {
    let platform = arguments.platform.as_deref().map(platform).transpose()?;
    let files = context.engine()?.files(&arguments.image, platform.as_ref())?;
    let layer = arguments.layer.as_deref().map(|layer| files.choose(layer)).transpose()?;
    let mut exit = Exit::Done;
    for path in &arguments.paths {
        match files.cat(path.as_bytes(), layer, &mut Stdout) {
            Ok(()) => {}
            // The rest would go nowhere either.
            Err(error) if context.interrupted() || is_closed(&error) => return Err(Failure::Engine(error)),
            Err(error) => {
                tell(&error);
                exit = Exit::Failed;
            }
        }
    }
    Stdout.flush().map_err(|e| Failure::Message(format!("cannot write to stdout: {e}")))?;
    Ok(exit)
}

fn is_closed(error: &Error) -> bool {
    crate::report::is_closed_pipe(error)
}
