//! The upper of a container: what is done here, and what the kernel's overlayfs makes of it, and the other way round.
#![allow(clippy::unwrap_used, clippy::panic, reason = "functions that tests share count as no tests")]

mod common;

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Made, Mount, Told, chain, device, go_on, is_root, listing, meta, owned, told, with};
use ply_rootfs::{Options, Scan, Style, Upper, scan};
use ply_tree::{Directory, Kind, NodeId, Tree, TreeView};
use rustix::fs::{FileType, Mode, XattrFlags, mknodat, setxattr};

const UPPER: Scan = Scan { style: Style::Upper, owners: ply_rootfs::Owners::Auto };

/// A lower directory and an empty layer over it.
struct Layers {
    folder: tempfile::TempDir,
    lower: Made,
}

impl Layers {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut lower = Made::default();
        lower.dir("a", owned(0o750, 1, 2));
        lower.dir("a/b", owned(0o2755, 3, 4));
        lower.dir("a/b/c", with(meta(0o555), &[("user.x", b"1")]));
        lower.file("a/b/c/deep", "lower", meta(0o644));
        lower.file("a/file", "lower", meta(0o600));
        lower.file("file", "lower", meta(0o644));
        lower.dir("dir", meta(0o755));
        lower.file("dir/one", "lower", meta(0o644));
        lower.file("dir/two", "lower", meta(0o644));
        lower.symlink("link", b"dir", meta(0o777));
        for name in ["upper", "work", "merged"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        lower.unpack(&folder.path().join("lower")).unwrap();
        Self { folder, lower }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn layer(&self) -> Upper {
        let layer = Upper::open(&self.at("upper"), &self.at("work"), &Options::default()).unwrap();
        layer.dress(b"", self.lower.tree.get(Tree::ROOT).unwrap()).unwrap();
        layer
    }

    fn upper(&self) -> Told {
        // What the mount leaves in it is another's; ours is gone.
        let left: Vec<_> =
            std::fs::read_dir(self.at("work")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| name == "work" || name == "index"), "{left:?}");
        let (tree, files) = scan(&self.at("upper"), &UPPER).unwrap();
        told(&tree, &files)
    }

    /// What the kernel shows, as long as it is asked.
    fn mount(&self) -> Mount {
        let options = format!(
            "lowerdir={},upperdir={},workdir={},redirect_dir=off,metacopy=off,index=off",
            self.at("lower").display(),
            self.at("upper").display(),
            self.at("work").display()
        );
        Mount::new(&["-t", "overlay", "-o", &options, "overlay"], &self.at("merged"))
    }

    fn merged(&self) -> Told {
        let _mount = self.mount();
        listing(&self.at("merged"))
    }
}

fn kinds(told: &Told) -> Vec<String> {
    let line = |(path, text): (&Vec<u8>, &String)| {
        format!("{} {}", String::from_utf8_lossy(path), text.split(' ').next().unwrap())
    };
    told.iter().map(line).collect()
}

/// Something to put: a directory with a file.
fn new() -> Made {
    let mut made = Made::default();
    made.dir("dir", owned(0o700, 9, 9));
    made.file("dir/two", "upper", owned(0o600, 9, 9));
    made.file("dir/large", vec![1; 2 << 20], meta(0o600));
    made.file("file", "upper", owned(0o4755, 9, 9));
    made
}

fn put(layer: &Upper, made: &Made, name: &str, at: &str) {
    let id = made.find(name.as_bytes());
    layer.put((&made.tree, id), &made.memory, at.as_bytes(), &go_on).unwrap();
}

#[test]
fn each_change_shows_as_the_kernel_would_have_made_it() {
    if !is_root() {
        return;
    }
    // What is done; what the layer then holds beside its root; what is seen, of all that could be.
    let check = |act: &dyn Fn(&Upper, &Layers), layer: &[&str], seen: &[&str]| {
        let layers = Layers::new();
        act(&layers.layer(), &layers);
        assert_eq!(kinds(&layers.upper())[1..], *layer);
        let merged = layers.merged();
        assert_eq!(kinds(&merged)[1..], *seen);
        // Everything is as it is in the layer, or below.
        let upper = layers.upper();
        for (path, text) in &merged {
            let here = upper.get(path).map(|text| text.replacen("opaque", "directory", 1));
            let expect = here.or_else(|| layers.lower.told().get(path).cloned());
            assert_eq!(Some(text), expect.as_ref(), "{}", String::from_utf8_lossy(path));
        }
    };
    let all = [
        "a directory",
        "a/b directory",
        "a/b/c directory",
        "a/b/c/deep file",
        "a/file file",
        "dir directory",
        "dir/one file",
        "dir/two file",
        "file file",
        "link symlink",
    ];
    let without = |gone: &[&str]| -> Vec<&str> {
        all.into_iter().filter(|line| !gone.iter().any(|name| line.starts_with(name))).collect()
    };
    check(&|_, _| {}, &[], &all);
    check(
        &|layer, layers| drop(layer.copy_up(&layers.lower.tree, b"a/b/c").unwrap()),
        &["a directory", "a/b directory", "a/b/c directory"],
        &all,
    );
    check(
        &|layer, layers| {
            layer.copy_up(&layers.lower.tree, b"a").unwrap();
            layer.copy_up(&layers.lower.tree, b"a/b/c").unwrap();
            layer.copy_up(&layers.lower.tree, b"a/b").unwrap();
            layer.whiteout(b"a/b/c/deep").unwrap();
        },
        &["a directory", "a/b directory", "a/b/c directory", "a/b/c/deep whiteout"],
        &without(&["a/b/c/deep"]),
    );
    check(&|layer, _| layer.whiteout(b"file").unwrap(), &["file whiteout"], &without(&["file"]));
    check(&|layer, _| layer.whiteout(b"dir").unwrap(), &["dir whiteout"], &without(&["dir"]));
    check(&|layer, _| layer.whiteout(b"nothing").unwrap(), &["nothing whiteout"], &all);
    check(&|layer, _| put(layer, &new(), "file", "file"), &["file file"], &all);
    check(&|layer, _| put(layer, &new(), "file", "dir"), &["dir file"], &{
        let mut seen = without(&["dir"]);
        seen.insert(5, "dir file");
        seen
    });
    // Over a directory below, what it holds is seen as well; where it was deleted before, not.
    let mut merged = all.to_vec();
    merged.insert(6, "dir/large file");
    check(
        &|layer, _| put(layer, &new(), "dir", "dir"),
        &["dir directory", "dir/large file", "dir/two file"],
        &merged,
    );
    let mut alone = merged.clone();
    alone.retain(|line| *line != "dir/one file");
    let opaque = ["dir opaque", "dir/large file", "dir/two file"];
    check(
        &|layer, _| {
            layer.whiteout(b"dir").unwrap();
            put(layer, &new(), "dir", "dir");
        },
        &opaque,
        &alone,
    );
    // Once hidden, hidden by the next as well.
    check(
        &|layer, _| {
            layer.whiteout(b"dir").unwrap();
            put(layer, &new(), "dir", "dir");
            put(layer, &new(), "dir", "dir");
        },
        &opaque,
        &alone,
    );
    check(
        &|layer, _| {
            put(layer, &new(), "dir", "dir");
            layer.make_opaque(b"dir").unwrap();
        },
        &opaque,
        &alone,
    );
    check(
        &|layer, _| {
            put(layer, &new(), "dir", "dir");
            put(layer, &new(), "file", "dir/one");
            put(layer, &new(), "file", "dir/one");
            layer.whiteout(b"dir/two").unwrap();
            assert!(layer.remove(b"dir/large").unwrap());
            assert!(!layer.remove(b"dir/large").unwrap());
            assert!(!layer.remove(b"no/such").unwrap());
        },
        &["dir directory", "dir/one file", "dir/two whiteout"],
        &without(&["dir/two"]),
    );
    check(
        &|layer, _| {
            put(layer, &new(), "dir", "dir");
            layer.whiteout(b"link").unwrap();
            assert!(layer.remove(b"dir").unwrap());
            assert!(layer.remove(b"link").unwrap());
        },
        &[],
        &all,
    );
}

#[test]
fn what_cannot_be_done_leaves_the_layer_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("upper")).unwrap();
    std::fs::create_dir(at("work")).unwrap();
    std::fs::write(at("canary"), "sings").unwrap();
    let layer = Upper::open(&at("upper"), &at("work"), &Options::default()).unwrap();
    let mut made = Made::default();
    made.symlink("out", b"..", meta(0o777));
    made.file("file", "x", meta(0o644));
    made.add("hidden", Kind::CharDevice(device(0, 0)), meta(0o600));
    made.add("below", Kind::LinkBelow { target: (*b"x").into() }, meta(0o600));
    for name in ["out", "file"] {
        let id = made.find(name.as_bytes());
        layer.put((&made.tree, id), &made.memory, name.as_bytes(), &go_on).unwrap();
    }
    let before = listing(folder.path());
    let check = |done: Result<(), ply_rootfs::RootfsError>, expect: &str| {
        let error = done.unwrap_err();
        assert!(chain(&error).contains(expect), "{}", chain(&error));
        let mut after = listing(folder.path());
        after.insert(b"work".to_vec(), before[&b"work".to_vec()].clone());
        assert_eq!(after, before);
    };
    let put = |name: &str, at: &[u8]| {
        let id = made.find(name.as_bytes());
        layer.put((&made.tree, id), &made.memory, at, &go_on).map(drop)
    };
    check(put("file", b"out/canary"), "out: is no directory in this layer");
    check(put("file", b"file/x"), "file: is no directory in this layer");
    check(put("file", b"no/x"), "cannot find");
    for path in [&b".."[..], b"../canary", b"/canary", b"a//b", b"./a", b"a\0"] {
        check(put("file", path), "is no clean path");
        check(layer.whiteout(path), "is no clean path");
        check(layer.remove(path).map(drop), "is no clean path");
        check(layer.make_opaque(path), "is no clean path");
        check(layer.copy_up(&made.tree, path).map(drop), "is no clean path");
    }
    check(put("file", b""), "is the root of the layer");
    check(layer.whiteout(b""), "is the root of the layer");
    check(put("hidden", b"x"), "would be taken for a whiteout");
    check(put("below", b"x"), "a link to a layer below");
    check(layer.whiteout(b"out/canary"), "is no directory in this layer");
    check(layer.remove(b"out/canary").map(drop), "is no directory in this layer");
    check(layer.make_opaque(b"out"), "is no directory in this layer");
    check(layer.make_opaque(b"no"), "cannot find");
    check(layer.copy_up(&made.tree, b"out").map(drop), "out: is no directory in this layer");
    check(layer.copy_up(&made.tree, b"no/such").map(drop), "is no directory below");
}

#[test]
fn a_changeset_is_put_and_scanned() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("upper")).unwrap();
    std::fs::create_dir(at("work")).unwrap();
    let mut made = Made::default();
    made.dir("d", meta(0o755));
    made.dir("d/e", meta(0o700));
    made.whiteout("d/e/gone");
    made.opaque("d/e/o", owned(0o711, 3, 4));
    let file = made.file("d/e/o/f", "x", meta(0o644));
    made.link("d/g", file);
    made.symlink("d/link", b"g", meta(0o777));
    let layer = Upper::open(&at("upper"), &at("work"), &Options::default()).unwrap();
    layer.dress(b"", made.tree.get(Tree::ROOT).unwrap()).unwrap();
    let id = made.find(b"d");
    let done = layer.put((&made.tree, id), &made.memory, b"d", &go_on).unwrap();
    assert_eq!(done.entries, 7);
    let below = |mut told: Told| told.split_off(&b"a"[..]);
    let (tree, files) = scan(&at("upper"), &UPPER).unwrap();
    assert_eq!(below(told(&tree, &files)), below(made.told()));
    // What is hidden needs no whiteout, and is not there.
    let whiteout = made.find(b"d/e/gone");
    made.link("d/e/o/moot", whiteout);
    layer.put((&made.tree, id), &made.memory, b"d", &go_on).unwrap();
    made.tree.unlink(made.find(b"d/e/o"), b"moot");
    let (tree, files) = scan(&at("upper"), &UPPER).unwrap();
    assert_eq!(below(told(&tree, &files)), below(made.told()));
    layer.put((&made.tree, whiteout), &made.memory, b"d/link", &go_on).unwrap();
    let (tree, _) = scan(&at("upper"), &UPPER).unwrap();
    let link = tree.lookup(tree.child(Tree::ROOT, b"d").unwrap(), b"link").unwrap().unwrap();
    assert_eq!(tree.get(link).unwrap().kind, Kind::Whiteout);
}

#[test]
fn the_kernels_own_changes_are_read() {
    if !is_root() {
        return;
    }
    let layers = Layers::new();
    layers.layer();
    let mount = layers.mount();
    let script = "
        set -e
        rm file; rm -r dir; mkdir dir; echo new > dir/new
        echo changed > a/file; ln a/file a/same
        rm a/b/c/deep
        mv link renamed
        chmod 0711 a
        setfattr -n user.y -v 2 a/b/c
    ";
    let done = Command::new("sh").args(["-c", script]).current_dir(layers.at("merged")).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let merged = listing(&layers.at("merged"));
    drop(mount);
    let upper = layers.upper();
    assert_eq!(
        kinds(&upper),
        [
            " directory",
            "a directory",
            "a/b directory",
            "a/b/c directory",
            "a/b/c/deep whiteout",
            "a/file file",
            "a/same file",
            "dir opaque",
            "dir/new file",
            "file whiteout",
            "link whiteout",
            "renamed symlink",
        ]
    );
    assert!(upper[&b"a/same".to_vec()].ends_with(" is /a/file"));
    for (path, text) in upper.iter().filter(|(_, text)| *text != "whiteout") {
        assert_eq!(
            text.replacen("opaque", "directory", 1),
            merged[path],
            "{}",
            String::from_utf8_lossy(path)
        );
    }
    // What we do next, the kernel takes over again.
    let layer = Upper::open(&layers.at("upper"), &layers.at("work"), &Options::default()).unwrap();
    layer.whiteout(b"dir/new").unwrap();
    layer.remove(b"link").unwrap();
    let merged = kinds(&layers.merged());
    assert!(
        merged.contains(&"link symlink".to_owned()) && !merged.contains(&"dir/new file".to_owned()),
        "{merged:?}"
    );
}

fn marked(path: &Path, name: &str, value: &[u8]) {
    setxattr(path, name, value, XattrFlags::empty()).unwrap();
}

#[test]
fn whiteouts_come_in_two_forms() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["d", "e"] {
        std::fs::create_dir(at(name)).unwrap();
        for file in ["white", "plain", "full"] {
            std::fs::write(at(name).join(file), if file == "full" { "x" } else { "" }).unwrap();
        }
        marked(&at(name).join("white"), "user.overlay.whiteout", b"y");
        marked(&at(name).join("full"), "user.overlay.whiteout", b"y");
    }
    marked(&at("d"), "user.overlay.opaque", b"x");
    marked(&at("e"), "user.overlay.origin", b"1");
    mknodat(rustix::fs::CWD, at("e/char"), FileType::CharacterDevice, Mode::empty(), 0).unwrap();
    std::fs::hard_link(at("e/char"), at("d/char")).unwrap();
    let expect = |style, lines: &[&str]| {
        let (tree, files) = scan(folder.path(), &Scan { style, ..Scan::default() }).unwrap();
        assert_eq!(kinds(&told(&tree, &files))[1..], *lines);
    };
    expect(
        Style::Upper,
        &[
            "d directory",
            "d/char whiteout",
            "d/full file",
            "d/plain file",
            "d/white whiteout",
            "e directory",
            "e/char whiteout",
            "e/full file",
            "e/plain file",
            "e/white file",
        ],
    );
    let (tree, files) = scan(folder.path(), &Scan::default()).unwrap();
    let plain = told(&tree, &files);
    assert!(plain[&b"d/char".to_vec()].starts_with("char 0:0 "));
    assert!(plain[&b"e".to_vec()].ends_with(" user.overlay.origin=31"));
}

#[test]
fn a_layer_that_points_elsewhere_is_refused() {
    for (name, directory) in [("user.overlay.redirect", true), ("user.overlay.metacopy", false)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        if directory {
            std::fs::create_dir(&path).unwrap()
        } else {
            std::fs::write(&path, "").unwrap()
        }
        marked(&path, name, b"/y");
        let error = scan(folder.path(), &UPPER).unwrap_err();
        assert!(chain(&error).contains("/x: has its name or content in a layer below"), "{error}");
        scan(folder.path(), &Scan::default()).unwrap();
    }
}

#[test]
fn a_file_that_was_replaced_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("d")).unwrap();
    std::fs::write(at("d/a"), "content").unwrap();
    std::fs::write(at("d/b"), "content").unwrap();
    std::fs::write(at("secret"), "secret").unwrap();
    let (tree, files) = scan(&at("d"), &Scan::default()).unwrap();
    std::fs::remove_file(at("d/a")).unwrap();
    std::os::unix::fs::symlink("../secret", at("d/a")).unwrap();
    std::fs::write(at("new"), "another").unwrap();
    std::fs::rename(at("new"), at("d/b")).unwrap();
    let read = |name: &[u8]| {
        let id: NodeId = tree.child(Tree::ROOT, name).unwrap();
        let Kind::File { size, extents } = &tree.get(id).unwrap().kind else { panic!("a file") };
        let mut content = String::new();
        let mut reader = ply_tree::Content::new(&files, extents, *size);
        std::io::Read::read_to_string(&mut reader, &mut content).map(|_| content)
    };
    assert!(read(b"a").unwrap_err().to_string().contains("symbolic link"));
    assert!(read(b"b").unwrap_err().to_string().contains("another file has taken its place"));
}

#[test]
fn a_whiteout_is_what_the_kernel_makes() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("upper")).unwrap();
    std::fs::create_dir(at("work")).unwrap();
    let layer = Upper::open(&at("upper"), &at("work"), &Options::default()).unwrap();
    layer.whiteout(b"x").unwrap();
    let found = at("upper/x").symlink_metadata().unwrap();
    assert!(found.file_type().is_char_device() && found.rdev() == 0 && found.mode() & 0o777 == 0);
    // Twice is once; a directory takes its place and hides as much.
    layer.whiteout(b"x").unwrap();
    let mut made = Made::default();
    let id = made.dir("x", meta(0o755));
    layer.put((&made.tree, id), &made.memory, b"x", &go_on).unwrap();
    let (tree, _) = scan(&at("upper"), &UPPER).unwrap();
    let kind = &tree.get(tree.child(Tree::ROOT, b"x").unwrap()).unwrap().kind;
    assert_eq!(*kind, Kind::Directory(Directory { opaque: true, ..Directory::default() }));
}

#[test]
fn a_directory_is_dressed_anew_and_a_file_gets_another_name() {
    let layers = Layers::new();
    let layer = layers.layer();
    layer.copy_up(&layers.lower.tree, b"a/b").unwrap();
    let mut other = layers.lower.tree.get(layers.lower.find(b"a/b")).unwrap().clone();
    other.metadata = with(owned(0o711, 0, 0), &[("user.y", b"2")]);
    layer.dress(b"a/b", &other).unwrap();
    let found = std::fs::metadata(layers.at("upper/a/b")).unwrap();
    assert_eq!(found.mode() & 0o7777, 0o711);
    if is_root() {
        assert_eq!((found.uid(), found.gid()), (0, 0));
    }
    assert!(layer.dress(b"a/none", &other).is_err());

    let file = (&layers.lower.tree as &dyn TreeView, layers.lower.find(b"file"));
    layer.put(file, &layers.lower.memory, b"a/b/one", &go_on).unwrap();
    layer.put(file, &layers.lower.memory, b"a/two", &go_on).unwrap();
    layer.link(b"a/b/one", b"a/two").unwrap();
    let inode = |name: &str| std::fs::metadata(layers.at(name)).unwrap().ino();
    assert_eq!(inode("upper/a/b/one"), inode("upper/a/two"));
    assert!(layer.link(b"a/none", b"a/three").is_err());
    assert_eq!(layers.upper().len(), 5);
}

#[test]
fn one_name_is_scanned_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("d/e")).unwrap();
    std::fs::write(folder.path().join("d/e/f"), "hello").unwrap();
    std::os::unix::fs::symlink("d", folder.path().join("link")).unwrap();
    let names = |name: &[u8]| {
        let (tree, files) = ply_rootfs::scan_name(folder.path(), name, &Scan::default()).unwrap();
        told(&tree, &files).into_keys().map(|path| String::from_utf8(path).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(names(b"d"), ["", "d", "d/e", "d/e/f"]);
    assert_eq!(names(b"link"), ["", "link"]);
    for none in [&b"none"[..], b"..", b"d/e", b""] {
        assert!(ply_rootfs::scan_name(folder.path(), none, &Scan::default()).is_err());
    }
}
