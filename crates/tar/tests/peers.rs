//! Python's tarfile, GNU tar and the `tar` crate as second opinions: what they write we read as they do, what we write
//! they read as we meant it. A tool that is missing is named on stderr, and its tests pass over.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // A test may panic and may print, its helpers too.

mod archive;

use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

use archive::read;
use ply_tar::{Entry, Kind, Limits, Time, Writer};

/// Runs a tool on some input; its stdout, or `None` if there is no such tool.
fn run(command: &mut Command, input: &[u8]) -> Option<Vec<u8>> {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = piped.spawn() else {
        eprintln!("{:?} is missing: not compared", command.get_program());
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // A tool that is done early closes the pipe.
        scope.spawn(move || stdin.write_all(input).ok());
        child.wait_with_output().unwrap()
    });
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{:?}: {stderr}", command.get_program());
    Some(output.stdout)
}

fn python(script: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(script);
    run(Command::new("python3").arg(script).args(arguments), input)
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "-".to_owned();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A line as `list.py` writes it.
fn line(entry: &Entry, content: &[u8]) -> String {
    let path = match entry.kind {
        Kind::Directory => entry.path.strip_suffix(b"/").unwrap_or(&entry.path),
        _ => &entry.path,
    };
    let device = entry.device.map_or("-".to_owned(), |(major, minor)| format!("{major}:{minor}"));
    format!(
        "{:?} {:o} {} {} {} {} {} {} {} {} {} {} {} {}",
        entry.kind,
        entry.mode,
        entry.uid,
        entry.gid,
        hex(&entry.user),
        hex(&entry.group),
        entry.size,
        entry.mtime.seconds,
        device,
        hex(path),
        hex(&entry.link),
        entry.header_offset,
        entry.data_offset,
        content.iter().map(|byte| u64::from(*byte)).sum::<u64>(),
    )
}

/// Every content, through the stream driver.
fn contents(bytes: &[u8]) -> Vec<(Entry, Vec<u8>)> {
    let mut entries = ply_tar::Entries::new(bytes, Limits::default());
    let mut all = Vec::new();
    while let Some(entry) = entries.next_entry().unwrap() {
        let mut content = Vec::new();
        entries.read_to_end(&mut content).unwrap();
        all.push((entry, content));
    }
    all
}

/// Python and we agree on every member; how many there are.
fn compare_with_python(bytes: &[u8]) -> Option<usize> {
    read(bytes).unwrap();
    let ours: Vec<_> = contents(bytes).iter().map(|(entry, content)| line(entry, content)).collect();
    let theirs = String::from_utf8(python("list.py", &[], bytes)?).unwrap();
    // A hard link to a file: Python gives the target's content.
    let strip = |line: &str| {
        if line.starts_with("HardLink") {
            line.rsplit_once(' ').unwrap().0.to_owned()
        } else {
            line.to_owned()
        }
    };
    let theirs: Vec<_> = theirs.lines().map(strip).collect();
    assert_eq!(ours.iter().map(|line| strip(line)).collect::<Vec<_>>(), theirs);
    Some(ours.len())
}

#[test]
fn what_python_writes() {
    for (format, members) in [("0", 11), ("1", 14), ("2", 17)] {
        let Some(bytes) = python("make.py", &[format], b"") else { return };
        assert_eq!(compare_with_python(&bytes), Some(members), "format {format}");
        if format == "2" {
            let entries = archive::entries(&bytes);
            let find = |path: &str| entries.iter().find(|entry| entry.path == path.as_bytes()).unwrap();
            assert_eq!(find("exact").mtime, Time { seconds: 1_700_000_000, nanoseconds: 250_000_000 });
            assert_eq!(find("before").mtime, Time { seconds: -2, nanoseconds: 500_000_000 });
            assert_eq!(find("attributes").xattrs, [(b"user.color".to_vec(), b"blue".to_vec())]);
        }
    }
}

/// A folder with a long name in it, links, and a file of three megabytes that is mostly hole.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("file"), "hello\n").unwrap();
    std::fs::hard_link(at("file"), at("hard")).unwrap();
    std::os::unix::fs::symlink("t".repeat(150), at("sym")).unwrap();
    let deep = at(&"deep/".repeat(30));
    std::fs::create_dir_all(&deep).unwrap();
    std::fs::write(deep.join("spät"), "x".repeat(5000)).unwrap();
    let mut sparse = File::create(at("sparse")).unwrap();
    // More stretches than a header and one continuation block hold.
    for index in 0..40 {
        sparse.seek(SeekFrom::Start(index * 65_536 + 10)).unwrap();
        sparse.write_all(&[b'a' + u8::try_from(index % 26).unwrap(); 100]).unwrap();
    }
    sparse.set_len(3 << 20).unwrap();
    folder
}

#[test]
fn what_gnu_tar_writes() {
    let folder = folder();
    let expected = std::fs::read(folder.path().join("sparse")).unwrap();
    for format in [
        &["--format=v7", "--exclude=deep", "--exclude=sym"][..],
        &["--format=ustar", "--exclude=deep", "--exclude=sym"],
        &["--format=gnu"],
        &["--format=gnu", "--label=Volume"],
        &["--format=oldgnu", "--sparse"],
        &["--format=posix"],
        &["--format=posix", "--sparse", "--sparse-version=0.0"],
        &["--format=posix", "--sparse", "--sparse-version=0.1"],
        &["--format=posix", "--sparse", "--sparse-version=1.0"],
    ] {
        let mut command = Command::new("tar");
        command.arg("--create").args(format).arg("--sort=name").arg("-C").arg(folder.path()).arg(".");
        let Some(bytes) = run(&mut command, b"") else { return };
        let members = contents(&bytes);
        let (sparse, content) = members.iter().find(|(entry, _)| entry.path == b"./sparse").unwrap();
        assert_eq!((sparse.size, content[..] == expected[..]), (3 << 20, true), "{format:?}");
        assert_eq!(sparse.sparse.is_some(), format.contains(&"--sparse"), "{format:?}");
        assert_eq!(members.iter().filter(|(entry, _)| entry.kind == Kind::HardLink).count(), 1);
        if !format.contains(&"--label=Volume") {
            compare_with_python(&bytes);
        }
    }
}

/// One of everything our writer has a rule for.
fn everything() -> Vec<(Entry, Vec<u8>)> {
    let file = |path: &[u8], content: &[u8]| (Entry::file(path, content.len() as u64), content.to_vec());
    let with = |path: &[u8], change: &dyn Fn(&mut Entry)| {
        let (mut entry, content) = file(path, b"content\n");
        change(&mut entry);
        (entry, content)
    };
    let bare = |entry: Entry| (entry, Vec::new());
    let split = [&b"d/".repeat(70)[..], b"name"].concat();
    let unsplit = [b"n".repeat(101), b"/x".to_vec()].concat();
    vec![
        bare(Entry::directory("d/")),
        file(b"d/empty", b""),
        file(b"d/file", b"hello\n"),
        file(b"d/block", &[b'x'; 512]),
        file(&split, b"split\n"),
        file(&unsplit, b"name too long for any split\n"),
        file(&b"l".repeat(200), b"long\n"),
        file("d/spät".as_bytes(), b"UTF-8\n"),
        file(b"d/caf\xe9", b"Latin-1\n"),
        bare(Entry::symlink("d/sym", "file")),
        bare(Entry::symlink("d/far", b"t".repeat(101))),
        bare(Entry::hard_link("d/hard", "d/file")),
        bare(Entry::new(Kind::Fifo, "d/pipe")),
        bare(Entry { device: Some((1, 3)), ..Entry::new(Kind::CharDevice, "d/null") }),
        bare(Entry { device: Some((8, 0)), ..Entry::new(Kind::BlockDevice, "d/sda") }),
        with(b"d/owner", &|entry| (entry.uid, entry.gid) = (0o777_7777, 0o1000_0000)),
        with(b"d/names", &|entry| (entry.user, entry.group) = (b"u".repeat(31), b"g".repeat(32))),
        with(b"d/mode", &|entry| entry.mode = 0o4755),
        with(b"d/mtime", &|entry| entry.mtime.seconds = 0o777_7777_7777),
        with(b"d/late", &|entry| entry.mtime.seconds = 0o1_0000_0000_0000),
        with(b"d/exact", &|entry| entry.mtime = Time { seconds: 5, nanoseconds: 7_000 }),
        with(b"d/before", &|entry| entry.mtime = Time { seconds: -1, nanoseconds: 500_000_000 }),
        with(b"d/attributes", &|entry| {
            entry.xattrs = [(&b"security.capability"[..], &b"\x01\0\0\x02\n="[..]), (b"user.empty", b"")]
                .map(|(name, value)| (name.to_vec(), value.to_vec()))
                .to_vec();
        }),
    ]
}

fn write(members: &[(Entry, Vec<u8>)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for (entry, content) in members {
        writer.append(entry, &content[..]).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn python_reads_what_we_write() {
    let members = everything();
    if let Some(count) = compare_with_python(&write(&members)) {
        assert_eq!(count, members.len());
    }
}

#[test]
fn gnu_tar_reads_what_we_write() {
    // It warns of `hdrcharset`, which POSIX has and it has not; devices would need a privilege.
    let mut members = everything();
    members.retain(|(entry, _)| entry.path.is_ascii() || std::str::from_utf8(&entry.path).is_ok());
    members.retain(|(entry, _)| entry.device.is_none());
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("tar");
    command.args(["--extract", "--no-same-owner", "--warning=no-timestamp"]).arg("-C").arg(folder.path());
    if run(&mut command, &write(&members)).is_none() {
        return;
    }
    for (entry, content) in &members {
        let path = folder.path().join(std::ffi::OsStr::from_bytes(&entry.path));
        match entry.kind {
            Kind::File => assert_eq!(std::fs::read(&path).unwrap(), *content, "{}", entry.printable_path()),
            Kind::Symlink => {
                assert_eq!(std::fs::read_link(&path).unwrap().as_os_str().as_bytes(), entry.link);
            }
            _ => assert!(path.exists()),
        }
    }
}

#[test]
fn the_tar_crate_reads_what_we_write() {
    let members = everything();
    let bytes = write(&members);
    let mut archive = tar::Archive::new(Cursor::new(&bytes));
    let mut count = 0;
    for (theirs, (ours, content)) in archive.entries().unwrap().zip(&members) {
        let mut theirs = theirs.unwrap();
        assert_eq!(*theirs.path_bytes(), ours.path[..]);
        assert_eq!(theirs.link_name_bytes().unwrap_or_default()[..], ours.link[..]);
        assert_eq!(theirs.size(), ours.size);
        assert_eq!(theirs.header().mode().unwrap(), ours.mode);
        let mut read = Vec::new();
        theirs.read_to_end(&mut read).unwrap();
        assert_eq!(read, *content);
        count += 1;
    }
    assert_eq!(count, members.len());
}

#[test]
fn what_the_tar_crate_writes() {
    let mut builder = tar::Builder::new(Vec::new());
    let long = format!("{}file", "directory/".repeat(30));
    for (path, content) in [("file", &b"hello\n"[..]), (&long, b"far down\n")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o640);
        header.set_uid(5_000_000);
        header.set_gid(7);
        header.set_mtime(1_700_000_000);
        let capability = ("SCHILY.xattr.security.capability", &b"\x01\0"[..]);
        builder.append_pax_extensions([capability]).unwrap();
        builder.append_data(&mut header, path, content).unwrap();
    }
    let bytes = builder.into_inner().unwrap();
    let members = contents(&bytes);
    assert_eq!(members.len(), 2);
    for ((entry, content), (path, expected)) in
        members.iter().zip([("file", &b"hello\n"[..]), (&long, b"far down\n")])
    {
        assert_eq!((&entry.path[..], &content[..]), (path.as_bytes(), expected));
        assert_eq!((entry.mode, entry.uid, entry.gid), (0o640, 5_000_000, 7));
        assert_eq!(entry.xattrs, [(b"security.capability".to_vec(), b"\x01\0".to_vec())]);
    }
    read(&bytes).unwrap();
}

#[test]
fn we_read_what_we_write() {
    let members = everything();
    let found = contents(&write(&members));
    assert_eq!(found.len(), members.len());
    for ((found, read), (meant, content)) in found.into_iter().zip(members) {
        assert_eq!(read, content);
        let placed = Entry { header_offset: found.header_offset, data_offset: found.data_offset, ..meant };
        assert_eq!(found, placed);
    }
}
