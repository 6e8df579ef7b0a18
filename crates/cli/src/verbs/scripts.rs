//! What packagers and shells want: completion scripts, man pages.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::env::Shells;

use super::Outcome;
use crate::arguments::Arguments;
use crate::report::{Exit, Failure};
use crate::{complete, output};

/// The script asks the program itself, so that images are completed too.
pub(crate) fn completion(shell: &str) -> Outcome {
    if shell == "bash" {
        output::print(complete::BASH)?;
        return Ok(Exit::Done);
    }
    let shells = Shells::builtins();
    let Some(completer) = shells.completer(shell) else {
        let known: Vec<&str> = shells.names().collect();
        return Err(Failure::Misuse(format!("no completion for {shell:?}; there is {}", known.join(", "))));
    };
    let mut script = Vec::new();
    completer
        .write_registration("COMPLETE", "ply", "ply", "ply", &mut script)
        .map_err(|e| Failure::Message(format!("cannot write the script: {e}")))?;
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

pub(crate) fn man(dir: &Path) -> Outcome {
    let failed = |e: std::io::Error| Failure::Message(format!("{}: {e}", dir.display()));
    std::fs::create_dir_all(dir).map_err(failed)?;
    clap_mangen::generate_to(Arguments::command(), dir).map_err(failed)?;
    Ok(Exit::Done)
}
