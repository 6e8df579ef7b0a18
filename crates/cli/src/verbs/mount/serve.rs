//! Mounts that a process of ours serves: by this one, or by one that stays when this one ends.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use plywood::mount::Served;

use super::Outcome;
use crate::arguments::Mount;
use crate::context::Context;
use crate::report::{Exit, Failure, tell};

/// What the process that stays says when the mount is there.
const READY: &[u8] = b".";
/// How long it takes until somebody who pressed Ctrl-C is heard.
const HEED: Duration = Duration::from_millis(50);

/// Starts this program once more, to serve a mount, and waits until it is there.
pub(super) fn elsewhere(context: &Context, arguments: &Mount) -> Outcome {
    let failed =
        |error: std::io::Error| Failure::Message(format!("cannot start the process that serves: {error}"));
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command
        .arg("--store")
        .arg(std::path::absolute(context.store()).map_err(failed)?)
        .args(["mount", "--serve"]);
    let flags = [
        (arguments.suid, "--suid"),
        (arguments.dev, "--dev"),
        (arguments.verify, "--verify"),
        (arguments.cache, "--cache"),
    ];
    command.args(flags.iter().filter(|(is_given, _)| *is_given).map(|(_, flag)| flag));
    command.args(arguments.platform.iter().map(|platform| format!("--platform={platform}")));
    command.arg("--").args(&arguments.image).args(&arguments.dir);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
    let mut said = Vec::new();
    if let Some(mut out) = child.stdout.take() {
        out.read_to_end(&mut said).map_err(failed)?;
    }
    if said == READY {
        return Ok(Exit::Done);
    }
    // It has said on stderr what was wrong.
    match child.wait().map_err(failed)?.code() {
        Some(2) => Ok(Exit::Trouble),
        _ => Ok(Exit::Failed),
    }
}

/// Serves a mount until somebody unmounts it; Ctrl-C does. With `detached`, says when it is there, and goes on alone.
pub(super) fn here(context: &Context, served: Served, dir: &Path, detached: bool) -> Outcome {
    let within = |error: std::io::Error| Failure::Message(format!("{}: {error}", dir.display()));
    let dir = &*std::path::absolute(dir).map_err(within)?;
    if detached {
        detach().map_err(|error| Failure::Message(format!("cannot go on alone: {error}")))?;
    }
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            loop {
                match is_done.recv_timeout(HEED) {
                    Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
                    _ => return,
                }
                // What is in use stays: it is tried again.
                let unmounted = || context.engine()?.unmount(dir);
                if context.interrupted()
                    && let Err(error) = unmounted()
                {
                    tell(&error);
                    std::thread::sleep(Duration::from_secs(1));
                }
            }
        });
        let ended = served.serve();
        drop(done);
        ended
    })?;
    Ok(Exit::Done)
}

/// Says that the mount is there, and lets go of the terminal and the folder that it was started from.
fn detach() -> std::io::Result<()> {
    let nothing = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    let mut stdout = std::io::stdout();
    stdout.write_all(READY)?;
    stdout.flush()?;
    std::env::set_current_dir("/")?;
    // Only the leader of a group is refused, who has nothing to lose.
    let _ = rustix::process::setsid();
    rustix::stdio::dup2_stdout(&nothing)?;
    rustix::stdio::dup2_stderr(&nothing)?;
    Ok(())
}
