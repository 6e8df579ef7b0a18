//! What is handed out: a static binary with its man pages and completions, as a tar and as a Debian package; the crates; checksums.
//!
//! The same commit gives the same bytes: no path of the machine is in the binary, and every time is that of the commit.

mod debian;
mod elf;

use crate::scratch::Scratch;
use crate::workspace::Workspace;
use crate::{Outcome, folder, shell};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// glibc, linked in: its resolver has been whole without other files since 2.34, and its allocator is twice as fast as musl's.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// Packages that stay here.
const OURS_ALONE: [&str; 2] = ["xtask", "ply-tests"];
/// Shells with a completion, and where Debian keeps it.
const SHELLS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/ply"),
    ("zsh", "usr/share/zsh/vendor-completions/_ply"),
    ("fish", "usr/share/fish/vendor_completions.d/ply.fish"),
];

/// What goes into every package.
struct Goods {
    version: String,
    binary: PathBuf,
    /// Seconds since 1970 of the commit.
    time: String,
    /// Man pages.
    man: PathBuf,
    /// Where the completions lie, one a shell.
    completions: PathBuf,
}

pub(crate) fn run(args: &[&str]) -> Outcome {
    let is_all = match args {
        [] => true,
        ["--no-crates"] => false,
        _ => return Err(format!("takes --no-crates or nothing, not {}", args.join(" "))),
    };
    let workspace = Workspace::read()?;
    let folder = workspace.target_directory.join("dist");
    folder::emptied(&folder)?;
    let scratch = Scratch::new(&workspace.target_directory, "dist-scratch")?;
    let goods = Goods::make(&workspace, scratch.path())?;
    let mut made =
        vec![tarball(&goods, scratch.path(), &folder)?, debian::package(&goods, scratch.path(), &folder)?];
    works(&goods, scratch.path())?;
    if is_all {
        made.extend(crates(&workspace, &folder)?);
    }
    let sums = shell::capture(Command::new("sha256sum").args(&made).current_dir(&folder))?;
    write(&folder.join("SHA256SUMS"), sums.as_bytes())?;
    print!("{sums}");
    println!("in {}", folder.display());
    Ok(())
}

impl Goods {
    fn make(workspace: &Workspace, scratch: &Path) -> Outcome<Self> {
        let binary = build(workspace)?;
        elf::is_static(&binary)?;
        let version = workspace.packages.iter().find(|package| package.name == "ply-cli");
        let version = version.map(|package| package.version.clone()).ok_or("there is no ply-cli")?;
        let time = shell::capture(
            Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(shell::root()),
        )?;
        let (man, completions) = (scratch.join("man"), scratch.join("completions"));
        shell::run(Command::new(&binary).arg("man").arg(&man))?;
        folder::make(&completions)?;
        for (shell, _) in SHELLS {
            let script = shell::capture(Command::new(&binary).args(["completion", shell]))?;
            write(&completions.join(shell), script.as_bytes())?;
        }
        Ok(Self { version, binary, time: time.trim().to_owned(), man, completions })
    }
}

/// Builds the binary, linked statically, with no path of this machine in it.
fn build(workspace: &Workspace) -> Outcome<PathBuf> {
    let sysroot =
        shell::capture(Command::new("rustc").args(["--print", "sysroot"]).current_dir(shell::root()))?;
    let home =
        std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")));
    let home = home.map_err(|why| format!("neither CARGO_HOME nor HOME: {why}"))?;
    let own = workspace.workspace_root.display().to_string();
    // The last that fits counts: a workspace may lie below the others.
    let paths = [(home.as_str(), "cargo"), (sysroot.trim(), "rust"), (own.as_str(), "plywood")];
    let mut flags = "-Ctarget-feature=+crt-static".to_owned();
    for (path, called) in paths {
        flags.push_str(&format!(" --remap-path-prefix={path}={called}"));
    }
    let mut command =
        shell::cargo(["build", "--locked", "--release", "--package", "ply-cli", "--target", TARGET]);
    shell::run_shown(command.env("RUSTFLAGS", flags))?;
    let binary = workspace.target_directory.join(TARGET).join("release/ply");
    names_no_path(&binary, &paths.map(|(path, _)| path))?;
    Ok(binary)
}

/// What is handed out says nothing of where it was made.
fn names_no_path(binary: &Path, paths: &[&str]) -> Outcome {
    let bytes = fs::read(binary).map_err(|why| format!("reading {}: {why}", binary.display()))?;
    let named = paths.iter().find(|path| bytes.windows(path.len()).any(|window| window == path.as_bytes()));
    match named {
        Some(path) => Err(format!("{} names {path}", binary.display())),
        None => Ok(()),
    }
}

fn tarball(goods: &Goods, scratch: &Path, folder: &Path) -> Outcome<String> {
    let name = format!("ply-{}-x86_64-linux", goods.version);
    let root = scratch.join(&name);
    put(&goods.binary, &root.join("ply"), 0o755)?;
    for page in folder::files(&goods.man)? {
        put(&page, &root.join("man").join(page.file_name().unwrap_or_default()), 0o644)?;
    }
    for (shell, _) in SHELLS {
        put(&goods.completions.join(shell), &root.join("completions").join(shell), 0o644)?;
    }
    for text in ["README.md", "CHANGELOG.md", "SECURITY.md", "LICENSE-APACHE", "LICENSE-MIT"] {
        put(&shell::root().join(text), &root.join(text), 0o644)?;
    }
    let archive = format!("{name}.tar.gz");
    folder::pack(&root, &goods.time, &folder.join(&archive))?;
    Ok(archive)
}

/// The crates as they would be published; each is built from what its package holds.
fn crates(workspace: &Workspace, folder: &Path) -> Outcome<Vec<String>> {
    let mut command = shell::cargo(["package", "--workspace", "--locked", "--allow-dirty"]);
    for package in OURS_ALONE {
        command.args(["--exclude", package]);
    }
    shell::run_shown(&mut command)?;
    let mut made = Vec::new();
    for package in workspace.members().filter(|package| !OURS_ALONE.contains(&package.name.as_str())) {
        let name = format!("{}-{}.crate", package.name, package.version);
        put(&workspace.target_directory.join("package").join(&name), &folder.join(&name), 0o644)?;
        made.push(name);
    }
    Ok(made)
}

/// The binary does the main job where there is nothing else: no library, no terminal's description, no home.
fn works(goods: &Goods, scratch: &Path) -> Outcome {
    let archive = shell::root().join("tests/data/family/family.tar");
    let ply = |args: &[&str]| {
        let mut command = Command::new(&goods.binary);
        shell::capture(command.env_clear().env("PLY_STORE", scratch.join("store")).args(args))
    };
    let archive = archive.to_string_lossy();
    ply(&["load", "-q", "-i", &archive])?;
    let listed = ply(&["images", "--format", "{{.Repository}}:{{.Tag}}"])?;
    if listed.lines().any(|line| line == "app:1.1") {
        return Ok(());
    }
    Err(format!("the static binary lists other images than it loaded: {listed}"))
}

fn write(path: &Path, bytes: &[u8]) -> Outcome {
    fs::write(path, bytes).map_err(|why| format!("writing {}: {why}", path.display()))
}

/// Copies a file into a tree that is handed out, with these permissions.
fn put(from: &Path, to: &Path, mode: u32) -> Outcome {
    if let Some(folder) = to.parent() {
        folder::make(folder)?;
    }
    fs::copy(from, to).map_err(|why| format!("copying {} to {}: {why}", from.display(), to.display()))?;
    let permissions = fs::Permissions::from_mode(mode);
    fs::set_permissions(to, permissions).map_err(|why| format!("changing {}: {why}", to.display()))
}
