//! Memory at its peak: 64 MiB for a layer of any size, 192 MiB for the largest window and dictionary that are taken.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use ply_tests::{Effort, Layout, Made, Ply, made, named, peak, tried};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const MIB: u64 = 1 << 20;
const USUAL: u64 = 64;
const LARGEST: u64 = 192;

/// The header of a file of so many bytes, and what comes behind the file.
fn around(len: u64) -> (Vec<u8>, Vec<u8>) {
    let header = ply_tests::headers::Header::gnu(b"large", b'0', 0);
    (header.set(124, &ply_tests::headers::binary(len.into(), 12)).done(), vec![0; 1024])
}

/// SHA-256 of a layer of one file of zeros.
fn diff_id(len: u64) -> String {
    let (header, end) = around(len);
    let mut hasher = Sha256::new();
    hasher.update(header);
    let zeros = vec![0; MIB as usize];
    (0..len / MIB).for_each(|_| hasher.update(&zeros));
    hasher.update(end);
    format!("sha256:{}", hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// The layer's tar, compressed; a file of zeros takes next to nothing, and no memory here either.
fn packed(len: u64, encoder: impl FnOnce(&mut dyn Read) -> Vec<u8>) -> Vec<u8> {
    let (header, end) = around(len);
    encoder(&mut header.as_slice().chain(std::io::repeat(0).take(len)).chain(end.as_slice()))
}

/// A layout of one image of such a layer.
fn layout(len: u64, blob: Vec<u8>) -> Vec<u8> {
    let config = json!({"architecture": ply_tests::host_architecture(), "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [diff_id(len)]}, "config": {"Cmd": ["sh"]}});
    let image = Made { layers: Vec::new(), config: serde_json::to_vec(&config).unwrap() };
    let mut layout = Layout::default();
    let manifest: Value = layout.image(&image, "application/vnd.oci.image.layer.v1.tar+gzip", vec![blob]);
    layout.list(named(manifest, "io.containerd.image.name", "docker.io/library/large:1")).tar().finish()
}

/// What each verb takes with the image, in KiB: from a file and from a pipe, into archives, to the disk.
fn verbs(ply: &Ply, archive: &Path) -> Vec<(&'static str, u64)> {
    let (mut taken, fast) = (Vec::new(), Effort::asked() == Effort::Fast);
    let mut run = |what: &'static str, command: &mut Command| {
        let (status, kib) = peak(command);
        assert!(status.success(), "{what}: {status}");
        assert!(kib > 1024, "{what}: {kib} KiB is not to be believed");
        taken.push((what, kib));
    };
    run("load from a file", ply.command(["load", "-q", "-i"]).arg(archive));
    let mut cat = Command::new("cat").arg(archive).stdout(Stdio::piped()).spawn().unwrap();
    run(
        "load from a pipe",
        ply.command(["--store", "piped", "load", "-q"]).stdin(cat.stdout.take().unwrap()),
    );
    assert!(cat.wait().unwrap().success());
    run("save, plain", &mut ply.command(["save", "large:1"]));
    run("unpack", &mut ply.command(["unpack", "large:1", "root"]));
    std::fs::remove_dir_all(ply.file("root")).unwrap();
    if fast {
        return taken;
    }
    run("check", &mut ply.command(["check"]));
    run("check of an archive", ply.command(["check"]).arg(archive));
    run("save, as it came", &mut ply.command(["save", "--format", "oci", "-o", "saved.tar", "large:1"]));
    run("save, compressed", &mut ply.command(["save", "--compress", "zstd", "-o", "saved.zst", "large:1"]));
    run("export", &mut ply.command(["export", "large:1"]));
    taken
}

fn check(what: &str, archive: &[u8], most: u64) {
    let ply = Ply::on_disk();
    let path = ply.write("archive.tar", archive);
    let taken = verbs(&ply, &path);
    let worst = taken.iter().max_by_key(|(_, kib)| kib).unwrap();
    for (verb, kib) in &taken {
        assert!(*kib <= most * 1024, "{what}, {verb}: {:.1} MiB, more than {most}", *kib as f64 / 1024.0);
    }
    let ended = format!("at most {:.1} MiB ({}), of {most}", worst.1 as f64 / 1024.0, worst.0);
    tried(&format!("verbs with {what}, their memory"), taken.len() as u64, &ended);
}

/// How large a layer is that costs the tests little.
fn large() -> u64 {
    Effort::asked().of(96 * MIB, 4096 * MIB, 16 << 30)
}

#[test]
fn large_layers() {
    let len = large();
    let gzip = packed(len, |tar| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::copy(tar, &mut encoder).unwrap();
        encoder.finish().unwrap()
    });
    check(&format!("a gzip layer of {} MiB", len / MIB), &layout(len, gzip), USUAL);
    let len = len / 4;
    let zstd = packed(len, |tar| zstd::encode_all(tar, 1).unwrap());
    check(&format!("a zstd layer of {} MiB", len / MIB), &layout(len, zstd), USUAL);
}

/// Plain, and never anywhere as a whole: it comes through a pipe, and is a hole on the disk.
#[test]
fn large_plain_layers() {
    let len = large();
    let ply = Ply::on_disk();
    let path = ply.file("archive.tar");
    let config = json!({"architecture": ply_tests::host_architecture(), "os": "linux", "rootfs": {"type": "layers", "diff_ids": [diff_id(len)]}});
    let documents = ply_tests::Tarball::new()
        .file(
            "manifest.json",
            json!([ply_tests::listed("c", &["large:1"], &["l.tar".to_owned()])]).to_string(),
        )
        .file("c", config.to_string());
    let documents = documents.finish();
    let mut file = File::create(&path).unwrap();
    file.write_all(&documents[..documents.len() - 1024]).unwrap();
    let member = ply_tests::headers::Header::gnu(b"l.tar", b'0', 0);
    file.write_all(&member.set(124, &ply_tests::headers::binary((len + 1536).into(), 12)).done()).unwrap();
    file.write_all(&around(len).0).unwrap();
    let written = file.metadata().unwrap().len();
    file.set_len(written + len + 1024 + 512 + 1024).unwrap();
    let mut taken = verbs(&ply, &path);
    taken.sort_by_key(|(_, kib)| *kib);
    let (verb, kib) = taken.last().unwrap();
    assert!(*kib <= USUAL * 1024, "{verb}: {:.1} MiB", *kib as f64 / 1024.0);
    let ended = format!("at most {:.1} MiB ({verb}), of {USUAL}", *kib as f64 / 1024.0);
    tried(
        &format!("verbs with a plain layer of {} MiB, their memory", len / MIB),
        taken.len() as u64,
        &ended,
    );
}

/// Of zstd 128 MiB, what `zstd` itself takes without `--long=`; and of xz 96, where `xz -9` makes 64.
#[test]
fn the_largest_windows() {
    let len = 144 * MIB;
    let windowed = |len: u64, log: u32| {
        packed(len, |tar| {
            let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
            encoder.window_log(log).unwrap();
            std::io::copy(tar, &mut encoder).unwrap();
            encoder.finish().unwrap()
        })
    };
    check("a zstd layer of a window of 128 MiB", &layout(len, windowed(len, 27)), LARGEST);
    let dictionary = |len: u64, size: u32| {
        packed(len, |tar| {
            let mut options = liblzma::stream::LzmaOptions::new_preset(0).unwrap();
            options.dict_size(size);
            let mut filters = liblzma::stream::Filters::new();
            filters.lzma2(&options);
            let stream =
                liblzma::stream::Stream::new_stream_encoder(&filters, liblzma::stream::Check::Crc32).unwrap();
            let mut encoder = liblzma::write::XzEncoder::new_stream(BufWriter::new(Vec::new()), stream);
            std::io::copy(tar, &mut encoder).unwrap();
            encoder.finish().unwrap().into_inner().unwrap()
        })
    };
    if Effort::asked() != Effort::Fast {
        check("an xz layer of a dictionary of 96 MiB", &layout(len, dictionary(len, 96 << 20)), LARGEST);
    }
    // What is in them does not matter: their headers ask for too much.
    let (ply, len) = (Ply::new(), MIB);
    for (what, blob, words) in
        [("window", windowed(len, 28), "2^27 bytes"), ("dictionary", dictionary(len, 192 << 20), "memory")]
    {
        let path = ply.write("archive.tar", layout(len, blob));
        let ran = ply.load(ply_tests::Input::File, &path, &["-q"]);
        assert_eq!(ran.code, Some(1), "{what}");
        assert!(ran.stderr.contains(words), "{what}: {}", ran.stderr);
        let (status, kib) = peak(ply.command(["load", "-q", "-i"]).arg(&path).stderr(Stdio::null()));
        assert!(!status.success() && kib <= USUAL * 1024, "{what}: {kib} KiB");
    }
    tried("windows and dictionaries over what is taken", 2, "refused before memory was taken for them");
}

/// Several at once: what they take together is counted.
#[test]
fn windows_at_once() {
    let layer = |n: u64| {
        let content = ply_tests::Tarball::new().file("n", n.to_string()).finish();
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        let plain: Vec<u8> = [&content[..1024], &vec![0; 4 << 20]].concat();
        encoder.write_all(&plain).unwrap();
        (plain, encoder.finish().unwrap())
    };
    let (plain, blobs): (Vec<_>, Vec<_>) = (0..8).map(layer).unzip();
    let image = made(plain);
    let mut layout = Layout::default();
    let manifest = layout.image(&image, "application/vnd.oci.image.layer.v1.tar+zstd", blobs);
    let archive =
        layout.list(named(manifest, "io.containerd.image.name", "docker.io/library/large:1")).tar().finish();
    let ply = Ply::new();
    let path = ply.write("archive.tar", archive);
    let (status, kib) = peak(ply.command(["--threads", "16", "load", "-q", "-i"]).arg(&path));
    assert!(status.success() && kib <= LARGEST * 1024, "{status}: {kib} KiB");
}
