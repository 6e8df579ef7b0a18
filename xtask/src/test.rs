//! Every test that needs nothing else; and, where they are installed, those against peers.

use crate::{Outcome, peers, shell, trust};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Set: a peer that is not installed fails its tests instead of skipping them.
const REQUIRE_PEERS: &str = "PLY_REQUIRE_PEERS";
/// Names the folder of the large archives, for the tests that want them.
const REAL_IMAGES: &str = "PLY_REAL_IMAGES";

pub(crate) fn run(args: &[&str]) -> Outcome {
    let real = match args {
        [] => None,
        ["--real"] => Some(real_images(&shell::root().join("target/real-images"))?),
        _ => return Err(format!("takes --real or nothing, not {}", args.join(" "))),
    };
    let mut command = everything();
    if let Some(folder) = real {
        command.env(REAL_IMAGES, folder);
    }
    let result = tests(&mut command).and_then(|()| trust::tests("fast", &[]));
    if let Some(missing) = peers::missing() {
        eprintln!("{missing}");
    }
    result
}

/// The same, no peer may be missing, and the tests of trust try as hard as a change must stand.
pub(crate) fn with_all_peers() -> Outcome {
    if let Some(missing) = peers::missing_from_debian() {
        return Err(missing);
    }
    let required = (REQUIRE_PEERS, "1");
    tests(everything().env(required.0, required.1))?;
    trust::tests("full", &[required])
}

fn everything() -> Command {
    shell::cargo(["test", "--workspace"])
}

fn tests(command: &mut Command) -> Outcome {
    // The tests drive the binary, which `cargo test` alone does not build for another package.
    shell::run_shown(&mut shell::cargo(["build", "--package", "ply-cli"]))?;
    eprintln!("unit tests and doc tests of every crate, journeys of the real binary, peers:");
    shell::run_shown(command)
}

/// The folder of the large archives, built first where it is not there.
pub(crate) fn real_images(folder: &Path) -> Outcome<PathBuf> {
    let wanted = folder.join("tomcat.docker.tar");
    if !wanted.is_file() {
        eprintln!(
            "{} is not there: building the image family (needs root, Docker and about 3 minutes)",
            wanted.display()
        );
        let script = shell::root().join("tests/real-images/build.sh");
        shell::run_shown(Command::new("bash").arg(script).arg(folder))?;
    }
    folder.canonicalize().map_err(|why| format!("looking up {}: {why}", folder.display()))
}
