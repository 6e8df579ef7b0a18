//! Input that cannot seek.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// How an archive reaches `ply load`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// `-i FILE`.
    File,
    /// A pipe on stdin.
    Pipe,
}

impl Input {
    /// Both ways.
    pub const BOTH: [Self; 2] = [Self::File, Self::Pipe];
}

/// Runs a command with a file's bytes coming through a pipe. A reader that has had enough is no failure.
pub fn feed(command: &mut Command, file: &Path) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut source = File::open(file).unwrap();
    let feeder = std::thread::spawn(move || {
        let fed = io::copy(&mut source, &mut stdin);
        assert!(fed.as_ref().err().is_none_or(|e| e.kind() == io::ErrorKind::BrokenPipe), "{fed:?}");
    });
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    output
}
