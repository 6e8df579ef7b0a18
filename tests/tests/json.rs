//! `docs/json.md` is true: each command in it prints what stands there, and each key is told.

use std::path::Path;

use ply_tests::{Ply, family};
use serde_json::Value;

/// A section: the command, the text, the examples.
struct Section<'a> {
    command: &'a str,
    text: &'a str,
    examples: Vec<&'a str>,
}

fn sections(document: &str) -> Vec<Section<'_>> {
    document
        .split("\n## `")
        .skip(1)
        .map(|text| {
            let (command, text) = text.split_once("`\n").unwrap();
            let examples =
                text.split("```json\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect();
            Section { command, text, examples }
        })
        .collect()
}

/// JSON documents one after the other, with what changes from day to day masked.
fn documents(text: &str) -> Vec<Value> {
    let mut documents: Vec<Value> =
        serde_json::Deserializer::from_str(text).into_iter().map(Result::unwrap).collect();
    for document in &mut documents {
        if let Some(since) = document.get_mut("CreatedSince") {
            assert!(since.as_str().unwrap().ends_with(" ago"), "{since}");
            *since = Value::from("some time ago");
        }
    }
    documents
}

/// Every key, with those of objects inside, less what an image's own config holds.
fn keys(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                found.push(key.clone());
                if key != "Config" {
                    keys(value, found);
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| keys(value, found)),
        _ => {}
    }
}

#[test]
fn the_document_is_true() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/json.md");
    let document = std::fs::read_to_string(path).unwrap();
    let sections = sections(&document);
    let verbs: Vec<&str> = sections.iter().filter_map(|section| section.command.split(' ').nth(1)).collect();
    for verb in [
        "load", "images", "inspect", "history", "layers", "log", "du", "tree", "diff", "name", "check",
        "find", "grep", "mount",
    ] {
        assert!(verbs.contains(&verb), "{verb} is not told");
    }
    for Section { command, text, examples } in sections {
        let ply = Ply::with_family();
        std::fs::copy(family(), ply.file("family.tar")).unwrap();
        let args: Vec<&str> = command.split(' ').skip(1).collect();
        for (at, example) in examples.into_iter().enumerate() {
            if at == 1 {
                damage(&ply);
            }
            let ran = ply.run(&args);
            assert_eq!(ran.code, Some(i32::from(at == 1)), "{command}: {}", ran.stderr);
            let (real, told) = (documents(ran.text()), documents(example));
            // As text, so that the order of keys counts.
            assert_eq!(format!("{real:#?}"), format!("{told:#?}"), "{command}");
            let mut all = Vec::new();
            real.iter().for_each(|value| keys(value, &mut all));
            for key in all {
                assert!(text.contains(&format!("`{key}`")), "{command}: {key} is not told");
            }
        }
    }
}

/// A byte of a file in the second layer.
fn damage(ply: &Ply) {
    let layers = ply.ok(["layers", "-q", "lang:3"]);
    let layer = layers.lines().last().unwrap().strip_prefix("sha256:").unwrap();
    let blob = ply.store().join("blobs/sha256").join(layer);
    let mut bytes = std::fs::read(&blob).unwrap();
    bytes[5000] = b'X';
    std::fs::remove_file(&blob).unwrap();
    std::fs::write(&blob, bytes).unwrap();
}
