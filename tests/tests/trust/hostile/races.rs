//! A path that is swapped for a link while it is used.

use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ply_tests::{Effort, Mounted, Ply, Tarball, archive_of, made, mounts_images, tried};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::canary::{Canary, SECRET};

/// CVE-2018-15664, CVE-2019-14271, CVE-2023-0778: `cp` into and out of a container in which somebody swaps a folder for a link
/// to the host, all the while.
#[test]
pub(crate) fn a_folder_swapped_while_it_is_copied() {
    if !mounts_images() {
        return;
    }
    let ply = Ply::new();
    let canary = Canary::below(ply.folder());
    let layer = Tarball::new().file("a", "1").finish();
    ply.write("archive.tar", archive_of(&made(vec![layer]), "image:1").finish());
    ply.ok(["load", "-q", "-i", "archive.tar"]);
    ply.ok(["create", "--name", "cc", "image:1"]);
    let mounted = Mounted::image(&ply, &["cc"], "work/on");
    // What is of the container alone can be renamed in an overlay.
    std::fs::create_dir_all(mounted.path().join("d/dir")).unwrap();
    std::fs::write(mounted.path().join("d/victim"), "1").unwrap();
    std::fs::write(mounted.path().join("d/dir/file"), "1").unwrap();
    symlink(canary.outside(), mounted.path().join("link")).unwrap();
    let (stop, swaps) = (AtomicBool::new(false), AtomicU64::new(0));
    let times = Effort::asked().of(15, 300, 4000);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let swap = renameat_with(
                    CWD,
                    mounted.path().join("d"),
                    CWD,
                    mounted.path().join("link"),
                    RenameFlags::EXCHANGE,
                );
                swaps.fetch_add(u64::from(swap.is_ok()), Ordering::Relaxed);
            }
        });
        let source = canary.outside() + "/link";
        for _ in 0..times {
            for args in [
                &["cp", "-q", "-L", "archive.tar", "cc:/d/victim"] as &[&str],
                &["cp", "-q", "-a", &source, "cc:/d/dir/"],
            ] {
                ply.run(args);
            }
            for args in [
                &["cp", "-q", "cc:/d/victim", "-"] as &[&str],
                &["cp", "-q", "cc:/d", "-"],
                &["cp", "-q", "cc:/d/dir", "-"],
            ] {
                let ran = ply.run(args);
                assert!(!super::contains(&ran.stdout, SECRET), "{args:?} tells what lies outside");
            }
            ply.run(["delete", "cc:/d/dir/file"]);
        }
        stop.store(true, Ordering::Relaxed);
    });
    drop(mounted);
    canary.sings("swapped while copied");
    assert!(swaps.into_inner() > times, "nothing was swapped");
    tried(
        "copies into, out of and deletions in a container while a folder is swapped for a link to the host",
        6 * times,
        "nothing outside changed or was read",
    );
}
