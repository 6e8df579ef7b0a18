//! A container that the kernel writes to, ours by `ply mount` and Docker's by its own storage: the layers that are committed.

use std::path::Path;
use std::process::Command;

use ply_tests::{Field, Filesystem, Mounted, mounts_images, needs, output};
use serde_json::Value;

use super::pair::{Pair, differences, shown};
use crate::DOCKER;

/// Changes of every kind. What they make is of one time, so that it can be compared.
const SCRIPTS: [&str; 4] = [
    "echo new >srv/new; echo more >>etc/motd; rm -r srv/dir/sub; mkdir srv/gone; rm srv/dir/a; chmod 600 srv/file",
    "rm -r srv/dir; mkdir srv/dir; echo again >srv/dir/b; mv srv/abs srv/moved; ln srv/hard srv/third; mkfifo pipe",
    "rm -r srv; echo file >srv; mkdir -m 1777 -p a/b/c; ln -s /nowhere a/link; chown 5:6 tmp; mknod tmp/null c 1 3",
    "mv srv/file srv/dir/file; cp -a srv/dir srv/copy; rm srv/rel; mkdir srv/rel; touch -d 2001-02-03 etc/motd",
];

/// The topmost layer in a saved archive.
fn top_layer(archive: &[u8]) -> Filesystem {
    let members = ply_tests::members(archive);
    let manifest: Value = serde_json::from_slice(&members["manifest.json"]).unwrap();
    let layers = manifest[0]["Layers"].as_array().unwrap();
    Filesystem::in_tar(&members[layers.last().unwrap().as_str().unwrap()][..])
}

/// Docker's container as its own storage driver would mount it.
fn dockers(pair: &Pair, at: &Path) -> Mounted {
    let all: Value = serde_json::from_str(&pair.docker.ok(&["container", "inspect", &pair.name])).unwrap();
    let data = |key: &str| all[0]["GraphDriver"]["Data"][key].as_str().unwrap().to_owned();
    std::fs::create_dir_all(at).unwrap();
    let options =
        format!("lowerdir={},upperdir={},workdir={}", data("LowerDir"), data("UpperDir"), data("WorkDir"));
    output(Command::new("mount").args(["-t", "overlay", "overlay", "-o", &options]).arg(at));
    Mounted::over(at)
}

#[test]
fn what_the_kernel_wrote_is_committed_alike() {
    if !needs(&[DOCKER]) || !mounts_images() {
        return;
    }
    for (at, script) in SCRIPTS.into_iter().enumerate() {
        let pair = Pair::new(&format!("mounted-{at}"), &[]);
        let write = |mounted: &Mounted| {
            output(Command::new("sh").args(["-ec", script]).current_dir(mounted.path()));
        };
        let ours = Mounted::image(&pair.ply, &[&pair.name], "on");
        write(&ours);
        pair.ply.ok(["umount", "on"]);
        let theirs = dockers(&pair, &pair.file("theirs"));
        write(&theirs);
        drop(theirs);

        pair.is_the_same(script);
        pair.diff_is_the_same(script);
        let image = format!("{}:1", pair.name);
        pair.ply.ok(["commit", &pair.name, &image]);
        pair.docker.ok(&["commit", &pair.name, &image]);
        let saved = pair.file("saved.tar");
        pair.docker.ok(&["save", "-o", saved.to_str().unwrap(), &image]);
        let mut found = differences(
            &top_layer(&pair.ply.save("docker", &[&image])),
            &top_layer(&std::fs::read(saved).unwrap()),
        );
        // A whiteout is its name: nobody reads its mode or time, and ours do not depend on when it was made.
        let is_of_whiteout =
            |path: &[u8]| path.rsplit(|byte| *byte == b'/').next().unwrap().starts_with(b".wh.");
        found.retain(|found| {
            !(is_of_whiteout(&found.path) && matches!(found.field, Field::Mode | Field::Time))
        });
        assert!(found.is_empty(), "{script}: layers: {:#?}", shown(&found));
        pair.docker.ok(&["rmi", &image]);
    }
}
