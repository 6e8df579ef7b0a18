//! What leaves a container by `cp` gives nobody rights that he did not have.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use ply_tests::Ply;

/// A program that runs in its owner's name would run in that of whoever copied it.
#[test]
fn set_ids_go_where_the_owner_changes() {
    let ply = Ply::with_family();
    let program = ply.write("program", "#!/bin/sh\n");
    // Only root can have files of others; everybody else's own stay as they are.
    let is_others =
        chown(&program, Some(1000), Some(1000)).is_ok() && fs::metadata("/proc/self").unwrap().uid() == 0;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o6755)).unwrap();
    ply.ok(["create", "--name", "try", "base:1"]);
    ply.ok(["cp", "program", "try:/program"]);
    assert_eq!(ply.ok(["ls", "-l", "try", "/program"]).split(' ').next(), Some("-rwsr-sr-x"));

    let mode = |name: &str| fs::metadata(ply.file(name)).unwrap().mode() & 0o7777;
    ply.ok(["cp", "try:/program", "mine"]);
    assert_eq!(mode("mine"), if is_others { 0o755 } else { 0o6755 });
    ply.ok(["cp", "-a", "try:/program", "kept"]);
    assert_eq!(mode("kept"), 0o6755);
}
