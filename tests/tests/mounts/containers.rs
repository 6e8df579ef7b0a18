//! Containers mounted: what is written there comes to lie in their own layer.

use std::fs;
use std::path::Path;
use std::process::Command;

use ply_tests::{Filesystem, Mounted, Ply, mounts_images, output};
use serde_json::Value;

use super::{blobs, listed, loaded, refused};

fn made() -> Ply {
    let ply = loaded();
    ply.ok(["create", "--name", "try", "app:1"]);
    ply
}

fn shell(folder: &Path, script: &str) {
    output(Command::new("sh").args(["-ec", script]).current_dir(folder));
}

/// What a container holds, as it is written out.
fn exported(ply: &Ply) -> Filesystem {
    Filesystem::in_tar(&ply.run(["export", "try"]).stdout[..])
}

#[track_caller]
fn is_shown(ply: &Ply, mounted: &Mounted) {
    let differences = exported(ply).differences(&Filesystem::on_disk(mounted.path()));
    let told: Vec<String> = differences.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{told:#?}");
}

#[test]
fn what_the_kernel_writes_is_the_containers() {
    if !mounts_images() {
        return;
    }
    let ply = made();
    let mounted = Mounted::image(&ply, &["try"], "on");
    is_shown(&ply, &mounted);
    shell(
        mounted.path(),
        "echo new >etc/new; echo more >>etc/motd; rm large; rm -r opt; mkdir opt; echo again >opt/file
         mv bin/su bin/moved; ln etc/new etc/twin; chmod 4711 bin/wall; touch -d 2001-02-03 empty; ln -s x run/link",
    );
    // Seen while it is mounted, and the same when it is not.
    let expect = "C /bin\nA /bin/moved\nD /bin/su\nC /bin/wall\nC /empty\nC /etc\nC /etc/motd\nA /etc/new\nA /etc/twin\nD /large\nC /opt\nD /opt/a\nA /opt/file\nC /run\nA /run/link\n";
    let diff = || {
        let mut lines: Vec<String> = ply.ok(["diff", "try"]).lines().map(str::to_owned).collect();
        lines.sort_by(|a, b| a[2..].cmp(&b[2..]));
        lines.join("\n") + "\n"
    };
    assert_eq!(diff(), expect);
    is_shown(&ply, &mounted);
    let before = exported(&ply);
    ply.ok(["commit", "try", "app:while"]);
    ply.ok(["umount", "on"]);
    assert_eq!(diff(), expect);
    assert!(exported(&ply).differences(&before).is_empty());
    // One layer, whenever it is committed.
    ply.ok(["commit", "try", "app:after"]);
    let top = |image: &str| ply.ok(["layers", "-q", image]).lines().last().unwrap().to_owned();
    assert_eq!(top("app:while"), top("app:after"));
    let committed = Mounted::image(&ply, &["app:after"], "committed");
    is_shown(&ply, &committed);
    // What the kernel left in the directory to work in is in nobody's way.
    ply.write("motd", "by hand");
    ply.ok(["cp", "motd", "try:/etc/motd"]);
    assert_eq!(ply.ok(["cat", "try", "/etc/motd"]), "by hand");
}

#[test]
fn cp_and_delete_go_through_the_mount() {
    if !mounts_images() {
        return;
    }
    let ply = made();
    let mounted = Mounted::image(&ply, &["try"], "on");
    // The kernel has looked at all of it, and remembers.
    is_shown(&ply, &mounted);
    ply.write("motd", "by hand");
    shell(ply.folder(), "mkdir -p dir/sub; echo 1 >dir/one; echo 2 >dir/sub/two; ln dir/one dir/twin");
    ply.ok(["cp", "motd", "try:/etc/motd"]);
    ply.ok(["cp", "dir", "try:/opt"]);
    ply.ok(["cp", "dir/.", "try:/opt/a"]);
    shell(
        ply.folder(),
        "tar -c -C dir . | $PLY --store store cp - try:/run".replace("$PLY", env_ply()).as_str(),
    );
    ply.ok(["delete", "try:/bin"]);
    ply.ok(["delete", "try:/opt/dir/sub"]);
    ply.ok(["delete", "try:/large"]);
    let read = |path: &str| fs::read_to_string(mounted.path().join(path)).unwrap();
    assert_eq!(read("etc/motd"), "by hand");
    assert_eq!([read("opt/dir/one"), read("opt/a/sub/two"), read("run/twin")], ["1\n", "2\n", "1\n"]);
    assert!(!mounted.path().join("bin").exists() && !mounted.path().join("opt/dir/sub").exists());
    is_shown(&ply, &mounted);
    let names = |at: &Path| -> Vec<String> {
        let entries = fs::read_dir(at).unwrap().map(|entry| entry.unwrap().file_name());
        entries.map(|name| name.into_string().unwrap()).filter(|name| name.starts_with(".ply")).collect()
    };
    assert_eq!(names(mounted.path()), [""; 0]);
    refused(&ply.run(["delete", "try:/nothing"]), 1, "/nothing: no such file or directory");
    refused(&ply.run(["cp", "dir", "try:/etc/motd"]), 1, "cannot copy a directory onto a file");
    // One who was killed left something, which is nobody's.
    fs::create_dir_all(mounted.path().join(".ply-cp-4711-0/ply-4711-0/half")).unwrap();
    assert!(!ply.ok(["diff", "try"]).contains(".ply"));
    assert!(!ply.ok(["ls", "-a", "try"]).contains(".ply"));
    ply.ok(["cp", "motd", "try:/etc/motd"]);
    assert_eq!(names(mounted.path()), [""; 0]);
    let before = exported(&ply);
    ply.ok(["umount", "on"]);
    assert!(exported(&ply).differences(&before).is_empty());
    // Where something else stands over it, it cannot be written through.
    let _guard = Mounted::image(&ply, &["try"], "on");
    output(Command::new("mount").args(["-t", "tmpfs", "none"]).arg(mounted.path()));
    refused(&ply.run(["cp", "motd", "try:/etc/motd"]), 1, "and something else over it");
}

fn env_ply() -> &'static str {
    ply_tests::binary().to_str().unwrap()
}

#[test]
fn one_that_is_mounted_stays() {
    if !mounts_images() {
        return;
    }
    let ply = made();
    let mounted = Mounted::image(&ply, &["try"], "on");
    refused(&ply.run(["rm", "try"]), 1, "the container try is mounted over ");
    refused(&ply.run(["mount", "--suid", "try", "on"]), 1, "is mounted over ");
    ply.ok(["rmi", "-f", "app:1"]);
    ply.ok(["image", "prune", "-f", "-a"]);
    assert_eq!(blobs(&ply), 4);
    // Twice, it is one: what is written at one place is seen at the other.
    let again = Mounted::image(&ply, &["try"], "again");
    fs::write(mounted.path().join("new"), "new").unwrap();
    assert_eq!(fs::read(again.path().join("new")).unwrap(), b"new");
    let said = listed(&ply);
    let of = |at: usize| (said[at]["image"].clone(), said[at]["container"].is_string());
    assert_eq!((of(0), of(1)), ((Value::from("try"), true), (Value::from("try"), true)));
    // By its ID it is the same one.
    let id = ply.ok(["ps", "-aq"]);
    let third = Mounted::image(&ply, &[id.trim()], "third");
    assert!(third.path().join("new").exists());
    ply.ok(["umount", "third"]);
    let options = mounted.options().unwrap();
    assert!(options.starts_with("rw,nosuid,nodev"), "{options}");
    ply.ok(["rm", "-f", "try"]);
    assert_eq!((mounted.options(), again.options(), listed(&ply).len()), (None, None, 0));
    ply.ok(["image", "prune", "-f"]);
    assert_eq!(blobs(&ply), 0);
}

/// Its record cannot say what it is called; that of the mount says where it is.
#[test]
fn one_whose_record_is_damaged_is_unmounted_before_it_goes() {
    if !mounts_images() {
        return;
    }
    let ply = made();
    let mounted = Mounted::image(&ply, &["try"], "on");
    fs::write(mounted.path().join("new"), "new").unwrap();
    let id = ply.ok(["ps", "-aq", "--no-trunc"]);
    let folder = ply.store().join("ply/containers").join(&id);
    assert!(folder.join("upper/new").exists());
    fs::write(folder.join("config.json"), "{}").unwrap();
    refused(&ply.run(["rm", &id]), 1, "config.json");
    assert!(mounted.path().join("new").exists());
    ply.ok(["rm", "-f", &id]);
    assert_eq!((mounted.options(), listed(&ply).len(), folder.exists()), (None, 0, false));
}

#[test]
fn programs_run_in_it() {
    if !mounts_images() || !ply_tests::needs(&[("busybox", "busybox-static")]) {
        return;
    }
    let ply = Ply::new();
    let busybox = fs::read("/bin/busybox").or_else(|_| fs::read("/usr/bin/busybox")).unwrap();
    let layer = ply_tests::Tarball::new().told("5 bin/").told("5 tmp/ @1777").program("bin/busybox", busybox);
    ply.write("app.tar", ply_tests::archive_of(&ply_tests::made(vec![layer.finish()]), "app:1").finish());
    let run = |mounted: &Mounted, words: &[&str]| {
        output(Command::new("chroot").arg(mounted.path()).arg("/bin/busybox").args(words))
    };
    for way in [&[][..], &["--loop"], &["--fuse"]] {
        let mounted = Mounted::image(&ply, &[way, &["docker-archive:app.tar"]].concat(), "on");
        assert_eq!(run(&mounted, &["echo", "from", "inside"]), "from inside", "{way:?}");
        assert_eq!(run(&mounted, &["ls", "/"]), "bin\ntmp", "{way:?}");
        ply.ok(["umount", "on"]);
    }
    ply.ok(["load", "-q", "-i", "app.tar"]);
    ply.ok(["create", "--name", "try", "app:1"]);
    let mounted = Mounted::image(&ply, &["try"], "on");
    run(&mounted, &["sh", "-c", "busybox echo written >/tmp/file; /bin/busybox --install -s /bin; ls /tmp"]);
    ply.ok(["umount", "on"]);
    assert_eq!(ply.ok(["cat", "try", "/tmp/file"]), "written");
    assert!(ply.ok(["diff", "try"]).contains("A /bin/sh\n"));
}
