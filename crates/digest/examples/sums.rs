//! Prints the SHA-256 of files as `sha256sum` does, in the order given, but hashes all of them at once.
//!
//!     cargo run --release --example sums -- FILE...

use std::{
    env,
    error::Error,
    fs::File,
    io::{self, Read, Write},
    path::PathBuf,
    process::ExitCode,
};

use ply_digest::{Feed, Pump, PumpError, pump};

/// A file, opened only when its turn comes, so that there may be more than can be open at once.
struct Input {
    path: PathBuf,
    size: u64,
    file: Option<File>,
}

impl Feed for Input {
    type Error = io::Error;

    fn size_hint(&self) -> u64 {
        self.size
    }

    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let name =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", self.path.display()));
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(File::open(&self.path).map_err(name)?),
        };
        let read = loop {
            match file.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other.map_err(name)?,
            }
        };
        if read == 0 {
            self.file = None;
        }
        Ok(read)
    }
}

fn main() -> ExitCode {
    match sums(env::args_os().skip(1).map(PathBuf::from).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "sums: {error}");
            ExitCode::FAILURE
        }
    }
}

fn sums(paths: Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    let size = |path: &PathBuf| path.metadata().map_or(0, |metadata| metadata.len());
    let inputs = paths.into_iter().map(|path| Input { size: size(&path), path, file: None }).collect();
    let done = pump(inputs, &Pump::default(), &()).map_err(|error| match error {
        PumpError::Feed { source, .. } => source.into(),
        PumpError::Stopped => Box::<dyn Error>::from(error),
    })?;
    let mut out = io::stdout().lock();
    for (input, digest) in done {
        writeln!(out, "{}  {}", digest.hex(), input.path.display())?;
    }
    Ok(())
}
