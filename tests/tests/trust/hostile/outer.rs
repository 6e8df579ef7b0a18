//! The archive around the images is never extracted: its members are looked up by their names, and nothing else.

use ply_tests::{Guarded, Layout, Ply, Tarball, archive_of, feed, made, named, needs, strace_into};

use super::Case;
use super::Verdict::{Contained, Refused};

fn image() -> Tarball {
    archive_of(&made(vec![Tarball::new().file("a", "1").finish()]), "image:1")
}

pub(crate) const CASES: &[Case] = &[
    Case::archive(
        "CVE-2014-9356",
        "a member that climbs",
        |_| image().file("../../victim", "x").finish(),
        Refused(&["../../victim", "leaves the archive"]),
    ),
    Case::archive(
        "CVE-2014-9356",
        "an absolute member",
        |o| image().file(&format!("{o}/victim"), "x").finish(),
        Refused(&["victim", "leaves the archive"]),
    ),
    Case::archive(
        "CVE-2014-6407",
        "through a link",
        |o| image().symlink("x", o).file("x/victim", "x").finish(),
        Refused(&["outside"]),
    ),
    Case::archive(
        "CVE-2014-6407",
        "blobs is a link to the host",
        |o| {
            let mut layout = Layout::default();
            let manifest = layout.plain(&made(vec![Tarball::new().file("a", "1").finish()]));
            let layout =
                layout.list(named(manifest, "io.containerd.image.name", "docker.io/library/image:1"));
            [&Tarball::new().symlink("blobs", o).finish()[..512], &layout.tar().finish()].concat()
        },
        Refused(&["outside"]),
    ),
    Case::archive(
        "nix GHSA-gr92-w2r5-qw5p",
        "devices, pipes and folders that nobody asked for",
        |_| image().device("null").told("6 pipe").folder("d/").finish(),
        Contained("a=1"),
    ),
];

#[test]
fn members() {
    super::check(CASES);
}

/// ggcr 2306: nor is a link of a layout in a folder followed.
#[test]
pub(crate) fn blobs_that_are_links() {
    let guarded = Guarded::new();
    let (mut layout, folder) = (Layout::default(), tempfile::tempdir().unwrap());
    let image = made(vec![Tarball::new().file("a", "1").finish()]);
    let manifest = layout.plain(&image);
    layout
        .list(named(manifest, "io.containerd.image.name", "docker.io/library/image:1"))
        .write(folder.path());
    let blob = folder.path().join("blobs/sha256").join(image.layer_hex(0));
    let elsewhere = folder.path().join("elsewhere");
    std::fs::rename(&blob, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &blob).unwrap();
    guarded.refuses_folder("a blob that is a link", folder.path(), &[&image.layer_hex(0)]);
}

/// Every file that a load makes, by whatever system call, lies in the store.
#[test]
fn nothing_is_made_outside_the_store() {
    if !needs(&[("strace", "strace")]) {
        return;
    }
    for pipe in [false, true] {
        let ply = Ply::new();
        let tar =
            image().folder("d/").file("d/e", vec![b'x'; 100_000]).symlink("l", "d/e").hard_link("h", "d/e");
        let archive = ply.write("a.tar", tar.finish());
        let calls = "trace=open,openat,openat2,creat,mkdir,mkdirat,link,linkat,symlink,symlinkat,mknod,mknodat,rename,renameat,renameat2";
        let mut strace = strace_into(&ply.file("trace"), &ply.command(["load", "-q"]), &["-e", calls]);
        let ran =
            if pipe { feed(&mut strace, &archive) } else { strace.arg("-i").arg(&archive).output().unwrap() };
        assert!(ran.status.success());
        let trace = std::fs::read_to_string(ply.file("trace")).unwrap();
        let made: Vec<&str> = trace.lines().filter(|line| !line.contains(" = -1 ") && makes(line)).collect();
        assert!(made.len() > 5, "{trace}");
        let inside =
            |line: &&&str| line.split('"').nth(1).unwrap().starts_with(ply.store().to_str().unwrap());
        let outside: Vec<_> =
            made.iter().filter(|line| !inside(line) && !line.contains("AT_FDCWD, \"/dev/")).collect();
        assert!(outside.is_empty(), "{outside:#?}");
    }
}

/// Whether a system call makes a file, rather than opens one.
fn makes(line: &str) -> bool {
    !line.contains(" open")
        || line.contains("O_CREAT")
        || line.contains("O_WRONLY")
        || line.contains("O_RDWR")
}
