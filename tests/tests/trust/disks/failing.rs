//! A disk that fails: each file of the store that cannot be read, each call that writes and is refused by the system.

use std::path::{Path, PathBuf};
use std::process::Command;

use ply_tests::{Effort, Listing, Ply, Ran, needs, output, strace_into, tried};

use super::{furnished, kept, refused, unchanged};

const READS: &str = "read,pread64,readv,preadv,copy_file_range,sendfile";
/// All that brings bytes or names to the disk. What takes away is left out: it is what undoes.
const WRITES: [&str; 13] = [
    "write",
    "pwrite64",
    "copy_file_range",
    "fallocate",
    "fsync",
    "fdatasync",
    "rename",
    "renameat2",
    "mkdir",
    "mkdirat",
    "ftruncate",
    "linkat",
    "symlink",
];

/// `ply` under `strace`, which lets calls fail; and which those were.
fn injected(ply: &Ply, args: &[&str], filter: &[&str], inject: &str) -> (Ran, Vec<String>) {
    let log = ply.file("strace.log");
    let calls = inject.split(':').next().unwrap();
    let (trace, inject) = (format!("trace={calls}"), format!("inject={inject}"));
    let more = [&["-y", "-e", &trace, "-e", &inject], filter].concat();
    let ran = strace_into(&log, &ply.command(args), &more).output().unwrap().into();
    let calls = std::fs::read_to_string(&log).unwrap();
    (ran, calls.lines().filter(|call| call.contains("(INJECTED)")).map(str::to_owned).collect())
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => files(&entry.path(), found),
            kind if kind.is_file() => found.push(entry.path().canonicalize().unwrap()),
            _ => {}
        }
    }
}

/// No byte of a file of the store can be read: whoever needs it says so, and nobody takes it for damaged or removes it.
#[test]
fn no_reading() {
    if !needs(&[("strace", "strace")]) {
        return;
    }
    let ply = furnished();
    ply.ok(["load", "-q", "-i", "gzip.tar"]);
    ply.ok(["cat", "new:1", "/etc/motd"]);
    let all: [&[&str]; 9] = [
        &["check"],
        &["save", "kept:1", "gone:1", "new:1"],
        &["images", "-q"],
        &["inspect", "kept:1"],
        &["cat", "new:1", "/etc/noise"],
        &["export", "ct"],
        &["history", "kept:1"],
        &["df"],
        &["prune", "-f"],
    ];
    let commands = &all[..Effort::asked().of(2, all.len(), all.len())];
    let mut paths = Vec::new();
    files(&ply.store(), &mut paths);
    let is_private = |path: &Path| path.strip_prefix(ply.store().canonicalize().unwrap().join("ply")).is_ok();
    let before = kept(&ply);
    let (mut times, mut told) = (0, 0);
    for args in commands {
        let expected = ply.ok(*args);
        for path in &paths {
            let filter = ["-P", path.to_str().unwrap()];
            let (ran, failed) = injected(&ply, args, &filter, &format!("{READS}:error=EIO"));
            // What is made of a layer has its digest for a name.
            let name = path.file_stem().unwrap().to_str().unwrap();
            let what = format!("{args:?} with {name} not to be read");
            times += u64::from(!failed.is_empty());
            if ran.code == Some(0) {
                // What can be made again, or is not asked.
                assert!(failed.is_empty() || is_private(path), "{what}: it was asked, and nothing is said");
                assert_eq!(ran.text().trim_end_matches('\n'), expected, "{what}");
            } else if args == &["check"] && !ran.text().is_empty() {
                told += 1;
                assert_eq!(ran.code, Some(1), "{what}");
                assert!(
                    ran.text().contains("Input/output error") && ran.text().contains(name),
                    "{what}: {}",
                    ran.text()
                );
            } else {
                told += 1;
                // A compressed layer is called by what it is when plain.
                refused(&what, &ran, &[name, "layer sha256:"], &["Input/output error"]);
            }
            unchanged(&what, &ply, &before);
        }
    }
    ply.ok(["check"]);
    tried(
        "EIO on every read of one file of the store, each file in turn",
        times,
        &format!(
            "{told} told with file and cause, the others did without; nothing handed out, nothing moved"
        ),
    );
}

/// Every call that writes, in turn, is refused: nothing changed and said why, or done.
#[test]
fn no_writing() {
    if !needs(&[("strace", "strace")]) {
        return;
    }
    let ply = furnished();
    ply.write("out.tar", "precious");
    let furnished = ply.file("furnished");
    std::fs::rename(ply.store(), &furnished).unwrap();
    let again = || {
        let _ = std::fs::remove_dir_all(ply.store());
        output(Command::new("cp").arg("-a").arg(&furnished).arg(ply.store()));
    };
    let all: [&[&str]; 9] = [
        &["load", "-q", "-i", "new.tar"],
        &["rmi", "gone:1"],
        &["save", "-o", "out.tar", "kept:1"],
        &["tag", "kept:1", "other:1"],
        &["commit", "ct", "new:1"],
        &["load", "-q", "-i", "gzip.tar"],
        &["squash", "kept:1", "-t", "flat:1"],
        &["create", "--name", "two", "kept:1"],
        &["cp", "file", "ct:/second"],
    ];
    let effort = Effort::asked();
    let commands = &all[..effort.of(3, all.len(), all.len())];
    let errors = effort.of(&["EIO"][..], &["EIO", "ENOSPC"], &["EIO", "ENOSPC", "EDQUOT", "EROFS"]);
    let step = effort.of(3, 1, 1);
    let (mut times, mut refusals, mut late) = (0, 0, 0);
    again();
    let before = kept(&ply);
    for (error, args) in errors.iter().flat_map(|error| commands.iter().map(move |args| (error, args))) {
        for call in WRITES {
            for at in (1..).step_by(step) {
                let what = format!("{args:?} with {error} at {call} {at}");
                again();
                ply.write("out.tar", "precious");
                let (ran, failed) = injected(&ply, args, &[], &format!("{call}:error={error}:when={at}"));
                if failed.is_empty() {
                    assert_eq!(ran.code, Some(0), "{what}: {}", ran.stderr);
                    break;
                }
                times += 1;
                if ran.code != Some(0) {
                    refusals += 1;
                    late += u64::from(was_refused(&ply, &what, &ran, &failed, &before));
                }
                let check = ply.run(["check"]);
                assert_eq!(check.code, Some(0), "{what}: {}{}", check.text(), check.stderr);
                let next = ply.run(["load", "-q", "-i", "new.tar"]);
                assert_eq!(next.code, Some(0), "{what}, and then: {}", next.stderr);
            }
        }
    }
    assert!(refusals > 10, "{refusals}");
    tried(
        "EIO and ENOSPC at every call that writes, in turn",
        times,
        &format!(
            "{refusals} refused with path and cause, the others did without; store unchanged but for {late} told after the change was seen"
        ),
    );
}

/// Whether what was refused had been done already: only what makes it durable, or its output, was refused.
fn was_refused(ply: &Ply, what: &str, ran: &Ran, failed: &[String], before: &Listing) -> bool {
    let prints = failed.iter().any(|call| call.contains("write(1<"));
    let late = [ply.store(), ply.folder().to_owned()].map(|folder| folder.canonicalize().unwrap());
    // A message that could not be written is none.
    if !failed.iter().any(|call| call.contains("write(2<")) {
        let causes = ["Input/output error", "no space left", "No space left", "uota", "Read-only"];
        let folder = ply.folder().to_str().unwrap();
        let paths = [folder, "out.tar", "new.tar", "gzip.tar", if prints { "stdout" } else { folder }];
        refused(what, ran, &paths, &causes);
    }
    assert_eq!(ran.code, Some(1), "{what}: {}", ran.stderr);
    // The folder of index.json, or of the archive, once both have their names.
    let late = prints
        || failed
            .iter()
            .any(|call| late.iter().any(|folder| call.contains(&format!("<{}>)", folder.display()))));
    if late {
        let saved = std::fs::read(ply.file("out.tar")).unwrap() != b"precious";
        if saved {
            ply.ok(["check", "docker-archive:out.tar"]);
        }
        return saved || kept(ply) != *before;
    }
    unchanged(what, ply, before);
    assert_eq!(std::fs::read(ply.file("out.tar")).unwrap(), b"precious", "{what}: {}", ran.stderr);
    false
}
