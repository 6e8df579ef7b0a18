//! `unsafe` code, run where each read and write of memory is looked at.

use crate::{Outcome, shell};
use std::process::Command;
use std::time::Instant;

/// The one whose lanes are `unsafe`. The ioctls of ply-rootfs hand memory to the kernel, which neither tool follows.
const LANES: [&str; 4] = ["--package", "ply-digest", "--lib", "--quiet"];
/// The test that goes through each lane, and is short enough for an interpreter.
const SHORT: [&str; 2] = ["--", "nothing_is_read_beside_a_stream"];
/// What the lanes need of a processor. Miri has the instructions, but nothing that could find out.
const EXTENSIONS: &str = "-Ctarget-feature=+sha,+ssse3,+sse4.1";

pub(crate) fn run(args: &[&str]) -> Outcome {
    let start = Instant::now();
    match args {
        [] => address()?,
        ["--miri"] => miri()?,
        _ => return Err(format!("takes --miri or nothing, not {}", args.join(" "))),
    }
    eprintln!("sanitize: {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// AddressSanitizer, on this processor: with its SHA extensions where it has them.
fn address() -> Outcome {
    let mut command = shell::cargo(["test", "--target", "x86_64-unknown-linux-gnu"]);
    // Sanitizers are flags of the nightly compiler, which the stable one has too.
    command.args(LANES).env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", "-Zsanitizer=address");
    shell::run_shown(&mut command)
}

/// Miri: slower by some thousand times, and stricter; it also sees a reference that should not be there.
fn miri() -> Outcome {
    let nightly = || {
        let mut command = Command::new("rustup");
        command.current_dir(shell::root()).args(["run", "nightly", "cargo", "miri"]);
        // The cargo that runs us is another.
        command.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
        command
    };
    shell::capture(nightly().arg("--version")).map_err(|why| {
        format!("{why}\nMiri comes with `rustup toolchain install nightly --component miri,rust-src`")
    })?;
    shell::run_shown(nightly().arg("test").args(LANES).args(SHORT).env("RUSTFLAGS", EXTENSIONS))
}
