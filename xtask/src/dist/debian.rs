//! A Debian package.

use super::{Goods, SHELLS, put, write};
use crate::{Outcome, folder, shell};
use std::path::Path;
use std::process::Command;

/// deb-control(5). What runs containers and mounts for everybody is only recommended: nothing else needs it.
const CONTROL: &str = "\
Package: plywood
Version: VERSION
Architecture: amd64
Maintainer: The Plywood contributors
Section: admin
Priority: optional
Recommends: crun | runc, fuse3
Installed-Size: KIB
Description: container images without a daemon
 ply loads, saves, pulls, pushes, examines, mounts, changes and runs container
 images with Docker's commands, and shows the history of every file in them.
";

pub(super) fn package(goods: &Goods, scratch: &Path, folder: &Path) -> Outcome<String> {
    let root = scratch.join("deb");
    let shared = root.join("usr/share");
    put(&goods.binary, &root.join("usr/bin/ply"), 0o755)?;
    for page in folder::files(&goods.man)? {
        let packed = shared.join("man/man1").join(page.file_name().unwrap_or_default());
        put(&page, &packed, 0o644)?;
        gzip(&packed)?;
    }
    for (shell, place) in SHELLS {
        put(&goods.completions.join(shell), &root.join(place), 0o644)?;
    }
    let doc = shared.join("doc/plywood");
    put(&shell::root().join("LICENSE-MIT"), &doc.join("copyright"), 0o644)?;
    put(&shell::root().join("CHANGELOG.md"), &doc.join("changelog"), 0o644)?;
    gzip(&doc.join("changelog"))?;
    let kib = shell::capture(Command::new("du").args(["-sk", "--apparent-size"]).arg(&root))?;
    let kib = kib.split_whitespace().next().unwrap_or("0").to_owned();
    folder::make(&root.join("DEBIAN"))?;
    let control = CONTROL.replace("VERSION", &goods.version).replace("KIB", &kib);
    write(&root.join("DEBIAN/control"), control.as_bytes())?;
    let name = format!("plywood_{}_amd64.deb", goods.version);
    let mut build = Command::new("dpkg-deb");
    build.args(["--build", "--root-owner-group"]).arg(&root).arg(folder.join(&name));
    shell::capture(build.env("SOURCE_DATE_EPOCH", &goods.time))?;
    is_whole(&folder.join(&name))?;
    Ok(name)
}

/// Without name and time, so that the same text gives the same bytes.
fn gzip(path: &Path) -> Outcome {
    shell::run(Command::new("gzip").args(["-9", "-n", "-f"]).arg(path))
}

fn is_whole(package: &Path) -> Outcome {
    let listed = shell::capture(Command::new("dpkg-deb").arg("--contents").arg(package))?;
    for needed in
        ["./usr/bin/ply", "./usr/share/man/man1/ply.1.gz", "./usr/share/bash-completion/completions/ply"]
    {
        if !listed.lines().any(|line| line.ends_with(needed)) {
            return Err(format!("{} lacks {needed}", package.display()));
        }
    }
    Ok(())
}
