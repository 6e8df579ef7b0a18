use std::io::IsTerminal;

use plywood::import::Options;
use plywood::load::Input;
use plywood::{Change, Platform};

use super::{Outcome, made_at, new_name, platform};
use crate::arguments::Import;
use crate::context::Context;
use crate::output;
use crate::report::{Exit, Failure};
use crate::stdin::{Patient, is_fifo};

/// Prints the ID, as Docker does.
pub(crate) fn run(context: &Context, arguments: &Import) -> Outcome {
    let shown = arguments.file.to_string_lossy();
    if shown.contains("://") {
        return Err(Failure::Misuse(format!(
            "{shown}: nothing is fetched here. Download it first: `curl -L {shown} | ply import -`"
        )));
    }
    let changes = arguments.change.iter().map(|change| Change::parse(change));
    let options = Options {
        names: arguments.name.as_deref().map(new_name).transpose()?.into_iter().collect(),
        changes: changes.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect(),
        message: arguments.message.clone(),
        platform: arguments.platform.as_deref().map(platform).transpose()?.unwrap_or_else(Platform::host),
        created: made_at()?,
    };
    let engine = context.engine()?;
    let made = if shown == "-" {
        let stdin = std::io::stdin();
        if stdin.is_terminal() {
            return Err(Failure::Misuse("a terminal is no archive: name a FILE, or use a pipe".to_owned()));
        }
        // As for `load`: fewer switches between the two ends.
        let _ = rustix::pipe::fcntl_setpipe_size(&stdin, 1 << 20);
        engine.import(Input::Stream(Box::new(Patient::stdin(context))), &options)?
    } else if is_fifo(&arguments.file) {
        let fifo = Patient::fifo(&arguments.file, context);
        let fifo = fifo.map_err(|e| Failure::Message(format!("cannot open {shown}: {e}")))?;
        engine.import(Input::Stream(Box::new(fifo)), &options)?
    } else {
        engine.import(Input::Path(&arguments.file), &options)?
    };
    output::line(&made.id.to_string())?;
    Ok(Exit::Done)
}
