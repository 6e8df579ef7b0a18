use std::ffi::OsStr;
use std::io::IsTerminal;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use plywood::containers::{Copied, Options};
use plywood::{Engine, Error};

use super::Outcome;
use crate::arguments::Cp;
use crate::context::Context;
use crate::output;
use crate::report::{Exit, Failure, note};
use crate::stdin::Patient;

/// Where something is copied from, or to.
pub(crate) enum End {
    /// A path in a container or an image.
    Within { subject: String, path: Vec<u8> },
    /// A path of this machine.
    Here(PathBuf),
    /// A tar on stdin or stdout.
    Stream,
}

impl End {
    /// Reads `CONTAINER:PATH`, `IMAGE:PATH`, `PATH` or `-`, as Docker does: what begins with a slash or a dot is a path, and
    /// so is what has no colon. A name may have a colon of its own, before its tag: then the last `:/` divides, or else the
    /// last colon.
    pub(crate) fn parse(engine: &Engine<'_>, given: &OsStr) -> Result<Self, Failure> {
        let bytes = given.as_bytes();
        if bytes == b"-" {
            return Ok(Self::Stream);
        }
        let first = bytes.iter().position(|byte| *byte == b':');
        let Some(first) = first.filter(|at| *at > 0 && !bytes.starts_with(b"/") && !bytes.starts_with(b"."))
        else {
            return Ok(Self::Here(given.into()));
        };
        let divided = |at: usize| {
            let subject = String::from_utf8_lossy(bytes.get(..at).unwrap_or_default()).into_owned();
            (subject, bytes.get(at.saturating_add(1)..).unwrap_or_default().to_vec())
        };
        let (subject, path) = divided(first);
        match engine.container(&subject) {
            Ok(_) => return Ok(Self::Within { subject, path }),
            Err(Error::NoSuchContainer { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let before_slash = bytes.windows(2).rposition(|pair| pair == b":/");
        let last = before_slash.or_else(|| bytes.iter().rposition(|byte| *byte == b':'));
        let (subject, path) = divided(last.unwrap_or(first));
        Ok(Self::Within { subject, path })
    }
}

pub(crate) fn run(context: &Context, arguments: &Cp) -> Outcome {
    let engine = context.engine()?;
    let options = Options { archive: arguments.archive, follow: arguments.follow_link };
    let ends = (End::parse(&engine, &arguments.source)?, End::parse(&engine, &arguments.destination)?);
    for end in [&ends.0, &ends.1] {
        if let End::Within { subject, path } = end
            && path.is_empty()
        {
            return Err(Failure::Misuse(format!("{subject}: which path? The root is {subject}:/")));
        }
    }
    let copied = match ends {
        (End::Within { .. }, End::Within { .. }) => {
            return Err(Failure::Misuse("copying between containers is not supported".to_owned()));
        }
        (End::Here(_) | End::Stream, End::Here(_) | End::Stream) => {
            return Err(Failure::Misuse("must specify at least one container source".to_owned()));
        }
        (End::Here(from), End::Within { subject, path }) => {
            engine.copy_in(&container(&engine, &subject)?, &from, &path, options)?
        }
        (End::Stream, End::Within { subject, path }) => {
            if std::io::stdin().is_terminal() {
                return Err(Failure::Misuse("a terminal is no archive: use a pipe".to_owned()));
            }
            engine.extract_in(&container(&engine, &subject)?, Patient::stdin(context), &path)?
        }
        (End::Within { subject, path }, End::Here(to)) => {
            engine.copy_out(&files(&engine, &subject)?, &path, &to, options)?
        }
        (End::Within { subject, path }, End::Stream) => {
            if std::io::stdout().is_terminal() {
                return Err(Failure::Misuse("a terminal is no place for an archive: use a pipe".to_owned()));
            }
            engine.archive_out(&files(&engine, &subject)?, &path, &mut output::Stdout, options)?;
            Copied::default()
        }
    };
    copied.warnings.iter().for_each(|warning| note(warning));
    Ok(Exit::Done)
}

/// The container that is copied to. An image never changes.
fn container(engine: &Engine<'_>, subject: &str) -> Result<plywood::Container, Failure> {
    engine.container(subject).map_err(|none| match engine.view(subject, None) {
        Ok(_) => Failure::Message(format!(
            "{subject} is an image, which never changes: `ply create` a container of it"
        )),
        Err(_) => none.into(),
    })
}

fn files(engine: &Engine<'_>, subject: &str) -> Result<plywood::files::Files, Error> {
    engine.files(subject, None).map_err(|error| match error {
        // The words that Docker's users look for.
        Error::NoSuchImage { wanted, .. } => Error::NoSuchContainer { wanted },
        error => error,
    })
}
