//! Containers without an engine beside them: what the kernel's overlayfs makes of their layers, who owns what, what
//! commands promise, what is refused, and ends that nobody wants.

mod faults;
mod kernel;
mod owners;
mod promises;
mod refused;

use std::process::Command;

use ply_tests::{Filesystem, Input, Made, Ply, Ran, Tarball, archive_of, made, output};

/// An image of two layers that has a bit of everything.
pub(crate) fn image() -> Made {
    let base = [
        "5 tmp/ @1777",
        "5 srv/",
        "5 srv/dir/ @750 :7:8",
        "0 srv/dir/a lower-a @600 :7:8 +user.x=1",
        "0 srv/dir/b lower-b",
        "5 srv/dir/sub/ @2775 :9:9",
        "0 srv/dir/sub/deep lower-deep",
        "5 srv/other/",
        "0 srv/other/x 1",
        "5 srv/other/y/",
        "0 srv/other/y/z 1",
        "0 srv/file lower-file @640 :3:4",
        "1 srv/hard > srv/file @640 :3:4",
        "0 srv/plain lower-plain",
        "2 srv/rel > dir",
        "2 srv/out > ../../../../../../../../tmp",
        "5 srv/gone/",
        "0 srv/gone/x 1",
    ];
    let second = ["5 srv/", "0 srv/.wh.gone", "5 srv/dir/ @750 :7:8", "0 srv/dir/c upper-c @644 :1:1"];
    let layer = |entries: &[&str]| entries.iter().fold(Tarball::new(), |tar, entry| tar.told(entry)).finish();
    made(vec![layer(&base), layer(&second)])
}

/// What is copied in, as everybody may read it.
const SOURCES: &str = r"
umask 022
mkdir -p src/d/sub src/empty
echo hi >src/f; echo a >src/d/a; echo deep >src/d/sub/deep; ln -s a src/d/l; ln src/d/a src/d/twin
chmod 4755 src/d/sub/deep; chmod 711 src/d
find src -exec touch -h -d '2001-02-03 04:05:06.789Z' {} +
";

/// A store that holds the image as `image:1`, and a container `ct` of it; files to copy beside it.
pub(crate) fn store() -> Ply {
    let ply = store_of(&image());
    ply.ok(["create", "--name", "ct", "image:1"]);
    ply
}

pub(crate) fn store_of(image: &Made) -> Ply {
    let ply = Ply::new();
    let archive = ply.write("image.tar", archive_of(image, "image:1").finish());
    assert_eq!(ply.load(Input::File, &archive, &[]).code, Some(0));
    output(Command::new("sh").args(["-ec", SOURCES]).current_dir(ply.folder()));
    ply
}

/// Runs a command line whose words stand apart by spaces; it must succeed.
pub(crate) fn ok(ply: &Ply, line: &str) -> String {
    ply.ok(line.split(' '))
}

/// Runs `cp - CT:PATH`.
pub(crate) fn extract(ply: &Ply, tar: &[u8], to: &str) -> Ran {
    let path = ply.write("extracted.tar", tar);
    let mut command = ply.command(["cp", "-", to]);
    command.stdin(std::fs::File::open(path).unwrap()).output().unwrap().into()
}

pub(crate) fn exported(ply: &Ply, what: &str) -> Filesystem {
    let tar = ply.run(["export", what]);
    assert_eq!(tar.code, Some(0), "{}", tar.stderr);
    Filesystem::in_tar(&tar.stdout[..])
}

/// Two filesystems are the same.
pub(crate) fn same(what: &str, ours: &Filesystem, theirs: &Filesystem) {
    let found: Vec<String> = ours.differences(theirs).iter().take(20).map(ToString::to_string).collect();
    assert!(found.is_empty(), "{what}: {found:#?}");
}
