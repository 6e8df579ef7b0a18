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

use clap::{CommandFactory, Parser};

use crate::arguments::{Arguments, switches};
use crate::context::Context;
use crate::report::{Exit, Failure, report};

fn main() -> ExitCode {
    clap_complete::CompleteEnv::with_factory(Arguments::command).complete();
    let args: Vec<_> = switches::plain(std::env::args_os(), &Arguments::command()).into_iter().collect();
    let arguments = match Arguments::try_parse_from(&args) {
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
