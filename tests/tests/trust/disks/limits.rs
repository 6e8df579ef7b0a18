//! What a process may do at most: open few files, write short ones, touch only its own.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use ply_tests::{Effort, Ply, Ran, archive_of, layer, made, needs, tried};

use super::{furnished, kept, refused, shell, unchanged};

/// What moves an image `app:1` of many layers, which is in the store and in `app.tar`: one file after the other.
const MOVING: [&str; 7] = [
    "ply --store other load -q -i app.tar",
    "ply --store other load -q < app.tar",
    "ply save -o saved app:1",
    "ply save app:1 > saved",
    "ply save --format oci app:1 > saved",
    "ply check",
    "ply images",
];
/// What looks into it: all layers at once.
const LOOKING: [&str; 7] = [
    "ply ls app:1",
    "ply cat app:1 /etc/motd",
    "ply unpack app:1 unpacked",
    "ply export app:1 > saved",
    "ply diff app:1 app:1",
    "ply squash app:1 -t flat:1",
    "ply create app:1",
];

/// More layers than files may be open. With 32 files an image is moved all the same; what is not done is refused.
#[test]
fn few_files() {
    let ply = Ply::new();
    let image = made((0..60).map(|n| layer(&format!("layer {n}"))).collect());
    ply.write("app.tar", archive_of(&image, "app:1").finish());
    ply.ok(["load", "-q", "-i", "app.tar"]);
    let limits = Effort::asked().of(&[16, 32][..], &[12, 14, 16, 20, 24, 28, 32, 40], &[12, 13, 15, 32, 64]);
    let (mut times, mut refusals) = (0, 0);
    for limit in limits {
        for line in MOVING.into_iter().chain(LOOKING) {
            for folder in ["other", "unpacked"] {
                let _ = std::fs::remove_dir_all(ply.file(folder));
            }
            let before = kept(&ply);
            let what = format!("{line} with {limit} files");
            let ran = shell(&ply, &format!("ulimit -n {limit}; {line}"));
            times += 1;
            if ran.code == Some(0) {
                continue;
            }
            assert!(*limit < 32 || LOOKING.contains(&line), "{what}: {}", ran.stderr);
            // Too few for the program to be started at all.
            if ran.code == Some(127) && ran.stderr.contains("error while loading shared libraries") {
                continue;
            }
            refusals += 1;
            let folder = ply.folder().to_str().unwrap();
            let names = [folder, "app.tar", "saved", "unpacked", "sha256:", "other"];
            refused(&what, &ran, &names, &["Too many open files"]);
            unchanged(&what, &ply, &before);
            assert!(!ply.file("unpacked").exists(), "{what}: something is left");
        }
    }
    ply.ok(["check"]);
    tried(
        "few open files, an image of 60 layers",
        times,
        &format!("with 32 it moves; {refusals} refused, with path and cause, store unchanged"),
    );
}

/// The system ends who writes beyond a limit, unless that is heard.
#[test]
fn short_files() {
    let ply = furnished();
    ply.write("out", "precious");
    let before = kept(&ply);
    let files = || std::fs::read_dir(ply.folder()).unwrap().count();
    let count = files();
    let (mut times, mut refusals) = (0, 0);
    let blocks =
        Effort::asked().of(&[0, 9, 100][..], &[0, 1, 2, 4, 9, 50, 100, 200, 300], &[0, 1, 2, 3, 5, 9, 50]);
    for limit in blocks {
        for line in [
            "ply load -q -i new.tar",
            "ply load -q < new.tar",
            "ply load -q -i gzip.tar",
            "ply import root.tar x:1",
            "ply import - x:1 < root.tar",
            "ply commit ct x:1",
            "ply squash kept:1 -t x:1",
            "ply tag kept:1 x:1",
            "ply save -o out kept:1",
            "ply save --compress gzip:0 -o out kept:1",
            "ply cp file ct:/x",
            "ply create --name xx kept:1",
        ] {
            let what = format!("{line} with files of {limit} blocks");
            let ran = shell(&ply, &format!("ulimit -f {limit}; exec {line}"));
            times += 1;
            if ran.code == Some(0) {
                ply.ok(["check"]);
                // As it was.
                for line in ["rmi new:1", "rmi x:1", "delete ct:/x", "rm xx", "prune -f"] {
                    let _ = shell(&ply, &format!("ply {line}"));
                }
                ply.write("out", "precious");
                continue;
            }
            refusals += 1;
            let folder = ply.folder().to_str().unwrap();
            refused(
                &what,
                &ran,
                &[folder, "out", "new.tar", "root.tar"],
                &["File too large", "no space left"],
            );
            assert_eq!(std::fs::read_to_string(ply.file("out")).unwrap(), "precious", "{what}");
            assert_eq!(files(), count, "{what}: something is left");
            unchanged(&what, &ply, &before);
        }
    }
    ply.ok(["check"]);
    tried(
        "files that may not grow beyond a limit",
        times,
        &format!("{refusals} refused with path and cause, store unchanged; no signal ended any"),
    );
}

/// `ply` as a user who has nothing.
pub(super) fn as_nobody(ply: &Ply, line: &str) -> Ran {
    let program = ply.binary_for_all();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program).args(line.split(' '));
    command.env("PLY_STORE", ply.store()).current_dir(ply.folder()).output().unwrap().into()
}

/// Somebody else's store.
#[test]
fn no_permission() {
    if !needs(&[("setpriv", "util-linux")]) {
        return;
    }
    let ply = furnished();
    std::fs::set_permissions(ply.store(), PermissionsExt::from_mode(0o700)).unwrap();
    let before = kept(&ply);
    let lines = [
        "images",
        "inspect kept:1",
        "ls kept:1",
        "cat kept:1 /etc/motd",
        "save kept:1",
        "history kept:1",
        "check",
        "df",
        "ps -a",
        "load -i new.tar",
        "tag kept:1 x:1",
        "rmi kept:1",
        "prune -f",
        "commit ct x:1",
        "rm ct",
        "squash kept:1 -t x:1",
        "import root.tar x:1",
        "create kept:1",
        "cp file ct:/x",
    ];
    for line in lines {
        let ran = as_nobody(&ply, line);
        refused(line, &ran, &[ply.store().to_str().unwrap()], &["ermission denied"]);
        unchanged(line, &ply, &before);
    }
    // A file in the middle.
    std::fs::set_permissions(ply.store(), PermissionsExt::from_mode(0o755)).unwrap();
    let index = ply.store().join("index.json");
    std::fs::set_permissions(&index, PermissionsExt::from_mode(0o600)).unwrap();
    for line in lines {
        let ran = as_nobody(&ply, line);
        if !["ps -a", "cp file ct:/x", "rm ct"].contains(&line) {
            refused(line, &ran, &[ply.store().to_str().unwrap()], &["ermission denied"]);
        }
        unchanged(line, &ply, &before);
    }
    tried("somebody else's store", lines.len() as u64 * 2, "refused with path and cause, store unchanged");
}
