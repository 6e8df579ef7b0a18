//! Images and containers mounted: what is seen, what is recorded, what is kept, and what is refused.

mod containers;
mod ways;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ply_tests::{
    Filesystem, Layout, Made, Mounted, Ply, Ran, Tarball, archive_of, gzip, made, mounts_images, named,
};
use serde_json::Value;

const NAME: &str = "io.containerd.image.name";
const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Two layers with what a union has: kinds, owners, attributes, links, whiteouts, an opaque directory.
fn image() -> Made {
    let base = Tarball::new()
        .told("5 bin/ @755")
        .told("0 bin/su program @4755")
        .told("0 bin/wall program @2755 :0:5")
        .told("1 bin/sudo > bin/su @4755")
        .told("0 etc/motd hello :7:100000")
        .told("0 etc/gone gone")
        .told("0 opt/a/b/c old")
        .told("2 lib > usr/lib")
        .told("6 run/pipe")
        .told("0 etc/odd odd +user.mark=1")
        .device("dev/null")
        .file("empty", "")
        .file("large", vec![b'x'; 70_001]);
    let top = Tarball::new()
        .told("0 etc/.wh.gone")
        .told("5 opt/a/ @700")
        .told("0 opt/a/.wh..wh..opq")
        .told("0 opt/a/new new")
        .told("0 etc/motd goodbye @600");
    made(vec![base.finish(), top.finish()])
}

/// An archive of it in the folder of the store, `app.tar`.
fn archive(ply: &Ply) -> PathBuf {
    ply.write("app.tar", archive_of(&image(), "app:1").finish())
}

type Pack = fn(&[u8]) -> Vec<u8>;

/// A layout of it in a folder, its layers as they are or packed.
fn layout(ply: &Ply, name: &str, pack: Option<Pack>) -> PathBuf {
    let (image, mut layout, folder) = (image(), Layout::default(), ply.file(name));
    let manifest = match pack {
        Some(pack) => layout.image(&image, GZIP, image.layers.iter().map(|layer| pack(layer)).collect()),
        None => layout.plain(&image),
    };
    fs::create_dir(&folder).unwrap();
    layout.list(named(manifest, NAME, "docker.io/library/app:1")).write(&folder);
    folder
}

fn loaded() -> Ply {
    let ply = Ply::new();
    let archive = archive(&ply);
    ply.ok(["load", "-q", "-i", archive.to_str().unwrap()]);
    ply
}

fn records(ply: &Ply) -> Vec<PathBuf> {
    let folder = fs::read_dir(ply.store().join("ply/mounts")).into_iter().flatten();
    folder.map(|entry| entry.unwrap().path()).collect()
}

fn listed(ply: &Ply) -> Vec<Value> {
    serde_json::from_str(&ply.ok(["mount", "--json"])).unwrap()
}

#[track_caller]
fn refused(ran: &Ran, code: i32, words: &str) {
    assert_eq!((ran.code, ran.stderr.contains(words)), (Some(code), true), "{words}: {}", ran.stderr);
}

#[test]
fn what_is_mounted_is_what_is_unpacked() {
    if !mounts_images() {
        return;
    }
    let plain = loaded();
    let packed = Ply::new();
    packed.ok(["load", "-q", "-i", layout(&packed, "gzip", Some(gzip)).to_str().unwrap()]);
    let unloaded = Ply::new();
    archive(&unloaded);
    layout(&unloaded, "plain", None);
    fs::write(unloaded.file("oci.tar"), {
        let mut layout = Layout::default();
        let manifest = layout.plain(&image());
        layout.list(named(manifest, NAME, "docker.io/library/app:1")).tar().finish()
    })
    .unwrap();
    // A file that changed in the last two seconds cannot be told from one that changes again: no index of it is kept.
    std::thread::sleep(Duration::from_millis(3100));
    for (ply, what) in [
        (&plain, "app:1"),
        (&plain, &*image().hex()),
        (&plain, "app:1~1"),
        (&packed, "app:1"),
        (&unloaded, "docker-archive:app.tar"),
        (&unloaded, "docker-archive:app.tar:app:1"),
        (&unloaded, "./app.tar~1"),
        (&unloaded, "oci-archive:oci.tar"),
        (&unloaded, "oci:plain"),
    ] {
        let _ = fs::remove_dir_all(ply.file("unpacked"));
        // What an image says of the host is left out, which is told here.
        ply.ok(["unpack", what, "unpacked"]);
        let unpacked = Filesystem::on_disk(&ply.file("unpacked"));
        assert!(unpacked.entries.len() > 12, "{what}");
        // The index is made, and then found.
        for round in 0..2 {
            let mounted = Mounted::image(ply, &[what], "on");
            let differences = unpacked.differences(&Filesystem::on_disk(mounted.path()));
            let told: Vec<String> = differences.iter().map(ToString::to_string).collect();
            assert!(told.is_empty(), "{what}, {round}: {told:#?}");
            ply.ok(["umount", "on"]);
            assert_eq!(mounted.options(), None, "{what}");
        }
        assert_eq!(records(ply), [] as [PathBuf; 0], "{what}");
    }
    let unions = |ply: &Ply| fs::read_dir(ply.store().join("ply/unions")).into_iter().flatten().count();
    assert_eq!((unions(&plain), unions(&packed), unions(&unloaded)), (2, 1, 4));
    // One index serves a union whatever its layers were stored as.
    let of = |ply: &Ply| {
        let chain = ply.ok(["layers", "--json", "app:1"]);
        let layers: Value = serde_json::from_str(&chain).unwrap();
        let chain = layers[1]["chainId"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
        fs::read(ply.store().join(format!("ply/unions/{chain}.erofs"))).unwrap()
    };
    assert!(of(&plain) == of(&packed));
}

#[test]
fn a_mount_is_read_only_and_nothing_in_it_is_live_unless_asked_for() {
    if !mounts_images() {
        return;
    }
    let ply = loaded();
    let mounted = Mounted::image(&ply, &["app:1"], "on");
    let program = mounted.path().join("bin/su");
    assert_eq!(fs::metadata(&program).unwrap().mode() & 0o7777, 0o4755);
    let readonly = Some(std::io::ErrorKind::ReadOnlyFilesystem);
    assert_eq!(fs::write(mounted.path().join("new"), "").err().map(|e| e.kind()), readonly);
    assert_eq!(fs::write(&program, "").err().map(|e| e.kind()), readonly);
    let options = mounted.options().unwrap();
    let has = |options: &str, wanted: &str| options.split(',').any(|option| option == wanted);
    assert!(["ro", "nosuid", "nodev"].iter().all(|wanted| has(&options, wanted)), "{options}");
    let read = |at: &Mounted| fs::File::open(at.path().join("dev/null")).map_err(|e| e.kind());
    assert_eq!(read(&mounted).err(), Some(std::io::ErrorKind::PermissionDenied));
    // Elsewhere, a second time, with all.
    let live = Mounted::image(&ply, &["--suid", "--dev", "app:1"], "live");
    let options = live.options().unwrap();
    assert!(has(&options, "ro") && !has(&options, "nosuid") && !has(&options, "nodev"), "{options}");
    assert!(read(&live).is_ok());
    // Alike, it is one file system: what the kernel caches of it, it caches once.
    let again = Mounted::image(&ply, &["app:1"], "again");
    let device = |at: &Mounted| fs::metadata(at.path()).unwrap().dev();
    assert_eq!((device(&again), device(&again) == device(&live)), (device(&mounted), false));
    assert_eq!(again.options(), mounted.options());
    ply.ok(["umount", "again"]);
    ply.ok(["umount", "on", "live"]);
    assert_eq!((mounted.options(), live.options()), (None, None));
}

#[test]
fn mounts_are_listed_while_they_are_there() {
    if !mounts_images() {
        return;
    }
    let ply = loaded();
    let _one = Mounted::image(&ply, &["app:1"], "a dir");
    let _two = Mounted::image(&ply, &["docker-archive:app.tar"], "b");
    let folder = ply.folder().canonicalize().unwrap();
    let folder = folder.display();
    let table = ply.ok(["mount"]);
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split("   ").map(str::trim).filter(|c| !c.is_empty()).collect())
        .collect();
    assert_eq!(
        rows,
        [
            vec!["IMAGE", "DIR", "FROM"],
            vec!["app:1", &format!("{folder}/a dir"), "store"],
            vec!["docker-archive:app.tar", &format!("{folder}/b"), &format!("{folder}/app.tar")],
        ]
    );
    // docs/json.md
    let keys = listed(&ply)
        .iter()
        .map(|said| said.as_object().unwrap().keys().cloned().collect())
        .collect::<Vec<Vec<_>>>();
    assert_eq!(keys, vec![["image", "id", "dir", "container", "way", "from", "since"]; 2]);
    // What another program unmounts is not there either; nor what is of an earlier boot, or another mount by now.
    assert!(Command::new("umount").arg(ply.file("b")).status().unwrap().success());
    assert_eq!(listed(&ply).len(), 1);
    let [record] = &*records(&ply) else { panic!("{:?}", records(&ply)) };
    let whole = fs::read_to_string(record).unwrap();
    // The record; its sum stands below.
    let said: Value = serde_json::from_str(whole.lines().next().unwrap()).unwrap();
    for (key, other) in [
        ("boot", Value::from("00000000-0000-0000-0000-000000000000")),
        ("directory", Value::from("/elsewhere")),
    ] {
        let mut said = said.clone();
        said[key] = other;
        fs::write(record, said.to_string()).unwrap();
        assert_eq!(listed(&ply), [] as [Value; 0], "{key}");
        assert!(!record.exists(), "{key}");
    }
    fs::write(record, "{\"id\":").unwrap();
    assert_eq!(listed(&ply), [] as [Value; 0]);
    assert!(!record.exists());
    // With its record it is known again.
    fs::write(record, &whole).unwrap();
    assert_eq!(listed(&ply)[0]["image"], "app:1");
    ply.ok(["umount", "a dir"]);
    refused(&ply.run(["umount", "a dir"]), 1, "a dir: no image is mounted there");
}

#[test]
fn what_is_mounted_over_a_mount_is_left_alone() {
    if !mounts_images() {
        return;
    }
    let ply = loaded();
    let _guard = Mounted::image(&ply, &["app:1~1"], "on");
    let mounted = Mounted::image(&ply, &["app:1"], "on");
    assert_eq!(fs::read_to_string(mounted.path().join("etc/motd")).unwrap(), "goodbye");
    assert!(
        Command::new("mount").args(["-t", "tmpfs", "none"]).arg(mounted.path()).status().unwrap().success()
    );
    refused(&ply.run(["umount", "on"]), 1, "something else is mounted over the image");
    assert!(Command::new("umount").arg(mounted.path()).status().unwrap().success());
    ply.ok(["umount", "on"]);
    assert_eq!(fs::read_to_string(mounted.path().join("etc/motd")).unwrap(), "hello");
    // While somebody stands in it, it stays, and is listed.
    let open = fs::File::open(mounted.path().join("etc/motd")).unwrap();
    refused(&ply.run(["umount", "on"]), 1, &format!("cannot unmount {}: ", mounted.path().display()));
    assert_eq!(listed(&ply).len(), 1);
    drop(open);
    ply.ok(["umount", "on"]);
}

/// The size of all blobs.
fn blobs(ply: &Ply) -> usize {
    fs::read_dir(ply.store().join("blobs/sha256")).unwrap().count()
}

#[test]
fn what_is_mounted_is_kept() {
    if !mounts_images() {
        return;
    }
    let ply = loaded();
    let mounted = Mounted::image(&ply, &["app:1"], "on");
    let all = blobs(&ply);
    assert_eq!(all, 4, "a manifest, a config, two layers");
    ply.ok(["rmi", "-f", "app:1"]);
    assert_eq!(blobs(&ply), all);
    ply.ok(["image", "prune", "-f", "-a"]);
    assert_eq!(blobs(&ply), all);
    assert_eq!(fs::read(mounted.path().join("large")).unwrap(), vec![b'x'; 70_001]);
    ply.ok(["umount", "on"]);
    ply.ok(["image", "prune", "-f"]);
    assert_eq!(blobs(&ply), 0);
}

#[test]
fn an_index_that_is_damaged_or_of_others_is_made_again() {
    if !mounts_images() {
        return;
    }
    let ply = loaded();
    let index = || fs::read_dir(ply.store().join("ply/unions")).unwrap().next().unwrap().unwrap().path();
    let mount = || {
        let mounted = Mounted::image(&ply, &["app:1"], "on");
        assert_eq!(fs::read_to_string(mounted.path().join("etc/motd")).unwrap(), "goodbye");
        ply.ok(["umount", "on"]);
    };
    mount();
    let whole = fs::read(index()).unwrap();
    let other = {
        let ply = Ply::with_family();
        let _mounted = Mounted::image(&ply, &["lang:3"], "on");
        let folder = ply.store().join("ply/unions");
        let path = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
        ply.ok(["umount", "on"]);
        fs::read(path).unwrap()
    };
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for damaged in [&flipped[..], &whole[..2000], b"", &other] {
        fs::write(index(), damaged).unwrap();
        mount();
        assert!(fs::read(index()).unwrap() == whole);
    }
}

/// The kernel takes no index from memory; files it takes from anywhere.
#[test]
fn a_store_in_memory() {
    if !mounts_images() {
        return;
    }
    let ply = Ply::new();
    fs::create_dir(ply.store()).unwrap();
    let memory = Command::new("mount").args(["-t", "tmpfs", "none"]).arg(ply.store()).status();
    assert!(memory.unwrap().success());
    let _memory = Mounted::over(&ply.store());
    let archive = archive(&ply);
    ply.ok(["load", "-q", "-i", archive.to_str().unwrap()]);
    for image in ["app:1", "docker-archive:app.tar"] {
        let mounted = Mounted::image(&ply, &[image], "on");
        assert_eq!(fs::read_to_string(mounted.path().join("etc/motd")).unwrap(), "goodbye", "{image}");
        ply.ok(["umount", "on"]);
    }
}

#[test]
fn an_archive_that_changes_is_told() {
    if !mounts_images() {
        return;
    }
    let ply = Ply::new();
    let archive = archive(&ply);
    let _mounted = Mounted::image(&ply, &["docker-archive:app.tar"], "on");
    let since = |ply: &Ply| (listed(ply)[0]["since"].clone(), ply.run(["mount"]).stderr);
    assert_eq!(since(&ply), (Value::from("same"), String::new()));
    let bytes = fs::read(&archive).unwrap();
    fs::write(&archive, &bytes).unwrap();
    let (word, said) = since(&ply);
    assert!(word == "changed" && said.contains("app.tar was written to since"), "{word} {said}");
    fs::write(ply.file("new.tar"), &bytes).unwrap();
    fs::rename(ply.file("new.tar"), &archive).unwrap();
    let (word, said) = since(&ply);
    assert!(word == "replaced" && said.contains("app.tar is gone or another since"), "{word} {said}");
    // Mounted again it is what it is now: no clone of what was.
    let now = Mounted::image(&ply, &["docker-archive:app.tar"], "now");
    let device = |at: &Path| fs::metadata(at).unwrap().dev();
    assert_ne!(device(now.path()), device(&ply.file("on")));
    ply.ok(["umount", "on", "now"]);
}

#[test]
fn what_cannot_be_mounted_is_refused() {
    if !mounts_images() {
        return;
    }
    let ply = loaded();
    ply.write("file", "");
    layout(&ply, "gzip", Some(gzip));
    let check = |image: &str, directory: &str, code: i32, words: &str| {
        refused(&ply.run(["mount", image, directory]), code, words);
    };
    fs::create_dir(ply.file("on")).unwrap();
    check("none:1", "on", 1, "No such image: none:1");
    check("docker-archive:none.tar", "on", 1, "No such file");
    check("app:1", "absent", 1, "absent: No such file or directory");
    check("app:1", "file", 1, "file: Not a directory");
    check("oci:gzip", "on", 2, "layer 1 of 2 (");
    check("oci:gzip", "on", 2, "is compressed: `ply load` the image, then mount it, or give --cache");
    refused(&ply.run(["mount", "app:1"]), 2, "DIR");
    refused(&ply.run(["mount", "--suid"]), 2, "IMAGE");
    assert_eq!(records(&ply), [] as [PathBuf; 0]);

    // A directory with something in it is one to mount over, as mount(8) has it.
    fs::write(ply.file("on/below"), "").unwrap();
    let mounted = Mounted::image(&ply, &["app:1"], "on");
    assert!(!mounted.path().join("below").exists());
    ply.ok(["umount", "on"]);
    assert!(mounted.path().join("below").exists());
}

/// What a layer says of the host is left out. What is odd in it is told each time, and so no index is kept.
#[test]
fn what_is_odd_is_told_each_time() {
    if !mounts_images() {
        return;
    }
    let ply = Ply::new();
    let layer = Tarball::new()
        .told("0 odd odd +trusted.overlay.opaque=y +security.selinux=any_t +user.mark=1")
        .finish();
    ply.write("app.tar", archive_of(&made(vec![layer]), "app:1").finish());
    ply.ok(["load", "-q", "-i", "app.tar"]);
    for _ in 0..2 {
        let (ran, mounted) = Mounted::try_image(&ply, &["app:1"], "on");
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stderr.contains("/odd (trusted.overlay.opaque)"), "{}", ran.stderr);
        let left_out = "security.selinux left out, since it means something to the host (/odd)";
        assert!(ran.stderr.contains(left_out), "{}", ran.stderr);
        let seen = Filesystem::on_disk(mounted.path());
        let names: Vec<&[u8]> = seen.entries[&b"odd"[..]].xattrs.keys().map(|name| &**name).collect();
        assert_eq!(names, [b"user.mark"]);
        ply.ok(["umount", "on"]);
        assert!(!ply.store().join("ply/unions").exists());
    }
}

#[test]
fn an_image_without_layers_is_an_empty_directory() {
    if !mounts_images() {
        return;
    }
    let ply = Ply::new();
    ply.write("app.tar", archive_of(&made(Vec::new()), "app:1").finish());
    ply.ok(["load", "-q", "-i", "app.tar"]);
    for image in ["app:1", "docker-archive:app.tar"] {
        let mounted = Mounted::image(&ply, &[image], "on");
        assert_eq!(fs::read_dir(mounted.path()).unwrap().count(), 0, "{image}");
        assert!(mounted.options().is_some());
        ply.ok(["umount", "on"]);
    }
}

#[test]
fn two_hundred_layers() {
    if !mounts_images() {
        return;
    }
    let layers = (0..200).map(|n| {
        let tar = Tarball::new().told(&format!("0 etc/{n} layer-{n}")).told(&format!("0 etc/last layer-{n}"));
        if n == 0 { tar.finish() } else { tar.told(&format!("0 etc/.wh.{}", n - 1)).finish() }
    });
    let ply = Ply::new();
    ply.write("app.tar", archive_of(&made(layers.collect()), "app:1").finish());
    ply.ok(["load", "-q", "-i", "app.tar"]);
    let ways = ["--suid", "--loop", "--fuse"];
    for (image, way) in
        ["app:1", "docker-archive:app.tar"].into_iter().flat_map(|image| ways.map(|way| (image, way)))
    {
        let mounted = Mounted::image(&ply, &[way, image], "on");
        let etc = mounted.path().join("etc");
        let read = |name: &str| fs::read_to_string(etc.join(name)).unwrap();
        assert_eq!((&*read("199"), &*read("last")), ("layer-199", "layer-199"), "{image} {way}");
        assert_eq!(fs::read_dir(etc).unwrap().count(), 2, "{image} {way}");
        ply.ok(["umount", "on"]);
    }
}

/// Of an image that is not loaded nobody has hashed anything, unless it is asked for.
#[test]
fn verified_on_request() {
    if !mounts_images() {
        return;
    }
    let ply = Ply::new();
    let path = archive(&ply);
    let whole = fs::read(&path).unwrap();
    // The content of a file, in the middle of a layer.
    let at = whole.windows(7).position(|bytes| bytes == b"goodbye").unwrap();
    let mut damaged = whole.clone();
    damaged[at] ^= 1;
    fs::write(&path, &damaged).unwrap();
    fs::create_dir(ply.file("on")).unwrap();
    let image = "docker-archive:app.tar";
    refused(&ply.run(["mount", "--verify", image, "on"]), 1, "hashes to sha256:");
    // Nothing is inflated for it that would be refused anyway.
    layout(&ply, "packed", Some(gzip));
    refused(&ply.run(["mount", "--verify", "oci:packed", "on"]), 2, "is compressed: `ply load` the image");
    assert_eq!(records(&ply), [] as [PathBuf; 0]);
    let mounted = Mounted::image(&ply, &[image], "on");
    assert_eq!(fs::read_to_string(mounted.path().join("etc/motd")).unwrap(), "foodbye");
    ply.ok(["umount", "on"]);
    fs::write(&path, &whole).unwrap();
    for way in ["--suid", "--fuse"] {
        let (ran, mounted) = Mounted::try_image(&ply, &["--verify", way, image], "on");
        assert_eq!(
            (ran.code, &*ran.stderr),
            (Some(0), "ply: verified: 2 layers hash to what the config says\n")
        );
        assert_eq!(fs::read_to_string(mounted.path().join("etc/motd")).unwrap(), "goodbye");
        ply.ok(["umount", "on"]);
    }
}

#[test]
fn plain_tars_are_kept_on_request() {
    if !mounts_images() {
        return;
    }
    let ply = loaded();
    layout(&ply, "packed", Some(gzip));
    let kept = || {
        let folder = fs::read_dir(ply.store().join("ply/layers")).into_iter().flatten();
        folder.filter(|entry| entry.as_ref().unwrap().path().extension().unwrap() == "tar").count()
    };
    for round in 0..2 {
        // Verified, they are the same ones.
        let flags = if round == 0 { &["--cache"][..] } else { &["--cache", "--verify"] };
        let (ran, mounted) = Mounted::try_image(&ply, &[flags, &["oci:packed"]].concat(), "on");
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(fs::read_to_string(mounted.path().join("etc/motd")).unwrap(), "goodbye");
        assert_eq!(kept(), 2, "{round}");
        ply.ok(["umount", "on"]);
    }
    // What is no layer of the config's is never kept.
    let mut image = image();
    image.layers[0][1024] ^= 1;
    let mut layout = Layout::default();
    let layers = image.layers.iter().map(|layer| gzip(layer)).collect();
    let manifest = layout.image(&image, GZIP, layers);
    fs::create_dir(ply.file("other")).unwrap();
    layout.list(named(manifest, NAME, "docker.io/library/app:1")).write(&ply.file("other"));
    let other = Ply::new();
    let archive = archive(&other);
    other.ok(["load", "-q", "-i", archive.to_str().unwrap()]);
    fs::create_dir(other.file("on")).unwrap();
    let from = format!("oci:{}", ply.file("other").display());
    refused(&other.run(["mount", "--cache", &from, "on"]), 1, "hashes to sha256:");
    assert!(!other.store().join("ply/layers").exists() || records(&other).is_empty());
}
