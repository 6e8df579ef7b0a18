use std::io::IsTerminal;
use std::os::unix::ffi::OsStrExt;

use super::{Outcome, platform};
use crate::arguments::Export;
use crate::context::Context;
use crate::output;
use crate::report::{Exit, Failure, note};

pub(crate) fn run(context: &Context, arguments: &Export) -> Outcome {
    if arguments.output.is_none() && std::io::stdout().is_terminal() {
        return Err(Failure::Misuse(
            "a terminal is no place for an archive: use -o FILE, or a pipe".to_owned(),
        ));
    }
    let platform = arguments.platform.as_deref().map(platform).transpose()?;
    let engine = context.engine()?;
    let files = if arguments.paths.is_empty() {
        engine.files_made_plain(&arguments.image, platform.as_ref())?
    } else {
        engine.files(&arguments.image, platform.as_ref())?
    };
    let paths: Vec<&[u8]> = arguments.paths.iter().map(|path| path.as_bytes()).collect();
    let export = files.export(&paths)?;
    match &arguments.output {
        Some(path) => engine.export_file(&export, path)?,
        None => engine.export_stream(&export, &mut output::Stdout)?,
    }
    export.warnings.iter().for_each(|warning| note(warning));
    Ok(Exit::Done)
}
