//! Transcripts: Markdown whose `console` blocks are what a person typed and what they saw.
//!
//! Each `$` line is run by `sh` in one folder, in order; what it prints, on stdout and stderr together, must be what
//! the document shows. `[..]` stands for anything in a line. `? 1` is the exit code, where it is not 0. With
//! `SNAPSHOTS=overwrite` in the environment the document is brought up to date.

use std::path::{Path, PathBuf};
use std::process::Command;

use snapbox::Data;

use crate::{binary, family};

/// Runs a transcript, with the family's archive in the folder as `family.tar`.
pub fn transcript(document: &Path) {
    let text = std::fs::read_to_string(document).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(family(), folder.path().join("family.tar")).unwrap();
    let mut actual = String::new();
    let mut inside = false;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ => {}
        }
        actual.push_str(line);
        actual.push('\n');
        if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            actual.push_str(&run(command, folder.path()));
            while lines.next_if(|next| *next != "```" && !next.starts_with("$ ")).is_some() {}
        }
    }
    // Backslashes are what was printed, not paths of another system.
    snapbox::Assert::new()
        .action_env("SNAPSHOTS")
        .normalize_paths(false)
        .eq(actual, Data::read_from(document, None));
}

fn run(command: &str, folder: &Path) -> String {
    let path: Vec<PathBuf> = std::iter::once(binary().parent().unwrap().to_owned())
        .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()))
        .collect();
    let ran = Command::new("sh")
        .args(["-c", &format!("exec 2>&1\n{command}")])
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("PLY_STORE", folder.join("store"))
        .env("TZ", "UTC")
        .env("LC_ALL", "C.UTF-8")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let mut text = String::from_utf8(ran.stdout).unwrap();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push_str("⏎\n");
    }
    let shown = text.replace(folder.to_str().unwrap(), "DIR");
    match ran.status.code() {
        Some(0) => shown,
        Some(code) => format!("{shown}? {code}\n"),
        None => format!("{shown}? {}\n", ran.status),
    }
}
