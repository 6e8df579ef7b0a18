//! What must hold before a change goes in.

use crate::{Outcome, fuzz, lint, peers, sanitize, test, tidy};
use std::time::Instant;

type Step = (&'static str, fn() -> Outcome);

const STEPS: [Step; 5] = [
    ("lint", || lint::run(&[])),
    ("tidy", || tidy::run(&[])),
    ("sanitize", || sanitize::run(&[])),
    ("test", test::with_all_peers),
    ("fuzz", || fuzz::run(&["--seconds", "10"])),
];

pub(crate) fn run(_: &[&str]) -> Outcome {
    // Said at once, not after ten minutes of building.
    if let Some(missing) = peers::missing_from_debian() {
        return Err(missing);
    }
    let mut times = Vec::new();
    for (name, step) in STEPS {
        eprintln!("== {name}");
        let start = Instant::now();
        let result = step();
        times.push(format!("{name} {:.0} s", start.elapsed().as_secs_f64()));
        result.map_err(|why| format!("{why} ({})", times.join(", ")))?;
        eprintln!("== {}", times.last().map_or("", String::as_str));
    }
    eprintln!("ci passed: {}", times.join(", "));
    Ok(())
}
