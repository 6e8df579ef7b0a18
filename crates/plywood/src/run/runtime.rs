//! The program that executes a bundle: `crun` or `runc`.

use std::fs;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use ply_store::Container;
use serde::Deserialize;

use super::Run;
use super::bundle::Bundle;
use crate::Error;
use crate::watch::Watch;

/// The runtimes there are, the one that is more likely to start first: `crun` before 1.9 refuses machines whose control groups
/// are not all of the second version.
fn known() -> [&'static str; 2] {
    let is_unified = Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    if is_unified { ["crun", "runc"] } else { ["runc", "crun"] }
}

/// How a runtime ended.
enum Ended {
    /// The command did, so.
    Command(u8),
    /// The command could not be executed, and the runtime says why.
    NotExecutable(String),
    /// The runtime did not come so far.
    NotStarted(String),
}

/// Executes a bundle by the runtime that was asked for, or by the first that starts.
pub(super) fn run(
    bundle: &Bundle,
    container: &Container,
    run: &Run,
    started: &dyn Fn(u32),
    watch: &dyn Watch,
) -> Result<u8, Error> {
    let known = known();
    let names: &[&str] = match &run.runtime {
        Some(name) => &[name],
        None => &known,
    };
    let mut said = Vec::new();
    for name in names {
        match execute(name, bundle, container, run, started) {
            Ok(Ended::Command(code)) => return Ok(code),
            Ok(Ended::NotExecutable(why)) => return Err(Error::NotExecutable { why }),
            Ok(Ended::NotStarted(why)) => said.push(format!("{name}: {why}")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => said.push(format!("{name}: {error}")),
        }
        if let (Some(why), Some(_)) = (said.last(), names.iter().skip_while(|n| *n != name).nth(1)) {
            watch.note(&format!("{why}; trying another runtime"));
        }
    }
    if said.is_empty() {
        let asked = names.join(" nor ");
        let neither = if names.len() > 1 { "neither " } else { "no " };
        return Err(Error::NotStarted {
            why: format!("there is {neither}{asked}: install the package crun, or runc"),
        });
    }
    Err(Error::NotStarted { why: said.join("; ") })
}

fn execute(
    name: &str,
    bundle: &Bundle,
    container: &Container,
    run: &Run,
    started: &dyn Fn(u32),
) -> io::Result<Ended> {
    let (log, id) = (bundle.folder().join("log"), container.id.to_string());
    let state = bundle.folder().join("state");
    fs::write(&log, "")?;
    let mut command = Command::new(name);
    command.arg("--root").arg(&state).arg("--log").arg(&log).args([
        "--log-format",
        "json",
        "run",
        "--bundle",
    ]);
    command.arg(bundle.folder()).arg(&id);
    if !run.interactive && !run.terminal {
        command.stdin(Stdio::null());
    }
    // On a terminal of its own the runtime must be in the foreground; else what is typed at ours is told by us, once.
    if !run.terminal {
        command.process_group(0);
    }
    let mut child = command.spawn()?;
    started(child.id());
    let status = child.wait()?;
    // A runtime that was killed may have left its container.
    if status.signal().is_some() {
        let mut delete = Command::new(name);
        delete.arg("--root").arg(&state).args(["delete", "--force", &id]);
        let _ = delete.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
    Ok(match failure(&fs::read_to_string(&log).unwrap_or_default()) {
        Some(why) if !status.success() => told(why),
        _ => Ended::Command(code(status)),
    })
}

/// As a shell has it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().unwrap_or_else(|| status.signal().unwrap_or_default().saturating_add(128));
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// A line of a runtime's log.
#[derive(Deserialize)]
struct Line {
    level: String,
    msg: String,
}

/// The last error that a runtime told.
fn failure(log: &str) -> Option<String> {
    let mut lines = log.lines().rev().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    lines.find(|line| matches!(line.level.as_str(), "error" | "fatal")).map(|line| line.msg)
}

/// What a runtime's error means, by the words that Docker goes by as well.
fn told(why: String) -> Ended {
    let words = why.to_lowercase();
    let is_any = |of: &[&str]| of.iter().any(|wanted| words.contains(wanted));
    let is_of_command = is_any(&["exec", "starting container process", "start container process"]);
    if is_of_command
        && is_any(&["not found", "no such file or directory", "permission denied", "exec format"])
    {
        return Ended::NotExecutable(why);
    }
    Ended::NotStarted(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runtimes_say() {
        let check = |log: &str, expect: Option<bool>| {
            let is_of_command = failure(log).map(|why| matches!(told(why), Ended::NotExecutable(_)));
            assert_eq!(is_of_command, expect, "{log}");
        };
        // Of runc 1.1.5 and crun 1.8.1, as they wrote it.
        check(
            r#"{"level":"error","msg":"runc run failed: unable to start container process: exec: \"nothere\": executable file not found in $PATH","time":"2026-11-25T08:36:31Z"}"#,
            Some(true),
        );
        check(
            r#"{"level":"error","msg":"runc run failed: unable to start container process: exec: \"/bin\": permission denied","time":"2026-11-25T08:36:32Z"}"#,
            Some(true),
        );
        check(
            r#"{"msg":"executable file `nothere` not found in $PATH: No such file or directory","level":"error","time":"2026-11-25T08:36:31.386543Z"}"#,
            Some(true),
        );
        check(
            r#"{"msg":"cgroups in hybrid mode not supported, drop all controllers from cgroupv2","level":"error","time":"2026-11-25T08:36:31.215323Z"}"#,
            Some(false),
        );
        check(r#"{"level":"warning","msg":"unable to terminate initProcess","time":""}"#, None);
        check("", None);
    }
}
