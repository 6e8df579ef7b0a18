//! Completion of image names, IDs and files, beside that of verbs and flags.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter};
use plywood::Engine;

/// The script for bash: clap's own splits names at their colon, as readline does.
pub(crate) const BASH: &str = include_str!("complete/ply.bash");
/// Shells there is a script for.
pub(crate) const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

/// How an archive or layout is spelled that is not loaded.
const TRANSPORTS: [&str; 3] = ["docker-archive:", "oci-archive:", "oci:"];

/// Completes what names an image: in the store, or in a file.
pub(crate) fn images() -> ArgValueCompleter {
    ArgValueCompleter::new(|given: &OsStr| {
        let text = given.to_string_lossy();
        for transport in TRANSPORTS {
            if let Some(path) = text.strip_prefix(transport) {
                let files = PathCompleter::any().complete(OsStr::new(path));
                return files.into_iter().map(|file| file.add_prefix(transport)).collect();
            }
        }
        let mut found = candidates(&text);
        if text.starts_with(['.', '/']) {
            found.extend(PathCompleter::any().complete(given));
        }
        found
    })
}

/// A store that cannot be read has nothing to offer.
fn candidates(given: &str) -> Vec<CompletionCandidate> {
    let Some(store) = named_store().or_else(|| crate::context::default_store().ok()) else {
        return Vec::new();
    };
    let words = Engine::open(&store).and_then(|engine| engine.words()).unwrap_or_default();
    words.into_iter().filter(|word| word.starts_with(given)).map(CompletionCandidate::new).collect()
}

/// What `--store` says on the line that is being completed: the shell hands the line over as our arguments.
fn named_store() -> Option<PathBuf> {
    let mut words = std::env::args_os().skip_while(|word| word != "--");
    while let Some(word) = words.next() {
        if word == "--store" {
            return words.next().map(PathBuf::from);
        }
        if let Some(store) = word.to_str().and_then(|word| word.strip_prefix("--store=")) {
            return Some(PathBuf::from(store));
        }
    }
    None
}
