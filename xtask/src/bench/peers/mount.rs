//! How long `ply mount` takes, whole process, of the large image: of the store, and straight from the archive.

use super::Choices;
use super::absolute::{Absolute, ROUNDS};
use super::pairs::sh;
use super::rows::{IMAGE, Place};
use crate::{Outcome, bench};
use std::os::unix::fs::MetadataExt;
use std::time::Instant;

pub(super) fn all(place: &Place, choices: &Choices) -> Vec<Outcome<Absolute>> {
    let (store, archive) = (IMAGE.to_owned(), format!("docker-archive:{}", place.plain()));
    let (kept, on) = (place.on_disk("kept"), place.on_disk("mounted"));
    let forget = format!("rm -rf {kept}/ply/layers {kept}/ply/unions");
    // What is mounted, what is done before, and how long it may take.
    let rows = [
        ("ply mount, loaded, the first time", &store, &*forget, 60.0),
        ("ply mount, loaded, its index kept", &store, "", 10.0),
        ("ply mount of the archive, not loaded", &archive, "", 60.0),
    ];
    let wanted = rows.into_iter().filter(|(what, ..)| choices.wants(what)).collect::<Vec<_>>();
    if !wanted.is_empty() && !std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        println!("ply mount: left out, it takes root");
        return Vec::new();
    }
    let measure = |(what, image, before, limit): (&str, &String, &str, f64)| {
        let mount = format!("{} mount {image} {on}", place.ply("kept"));
        let value = milliseconds(place, before, &mount, &on)?;
        Ok(Absolute { what: what.to_owned(), unit: "ms", value, limit: Some(limit) })
    };
    wanted.into_iter().map(measure).collect()
}

/// The median, with the archive in the page cache.
fn milliseconds(place: &Place, before: &str, mount: &str, on: &str) -> Outcome<f64> {
    let umount = format!("{} umount {on}", place.ply("kept"));
    sh(&format!("{} && mkdir -p {on} && cat {} > /dev/null", place.keep(), place.plain()))?;
    sh(&format!("{mount} && {umount}"))?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        sh(before)?;
        let start = Instant::now();
        sh(mount)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        sh(&umount)?;
    }
    Ok(bench::median(times))
}
