//! The main job on a small real archive, as a person would type it.

use crate::scratch::Scratch;
use crate::workspace::Workspace;
use crate::{Outcome, shell};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The family of images in `tests/data/family`, made by a real Docker Engine.
const ARCHIVE: &str = "family.tar";
const SUMMARY: &str =
    "{{.Id}}: {{len .RootFS.Layers}} layers, {{.Size}} bytes, runs {{json .Config.Entrypoint}}";

/// A file that a later layer of app:1.1 deleted.
const DELETED: &str = "/usr/src/lang/cases";

pub(crate) fn run(_: &[&str]) -> Outcome {
    shell::run(&mut shell::cargo(["build", "--quiet", "--package", "ply-cli"]))?;
    let scratch = Scratch::new(&std::env::temp_dir(), "ply-demo")?;
    let archive = shell::root().join("tests/data/family").join(ARCHIVE);
    fs::copy(&archive, scratch.join(ARCHIVE))
        .map_err(|why| format!("copying {}: {why}", archive.display()))?;
    let ply = Ply { binary: Workspace::read()?.target_directory.join("debug/ply"), folder: scratch.path() };

    ply.shows(&["load", "-i", ARCHIVE])?;
    ply.shows(&["images"])?;
    ply.shows(&["inspect", "-f", SUMMARY, "app:1.1"])?;
    ply.shows(&["history", "app:1.1"])?;
    ply.shows(&["layers", "app:1.1"])?;
    ply.shows(&["save", "-o", "whole.tar", "app:1.1"])?;

    // Another machine has the image that app:1.1 builds on; only what it lacks travels.
    ply.shows(&["--store", "second", "load", "-i", ARCHIVE, "--only", "lang:3"])?;
    ply.shows(&["save", "--without", "lang:3", "-o", "thin.tar", "app:1.1"])?;
    let (whole, thin) = (size(&scratch.join("whole.tar"))?, size(&scratch.join("thin.tar"))?);
    println!("whole.tar has {whole} bytes, thin.tar {thin}");
    ply.shows(&["--store", "second", "load", "-i", "thin.tar"])?;

    let here = ply.answers(&["inspect", "-f", "{{.Id}}", "app:1.1"])?;
    let there = ply.answers(&["--store", "second", "inspect", "-f", "{{.Id}}", "app:1.1"])?;
    ply.shows(&["--store", "second", "save", "-o", "again.tar", "app:1.1"])?;
    let same_bytes = read(&scratch.join("whole.tar"))? == read(&scratch.join("again.tar"))?;
    if here != there || !same_bytes || thin >= whole {
        return Err(format!(
            "IDs {here} and {there}, same bytes: {same_bytes}, thin {thin} of {whole} bytes"
        ));
    }
    files(&ply)?;
    container(&ply)?;
    let mounted =
        if mount(&ply)? { ", and the archive mounted, not loaded and with nothing unpacked" } else { "" };
    println!(
        "\nShown: an archive by Docker loaded, looked at and saved; a thin one of {} % travelled to a second store, \
         where the image has the same ID and saves to the same bytes; a deleted file read; a container that became \
         an image{mounted}.",
        thin * 100 / whole.max(1)
    );
    Ok(())
}

/// What layers keep though nobody shows it.
fn files(ply: &Ply<'_>) -> Outcome {
    ply.shows(&["tree"])?;
    ply.shows(&["ls", "-l", "app:1.1", "/"])?;
    ply.shows(&["log", "app:1.1", "/etc/app.conf"])?;
    ply.shows(&["find", "--deleted", "app:1.1"])?;
    ply.shows(&["log", "app:1.1", DELETED])?;
    ply.begins(&["cat", "--layer", "2", "app:1.1", DELETED])?;
    ply.shows(&["diff", "lang:3", "app:1.1"])
}

/// A container, changed and committed.
fn container(ply: &Ply<'_>) -> Outcome {
    fs::write(ply.folder.join("motd"), "hello\n").map_err(|why| format!("writing motd: {why}"))?;
    ply.shows(&["create", "--name", "try", "app:1.1"])?;
    ply.shows(&["cp", "motd", "try:/etc/motd"])?;
    ply.shows(&["delete", "try:/etc/app.conf"])?;
    ply.shows(&["diff", "try"])?;
    ply.shows(&["commit", "-m", "a greeting", "try", "app:mine"])?;
    let said = ply.answers(&["cat", "app:mine", "/etc/motd"])?;
    if said != "hello\n" {
        return Err(format!("/etc/motd of the new image says {said:?}"));
    }
    Ok(())
}

/// The archive as a directory, where that can be; says whether it could.
fn mount(ply: &Ply<'_>) -> Outcome<bool> {
    let on = ply.folder.join("on");
    fs::create_dir(&on).map_err(|why| format!("making {}: {why}", on.display()))?;
    let image = format!("docker-archive:{ARCHIVE}:app:1.1");
    if let Err(why) = ply.answers(&["mount", &image, "on"]) {
        println!("It takes root, or FUSE: {why}");
        return Ok(false);
    }
    let read = fs::read_to_string(on.join("etc/app.conf"));
    println!("\n$ cat on/etc/app.conf\n{}", read.as_deref().unwrap_or_default().trim_end());
    ply.shows(&["umount", "on"])?;
    let read = read.map_err(|why| format!("reading etc/app.conf where it is mounted: {why}"))?;
    let said = ply.answers(&["cat", "app:1.1", "/etc/app.conf"])?;
    if read == said { Ok(true) } else { Err(format!("etc/app.conf says {read:?} where it is mounted")) }
}

/// The binary just built, with `first` as its store unless `--store` names another.
struct Ply<'a> {
    binary: PathBuf,
    folder: &'a Path,
}

impl Ply<'_> {
    fn shows(&self, args: &[&str]) -> Outcome {
        self.announce(args);
        shell::run(&mut self.command(args))
    }

    fn answers(&self, args: &[&str]) -> Outcome<String> {
        self.announce(args);
        let answer = shell::capture(&mut self.command(args))?;
        print!("{answer}");
        Ok(answer)
    }

    /// Shows the first lines of an answer that must have some.
    fn begins(&self, args: &[&str]) -> Outcome {
        const SHOWN: usize = 2;
        self.announce(args);
        let answer = shell::capture(&mut self.command(args))?;
        let lines: Vec<&str> = answer.lines().collect();
        if lines.len() <= SHOWN {
            return Err(format!("the answer has {} lines: {answer:?}", lines.len()));
        }
        println!("{}\n... and {} lines more", lines[..SHOWN].join("\n"), lines.len() - SHOWN);
        Ok(())
    }

    fn announce(&self, args: &[&str]) {
        let words: Vec<String> = args.iter().map(|word| shell::quoted(word)).collect();
        println!("\n$ ply {}", words.join(" "));
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(args).current_dir(self.folder).env("PLY_STORE", self.folder.join("first"));
        command
    }
}

fn size(path: &Path) -> Outcome<u64> {
    fs::metadata(path).map(|meta| meta.len()).map_err(|why| format!("looking at {}: {why}", path.display()))
}

fn read(path: &Path) -> Outcome<Vec<u8>> {
    fs::read(path).map_err(|why| format!("reading {}: {why}", path.display()))
}
