use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI32, Ordering};

use plywood::Error;
use plywood::run::{Run, Volume};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::Signals;

use super::{Outcome, platform};
use crate::arguments;
use crate::context::Context;
use crate::report::{Exit, Failure};

/// What is passed on to the command.
const PASSED_ON: [i32; 8] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH];

/// The exit code is the command's, or Docker's: 125 where nothing was run, 126 for what is no program, 127 for what is not
/// there.
pub(crate) fn run(context: &Context, arguments: &arguments::Run) -> Outcome {
    match ended(context, arguments) {
        Ok(code) => Ok(Exit::Code(code)),
        // The runtime has said so on stderr.
        Err(Failure::Engine(Error::NotExecutable { why })) => {
            let is_absent =
                ["not found", "no such file"].iter().any(|word| why.to_lowercase().contains(word));
            Ok(Exit::Code(if is_absent { 127 } else { 126 }))
        }
        Err(failure) => Err(Failure::Run(Box::new(failure))),
    }
}

fn ended(context: &Context, arguments: &arguments::Run) -> Result<u8, Failure> {
    let is_terminal = std::io::stdin().is_terminal();
    if arguments.tty && !(is_terminal || !arguments.interactive && std::io::stdout().is_terminal()) {
        return Err(Failure::Message("the input device is not a TTY".to_owned()));
    }
    let run = Run {
        name: arguments.name.clone(),
        platform: arguments.platform.as_deref().map(platform).transpose()?,
        remove: arguments.rm,
        interactive: arguments.interactive,
        terminal: arguments.tty,
        env: arguments.env.iter().filter_map(|given| variable(given)).collect(),
        workdir: arguments.workdir.clone(),
        user: arguments.user.clone(),
        entrypoint: arguments.entrypoint.clone(),
        volumes: arguments.volume.iter().map(|given| volume(given)).collect::<Result<_, _>>()?,
        no_network: arguments.network == arguments::Network::None,
        runtime: arguments.runtime.clone(),
        command: arguments.command.clone(),
    };
    let engine = context.quiet_engine()?;
    let process = AtomicI32::new(0);
    let unheard = |error| Failure::Message(format!("cannot listen for signals: {error}"));
    let mut signals = Signals::new(PASSED_ON).map_err(unheard)?;
    let handle = signals.handle();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for signal in signals.forever() {
                let to = Pid::from_raw(process.load(Ordering::Acquire));
                if let (Some(to), Some(signal)) = (to, Signal::from_named_raw(signal)) {
                    let _ = kill_process(to, signal);
                }
            }
        });
        let started = |id: u32| process.store(id.cast_signed(), Ordering::Release);
        let ended = engine.run(&arguments.image, &run, &started);
        handle.close();
        Ok(ended?)
    })
}

/// A variable without a value has that of this process, or none.
fn variable(given: &str) -> Option<String> {
    match given.contains('=') {
        true => Some(given.to_owned()),
        false => Some(format!("{given}={}", std::env::var_os(given)?.to_string_lossy())),
    }
}

/// `HOST:DIR[:OPTION,…]`, as Docker reads it.
fn volume(given: &str) -> Result<Volume, Failure> {
    let refused = |why: &str| Failure::Misuse(format!("invalid volume {given:?}: {why}"));
    let mut parts = given.split(':');
    let (Some(host), Some(at), options, None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(refused("write HOST:DIR, and :ro after it where nothing is to be written"));
    };
    if !at.starts_with('/') || at.trim_matches('/').is_empty() {
        return Err(refused("the place in the container must be an absolute path, and not its root"));
    }
    if !(host.starts_with('/') || host.starts_with('.')) {
        return Err(refused("there are no named volumes here; write a path"));
    }
    let mut read_only = false;
    for option in options.into_iter().flat_map(|options| options.split(',')) {
        match option {
            "ro" => read_only = true,
            "rw" | "z" | "Z" | "rprivate" | "private" => {}
            _ => return Err(refused("the options are ro and rw")),
        }
    }
    Ok(Volume { host: PathBuf::from(host), at: at.to_owned(), read_only })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_dockers() {
        let check = |given: &str, expect: Option<(&str, &str, bool)>| {
            let found = volume(given).ok();
            let found = found.as_ref().map(|v| (v.host.to_str().unwrap(), v.at.as_str(), v.read_only));
            assert_eq!(found, expect, "{given}");
        };
        check("/a:/b", Some(("/a", "/b", false)));
        check("./a:/b:ro", Some(("./a", "/b", true)));
        check("/a:/b:rw,z", Some(("/a", "/b", false)));
        check("/a", None);
        check("name:/b", None);
        check("/a:b", None);
        check("/a:/", None);
        check("/a:/b:x", None);
        check("/a:/b:ro:rw", None);
    }
}
