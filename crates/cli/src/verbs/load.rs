use std::io::IsTerminal;

use plywood::load::{Input, Loaded, Options};
use serde::Serialize;

use super::{Outcome, new_name, platforms};
use crate::arguments::{LineFormat, Load};
use crate::context::Context;
use crate::output;
use crate::report::{Exit, Failure, note};
use crate::stdin::{Patient, is_fifo};

/// A line of `--format json`.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "Name")]
    name: Option<String>,
    #[serde(rename = "Id")]
    id: &'a ply_digest::Digest,
}

pub(crate) fn run(context: &Context, arguments: &Load) -> Outcome {
    let options = Options {
        platforms: platforms(arguments.platform.as_deref())?,
        only: arguments.only.clone(),
        tag: arguments.tag.as_deref().map(new_name).transpose()?,
        no_clobber: arguments.no_clobber,
    };
    let engine = if arguments.quiet { context.quiet_engine()? } else { context.engine()? };
    let loaded = match &arguments.input {
        #[cfg(feature = "registry")]
        Some(path) if daemon(path).is_some() => {
            engine.load_from_daemon(daemon(path).unwrap_or_default(), &options)
        }
        Some(path) if is_fifo(path) => {
            let fifo = Patient::fifo(path, context);
            let fifo = fifo.map_err(|e| Failure::Message(format!("cannot open {}: {e}", path.display())))?;
            engine.load(Input::Stream(Box::new(fifo)), &options)
        }
        Some(path) => engine.load(Input::Path(path), &options),
        None => {
            let stdin = std::io::stdin();
            if stdin.is_terminal() {
                return Err(Failure::Misuse(
                    "a terminal is no archive: use -i FILE, or a pipe (requested load from stdin, but stdin is empty)"
                        .to_owned(),
                ));
            }
            // Docker's pipes hold 64 KiB; a larger one means fewer switches between the two ends.
            let _ = rustix::pipe::fcntl_setpipe_size(&stdin, 1 << 20);
            engine.load(Input::Stream(Box::new(Patient::stdin(context))), &options)
        }
    };
    let loaded = loaded.map_err(Failure::Load)?;
    print(&loaded, arguments.format)?;
    for platform in &loaded.absent {
        note(&format!("the archive has nothing for platform {platform}"));
    }
    Ok(if loaded.absent.is_empty() { Exit::Done } else { Exit::Failed })
}

/// `docker-daemon:NAME`.
#[cfg(feature = "registry")]
fn daemon(path: &std::path::Path) -> Option<&str> {
    path.to_str()?.strip_prefix("docker-daemon:")
}

pub(super) fn print(loaded: &Loaded, format: Option<LineFormat>) -> Result<(), Failure> {
    for (name, old) in &loaded.moved {
        let name = name.familiar();
        let text =
            format!("The image {name} already exists, renaming the old one with ID {old} to empty string");
        if format.is_none() { output::line(&text)? } else { note(&text) }
    }
    for image in &loaded.images {
        let names = image.names.iter().map(|n| Some(n.familiar()));
        let names: Vec<_> = if image.names.is_empty() { vec![None] } else { names.collect() };
        for name in names {
            match (format, name) {
                (Some(LineFormat::Json), name) => output::json_line(&Line { name, id: &image.id })?,
                (None, Some(name)) => output::line(&format!("Loaded image: {name}"))?,
                (None, None) => output::line(&format!("Loaded image ID: {}", image.id))?,
            }
        }
    }
    Ok(())
}
