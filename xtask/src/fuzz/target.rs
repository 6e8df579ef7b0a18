//! A fuzz target: what it is given, and what came of it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, folder, shell};

pub(super) struct Target {
    pub(super) name: &'static str,
    /// Bytes of the largest input: what is longer is slower and says nothing more.
    longest: u32,
    /// MiB of the largest single allocation, so that nothing is taken because an input says so.
    allocation: u32,
    /// Words of its language, in `fuzz/dictionaries`.
    dictionary: Option<&'static str>,
}

const fn target(
    name: &'static str,
    longest: u32,
    allocation: u32,
    dictionary: Option<&'static str>,
) -> Target {
    Target { name, longest, allocation, dictionary }
}

pub(super) const TARGETS: [Target; 10] = [
    target("reference", 400, 16, Some("reference")),
    target("tar", 8192, 16, Some("tar")),
    target("tar_peer", 8192, 16, Some("tar")),
    target("compression", 2048, 16, None),
    target("document", 4096, 16, Some("document")),
    target("archive", 8192, 32, None),
    target("union", 256, 16, None),
    target("unpack", 256, 16, None),
    target("erofs", 8192, 16, None),
    target("template", 400, 64, Some("template")),
];

/// MiB of the whole process, sanitizer and corpus included.
const MEMORY: u32 = 1024;
/// Seconds an input may take: with the sanitizer, on a busy machine.
const PATIENCE: u32 = 25;
/// Leaks are left to Rust; freed memory is watched for a while only, or there would soon be 256 MiB of it.
const SANITIZER: (&str, &str) = ("ASAN_OPTIONS", "detect_leaks=0:quarantine_size_mb=16");

/// Where all of it lies.
pub(super) fn home() -> PathBuf {
    shell::root().join("target/fuzz")
}

impl Target {
    fn corpus(&self) -> PathBuf {
        home().join("corpus").join(self.name)
    }

    fn seeds(&self) -> PathBuf {
        home().join("seeds").join(self.name)
    }

    /// What earlier runs found worth keeping, each input the smallest that reaches what it reaches.
    fn archive(&self) -> PathBuf {
        shell::root().join(format!("fuzz/corpora/{}.tar.gz", self.name))
    }

    /// The same, taken out.
    fn kept(&self) -> PathBuf {
        home().join("kept").join(self.name)
    }

    /// Writes what it begins with, and makes the folder of what it will find worth keeping.
    pub(super) fn plant(&self, program: &Path) -> Outcome {
        for folder in [self.corpus(), home().join("found"), home().join("log")] {
            folder::make(&folder)?;
        }
        folder::emptied(&self.kept())?;
        if self.archive().is_file() {
            let mut take_out = Command::new("tar");
            shell::run(take_out.arg("-C").arg(home().join("kept")).arg("-xzf").arg(self.archive()))?;
        }
        let mut command = Command::new(program);
        shell::run(command.env(SANITIZER.0, SANITIZER.1).arg(self.name).arg(self.seeds()))
    }

    /// Keeps what reaches anything: of all that is known, the fewest and shortest inputs.
    pub(super) fn keep(&self, program: &Path) -> Outcome {
        let merged = home().join("merged").join(self.name);
        folder::emptied(&merged)?;
        let log = home().join("log").join(format!("{}-merge", self.name));
        let log = File::create(&log).map_err(|why| format!("writing {}: {why}", log.display()))?;
        let mut command = self.command(program);
        command.args(["-set_cover_merge=1", &format!("-max_len={}", self.longest)]).arg(&merged);
        shell::run(command.args([self.kept(), self.corpus()]).stderr(log))?;
        let archive = self.archive();
        folder::make(archive.parent().unwrap_or(&archive))?;
        // Under another name as long as it is not whole.
        let beside = archive.with_extension("new");
        folder::pack(&merged, "0", &beside)?;
        fs::rename(&beside, &archive).map_err(|why| format!("writing {}: {why}", archive.display()))
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env(SANITIZER.0, SANITIZER.1).args([
            format!("-timeout={PATIENCE}"),
            format!("-rss_limit_mb={MEMORY}"),
            format!("-malloc_limit_mb={}", self.allocation),
            format!("-artifact_prefix={}/{}-", home().join("found").display(), self.name),
        ]);
        command
    }

    /// Fuzzes for so long: figures, or what was found and how it is seen again.
    pub(super) fn run(&self, program: &Path, seconds: u64) -> Outcome<String> {
        eprintln!("fuzzing {} for {seconds} s", self.name);
        let log = home().join("log").join(self.name);
        let file = File::create(&log).map_err(|why| format!("writing {}: {why}", log.display()))?;
        let mut command = self.command(program);
        command.args([format!("-max_total_time={seconds}"), format!("-max_len={}", self.longest)]);
        command.args(["-print_final_stats=1", "-use_value_profile=1"]);
        if let Some(name) = self.dictionary {
            let file = shell::root().join(format!("fuzz/dictionaries/{name}.dict"));
            command.arg(format!("-dict={}", file.display()));
        }
        command.args([self.corpus(), self.seeds(), self.kept()]).stderr(file);
        let result = shell::run(&mut command);
        let bytes = fs::read(&log).map_err(|why| format!("reading {}: {why}", log.display()))?;
        let text = String::from_utf8_lossy(&bytes);
        match result {
            Ok(()) => Ok(figures(&text)),
            Err(why) => Err(self.found(&text, &why, &log)),
        }
    }

    fn found(&self, log: &str, why: &str, file: &Path) -> String {
        let Some(input) = input(log) else { return format!("{}: {why}; see {}", self.name, file.display()) };
        let said = log.lines().skip_while(|line| !line.contains("panicked at")).nth(1);
        let said = said.or_else(|| log.lines().find(|line| line.contains("ERROR: "))).unwrap_or(why);
        let shown: String = said.chars().take(300).collect();
        format!(
            "{name}: {shown}\n  input: {input}\n  all that was said: {log}\n  again: cargo xtask fuzz --only {name} --input {word}",
            name = self.name,
            log = file.display(),
            word = shell::quoted(input),
        )
    }

    /// Runs one input, with all that the target says.
    pub(super) fn reproduce(&self, program: &Path, input: &Path) -> Outcome {
        if !input.is_file() {
            return Err(format!("there is no file {}", input.display()));
        }
        let mut command = self.command(program);
        shell::run(command.env("RUST_BACKTRACE", "1").arg(input))
    }
}

/// The file that the driver wrote the input into.
fn input(log: &str) -> Option<&str> {
    log.lines().find_map(|line| line.split_once("Test unit written to ")).map(|(_, file)| file.trim())
}

/// Columns of the table, out of the driver's last words.
fn figures(log: &str) -> String {
    let stat = |name: &str| {
        let line = log.lines().rev().find_map(|line| line.strip_prefix("stat::")?.strip_prefix(name));
        line.map_or("?", |line| line.trim_start_matches(':').trim())
    };
    let last = log.lines().rev().find(|line| line.contains(" cov: ")).unwrap_or_default();
    let word = |name: &str| last.split_whitespace().skip_while(|word| *word != name).nth(1).unwrap_or("?");
    let kept = word("corp:").split('/').next().unwrap_or("?");
    let (runs, speed) = (stat("number_of_executed_units"), stat("average_exec_per_sec"));
    format!("{runs} | {speed} | {} | {kept} | {}", word("cov:"), stat("peak_rss_mb"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_drivers_words_are_read() {
        let log = "#99\tDONE   cov: 4497 ft: 14569 corp: 181/1305b lim: 8 exec/s: 75 rss: 462Mb\n\
                   stat::number_of_executed_units: 99\nstat::average_exec_per_sec:     75\nstat::peak_rss_mb: 462\n";
        assert_eq!(super::figures(log), "99 | 75 | 4497 | 181 | 462");
        assert_eq!(super::input(log), None);
        let crash = "artifact_prefix='x'; Test unit written to found/tar-crash-1\nBase64: YQ==\n";
        assert_eq!(super::input(crash), Some("found/tar-crash-1"));
    }
}
