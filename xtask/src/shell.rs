//! Running other programs, and saying which one failed.

use crate::Outcome;
use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// Cargo, the one that runs us, in the workspace's folder.
pub(crate) fn cargo<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(args);
    // What cargo says of xtask would make build scripts that look at it run again, and all that is built on them: now, and for
    // whoever builds without it next, as the tests do.
    for (variable, _) in env::vars_os() {
        let name = variable.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&variable);
        }
    }
    command
}

/// Runs it with our own input and output; an error unless it exits with 0.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let line = shown(command);
    let status = command.status().map_err(|why| format!("starting `{line}`: {why}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}`: {status}")) }
}

/// The same, its command line printed first.
pub(crate) fn run_shown(command: &mut Command) -> Outcome {
    eprintln!("$ {}", shown(command));
    run(command)
}

/// Runs it and returns what it printed; what it said on stderr is in the error.
pub(crate) fn capture(command: &mut Command) -> Outcome<String> {
    let line = shown(command);
    let Output { status, stdout, stderr } =
        command.stdin(Stdio::null()).output().map_err(|why| format!("starting `{line}`: {why}"))?;
    if !status.success() {
        let said = String::from_utf8_lossy(&stderr);
        return Err(format!("`{line}`: {status}: {}", said.trim_end()));
    }
    String::from_utf8(stdout).map_err(|why| format!("what `{line}` printed: {why}"))
}

/// Where a program is, looked for in PATH and in the folders of system programs.
pub(crate) fn found(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(system).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A command as a person would type it, with the cargo that runs us called `cargo`.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = match program.file_name() {
        Some(name) if program.is_absolute() => name,
        _ => program.as_os_str(),
    };
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

/// A word in single quotes where a shell would otherwise take it apart.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_are_quoted_as_a_shell_needs_it() {
        let check = |word, expect| assert_eq!(super::quoted(word), expect, "{word}");
        check("docker-archive:a/b.tar", "docker-archive:a/b.tar");
        check("", "''");
        check("{{.Id}}", "'{{.Id}}'");
        check("it's", r"'it'\''s'");
    }

    #[test]
    fn a_program_is_found_or_not() {
        assert!(super::found("sh").is_some());
        assert!(super::found("no-such-program-anywhere").is_none());
    }
}
