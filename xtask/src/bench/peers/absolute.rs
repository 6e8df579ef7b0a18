//! What is measured without a peer: short commands in a full store, and peak memory.

use super::Choices;
use super::engines::Engines;
use super::pairs::sh;
use super::rows::{IMAGE, Place};
use super::{commit, large, mount, union};
use crate::scratch::Scratch;
use crate::{Outcome, bench, shell};
use serde::Serialize;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often a short command is run.
pub(super) const ROUNDS: usize = 31;
/// How many images come in one archive.
const ARCHIVE: usize = 250;
/// The DiffID of the empty tar: 1,024 zero bytes.
const EMPTY_LAYER: &str = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

#[derive(Debug, Serialize)]
pub(super) struct Absolute {
    pub(super) what: String,
    pub(super) unit: &'static str,
    pub(super) value: f64,
    /// At most; None: for comparison.
    pub(super) limit: Option<f64>,
}

impl Absolute {
    pub(super) fn line(&self) -> String {
        let Self { what, unit, value, limit } = self;
        let word = limit.map_or_else(String::new, |limit| {
            format!("at most {limit}: {}", if *value <= limit { "reached" } else { "not reached" })
        });
        format!("{what:<57} {value:>8.1} {unit:<4} {word}")
    }
}

pub(super) fn all(place: &Place, engines: &Engines, choices: &Choices) -> Vec<Outcome<Absolute>> {
    let mut figures = Vec::new();
    for images in [100, 10_000] {
        figures.extend(short_commands(place, images, choices).unwrap_or_else(|why| vec![Err(why)]));
    }
    if let Some(docker) = &engines.docker
        && choices.wants("docker inspect")
    {
        figures.push(docker_inspect(docker, place));
    }
    figures.extend(peaks(place, choices));
    figures.extend(large::peaks(place, choices));
    figures.extend(large::paths(place, choices));
    figures.extend(union::all(choices));
    figures.extend(commit::all(place, choices));
    figures.extend(mount::all(place, choices));
    figures
}

/// Whole processes, in a store with so many images.
fn short_commands(place: &Place, images: usize, choices: &Choices) -> Outcome<Vec<Outcome<Absolute>>> {
    let many = images >= 10_000;
    let limit = |few: f64, full: f64| Some(if many { full } else { few });
    let name = "many/image-17:1";
    let commands: [(&str, &[&str], Option<f64>); 5] = [
        ("ply inspect NAME", &["inspect", name], limit(5.0, 20.0)),
        ("ply inspect ID", &["inspect", "ID"], limit(5.0, 20.0)),
        ("ply images -q", &["images", "-q"], limit(5.0, 20.0)),
        ("ply images", &["images"], limit(5.0, 200.0)),
        ("ply tag", &["tag", name, "many/other:1"], limit(60.0, 60.0)),
    ];
    let titled =
        commands.map(|(what, args, limit)| (format!("{what}, {images} images in the store"), args, limit));
    if !titled.iter().any(|(what, ..)| choices.wants(what)) {
        return Ok(Vec::new());
    }
    let store = place.disk.join(format!("many-{images}"));
    fill(place, &store, images)?;
    let ply = |args: &[&str]| {
        let mut command = Command::new(place.ply);
        command.arg("--store").arg(&store).args(args);
        command
    };
    let id = shell::capture(&mut ply(&["inspect", "-f", "{{.Id}}", name]))?;
    let prefix: String = id.trim().trim_start_matches("sha256:").chars().take(12).collect();
    let wanted = titled.into_iter().filter(|(what, ..)| choices.wants(what));
    let figures = wanted.map(|(what, args, limit)| {
        let args: Vec<&str> = args.iter().map(|word| if *word == "ID" { &prefix } else { *word }).collect();
        let value = milliseconds(|| ply(&args))?;
        Ok(Absolute { what, unit: "ms", value, limit })
    });
    Ok(figures.collect())
}

/// Loads so many tiny images, all different, with one empty layer; as stores fill up, by many archives.
fn fill(place: &Place, store: &Path, images: usize) -> Outcome {
    let numbers: Vec<usize> = (0..images).collect();
    for batch in numbers.chunks(ARCHIVE) {
        let folder = Scratch::new(place.disk, "many")?;
        write_images(folder.path(), batch)?;
        let archive = place.on_disk("many.tar");
        let word = |path: &Path| shell::quoted(&path.to_string_lossy());
        sh(&format!("tar -C {} -cf {archive} .", word(folder.path())))?;
        sh(&format!("{} --store {} load -q -i {archive}", word(place.ply), word(store)))?;
    }
    Ok(())
}

/// The members of a docker-archive (moby, image/spec/v1.2.md) with these images.
fn write_images(folder: &Path, numbers: &[usize]) -> Outcome {
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, bytes).map_err(|why| format!("writing {}: {why}", path.display()))
    };
    write("layer.tar", &[0; 1024])?;
    let mut manifest = Vec::new();
    for number in numbers {
        let config = format!("{number}.json");
        let document = serde_json::json!({
            "architecture": "amd64", "os": "linux", "created": "2026-01-02T03:04:05Z",
            "config": {"Labels": {"number": number.to_string()}},
            "rootfs": {"type": "layers", "diff_ids": [EMPTY_LAYER]},
            "history": [{"created": "2026-01-02T03:04:05Z", "created_by": "COPY nothing /"}],
        });
        write(&config, document.to_string().as_bytes())?;
        let tag = format!("many/image-{number}:1");
        manifest.push(serde_json::json!({"Config": config, "RepoTags": [tag], "Layers": ["layer.tar"]}));
    }
    write("manifest.json", serde_json::Value::from(manifest).to_string().as_bytes())
}

fn docker_inspect(docker: &str, place: &Place) -> Outcome<Absolute> {
    sh(&format!("{docker} inspect {IMAGE} >/dev/null 2>&1 || {docker} load -q -i {}", place.plain()))?;
    let words: Vec<&str> = docker.split(' ').chain(["inspect", IMAGE]).collect();
    let value = milliseconds(|| {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        command
    })?;
    Ok(Absolute { what: "docker inspect NAME, one image".to_owned(), unit: "ms", value, limit: None })
}

/// The median time of a whole process, started anew each time.
pub(super) fn milliseconds(command: impl Fn() -> Command) -> Outcome<f64> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let mut command = command();
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let start = Instant::now();
        shell::run(&mut command)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(bench::median(times))
}

/// Resident memory at its highest, of load and save, whatever they read and write.
fn peaks(place: &Place, choices: &Choices) -> Vec<Outcome<Absolute>> {
    let (plain, gzip) = (place.plain(), place.gzip());
    let (load, kept, kept_gzip) = (place.ply("load"), place.ply("kept"), place.ply("kept-gzip"));
    let saved = place.on_disk("saved");
    let fresh = format!("rm -rf {} {saved}", place.on_disk("load"));
    let keep = format!("{fresh}; test -e {} || {kept} load -q -i {plain}", place.on_disk("kept"));
    let keep_gzip =
        format!("{fresh}; test -e {} || {kept_gzip} load -q -i {gzip}", place.on_disk("kept-gzip"));
    let cases = [
        ("load, plain layers, file", &fresh, String::new(), format!("{load} load -q -i {plain}"), 32.0),
        ("load, plain layers, pipe", &fresh, format!("cat {plain} | "), format!("{load} load -q"), 32.0),
        ("load, gzip layers, file", &fresh, String::new(), format!("{load} load -q -i {gzip}"), 64.0),
        ("load, gzip layers, pipe", &fresh, format!("cat {gzip} | "), format!("{load} load -q"), 64.0),
        ("save, plain layers, file", &keep, String::new(), format!("{kept} save -o {saved} {IMAGE}"), 32.0),
        (
            "save, plain layers, pipe",
            &keep,
            String::new(),
            format!("{kept} save {IMAGE} | cat >/dev/null"),
            32.0,
        ),
        (
            "save, gzip layers inflated, file",
            &keep_gzip,
            String::new(),
            format!("{kept_gzip} save -o {saved} {IMAGE}"),
            64.0,
        ),
        (
            "save --format oci, gzip layers, file",
            &keep_gzip,
            String::new(),
            format!("{kept_gzip} save --format oci -o {saved} {IMAGE}"),
            64.0,
        ),
    ];
    let titled = cases
        .map(|(what, before, feed, line, limit)| (format!("peak memory: {what}"), before, feed, line, limit));
    let wanted = titled.into_iter().filter(|(what, ..)| choices.wants(what));
    let figures = wanted.map(|(what, before, feed, line, limit)| {
        sh(before)?;
        let value = mebibytes(&feed, &line, &place.disk.join("peak"))?;
        Ok(Absolute { what, unit: "MiB", value, limit: Some(limit) })
    });
    figures.collect()
}

/// The peak of the first program of a command line, fed by another one.
pub(super) fn mebibytes(feed: &str, line: &str, note: &Path) -> Outcome<f64> {
    let kibibytes = match shell::found("time") {
        Some(time) => {
            let note_word = shell::quoted(&note.to_string_lossy());
            sh(&format!("{feed}{} -f %M -o {note_word} {line}", time.display()))?;
            let text =
                fs::read_to_string(note).map_err(|why| format!("reading {}: {why}", note.display()))?;
            let last = text.lines().last().unwrap_or_default();
            last.trim().parse().map_err(|why| format!("what {} wrote, {text:?}: {why}", time.display()))?
        }
        None => watched(feed, line, note)?,
    };
    Ok(kibibytes / 1024.0)
}

/// The same where GNU time is not installed: the high-water mark the kernel keeps, asked for each millisecond.
fn watched(feed: &str, line: &str, note: &Path) -> Outcome<f64> {
    // The shell writes down its own number, then becomes the program.
    let note_word = shell::quoted(&note.to_string_lossy());
    let _ = fs::remove_file(note);
    let script = format!("{feed}sh -c 'echo $$ > \"$0\"; exec \"$@\"' {note_word} {line}");
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .stdout(Stdio::null())
        .spawn()
        .map_err(|why| format!("starting `{script}`: {why}"))?;
    let mut peak: f64 = 0.0;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|why| format!("waiting for `{line}`: {why}"))? {
            break status;
        }
        let pid = fs::read_to_string(note).unwrap_or_default();
        let status = fs::read_to_string(format!("/proc/{}/status", pid.trim())).unwrap_or_default();
        peak = peak.max(high_water(&status).unwrap_or_default());
        thread::sleep(Duration::from_millis(1));
    };
    if status.success() { Ok(peak) } else { Err(format!("`{line}`: {status}")) }
}

/// `VmHWM` of `/proc/PID/status`, in KiB (proc(5)).
fn high_water(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_read() {
        let check = |status, expect| assert_eq!(high_water(status), expect, "{status}");
        check("Name:\tply\nVmHWM:\t    3948 kB\nVmRSS:\t 3948 kB\n", Some(3948.0));
        check("Name:\tply\n", None);
    }

    #[test]
    fn a_watched_program_has_a_peak() {
        let note = std::env::temp_dir().join(format!("xtask-peak-{}", std::process::id()));
        // One buffer of 8 MiB, filled for a moment.
        let line = "dd if=/dev/zero of=/dev/null bs=8M count=200 status=none";
        let peak = watched("", line, &note).unwrap();
        let _ = fs::remove_file(&note);
        assert!((8192.0..200_000.0).contains(&peak), "{peak}");
    }
}
