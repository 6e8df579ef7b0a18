//! GNU tar as a second opinion: of a folder it packs we make the tree that the folder is, and what we write it unpacks to the
//! same folder again. Where it or Python is missing, a line says so and nothing is compared.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "functions that tests share count as no tests")]

mod layers;

use std::fmt::Write;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use layers::{Tar, read_all, written};
use ply_tree::{Content, Kind, NodeId, Tree, walk};

/// What a program says; `None` if there is none.
fn run(command: &mut Command) -> Option<Vec<u8>> {
    let Ok(output) = command.env("LC_ALL", "C").output() else {
        eprintln!("{:?} is missing: not compared", command.get_program());
        return None;
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {stderr}");
    eprint!("{stderr}");
    Some(output.stdout)
}

fn folder_py(verb: &str, folder: &Path) -> Option<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/folder.py");
    let said = run(Command::new("python3").arg(script).arg(verb).arg(folder))?;
    Some(String::from_utf8(said).unwrap())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A tree as `folder.py` lists a folder.
fn listed(tree: &Tree, tar: &[u8]) -> String {
    let root = [(Vec::new(), Tree::ROOT)];
    let names = walk(tree, Tree::ROOT).unwrap().map(|step| step.map(|step| (step.path, step.id)).unwrap());
    root.into_iter().chain(names).map(|(path, id)| line(tree, tar, &path, id)).collect()
}

fn line(tree: &Tree, tar: &[u8], path: &[u8], id: NodeId) -> String {
    let node = tree.get(id).unwrap();
    let rest = match &node.kind {
        Kind::File { size, extents } => {
            let (mut content, mut crc) = (Vec::new(), flate2::Crc::new());
            Content::new(&Tar(tar), extents, *size).read_to_end(&mut content).unwrap();
            crc.update(&content);
            format!("f {} {:08x}", content.len(), crc.sum())
        }
        Kind::Symlink { target } => format!("l {}", hex(target)),
        Kind::Directory(_) => "d".to_owned(),
        Kind::Fifo => "p".to_owned(),
        Kind::CharDevice(device) => format!("c {device}"),
        Kind::BlockDevice(device) => format!("b {device}"),
        Kind::Socket | Kind::Whiteout | Kind::LinkBelow { .. } => "none of a folder".to_owned(),
    };
    let about = &node.metadata;
    let (seconds, nanoseconds) = (about.mtime.seconds, about.mtime.nanoseconds);
    let mut line = format!(
        "/{} {:o} {} {} {seconds}.{nanoseconds:09} {} {rest}",
        hex(path),
        about.mode,
        about.uid,
        about.gid,
        node.links
    );
    for xattr in &about.xattrs {
        let name = String::from_utf8_lossy(&xattr.name);
        if name.starts_with("user.") {
            write!(line, " {name}={}", hex(&xattr.value)).unwrap();
        }
    }
    line + "\n"
}

/// Without what GNU's own format does not keep: fractions of seconds, and attributes.
fn coarse(list: &str) -> String {
    let word = |(at, word): (usize, &str)| match at {
        4 => word.split('.').next().unwrap().to_owned(),
        _ => word.to_owned(),
    };
    let line = |line: &str| {
        let words = line.split(' ').filter(|word| !word.starts_with("user."));
        words.enumerate().map(word).collect::<Vec<_>>().join(" ")
    };
    list.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_folder_there_and_back() {
    let folder = tempfile::tempdir().unwrap();
    if folder_py("make", folder.path()).is_none() {
        return;
    }
    let expect = folder_py("list", folder.path()).unwrap();
    assert!(expect.lines().count() > 30);
    let exact: fn(&str) -> String = str::to_owned;
    let formats = [
        (&["--format=gnu"][..], coarse as fn(&str) -> String),
        (&["--format=gnu", "--sparse"], coarse),
        (&["--format=posix", "--xattrs"], exact),
        (&["--format=posix", "--xattrs", "--sparse", "--sparse-version=0.0"], exact),
        (&["--format=posix", "--xattrs", "--sparse", "--sparse-version=0.1"], exact),
        (&["--format=posix", "--xattrs", "--sparse", "--sparse-version=1.0"], exact),
    ];
    for (options, precision) in formats {
        let mut command = Command::new("tar");
        let Some(tar) = run(command.arg("-C").arg(folder.path()).args(options).args(["-cf", "-", "."]))
        else {
            return;
        };
        let layer = read_all(&tar).unwrap();
        assert_eq!(layer.warnings, []);
        assert_eq!(precision(&listed(&layer.tree, &tar)), precision(&expect), "{options:?}");
        unpacked(&written(&layer.tree, &Tar(&tar)), &precision(&expect), precision);
    }
}

/// What GNU tar makes of a tar of ours.
fn unpacked(tar: &[u8], expect: &str, precision: fn(&str) -> String) {
    let folder = tempfile::tempdir().unwrap();
    let (archive, root) = (folder.path().join("tar"), folder.path().join("root"));
    std::fs::write(&archive, tar).unwrap();
    std::fs::create_dir(&root).unwrap();
    run(Command::new("tar").arg("-C").arg(&root).args(["--xattrs", "--numeric-owner", "-xpf"]).arg(&archive));
    assert_eq!(precision(&folder_py("list", &root).unwrap()), expect);
}
