//! Whole archives into a store: loaded or refused, the store is whole after it, and what was loaded is saved and loaded again.
#![no_main]

use std::fs;
use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use ply_fuzz::image::{Made, made};
use ply_fuzz::scratch::Scratch;
use ply_fuzz::sums::repaired;
use ply_overlay::{keep, merge};
use plywood::Engine;
use plywood::list::Filter;
use plywood::load::{Input, Loaded, Options};

fuzz_target!(|bytes: &[u8]| {
    let Some((how, rest)) = bytes.split_first() else { return };
    let (archive, honest) = match how {
        b'r' => (repaired(rest), false),
        _ => {
            let Made { archive, honest } = made(rest);
            (archive, honest)
        }
    };
    let scratch = Scratch::new();
    let engine = engine(&scratch);
    match load(&engine, &scratch, &archive, how & 1 == 1) {
        Ok(loaded) => whole(&engine, &loaded),
        Err(error) => {
            assert!(!honest, "{}", chain(&error));
            assert!(engine.list(&Filter::default()).expect("the store can be read").is_empty(), "{error}");
        }
    }
    let report = engine.check(None, None).expect("the store can be checked");
    assert!(report.damage.is_empty(), "{:?}", report.damage);
});

fn engine(scratch: &Scratch) -> Engine<'static> {
    let mut engine = Engine::open(&scratch.path().join("store")).expect("a new store can be opened");
    engine.threads = 1;
    engine
}

fn load(
    engine: &Engine<'_>,
    scratch: &Scratch,
    archive: &[u8],
    piped: bool,
) -> Result<Loaded, plywood::Error> {
    if piped {
        return engine.load(Input::Stream(Box::new(Cursor::new(archive))), &Options::default());
    }
    let file = scratch.path().join("archive.tar");
    fs::write(&file, archive).expect("memory takes all");
    engine.load(Input::Path(&file), &Options::default())
}

/// What was loaded is listed, can be looked into, and is the same after it was saved.
fn whole(engine: &Engine<'_>, loaded: &Loaded) {
    let rows = engine.list(&Filter::default()).expect("the store can be read");
    for image in &loaded.images {
        assert!(rows.iter().any(|row| row.id == image.id), "loaded, and not in the list: {image:?}");
        let id = image.id.to_string();
        if let Ok(files) = engine.files(&id, None) {
            _ = merge(&files.trees(None), keep);
        }
        let saving = engine
            .save(std::slice::from_ref(&id), &Default::default())
            .expect("what was loaded can be saved");
        let mut saved = Vec::new();
        engine.write_stream(&saving, &mut saved).expect("memory takes all");
        assert_eq!(saved.len() as u64, saving.total());
        let scratch = Scratch::new();
        let other = self::engine(&scratch);
        let again =
            load(&other, &scratch, &saved, true).unwrap_or_else(|error| panic!("saved: {}", chain(&error)));
        assert!(again.images.iter().any(|again| again.id == image.id), "saved as another image");
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
