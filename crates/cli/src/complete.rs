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
        let words = |engine: &Engine<'_>| engine.words().unwrap_or_default();
        candidates(given, words).into_iter().chain(unloaded(given)).collect()
    })
}

/// Completes what names a container.
pub(crate) fn containers() -> ArgValueCompleter {
    ArgValueCompleter::new(|given: &OsStr| candidates(given, container_names))
}

/// Completes what names an image or a container.
pub(crate) fn subjects() -> ArgValueCompleter {
    ArgValueCompleter::new(|given: &OsStr| {
        let words =
            |engine: &Engine<'_>| [engine.words().unwrap_or_default(), container_names(engine)].concat();
        candidates(given, words).into_iter().chain(unloaded(given)).collect()
    })
}

/// Completes a directory that an image is mounted over.
pub(crate) fn mounted() -> ArgValueCompleter {
    ArgValueCompleter::new(|given: &OsStr| {
        let directory = |listed: &plywood::mount::Listed| listed.mount.directory.to_str().map(str::to_owned);
        let words = |engine: &Engine<'_>| {
            engine.mounts().unwrap_or_default().iter().filter_map(directory).collect::<Vec<_>>()
        };
        candidates(given, words)
    })
}

/// Completes an end of `cp`: a container and a colon, or a file.
pub(crate) fn parts() -> ArgValueCompleter {
    ArgValueCompleter::new(|given: &OsStr| {
        let words = |engine: &Engine<'_>| {
            container_names(engine).into_iter().map(|name| name + ":").collect::<Vec<_>>()
        };
        candidates(given, words).into_iter().chain(PathCompleter::any().complete(given)).collect()
    })
}

fn container_names(engine: &Engine<'_>) -> Vec<String> {
    engine.containers().unwrap_or_default().into_iter().map(|container| container.name).collect()
}

/// An archive or layout: a file after the word that says which.
fn unloaded(given: &OsStr) -> Vec<CompletionCandidate> {
    let text = given.to_string_lossy();
    for transport in TRANSPORTS {
        if let Some(path) = text.strip_prefix(transport) {
            let files = PathCompleter::any().complete(OsStr::new(path));
            return files.into_iter().map(|file| file.add_prefix(transport)).collect();
        }
    }
    if text.starts_with(['.', '/']) { PathCompleter::any().complete(given) } else { Vec::new() }
}

/// A store that cannot be read has nothing to offer.
fn candidates(given: &OsStr, words: impl Fn(&Engine<'_>) -> Vec<String>) -> Vec<CompletionCandidate> {
    let Some(store) = named_store().or_else(|| crate::context::default_store().ok()) else {
        return Vec::new();
    };
    let given = given.to_string_lossy();
    let words = Engine::open(&store).map(|engine| words(&engine)).unwrap_or_default();
    words.into_iter().filter(|word| word.starts_with(&*given)).map(CompletionCandidate::new).collect()
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
