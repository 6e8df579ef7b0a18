//! Prints the SHA-256 of files as `sha256sum` does, in the order given, but hashes all of them at once.
//!
//!     cargo run --release --example sums -- FILE...

use std::{
    env,
    error::Error,
    fs::File,
    io::{self, Read, Write},
    path::PathBuf,
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
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(File::open(&self.path)?),
        };
        let read = loop {
            match file.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        if read == 0 {
            self.file = None;
        }
        Ok(read)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let size = |path: &PathBuf| path.metadata().map_or(0, |metadata| metadata.len());
    let inputs =
        paths.iter().map(|path| Input { path: path.clone(), size: size(path), file: None }).collect();
    let done = pump(inputs, &Pump::default(), &()).map_err(|error| match error {
        PumpError::Feed { index, source } => format!("{}: {source}", paths[index].display()),
        PumpError::Stopped => error.to_string(),
    })?;
    let mut out = io::stdout().lock();
    for (input, digest) in done {
        writeln!(out, "{}  {}", digest.hex(), input.path.display())?;
    }
    Ok(())
}
