//! What goes wrong on a real machine: too few files, a key pressed, an old archive at hand.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ply_tests::{Input, Layout, Made, Ply, Ran, archive_of, binary, layer, made, named};

/// More layers than files may be open.
#[test]
fn few_files() {
    let image = made((0..120).map(|n| layer(&format!("layer {n}"))).collect());
    let ply = Ply::new();
    ply.write("archive", archive_of(&image, "app:1").finish());
    let limited = |line: &str| -> Ran {
        let path = format!("{}:{}", binary().parent().unwrap().display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -n 40; {line}")]).current_dir(ply.folder());
        shell.env("PATH", path).output().unwrap().into()
    };
    for line in [
        "ply --store one load -i archive && ply --store one check && ply --store one save -o saved app:1",
        "ply --store two load < archive && ply --store two save app:1 > saved",
        "ply --store one save --format oci -o o app:1 && mkdir l && tar -C l -xf o && ply --store three load -i l",
    ] {
        let ran = limited(line);
        assert_eq!(ran.code, Some(0), "{line}: {}", ran.stderr);
    }
}

/// Whoever waits for somebody else can be told to stop.
#[test]
fn a_key_ends_every_wait() {
    let ply = Ply::with_family();
    assert!(Command::new("mkfifo").arg(ply.file("fifo")).status().unwrap().success());
    for args in [
        &["load", "-i", "fifo"][..],
        &["save", "-o", "fifo", "base:1"],
        &["save", "--without", "-", "-o", "x", "base:1"],
        &["import", "-", "x:1"],
        &["import", "fifo", "x:1"],
    ] {
        for signal in ["INT", "HUP"] {
            let mut command = ply.command(args);
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
            let child = command.spawn().unwrap();
            std::thread::sleep(Duration::from_millis(200));
            let kill = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
            assert!(kill.success());
            let start = Instant::now();
            // Its stdin stays open until it has ended.
            let mut child = child;
            let stdin = child.stdin.take();
            let ran: Ran = child.wait_with_output().unwrap().into();
            drop(stdin);
            assert!(start.elapsed() < Duration::from_secs(5), "{args:?} took {:?}", start.elapsed());
            assert_eq!(ran.code, Some(130), "{args:?}: {}", ran.stderr);
            assert_eq!(ran.stderr, "ply: stopped; what was begun was undone\n", "{args:?}");
        }
    }
}

#[test]
fn archives_are_for_their_owner() {
    let ply = Ply::with_family();
    let mode = |name: &str| std::fs::metadata(ply.file(name)).unwrap().permissions().mode() & 0o777;
    ply.ok(["save", "-o", "new.tar", "base:1"]);
    assert_eq!(mode("new.tar"), 0o600);
    std::fs::set_permissions(ply.file("new.tar"), PermissionsExt::from_mode(0o640)).unwrap();
    ply.ok(["save", "-o", "new.tar", "base:1"]);
    assert_eq!(mode("new.tar"), 0o640);
}

/// A good copy of a plain layer is also one that is compressed.
#[test]
fn a_repair_inflates() {
    let image = Made::of(&["one", "two"]);
    let mut layout = Layout::default();
    let blobs = image.layers.iter().map(|plain| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, plain).unwrap();
        encoder.finish().unwrap()
    });
    let manifest = layout.image(&image, "application/vnd.oci.image.layer.v1.tar+gzip", blobs.collect());
    let archive = layout.list(named(manifest, "io.containerd.image.name", "docker.io/library/app:1")).tar();
    let ply = Ply::new();
    let path = ply.write("gzip.tar", archive.finish());
    ply.write("plain.tar", archive_of(&image, "app:1").finish());
    assert_eq!(ply.load(Input::File, &ply.file("plain.tar"), &[]).code, Some(0));
    let blob = ply.store().join("blobs/sha256").join(image.layer_hex(0));
    std::fs::remove_file(&blob).unwrap();
    assert_eq!(ply.run(["check"]).code, Some(1));
    let from = format!("oci-archive:{}", path.display());
    let ran = ply.run(["check", "--repair", &from]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.text(), ran.stderr);
    assert_eq!(std::fs::read(&blob).unwrap(), image.layers[0]);
    assert_eq!(ply.run(["check"]).code, Some(0));
}

/// A member that nobody wants as a layer need not be one: the same by file and by pipe.
#[test]
fn what_is_no_layer_is_passed_over() {
    let image = Made::of(&["one"]);
    let noise: Vec<u8> = (0..200_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let cut_gzip = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &noise].concat();
    let cut_zstd = [&[0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x58][..], &noise].concat();
    let archive = archive_of(&image, "app:1").file("a.gz", cut_gzip).file("b.zst", cut_zstd).file("c", noise);
    let ply = Ply::new();
    let path = ply.write("archive", archive.finish());
    for input in Input::BOTH {
        let ran = Ply::new().load(input, &path, &[]);
        assert_eq!((ran.code, ran.text()), (Some(0), "Loaded image: app:1\n"), "{input:?}: {}", ran.stderr);
    }
}
