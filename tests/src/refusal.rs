//! What must be refused, and leave no trace.

use std::path::Path;

use crate::{Input, Listing, Made, Ply, archive_of, listing};

/// A store that holds one image, and what stands in it.
#[derive(Debug)]
pub struct Guarded {
    ply: Ply,
    before: Listing,
}

impl Default for Guarded {
    fn default() -> Self {
        Self::new()
    }
}

impl Guarded {
    /// A store that holds `kept:1`.
    pub fn new() -> Self {
        let ply = Ply::new();
        let archive = ply.write("kept", archive_of(&Made::of(&["kept"]), "kept:1").finish());
        assert_eq!(ply.load(Input::File, &archive, &[]).code, Some(0));
        let before = listing(&ply.store());
        Self { ply, before }
    }

    /// Loads an archive from a file and from a pipe, with a thread a core and with one. It must be refused, for a
    /// reason that names all of `words`, and the store must be as it was, to the byte.
    pub fn refuses(&self, title: &str, archive: &[u8], words: &[&str]) {
        let path = self.ply.write("archive", archive);
        for input in Input::BOTH {
            for threads in ["0", "1"] {
                self.refuses_from(
                    &format!("{title}, from a {input:?} with {threads} threads"),
                    input,
                    &path,
                    threads,
                    words,
                );
            }
        }
    }

    /// The same for what can only be named by its path: a layout in a folder.
    pub fn refuses_folder(&self, title: &str, folder: &Path, words: &[&str]) {
        self.refuses_from(title, Input::File, folder, "0", words);
    }

    fn refuses_from(&self, title: &str, input: Input, path: &Path, threads: &str, words: &[&str]) {
        let ran = self.ply.load(input, path, &["--threads", threads]);
        assert_eq!((ran.code, ran.text()), (Some(1), ""), "{title}: {}", ran.stderr);
        for word in words {
            assert!(ran.stderr.contains(word), "{title}: no {word:?} in: {}", ran.stderr);
        }
        assert!(ran.stderr.starts_with("ply: ") && ran.stderr.len() < 2000, "{title}: {}", ran.stderr);
        assert!(
            !ran.stderr.contains("Error {") && !ran.stderr.contains("panicked"),
            "{title}: {}",
            ran.stderr
        );
        assert_eq!(listing(&self.ply.store()), self.before, "{title}: the store has changed");
    }
}
