use plywood::check::{Damage, Report};
use serde::Serialize;

use super::Outcome;
use crate::arguments::Check;
use crate::context::Context;
use crate::report::{Exit, Failure};
use crate::{output, units};

/// The report, for `--json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Whole<'a> {
    images: usize,
    blobs: usize,
    bytes: u64,
    damage: Vec<Line<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    digest: ply_digest::Digest,
    why: &'a str,
    images: &'a [String],
    moved_aside: bool,
    repaired: bool,
}

pub(crate) fn run(context: &Context, arguments: &Check) -> Outcome {
    // An archive may be named as it is elsewhere: docker-archive:FILE.
    let repair = arguments.repair.as_ref().map(|given| {
        given.to_str().and_then(plywood::Place::parse).map_or_else(|| given.clone(), |place| place.path)
    });
    let report = context.engine()?.check(arguments.image.as_deref(), repair.as_deref())?;
    if arguments.json {
        json(&report)?
    } else {
        print(&report)?
    }
    Ok(if report.damage.iter().all(|d| d.repaired) { Exit::Done } else { Exit::Failed })
}

fn json(report: &Report) -> Result<(), Failure> {
    let damage = report
        .damage
        .iter()
        .map(|d| Line {
            digest: d.digest,
            why: &d.why,
            images: &d.images,
            moved_aside: d.moved,
            repaired: d.repaired,
        })
        .collect();
    output::json(&Whole { images: report.images, blobs: report.blobs, bytes: report.bytes, damage })
}

fn print(report: &Report) -> Result<(), Failure> {
    let mut text = String::new();
    for damage in &report.damage {
        text.push_str(&line(damage));
    }
    let verdict = match report.damage.len() {
        0 => "all good".to_owned(),
        1 => "1 blob is not".to_owned(),
        n => format!("{n} blobs are not"),
    };
    let repaired = match report.repaired.len() {
        0 => String::new(),
        n => format!(", {n} repaired"),
    };
    text.push_str(&format!(
        "{}, {}, {}: {verdict}{repaired}\n",
        units::count(report.images, "name"),
        units::count(report.blobs, "blob"),
        units::size(report.bytes)
    ));
    output::print(&text)
}

fn line(damage: &Damage) -> String {
    let mut text = format!("{} {}", damage.digest, damage.why);
    if !damage.images.is_empty() {
        text.push_str(&format!("; hurts {}", damage.images.join(", ")));
    }
    match (damage.repaired, damage.moved) {
        (true, _) => text.push_str("; repaired"),
        (false, true) => text.push_str("; moved aside"),
        (false, false) => {}
    }
    text.push('\n');
    crate::escape::text(&text, crate::escape::Lines::Keep).into_owned()
}
