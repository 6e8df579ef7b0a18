//! Names and links that lead out of the archive, or nowhere.

use ply_tests::{Guarded, Layout, Made, Tarball, archive_of, listed, named};
use serde_json::json;

#[test]
fn members() {
    let guarded = Guarded::new();
    let image = Made::of(&["one"]);
    for name in ["../x", "../../etc/passwd", "/etc/passwd", "a/../../x", "./../x"] {
        let tar = archive_of(&image, "app:1").file(name, "x");
        guarded.refuses(name, &tar.finish(), &[name, "leaves the archive"]);
        let folder = archive_of(&image, "app:1").folder(&format!("{name}/"));
        guarded.refuses(&format!("folder {name}"), &folder.finish(), &[name, "leaves the archive"]);
    }
}

#[test]
fn names_in_documents() {
    let guarded = Guarded::new();
    let image = Made::of(&["one"]);
    for name in ["../c", "/etc/passwd", "/proc/self/root/etc/passwd", "a/../../c"] {
        let archive = |config: &str, layer: &str| {
            let manifest = json!([listed(config, &["app:1"], &[layer.to_owned()])]).to_string();
            let tar = Tarball::new().file("manifest.json", manifest).file("c", &image.config);
            tar.file("l.tar", &image.layers[0]).finish()
        };
        guarded.refuses(&format!("config {name}"), &archive(name, "l.tar"), &[name]);
        guarded.refuses(&format!("layer {name}"), &archive("c", name), &[name]);
    }
}

#[test]
fn links() {
    let guarded = Guarded::new();
    let image = Made::of(&["one"]);
    let manifest = json!([listed("c", &["app:1"], &["a/l.tar".to_owned()])]).to_string();
    let archive = || Tarball::new().file("manifest.json", &manifest).file("c", &image.config);
    for target in ["/etc/shadow", "../../etc/shadow", "../../a/l", "b/../../../x"] {
        guarded.refuses(
            target,
            &archive().symlink("a/l.tar", target).finish(),
            &["a/l.tar", target, "outside"],
        );
    }
    for target in ["/etc/shadow", "../l", "a/../../l"] {
        guarded.refuses(
            target,
            &archive().hard_link("a/l.tar", target).finish(),
            &["a/l.tar", target, "outside"],
        );
    }
    let circle = archive().symlink("a/l.tar", "m").symlink("a/m", "l.tar");
    guarded.refuses("a circle", &circle.finish(), &["a/l.tar", "leads to no file"]);
    guarded.refuses(
        "itself",
        &archive().symlink("a/l.tar", "l.tar").finish(),
        &["a/l.tar", "leads to no file"],
    );
    let long = (0..60).fold(archive().symlink("a/l.tar", "0"), |tar, n| {
        tar.symlink(&format!("a/{n}"), &format!("{}", n + 1))
    });
    guarded.refuses("a chain of 60", &long.file("a/60", &image.layers[0]).finish(), &["a/l.tar"]);
    let dangling = Tarball::new().file("manifest.json", &manifest).symlink("c", "nowhere");
    guarded.refuses("to nothing", &dangling.finish(), &["c is missing"]);
    // A link is no way to a file of the host, even where the name is one in the archive as well.
    let host = archive().symlink("a", "/etc").file("a/l.tar", "x");
    guarded.refuses("a folder that is a link", &host.finish(), &["/etc", "outside"]);
}

/// go-containerregistry 2306: a blob of a layout that is a link to a file of the host.
#[test]
fn layouts_in_folders() {
    let guarded = Guarded::new();
    let image = Made::of(&["one"]);
    let mut layout = Layout::default();
    let manifest = layout.plain(&image);
    let layout = layout.list(named(manifest.clone(), "io.containerd.image.name", "docker.io/library/app:1"));
    let manifest = manifest["digest"].as_str().unwrap()[7..].to_owned();
    let outside = tempfile::tempdir().unwrap();
    for hex in [image.layer_hex(0), image.hex(), manifest] {
        let folder = tempfile::tempdir().unwrap();
        layout.write(folder.path());
        let blob = folder.path().join("blobs/sha256").join(&hex);
        let target = outside.path().join(&hex);
        std::fs::rename(&blob, &target).unwrap();
        std::os::unix::fs::symlink(&target, &blob).unwrap();
        guarded.refuses_folder("a blob that is a link", folder.path(), &[&hex]);
        std::fs::remove_file(&blob).unwrap();
        std::os::unix::fs::symlink(format!("../../{hex}"), &blob).unwrap();
        std::fs::rename(&target, folder.path().join(&hex)).unwrap();
        guarded.refuses_folder("a blob that is a link inside", folder.path(), &[&hex]);
    }
    let folder = tempfile::tempdir().unwrap();
    layout.write(folder.path());
    std::fs::rename(folder.path().join("blobs"), outside.path().join("blobs")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("blobs"), folder.path().join("blobs")).unwrap();
    guarded.refuses_folder("blobs is a link", folder.path(), &["blobs", "a symbolic link stands on the way"]);
}
