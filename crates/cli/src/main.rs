//! The `ply` command: arguments in, tables and JSON out. What is done is done by the `plywood` crate.

mod arguments;
mod bars;
mod complete;
mod context;
mod escape;
mod help;
mod output;
mod report;
mod table;
mod template;
mod units;
mod verbs;
mod when;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::arguments::Arguments;
use crate::context::Context;
use crate::report::{Exit, Failure, report};

fn main() -> ExitCode {
    clap_complete::CompleteEnv::with_factory(Arguments::command).complete();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return report::usage(&error),
    };
    let context = match Context::new(&arguments.global) {
        Ok(context) => context,
        Err(error) => return report(&error.into()),
    };
    match verbs::run(&context, arguments.verb) {
        Ok(Exit::Done) => ExitCode::SUCCESS,
        Ok(Exit::Failed) => ExitCode::FAILURE,
        // The one who pressed Ctrl-C stopped the other end of the pipe as well: what it left is no news.
        Err(Failure::Load(_) | Failure::Engine(_)) if context.interrupted() => {
            report(&plywood::Error::Interrupted.into())
        }
        Err(failure) => report(&failure),
    }
}
