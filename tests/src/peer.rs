//! Other engines and tools: whether they are here, and real archives they wrote.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Ran;

/// Set: a peer that is not here fails the test.
pub(crate) const REQUIRED: &str = "PLY_REQUIRE_PEERS";

/// Whether all these programs are here and may be used; says so where they are not.
pub fn needs(programs: &[(&str, &str)]) -> bool {
    // dockerd and the storage of podman and buildah want root.
    let missing = match programs.iter().find(|(program, _)| find(program).is_none()) {
        Some((program, package)) => format!("no {program} (apt-get install {package})"),
        None if !is_root() => "not root, which the engines want".to_owned(),
        None => return true,
    };
    assert!(std::env::var_os(REQUIRED).is_none(), "{missing}, and {REQUIRED} is set");
    skipped(&missing);
    false
}

/// Says, past the test's own capture, that this test is skipped.
pub fn skipped(why: &str) {
    static SKIPPED: AtomicUsize = AtomicUsize::new(0);
    let count = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {why} ({count} skipped so far)");
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

/// Where a program is, looked for in PATH and in the folders of system programs.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Runs a peer, which must succeed. Gives what it printed.
pub fn output(command: &mut Command) -> String {
    let ran = run(command);
    assert_eq!(ran.code, Some(0), "{command:?}: {}{}", ran.text(), ran.stderr);
    ran.text().trim_end_matches('\n').to_owned()
}

/// Runs a peer.
pub fn run(command: &mut Command) -> Ran {
    command.stdin(std::process::Stdio::null()).output().unwrap_or_else(|e| panic!("{command:?}: {e}")).into()
}

fn target() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().to_owned()
}

fn real_images() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("real-images")
}

/// The folder of the archives of `edge`, the image with the hard cases of a union filesystem; made by a real Docker
/// Engine the first time it is asked for.
pub fn edge() -> &'static Path {
    static EDGE: OnceLock<PathBuf> = OnceLock::new();
    EDGE.get_or_init(|| {
        // Of another script it would be another image.
        let script =
            ["build.sh", "Dockerfile.edge"].map(|file| std::fs::read(real_images().join(file)).unwrap());
        let folder = target().join(format!("real-images-small-{:.12}", crate::hex(&script.concat())));
        if !folder.join("edge.inspect.json").is_file() {
            let fresh = tempfile::tempdir_in(target()).unwrap();
            output(Command::new("bash").arg(real_images().join("build.sh")).arg(fresh.path()).arg("small"));
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::rename(fresh.keep(), &folder).unwrap();
        }
        folder
    })
}

/// The folder of the archives that newer and older engines wrote; unpacked the first time it is asked for.
pub fn others() -> &'static Path {
    static OTHERS: OnceLock<PathBuf> = OnceLock::new();
    OTHERS.get_or_init(|| {
        let folder = target().join("real-images-others");
        if !folder.join("README.md").is_file() {
            let packed = std::fs::File::open(real_images().join("others.tar.zst")).unwrap();
            let fresh = tempfile::tempdir_in(target()).unwrap();
            tar::Archive::new(zstd::Decoder::new(packed).unwrap()).unpack(fresh.path()).unwrap();
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::rename(fresh.keep(), &folder).unwrap();
        }
        folder
    })
}
