//! What a person types and sees, as transcripts in `journeys/`; `SNAPSHOTS=overwrite` brings them up to date.

use std::path::Path;

use ply_tests::transcript;

fn journey(name: &str) {
    transcript(&Path::new(env!("CARGO_MANIFEST_DIR")).join("journeys").join(name));
}

#[test]
fn load_and_look() {
    journey("load-and-look.md");
}

#[test]
fn save() {
    journey("save.md");
}

#[test]
fn thin() {
    journey("thin.md");
}

#[test]
fn names() {
    journey("names.md");
}

#[test]
fn history_of_files() {
    journey("history-of-files.md");
}

#[test]
fn errors() {
    journey("errors.md");
}

#[test]
fn family_and_differences() {
    journey("family-and-differences.md");
}

#[test]
fn find_and_grep() {
    journey("find-and-grep.md");
}

#[test]
fn make_images() {
    journey("make-images.md");
}

#[test]
fn containers() {
    journey("containers.md");
}

#[test]
fn container_mistakes() {
    journey("container-mistakes.md");
}

/// A transcript that nobody runs proves nothing.
#[test]
fn every_transcript_is_run() {
    let source = include_str!("journeys.rs");
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("journeys")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(source.contains(&format!("journey(\"{name}\")")), "{name}");
    }
}
