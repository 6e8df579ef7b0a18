//! Peak memory does not grow with what is loaded and saved: 512 MiB through at most 32 MiB, with compressed layers 64.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ply_tests::{Layout, Ply, made, named};
use serde_json::json;
use sha2::{Digest, Sha256};

const MIB: u64 = 1 << 20;
/// Bytes of the file in each layer.
const LAYERS: [u64; 2] = [400 * MIB, 112 * MIB];

/// So many bytes that are not all alike, from a seed.
fn content(seed: u64, len: u64) -> impl Read {
    let mut block = Vec::new();
    let mut state = seed;
    while block.len() < MIB as usize {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Half noise, half zeros: gzip has work to do.
        block.extend(state.to_be_bytes());
        block.extend([0; 8]);
    }
    Repeated { block, at: 0 }.take(len)
}

struct Repeated {
    block: Vec<u8>,
    at: usize,
}

impl Read for Repeated {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let rest = &self.block[self.at..];
        let n = rest.len().min(out.len());
        out[..n].copy_from_slice(&rest[..n]);
        self.at = (self.at + n) % self.block.len();
        Ok(n)
    }
}

/// Writes a layer's plain tar, and gives its DiffID.
fn layer(path: &Path, seed: u64, len: u64) -> String {
    let mut header = tar::Header::new_ustar();
    header.set_path(format!("file-{seed}")).unwrap();
    header.set_size(len);
    header.set_mode(0o644);
    header.set_cksum();
    let mut builder = tar::Builder::new(BufWriter::with_capacity(1 << 20, File::create(path).unwrap()));
    builder.append(&header, content(seed, len)).unwrap();
    builder.into_inner().unwrap().flush().unwrap();
    digest(path)
}

fn digest(path: &Path) -> String {
    let mut hasher = Sha256::new();
    let mut file = File::open(path).unwrap();
    let mut block = vec![0; 1 << 20];
    loop {
        match file.read(&mut block).unwrap() {
            0 => break,
            n => hasher.update(&block[..n]),
        }
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An archive of Docker's with two large layers, as they are or by gzip.
fn archive(ply: &Ply, gzip: bool) -> PathBuf {
    let mut diff_ids = Vec::new();
    let mut members = Vec::new();
    for (seed, len) in (1..).zip(LAYERS) {
        let plain = ply.file(&format!("layer-{seed}"));
        diff_ids.push(format!("sha256:{}", layer(&plain, seed, len)));
        members.push(if gzip { compressed(plain) } else { plain });
    }
    let config = json!({"architecture": ply_tests::host_architecture(), "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}}).to_string();
    let manifest =
        json!([{"Config": "config", "RepoTags": ["large:1"], "Layers": ["layer-1", "layer-2"]}]).to_string();
    let path = ply.file("archive.tar");
    let mut builder = tar::Builder::new(BufWriter::with_capacity(1 << 20, File::create(&path).unwrap()));
    let mut append = |name: &str, len: u64, content: &mut dyn Read| {
        let mut header = tar::Header::new_ustar();
        header.set_size(len);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, content).unwrap();
    };
    append("manifest.json", manifest.len() as u64, &mut manifest.as_bytes());
    append("config", config.len() as u64, &mut config.as_bytes());
    for (name, member) in ["layer-1", "layer-2"].iter().zip(members) {
        let mut file = File::open(&member).unwrap();
        let len = file.seek(SeekFrom::End(0)).unwrap();
        file.rewind().unwrap();
        append(name, len, &mut BufReader::with_capacity(1 << 20, file));
        std::fs::remove_file(member).unwrap();
    }
    builder.into_inner().unwrap().flush().unwrap();
    path
}

fn compressed(plain: PathBuf) -> PathBuf {
    let path = plain.with_extension("gz");
    let out = BufWriter::new(File::create(&path).unwrap());
    let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::fast());
    std::io::copy(&mut BufReader::with_capacity(1 << 20, File::open(&plain).unwrap()), &mut encoder).unwrap();
    encoder.finish().unwrap().flush().unwrap();
    std::fs::remove_file(plain).unwrap();
    path
}

/// The most memory a command that succeeds ever held, in KiB.
fn peak(mut command: Command) -> u64 {
    let (status, peak) = ply_tests::peak(&mut command);
    assert!(status.success(), "{command:?}: {status}");
    peak
}

fn check(gzip: bool, most: u64) {
    let ply = Ply::new();
    let archive = archive(&ply, gzip);
    let mut peaks = Vec::new();
    let stores = [ply.file("from-file"), ply.file("from-pipe")];
    let mut load = ply.command(["load", "-i"]);
    load.arg(&archive).env("PLY_STORE", &stores[0]);
    peaks.push(("load from a file", peak(load)));

    let mut cat = Command::new("cat").arg(&archive).stdout(Stdio::piped()).spawn().unwrap();
    let mut load = ply.command(["load"]);
    load.stdin(cat.stdout.take().unwrap()).env("PLY_STORE", &stores[1]);
    peaks.push(("load from a pipe", peak(load)));
    assert!(cat.wait().unwrap().success());
    std::fs::remove_dir_all(&stores[1]).unwrap();

    let mut save = ply.command(["save", "-o", "saved.tar", "large:1"]);
    save.env("PLY_STORE", &stores[0]);
    peaks.push(("save to a file", peak(save)));
    let mut save = ply.command(["save", "large:1"]);
    save.env("PLY_STORE", &stores[0]);
    peaks.push(("save to a stream", peak(save)));

    for (what, kib) in peaks {
        assert!(kib > 1024, "{what}: {kib} KiB is not to be believed");
        assert!(kib <= most * 1024, "{what}: {kib} KiB, more than {most} MiB");
        println!("{what}: {:.1} MiB", kib as f64 / 1024.0);
    }
}

#[test]
fn plain_layers() {
    check(false, 32);
}

#[test]
fn gzip_layers() {
    check(true, 64);
}

/// Many layers, and as many threads as a large machine has: what is buffered does not grow with them.
#[test]
fn many_threads() {
    for (gzip, most) in [(false, 32), (true, 64)] {
        let layers: Vec<Vec<u8>> = (1..=96)
            .map(|seed| {
                let mut bytes = Vec::new();
                let mut header = tar::Header::new_ustar();
                header.set_size(2 * MIB);
                header.set_cksum();
                let mut builder = tar::Builder::new(&mut bytes);
                builder.append_data(&mut header, "file", content(seed, 2 * MIB)).unwrap();
                builder.finish().unwrap();
                drop(builder);
                bytes
            })
            .collect();
        let image = made(layers);
        let mut layout = Layout::default();
        let kind = if gzip { "tar+gzip" } else { "tar" };
        let blobs = image.layers.iter().map(|layer| if gzip { by_gzip(layer) } else { layer.clone() });
        let blobs: Vec<Vec<u8>> = blobs.collect();
        let manifest = layout.image(&image, &format!("application/vnd.oci.image.layer.v1.{kind}"), blobs);
        let name = "docker.io/library/many:1";
        let archive = layout.list(named(manifest, "io.containerd.image.name", name)).tar().finish();
        let ply = Ply::new();
        let path = ply.write("archive.tar", archive);
        let mut load = ply.command(["--threads", "64", "load", "-i"]);
        load.arg(&path);
        let mut save = ply.command(["--threads", "64", "save", "-o", "saved.tar", "many:1"]);
        save.env("PLY_STORE", ply.store());
        for (what, command) in [("load", load), ("save", save)] {
            let kib = peak(command);
            assert!(kib <= most * 1024, "{what}, gzip: {gzip}: {kib} KiB, more than {most} MiB");
            println!("{what}, 64 threads, gzip: {gzip}: {:.1} MiB", kib as f64 / 1024.0);
        }
    }
}

fn by_gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}
