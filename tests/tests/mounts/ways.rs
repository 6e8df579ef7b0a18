//! By the kernel, from loop devices, through FUSE: all show the same.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ply_tests::{Filesystem, Mounted, Ply, Ran, binary, gzip, mounts_images, needs, output, skipped};
use serde_json::Value;

use super::{archive, layout, listed, loaded, refused};

const WAYS: [&str; 3] = ["--suid", "--loop", "--fuse"];

fn kinds() -> String {
    fs::read_to_string("/proc/self/mountinfo").unwrap()
}

/// Waits until something holds, which takes a moment.
#[track_caller]
fn soon(holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(10), "it never comes");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn each_way_shows_the_same() {
    if !mounts_images() {
        return;
    }
    let ply = loaded();
    layout(&ply, "gzip", Some(gzip));
    ply.ok(["unpack", "app:1", "unpacked"]);
    let unpacked = Filesystem::on_disk(&ply.file("unpacked"));
    assert!(unpacked.entries.len() > 12);
    for image in ["app:1", "docker-archive:app.tar", "oci:gzip"] {
        for way in WAYS {
            let mounted = Mounted::image(&ply, &["--cache", way, image], "on");
            let differences = unpacked.differences(&Filesystem::on_disk(mounted.path()));
            let told: Vec<String> = differences.iter().map(ToString::to_string).collect();
            assert!(told.is_empty(), "{image} {way}: {told:#?}");
            let at = mounted.path().canonicalize().unwrap();
            let line = kinds().lines().find(|line| line.split(' ').nth(4) == at.to_str()).unwrap().to_owned();
            let is_of_way = match way {
                "--fuse" => line.contains(" - fuse"),
                "--loop" => line.contains(" - erofs ") && line.split(' ').nth(2).unwrap().starts_with("7:"),
                _ => line.contains(" - erofs ") && line.split(' ').nth(2).unwrap().starts_with("0:"),
            };
            assert!(is_of_way, "{way}: {line}");
            assert_eq!(listed(&ply).len(), 1, "{way}");
            ply.ok(["umount", "on"]);
            assert_eq!((mounted.options(), listed(&ply).len()), (None, 0), "{way}");
        }
    }
    // What is asked for is what is given, though the image is mounted otherwise already.
    let _kernel = Mounted::image(&ply, &["app:1"], "by-kernel");
    let _loops = Mounted::image(&ply, &["--loop", "app:1"], "in-loops");
    let _fuse = Mounted::image(&ply, &["--fuse", "app:1"], "by-fuse");
    let _again = Mounted::image(&ply, &["--loop", "app:1"], "in-loops-again");
    let ways: Vec<Value> = listed(&ply).iter().map(|said| said["way"].clone()).collect();
    assert_eq!(ways, ["fuse", "kernel", "loop", "loop"]);
    ply.ok(["umount", "by-fuse", "by-kernel", "in-loops", "in-loops-again"]);
    // A large directory is read in parts; what is read twice is the same.
    ply.write("large.tar", {
        let entries = (0..3000).fold(ply_tests::Tarball::new(), |tar, n| {
            tar.told(&format!("0 d/a-name-that-is-not-short-{n:08} {n}"))
        });
        ply_tests::archive_of(&ply_tests::made(vec![entries.finish()]), "large:1").finish()
    });
    let mounted = Mounted::image(&ply, &["--fuse", "docker-archive:large.tar"], "on");
    for _ in 0..2 {
        assert_eq!(fs::read_dir(mounted.path().join("d")).unwrap().count(), 3000);
    }
    let read = |n: u32| fs::read_to_string(mounted.path().join(format!("d/a-name-that-is-not-short-{n:08}")));
    assert_eq!((read(7).unwrap(), read(2999).unwrap()), ("7".to_owned(), "2999".to_owned()));
    assert_eq!(read(3000).unwrap_err().kind(), std::io::ErrorKind::NotFound);
    ply.ok(["umount", "on"]);
}

#[test]
fn what_serves_a_mount_ends_with_it() {
    if !mounts_images() {
        return;
    }
    let ply = loaded();
    let servers = || -> Vec<String> {
        let pids = Command::new("pgrep").args(["-f", "mount --serve"]).output().unwrap().stdout;
        let of_ours = |pid: &&str| {
            let words = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            words.contains(ply.folder().to_str().unwrap())
        };
        String::from_utf8(pids).unwrap().lines().filter(of_ours).map(str::to_owned).collect()
    };
    let mounted = Mounted::image(&ply, &["--fuse", "app:1"], "on");
    assert_eq!(servers().len(), 1);
    ply.ok(["umount", "on"]);
    soon(|| servers().is_empty());
    // Killed, it leaves a mount that shows nothing, and that is listed and can be unmounted.
    let _again = Mounted::image(&ply, &["--fuse", "app:1"], "on");
    output(Command::new("kill").args(["-9", &servers()[0]]));
    soon(|| fs::read_dir(mounted.path()).is_err());
    assert_eq!(listed(&ply)[0]["image"], "app:1");
    let said = ply.run(["mount"]).stderr;
    assert!(said.contains("the process that served it is gone"), "{said}");
    ply.ok(["umount", "on"]);
    assert_eq!(listed(&ply), [] as [Value; 0]);
}

/// A process of ours, stopped however a test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn in_the_foreground_it_is_unmounted_by_ctrl_c() {
    if !mounts_images() {
        return;
    }
    let ply = loaded();
    let mounted = Mounted::over(&ply.file("on"));
    fs::create_dir(mounted.path()).unwrap();
    let mut command = ply.command(["mount", "--foreground", "app:1", "on"]);
    let mut running = Running(command.stdout(Stdio::null()).spawn().unwrap());
    soon(|| mounted.options().is_some());
    assert_eq!(fs::read_to_string(mounted.path().join("etc/motd")).unwrap(), "goodbye");
    output(Command::new("kill").args(["-INT", &running.0.id().to_string()]));
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
    assert_eq!((mounted.options(), listed(&ply).len()), (None, 0));
}

/// A command in a mount namespace of its own, that begins with these words of a shell.
fn apart(ply: &Ply, setting: &str, then: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-ec", &format!("{setting}\n{then}")]).current_dir(ply.folder());
    command.env("PLY", binary()).env("PLY_STORE", ply.store()).env("FOLDER", ply.folder());
    command
}

/// As in a container: all that can be written lies in memory.
#[test]
fn where_nothing_is_on_a_disk() {
    if !mounts_images() {
        return;
    }
    let ply = loaded();
    fs::create_dir(ply.file("on")).unwrap();
    ply.ok(["unpack", "app:1", "unpacked"]);
    let setting = r#"
        mkdir memory; mount -t tmpfs none memory; cp -a store memory/store; mkdir memory/on memory/tmp
        mount -t tmpfs none /var/tmp
        export TMPDIR=$FOLDER/memory/tmp PLY_STORE=$FOLDER/memory/store
    "#;
    for image in ["app:1", "docker-archive:app.tar"] {
        let then = format!("$PLY mount {image} memory/on; $PLY mount --json; echo; exec sleep 60");
        let mut running = Running(apart(&ply, setting, &then).stdout(Stdio::piped()).spawn().unwrap());
        let mut out = std::io::BufReader::new(running.0.stdout.take().unwrap());
        let mut said = String::new();
        while !said.trim_end().ends_with(']') {
            assert_ne!(std::io::BufRead::read_line(&mut out, &mut said).unwrap(), 0, "{image}: {said}");
        }
        let list: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(list[0]["way"], "loop", "{said}");
        let at = format!("/proc/{}/root{}", running.0.id(), ply.folder().join("memory/on").display());
        let unpacked = Filesystem::on_disk(&ply.file("unpacked"));
        let differences = unpacked.differences(&Filesystem::on_disk(at.as_ref()));
        let told: Vec<String> = differences.iter().map(ToString::to_string).collect();
        assert!(told.is_empty(), "{image}: {told:#?}");
        drop(running);
        let _ = fs::remove_dir(ply.file("memory"));
    }
}

/// Nobody mounts through FUSE, for themselves alone.
#[test]
fn without_root_it_is_fuse() {
    if !mounts_images() || !needs(&[("fusermount3", "fuse3"), ("setpriv", "util-linux")]) {
        return;
    }
    if !std::path::Path::new("/dev/fuse").exists() {
        return skipped("there is no /dev/fuse");
    }
    let ply = loaded();
    for name in ["on", "tmp"] {
        fs::create_dir(ply.file(name)).unwrap();
    }
    ply.ok(["unpack", "app:1", "unpacked"]);
    // Who may not open the device is a matter of the machine.
    let setting = r#"
        mknod -m 666 tmp/fuse c 10 229; mount --bind tmp/fuse /dev/fuse
        test -e ply || cp $PLY ply; chmod 755 . ply; chown 65534:65534 on tmp; export TMPDIR=$FOLDER/tmp
        may="setpriv --reuid=65534 --regid=65534 --clear-groups"
    "#;
    // The store is root's, and nobody may not write it; nor does anybody see another's mount.
    for image in ["app:1", "docker-archive:app.tar"] {
        let then = format!(
            "$may ./ply mount {image} on 2>tmp/said; ! ls on/bin 2>/dev/null
             # Modes hold: what only root may read cannot be read.
             ! $may cat on/etc/motd 2>/dev/null; $may tar -c --xattrs -f tmp/seen.tar -C on . || [ $? = 2 ]
             $may fusermount3 -u on; ! mountpoint -q on"
        );
        let ran: Ran = apart(&ply, setting, &then).output().unwrap().into();
        assert_eq!(ran.code, Some(0), "{image}: {}", ran.stderr);
        let said = fs::read_to_string(ply.file("tmp/said")).unwrap();
        assert!(said.contains("is in no list, since the store cannot be written: `fusermount3 -u"), "{said}");
        let seen = Filesystem::in_tar(fs::File::open(ply.file("tmp/seen.tar")).unwrap());
        let mut unpacked = Filesystem::on_disk(&ply.file("unpacked"));
        // What nobody may not read is not in that tar.
        unpacked.entries.retain(|path, _| seen.entries.contains_key(path));
        assert!(unpacked.entries.len() > 10, "{image}: {:?}", seen.entries.keys());
        let told: Vec<String> = seen.differences(&unpacked).iter().map(ToString::to_string).collect();
        assert!(told.is_empty(), "{image}: {told:#?}");
        assert_eq!(seen.entries[&b"etc/odd"[..]].xattrs.len(), 1, "{image}");
        fs::remove_file(ply.file("tmp/seen.tar")).unwrap();
        fs::remove_file(ply.file("tmp/fuse")).unwrap();
    }
    // Of a store of their own.
    let then = "mkdir own; chown 65534:65534 own; export PLY_STORE=$FOLDER/own
        $may ./ply load -q -i app.tar >/dev/null; $may ./ply create --name try app:1 >/dev/null; $may ./ply mount try on";
    let mut container = apart(&ply, setting, then);
    refused(&container.output().unwrap().into(), 2, "a container is mounted by the kernel's overlayfs");
}

/// What nobody can be helped with says what is lacking.
#[test]
fn without_root_and_without_fuse_it_is_refused() {
    if !mounts_images() {
        return;
    }
    let ply = loaded();
    fs::create_dir(ply.file("on")).unwrap();
    fs::set_permissions(ply.folder(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = ply.file("ply");
    // By another process: a file that is open for writing, in a child that another test starts, cannot be run.
    output(Command::new("cp").arg(binary()).arg(&copy));
    let nobody = |image: &str| -> Ran {
        let mut command = Command::new(&copy);
        command.args(["--store", ply.store().to_str().unwrap(), "mount", image, "on"]);
        command.env("PATH", "/nowhere").env("FUSERMOUNT_PATH", "/nowhere/fusermount3");
        command.current_dir(ply.folder()).uid(65534).gid(65534).output().unwrap().into()
    };
    for image in ["app:1", "docker-archive:app.tar"] {
        let ran = nobody(image);
        refused(&ran, 1, "cannot mount through FUSE: ");
        assert!(ran.stderr.contains("fuse3"), "{}", ran.stderr);
    }
    assert!(!ply.store().join("ply/unions").exists());
    archive(&ply);
}
