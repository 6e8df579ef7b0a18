//! An image of 200,000 small files, and how much memory it takes to look at one and to write it out.

use super::Choices;
use super::absolute::{Absolute, ROUNDS, mebibytes};
use super::pairs::sh;
use super::rows::{IMAGE, Place};
use crate::{Outcome, bench, shell};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

const LARGE: &str = "large:1";
const LAYERS: usize = 10;
const DIRECTORIES: usize = 2_000;
/// In each directory, over all layers.
const FILES: usize = 100;
/// What everything takes together, and what each file, directory and link of the image may add: MiB, bytes.
const ROOM: (f64, f64) = (64.0, 300.0);

/// How long a path takes, whole process, with the layers' indexes there.
pub(super) fn paths(place: &Place, choices: &Choices) -> Vec<Outcome<Absolute>> {
    let (ply, file) = (place.ply("large"), "/usr/d1234/f51");
    let lines = [
        ("ls", format!("{ply} ls {LARGE} {file}")),
        ("cat", format!("{ply} cat {LARGE} {file}")),
        ("stat", format!("{ply} stat {LARGE} {file}")),
        ("log", format!("{ply} log {LARGE} {file}")),
    ];
    let titled = lines.map(|(verb, line)| (format!("ply {verb} of one path, 200,000 files"), line));
    let wanted = titled.into_iter().filter(|(what, _)| choices.wants(what));
    let figures = wanted.map(|(what, line)| {
        keep(place, "large")?;
        sh(&line)?;
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let start = Instant::now();
            sh(&line)?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        Ok(Absolute { what, unit: "ms", value: bench::median(times), limit: Some(8.0) })
    });
    figures.collect()
}

/// Peak memory of the verbs that read an image's files.
pub(super) fn peaks(place: &Place, choices: &Choices) -> Vec<Outcome<Absolute>> {
    let (flat, folder) = (place.on_disk("exported"), place.on_disk("unpacked"));
    let verbs = |image: &str, file: &str| {
        [
            ("ls -R", format!("ls -R {image}")),
            ("cat", format!("cat {image} {file}")),
            ("export", format!("export -o {flat} {image}")),
            ("unpack", format!("unpack {image} {folder}")),
        ]
    };
    let images = [
        ("the large archive's image", IMAGE, "kept", "/etc/os-release"),
        ("200,000 files", LARGE, "large", "/usr/d1234/f51"),
    ];
    let mut figures = Vec::new();
    for (named, image, store, file) in images {
        let titled = verbs(image, file).map(|(verb, line)| (format!("peak memory: {verb}, {named}"), line));
        let wanted: Vec<_> = titled.into_iter().filter(|(what, _)| choices.wants(what)).collect();
        if wanted.is_empty() {
            continue;
        }
        let ply = place.ply(store);
        let limit = if image == LARGE { keep(place, store) } else { sh(&place.keep()) }
            .and_then(|()| limit(&format!("{ply} ls -R {image} | wc -l")));
        figures.extend(wanted.into_iter().map(|(what, line)| {
            let limit = limit.clone()?;
            sh(&format!("rm -rf {flat} {folder}"))?;
            let value = mebibytes("", &format!("{ply} {line}"), &place.disk.join("peak"))?;
            Ok(Absolute { what, unit: "MiB", value, limit: Some(limit) })
        }));
    }
    figures
}

/// What an image may take, in MiB, by the command line that counts what it holds.
fn limit(count: &str) -> Outcome<f64> {
    let counted = shell::capture(Command::new("sh").args(["-c", count]))?;
    let entries: f64 = counted.trim().parse().map_err(|why| format!("what `{count}` printed: {why}"))?;
    let (room, each) = ROOM;
    Ok((room + entries * each / f64::from(1 << 20)).round())
}

/// Loads the image of 200,000 files into a store, if it is not there.
fn keep(place: &Place, store: &str) -> Outcome {
    let archive = place.disk.join("large.tar");
    if archive.exists() {
        return Ok(());
    }
    let folder = place.disk.join("large-members");
    write_image(&folder)?;
    let word = |path: &Path| shell::quoted(&path.to_string_lossy());
    sh(&format!("tar -C {} -cf {} .", word(&folder), word(&archive)))?;
    sh(&format!("{} load -q -i {}", place.ply(store), word(&archive)))
}

/// The members of a docker-archive (moby, image/spec/v1.2.md).
fn write_image(folder: &Path) -> Outcome {
    let failed = |why| format!("writing {}: {why}", folder.display());
    fs::create_dir_all(folder).map_err(failed)?;
    let (mut layers, mut diff_ids) = (Vec::new(), Vec::new());
    for number in 0..LAYERS {
        let name = format!("{number}.tar");
        let file = fs::File::create(folder.join(&name)).map_err(failed)?;
        let mut out = std::io::BufWriter::new(file);
        for directory in 0..DIRECTORIES {
            for file in (number..FILES).step_by(LAYERS) {
                out.write_all(&member(&format!("usr/d{directory}/f{file}"))).map_err(failed)?;
            }
        }
        out.write_all(&[0; 1024]).map_err(failed)?;
        out.flush().map_err(failed)?;
        let sum = shell::capture(Command::new("sha256sum").arg(folder.join(&name)))?;
        diff_ids.push(format!("sha256:{}", sum.split(' ').next().unwrap_or_default()));
        layers.push(name);
    }
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let manifest = serde_json::json!([{"Config": "config.json", "RepoTags": [LARGE], "Layers": layers}]);
    fs::write(folder.join("config.json"), config.to_string()).map_err(failed)?;
    fs::write(folder.join("manifest.json"), manifest.to_string()).map_err(failed)
}

/// A file of one block that holds its own name: its ustar header (POSIX, pax: ustar interchange format) and content.
fn member(name: &str) -> [u8; 1024] {
    let mut bytes = [0; 1024];
    let mut put = |at: usize, text: &[u8]| bytes[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(512, name.as_bytes());
    // Mode, user, group, size, time; the sum is counted with spaces in its place; type and magic.
    let mut fields = String::from("0000644\x000000000\x000000000\0");
    let _ = write!(fields, "{:011o}\0{:011o}\0        0", name.len(), 1_767_322_445);
    put(100, fields.as_bytes());
    put(257, b"ustar\x0000");
    let sum: u32 = bytes[..512].iter().copied().map(u32::from).sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Stdio;

    #[test]
    fn a_member_is_what_tar_reads() {
        let mut tar = Command::new("tar")
            .args(["-xO", "-f", "-", "usr/d1/f2"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        tar.stdin.take().unwrap().write_all(&[&member("usr/d1/f2")[..], &[0; 1024]].concat()).unwrap();
        let output = tar.wait_with_output().unwrap();
        assert!(output.status.success());
        assert_eq!(output.stdout, b"usr/d1/f2");
    }
}
