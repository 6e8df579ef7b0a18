use std::io::IsTerminal;

use plywood::load::{Input, Loaded, Options};
use serde::Serialize;

use super::{Outcome, new_name, platforms};
use crate::arguments::{LineFormat, Load};
use crate::context::Context;
use crate::output;
use crate::report::{Exit, Failure, note};

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
            engine.load(Input::Stream(Box::new(Stdin { stdin, context })), &options)
        }
    };
    let loaded = loaded.map_err(Failure::Load)?;
    print(&loaded, arguments.format)?;
    for platform in &loaded.absent {
        note(&format!("the archive has nothing for platform {platform}"));
    }
    Ok(if loaded.absent.is_empty() { Exit::Done } else { Exit::Failed })
}

fn print(loaded: &Loaded, format: Option<LineFormat>) -> Result<(), Failure> {
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

/// Stdin without the small buffer of the standard library: blocks go straight from the pipe to where they are used.
/// Ctrl-C ends the wait for a writer that has nothing to say.
struct Stdin<'a> {
    stdin: std::io::Stdin,
    context: &'a Context,
}

impl std::io::Read for Stdin<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let now_and_then = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
        let mut waiting = [PollFd::new(&self.stdin, PollFlags::IN)];
        loop {
            match poll(&mut waiting, Some(&now_and_then)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(rustix::io::read(&self.stdin, buffer)?),
                Err(error) => return Err(error.into()),
            }
            if self.context.interrupted() {
                return Err(std::io::Error::other("stopped"));
            }
        }
    }
}
