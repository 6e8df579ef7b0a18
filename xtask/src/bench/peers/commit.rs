//! How long `ply commit` takes, whole process, when one file of the large image was changed.

use super::Choices;
use super::absolute::{Absolute, ROUNDS};
use super::pairs::sh;
use super::rows::{IMAGE, Place};
use crate::{Outcome, bench};
use std::time::Instant;

const WHAT: &str = "ply commit of one changed file, the large archive's image";
const LIMIT: f64 = 50.0;

pub(super) fn all(place: &Place, choices: &Choices) -> Option<Outcome<Absolute>> {
    choices.wants(WHAT).then(|| {
        let value = milliseconds(place)?;
        Ok(Absolute { what: WHAT.to_owned(), unit: "ms", value, limit: Some(LIMIT) })
    })
}

/// The median. Each round has another file, so that no layer is there already.
fn milliseconds(place: &Place) -> Outcome<f64> {
    let (ply, file) = (place.ply("kept"), place.on_disk("motd"));
    sh(&place.keep())?;
    sh(&format!("{ply} create --name bench {IMAGE}"))?;
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        sh(&format!("echo round {round} > {file} && {ply} cp {file} bench:/etc/motd && sync"))?;
        let start = Instant::now();
        sh(&format!("{ply} commit bench bench:{round}"))?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(bench::median(times))
}
