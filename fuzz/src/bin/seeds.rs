//! Writes the inputs a target begins with: `seeds TARGET FOLDER`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, folder] = &arguments[..] else {
        eprintln!("seeds TARGET FOLDER");
        return ExitCode::from(2);
    };
    let Some(seeds) = ply_fuzz::seeds::of(target) else {
        eprintln!("seeds: no target is called {target}");
        return ExitCode::FAILURE;
    };
    let written = std::fs::create_dir_all(folder).and_then(|()| {
        (0..).zip(&seeds).try_for_each(|(number, seed)| {
            std::fs::write(Path::new(folder).join(format!("{number:03}")), seed)
        })
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("seeds: writing into {folder}: {why}");
            ExitCode::FAILURE
        }
    }
}
