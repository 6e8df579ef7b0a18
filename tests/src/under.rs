//! A command that is run by another program: one that traces it, times it, or ends it.

use std::path::Path;
use std::process::{Command, Stdio};

/// The other program, with the command, its environment and its folder after what it was told so far. Nothing is on its stdin.
pub fn under(mut program: Command, command: &Command) -> Command {
    program.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => program.env(key, value),
            None => program.env_remove(key),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        program.current_dir(folder);
    }
    program
}

/// The same command, run by `strace` with more arguments.
pub fn strace(command: &Command, more: &[&str]) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq"]).args(more).arg("--");
    under(strace, command)
}

/// The same, its trace in a file.
pub fn strace_into(trace: &Path, command: &Command, more: &[&str]) -> Command {
    strace(command, &[&["-o", trace.to_str().unwrap()], more].concat())
}
