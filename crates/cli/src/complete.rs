//! Completion of image names and IDs, beside that of verbs and flags.

use std::ffi::OsStr;

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use plywood::Engine;

/// Completes what names an image in the store.
pub(crate) fn images() -> ArgValueCompleter {
    ArgValueCompleter::new(|given: &OsStr| candidates(&given.to_string_lossy()))
}

/// A store that cannot be read has nothing to offer.
fn candidates(given: &str) -> Vec<CompletionCandidate> {
    let Ok(store) = crate::context::default_store() else {
        return Vec::new();
    };
    let words = Engine::open(&store).and_then(|engine| engine.words()).unwrap_or_default();
    words.into_iter().filter(|word| word.starts_with(given)).map(CompletionCandidate::new).collect()
}
