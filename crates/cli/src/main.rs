//! The `ply` command: arguments in, tables and JSON out. What is done is done by the `plywood` crate.
// Neither an index nor arithmetic on input panics; `cargo xtask tidy` wants this line of each library.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::arithmetic_side_effects,
        clippy::unreachable
    )
)]

mod arguments;
mod bars;
mod command;
mod complete;
mod context;
mod escape;
mod help;
mod listing;
mod output;
mod report;
mod stdin;
mod table;
mod template;
mod units;
mod verbs;
mod when;

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use crate::arguments::{Arguments, switches};
use crate::context::Context;
use crate::report::{Exit, Failure, report};

fn parsed(mut matches: ArgMatches) -> Result<Arguments, clap::Error> {
    Arguments::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut Arguments::command()))
}

fn main() -> ExitCode {
    clap_complete::CompleteEnv::with_factory(Arguments::command).complete();
    // Made once: there are many verbs, and it is a good part of what a short command takes.
    let command = Arguments::command();
    let args = switches::plain(std::env::args_os(), &command);
    let arguments = match command.try_get_matches_from(&args).and_then(parsed) {
        Ok(arguments) => arguments,
        // Docker's own for a `run` that it did not understand.
        Err(error) if error.use_stderr() && switches::is_run(&args) => {
            report::usage(&error);
            return ExitCode::from(125);
        }
        Err(error) => return report::usage(&error),
    };
    let context = match Context::new(&arguments.global, arguments.verb.listens()) {
        Ok(context) => context,
        Err(error) => return report(&error.into()),
    };
    let stopped = arguments.verb.when_stopped();
    let ended = verbs::run(&context, arguments.verb);
    // Bars that are still drawn would wipe what is said next.
    context.hide_bars();
    match ended {
        Ok(Exit::Done) => ExitCode::SUCCESS,
        Ok(Exit::Failed) => ExitCode::FAILURE,
        Ok(Exit::Trouble) => ExitCode::from(2),
        #[cfg(feature = "run")]
        Ok(Exit::Code(code)) => ExitCode::from(code),
        // The one who pressed Ctrl-C stopped the other end of the pipe as well: what it left is no news.
        Err(Failure::Load(_) | Failure::Engine(_) | Failure::Search(_)) if context.interrupted() => {
            report::stopped(stopped)
        }
        Err(failure) => report(&failure),
    }
}
