//! What an image says of the process that will run in it, and files of it that are read for that.

use ply_tests::{Ply, Ran, Tarball, archive_of, made, mounts_images, needs};
use serde_json::{Value, json};

use super::canary::{Canary, SECRET};

/// A store with an image of busybox, these files and this config; `None`, and said, where nothing can be run.
fn image(more: impl Fn(Tarball, &str) -> Tarball, config: &Value) -> Option<(Ply, Canary)> {
    if !mounts_images() || !needs(&[("runc", "runc"), ("busybox", "busybox-static")]) {
        return None;
    }
    let busybox = std::fs::read("/bin/busybox").or_else(|_| std::fs::read("/usr/bin/busybox")).unwrap();
    let ply = Ply::new();
    let canary = Canary::below(ply.folder());
    let layer = Tarball::new()
        .program("bin/busybox", busybox)
        .symlink("bin/sh", "busybox")
        .symlink("bin/id", "busybox");
    let layer = more(layer.symlink("bin/pwd", "busybox").symlink("bin/cat", "busybox"), &canary.outside());
    let image = made(vec![layer.finish()]).with("config", config.clone());
    ply.write("archive.tar", archive_of(&image, "image:1").finish());
    ply.ok(["load", "-q", "-i", "archive.tar"]);
    Some((ply, canary))
}

fn run(ply: &Ply, args: &[&str]) -> Ran {
    let ran = ply.run([&["run", "--rm"], args].concat());
    assert!(
        !ran.text().contains(SECRET) && !ran.stderr.contains(SECRET),
        "{args:?}: {}{}",
        ran.text(),
        ran.stderr
    );
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    ran
}

/// CVE-2024-21626, CVE-2026-55686, CVE-2022-23648: a directory to work in that is a descriptor of the host, climbs, or is a link.
#[test]
pub(crate) fn directories_to_work_in() {
    for directory in ["/proc/self/fd/7/../../../..", "/proc/self/fd/8", "../../../..", "/link"] {
        let config = json!({"WorkingDir": directory, "Volumes": {"/../..": {}, "/link/dir": {}}, "Cmd": ["cat", "victim"]});
        let Some((ply, canary)) = image(|tar, outside| tar.symlink("link", outside), &config) else { return };
        let ran = run(&ply, &["image:1"]);
        assert_ne!(ran.code, Some(0), "{directory}: {}", ran.text());
        canary.sings(directory);
    }
}

/// CVE-2024-40635, CVE-2026-46680: a user's number is a number, in its range or refused.
#[test]
pub(crate) fn users_that_are_numbers() {
    let names = |tar: Tarball, _: &str| {
        tar.file("etc/passwd", "4294967296:x:0:0::/:/bin/sh\n-1:x:0:0::/:/bin/sh\n1e3:x:5:5::/:/bin/sh\n")
    };
    let Some((ply, canary)) = image(names, &json!({"Cmd": ["id"]})) else { return };
    for user in ["4294967296", "2147483648", "4294967295", "-1", "0:4294967296", "99999999999999999999"] {
        let ran = run(&ply, &["-u", user, "image:1"]);
        assert!(
            matches!(ran.code, Some(125 | 126)) && ran.text().is_empty(),
            "{user}: {:?} {} {}",
            ran.code,
            ran.text(),
            ran.stderr
        );
        assert!(ran.stderr.contains(user.trim_start_matches("0:")), "{user}: {}", ran.stderr);
    }
    assert_eq!(run(&ply, &["-u", "2147483647", "image:1", "id", "-u"]).text(), "2147483647\n");
    canary.sings("users");
}

/// CVE-2024-1753, CVE-2024-9676, CVE-2026-53489, CVE-2026-47262: files of an image that we read ourselves are looked up in
/// the image, and have an end.
#[test]
pub(crate) fn files_that_are_read_for_a_run() {
    let linked = |tar: Tarball, outside: &str| tar.symlink("etc", outside).symlink("victims", outside);
    let Some((ply, canary)) = image(linked, &json!({"Cmd": ["id"]})) else { return };
    for args in [
        &["-u", "web", "image:1"] as &[&str],
        &["-u", "root", "image:1"],
        &["-v", "/tmp:/victims/dir", "image:1", "id"],
    ] {
        run(&ply, args);
        canary.sings(&format!("{args:?}"));
    }
    for verb in [
        &["cat", "image:1", "/etc/victim"] as &[&str],
        &["cat", "image:1", "/victims/victim"],
        &["stat", "image:1", "/etc/victim"],
        &["cp", "image:1:/etc/victim", "work/out"],
        &["grep", "canary", "image:1", "/etc"],
    ] {
        let ran = ply.run(verb);
        assert!(ran.code != Some(0) && !ran.text().contains(SECRET), "{verb:?}: {}", ran.text());
    }
    let endless = |tar: Tarball, _: &str| {
        tar.file("etc/passwd", "x:x:1:1::/:\n".repeat(600_000)).file("etc/group", "g:x:1:\n".repeat(900_000))
    };
    let Some((ply, _)) = image(endless, &json!({"Cmd": ["id"]})) else { return };
    let ran = run(&ply, &["-u", "nobody", "image:1"]);
    assert!(matches!(ran.code, Some(125 | 126)), "{:?} {}", ran.code, ran.stderr);
}
