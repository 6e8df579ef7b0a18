//! How failures are told: one line that says what failed, with which thing, and why; then what can be done.

use std::io::Write;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use plywood::{BlobError, DocumentError, Error, MountError};

use crate::escape::{self, Lines};
use crate::template::TemplateError;

/// How a verb ended that printed what it had to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    Failed,
    /// Something went wrong in a search: there `Failed` says that nothing was found.
    Trouble,
    /// Another program did, which ended so.
    #[cfg(feature = "run")]
    Code(u8),
}

/// How a verb failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The operation did.
    Engine(Error),
    /// A load did, so that nothing was loaded.
    Load(Error),
    /// A search did: what fails elsewhere with 1 fails here with 2.
    Search(Box<Failure>),
    /// Nothing could be run: Docker's exit code for it is 125.
    #[cfg(feature = "run")]
    Run(Box<Failure>),
    /// Nobody reads what we print any more.
    Closed,
    /// Something about the arguments is wrong that their parser cannot know.
    Misuse(String),
    /// Anything else.
    Message(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl From<TemplateError> for Failure {
    fn from(error: TemplateError) -> Self {
        Self::Message(error.to_string())
    }
}

/// Tells a failure and gives the exit code: 1 failed, 2 misused, 130 stopped.
pub(crate) fn report(failure: &Failure) -> ExitCode {
    match failure {
        Failure::Closed => ExitCode::FAILURE,
        Failure::Search(failure) => match report(failure) {
            ExitCode::FAILURE => ExitCode::from(2),
            code => code,
        },
        #[cfg(feature = "run")]
        Failure::Run(failure) => {
            report(failure);
            ExitCode::from(125)
        }
        Failure::Engine(Error::Misuse(why)) | Failure::Load(Error::Misuse(why)) | Failure::Misuse(why) => {
            say(why);
            ExitCode::from(2)
        }
        Failure::Engine(Error::Interrupted) | Failure::Load(Error::Interrupted) => stopped("stopped"),
        Failure::Message(why) => {
            say(why);
            ExitCode::FAILURE
        }
        Failure::Load(error) => {
            let hint = match hint(error) {
                Some(hint) if hint.ends_with("Nothing was loaded.") => hint,
                hint => format!("{}. Nothing was loaded.", hint.unwrap_or_default()),
            };
            say(&format!("{}{hint}", chain(error)));
            ExitCode::FAILURE
        }
        Failure::Engine(error) => {
            if is_closed_pipe(error) {
                return ExitCode::FAILURE;
            }
            tell(error);
            ExitCode::FAILURE
        }
    }
}

/// Tells that somebody pressed Ctrl-C, and what became of the work.
pub(crate) fn stopped(what: &str) -> ExitCode {
    say(what);
    ExitCode::from(130)
}

/// Tells an error of an operation, its causes, and a hint where there is one.
pub(crate) fn tell(error: &Error) {
    say(&format!("{}{}", chain(error), hint(error).unwrap_or_default()));
}

/// The same for a search; `flag` is what makes it look at what a layer took away.
pub(crate) fn tell_search(error: &Error, flag: &str) {
    let Error::NoSuchFile { gone: Some((by, before)), .. } = error else { return tell(error) };
    let (by, before) = (by.ordinal(), before.ordinal());
    say(&format!("{}. Layer {by} took it away; {flag} finds what layer {before} still has", chain(error)));
}

/// A note to people: nothing failed.
pub(crate) fn note(text: &str) {
    say(text);
}

fn say(text: &str) {
    let text = without_numbers(text);
    let text = escape::text(&text, Lines::Keep);
    // Where stderr is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "ply: {text}");
}

/// What the argument parser says, in our words; help and version are no failure.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ = write!(std::io::stdout(), "{}", error.render());
        return ExitCode::SUCCESS;
    }
    if let Some(why) = not_yet(error) {
        say(&why);
        return ExitCode::from(2);
    }
    let text = error.render().to_string();
    let _ = write!(
        std::io::stderr(),
        "{}",
        text.strip_prefix("error: ").map_or_else(|| text.clone(), |t| format!("ply: {t}"))
    );
    ExitCode::from(2)
}

/// Verbs of Docker's that are to come, and what does their work meanwhile.
fn not_yet(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(verb)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let instead = match verb.as_str() {
        #[cfg(not(feature = "registry"))]
        "pull" => "`skopeo copy docker://NAME oci-archive:FILE`, then `ply load -i FILE`",
        #[cfg(not(feature = "registry"))]
        "push" => "`ply save --format oci -o FILE NAME`, then `skopeo copy oci-archive:FILE docker://NAME`",
        #[cfg(not(feature = "registry"))]
        "login" | "logout" => "`skopeo login`",
        #[cfg(not(feature = "run"))]
        "run" => "`podman run docker-archive:FILE`, after `ply save -o FILE`",
        "exec" | "start" | "stop" | "restart" | "kill" | "wait" | "logs" | "attach" | "top" => {
            "what `ply run` runs ends with it; `podman run docker-archive:FILE` goes on, after `ply save -o FILE`"
        }
        "build" => "`buildah build`, then `buildah push IMAGE docker-archive:FILE` and `ply load -i FILE`",
        _ => return None,
    };
    Some(format!("{verb} is not there yet: {instead}"))
}

/// An error and its causes on one line, none told twice.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if cause_text.contains(&text) {
            // A cause that names the place itself says it all: `app.tar: cannot open app.tar`.
            text = cause_text;
        } else if !cause_text.is_empty() && !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

/// The system's words without its numbers: `No such file or directory (os error 2)`.
fn without_numbers(text: &str) -> String {
    let mut parts = text.split(" (os error ");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(')') {
            Some((number, rest)) if number.bytes().all(|byte| byte.is_ascii_digit()) => plain.push_str(rest),
            _ => plain.push_str(&format!(" (os error {part}")),
        }
    }
    plain
}

/// The first of an error and its causes that is one of ours with a hint.
fn hint(error: &Error) -> Option<String> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(at) = next {
        match at.downcast_ref::<Error>() {
            Some(Error::NoSuchImage { wanted, .. }) if std::path::Path::new(wanted).exists() => {
                return Some(format!(". There is a file of that name: write ./{wanted}"));
            }
            #[cfg(feature = "registry")]
            Some(Error::Registry(plywood::registry::RegistryError::Unauthorized { registry, .. })) => {
                return Some(format!(". `ply login {registry}` lets you in, where you may"));
            }
            Some(Error::NoSuchImage { nearest: Some(nearest), .. }) => {
                return Some(format!(". Did you mean {nearest}?"));
            }
            Some(Error::Mount(MountError::NotPermitted)) => {
                return Some(". `ply unpack` needs no privilege".to_owned());
            }
            Some(Error::Mount(MountError::Fuse { .. })) => {
                return Some(
                    ". It takes /dev/fuse, and fusermount3 of the package fuse3; `ply unpack` needs neither"
                        .to_owned(),
                );
            }
            Some(Error::Mount(MountError::Refused { log, .. })) if log.is_empty() => {
                return Some(". `dmesg` may say why".to_owned());
            }
            Some(Error::Mount(MountError::IndexPlace | MountError::Loop { .. })) => {
                return Some(". With TMPDIR in a folder on a disk it can be mounted".to_owned());
            }
            Some(Error::NotInArchive { names, .. }) if !names.is_empty() => {
                return Some(format!("; it holds {}", names.join(", ")));
            }
            Some(
                Error::Document(DocumentError::Blob(BlobError::Absent(_)))
                | Error::Blob(BlobError::Absent(_)),
            ) => {
                return Some(
                    ". `ply check --repair ARCHIVE` takes it from any archive that has it".to_owned(),
                );
            }
            Some(Error::Ambiguous { candidates, .. }) => {
                let list: Vec<String> = candidates
                    .iter()
                    .map(|c| {
                        let names =
                            if c.names.is_empty() { "no name".to_owned() } else { c.names.join(", ") };
                        format!("{} ({names})", c.id.short())
                    })
                    .collect();
                return Some(format!(": {}", list.join(", ")));
            }
            Some(Error::NoSuchFile { gone: Some((by, before)), .. }) => {
                let (by, before) = (by.ordinal(), before.ordinal());
                return Some(format!(". Layer {by} took it away; --layer {before} still has it"));
            }
            Some(Error::LayersMissing { layers }) => {
                let mut text = ":".to_owned();
                for layer in layers {
                    let by = crate::table::ellipsis(&layer.created_by, 60);
                    text.push_str(&format!("\n  {}  {by}", layer.diff_id));
                    // A name that is the digest once more tells nobody anything.
                    if !layer.wanted.contains(&layer.diff_id.0.hex()) {
                        text.push_str(&format!(" ({})", layer.wanted));
                    }
                }
                text.push_str(
                    "\nLoad the image they belong to first, or save without --without. Nothing was loaded.",
                );
                return Some(text);
            }
            _ => {}
        }
        next = at.source();
    }
    None
}

pub(crate) fn is_closed_pipe(error: &Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(at) = next {
        if at.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe) {
            return true;
        }
        next = at.source();
    }
    false
}
