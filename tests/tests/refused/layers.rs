//! Layers that no filesystem can be made of, by every verb that needs their files: the message names layer and entry,
//! and nothing stands under the name that was asked for, half or whole.

use std::process::Command;

use ply_tests::{Input, Ply, Tarball, archive_of, listing, made, needs};

/// The second layer of an image is refused by all that needs its files, for a reason that names all of `words`; from
/// an archive and, where `load` takes it as the bytes it is, from the store.
fn check(title: &str, layer: &[u8], words: &[&str]) {
    let ply = Ply::new();
    let below = Tarball::new().folder("d/").file("d/below", "1").finish();
    let archive = ply.write("image.tar", archive_of(&made(vec![below, layer.to_vec()]), "image:1").finish());
    std::fs::create_dir(ply.file("empty")).unwrap();
    let loaded = ply.load(Input::File, &archive, &[]);
    let stored = (loaded.code == Some(0)).then_some("image:1");
    let before = listing(ply.folder());
    for image in std::iter::once("docker-archive:image.tar").chain(stored) {
        for verb in [
            &["ls", "-lR", image] as &[&str],
            &["unpack", image, "new"],
            &["unpack", image, "empty"],
            &["export", "-o", "new", image],
            &["export", image],
        ] {
            let ran = ply.run(verb);
            let what = format!("{title}, {verb:?}: {}", ran.stderr);
            assert_eq!((ran.code, ran.stdout.len()), (Some(1), 0), "{what}");
            assert!(ran.stderr.starts_with("ply: ") && ran.stderr.len() < 1000, "{what}");
            for word in ["layer 2"].iter().chain(words) {
                assert!(ran.stderr.contains(word), "{what} has no {word:?}");
            }
            assert_eq!(listing(ply.folder()), before, "{what}: something is left");
        }
    }
}

/// The header of an entry with another size, and the checksum that this takes.
fn sized(mut layer: Vec<u8>, header: usize, size: &[u8; 12]) -> Vec<u8> {
    let block = &mut layer[header..header + 512];
    block[124..136].copy_from_slice(size);
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    layer
}

#[test]
fn bytes() {
    let whole = Tarball::new().file("a", "1").file("d/f", "x".repeat(3000)).finish();
    check("cut in content", &whole[..1024 + 512 + 1000], &["d/f", "after 1000 of its 3000 bytes"]);
    // Where the header itself is no good there is no name to tell.
    check("cut in a header", &whole[..1024 + 100], &["byte 1124, inside a header"]);
    let mut damaged = whole.clone();
    damaged[1024] ^= 1;
    check("checksum", &damaged, &["checksum is wrong", "byte 1024"]);
    check("8 GiB that are not there", &sized(whole.clone(), 1024, b"77777777777\0"), &["d/f", "ends inside"]);
    let beyond = b"\x80\0\0\0\x80\0\0\0\0\0\0\0";
    check("a size of 2^63", &sized(whole.clone(), 1024, beyond), &["d/f", "63 bits", "byte 1024"]);
    check("a size below 0", &sized(whole, 1024, &[0xff; 12]), &["d/f", "negative", "byte 1024"]);
}

#[test]
fn links() {
    let (tar, outside) = (Tarball::new, "leads out of the root");
    for target in ["../x", "../../etc/passwd", "d/../../x"] {
        check(target, &tar().hard_link("d/h", target).finish(), &["d/h", outside]);
    }
    // Directories that would go round.
    let cycle = tar().folder("d/").folder("d/e/").hard_link("d/e/up", "d").finish();
    check("to the parent's parent", &cycle, &["d/e/up", "a hard link to a directory"]);
    check("to the parent", &tar().folder("d/").hard_link("d/up", "d").finish(), &["d/up", "to a directory"]);
    check("to a directory below", &tar().hard_link("e", "d").finish(), &["/e", "which is a directory"]);
    check("to the root", &tar().hard_link("d/root", "/").finish(), &["d/root"]);
    check("to itself", &tar().hard_link("self", "self").finish(), &["self"]);
    check("to nothing", &tar().hard_link("d/h", "d/nothing").finish(), &["d/h", "d/nothing"]);
}

#[test]
fn names() {
    let tar = Tarball::new;
    for name in ["d/.wh.", "d/.wh..", "d/.wh..."] {
        check(name, &tar().file(name, "").finish(), &[name, "a whiteout of no name, of `.` or of `..`"]);
    }
    let long = format!("d/{}", "x".repeat(256));
    check("a long name", &tar().long_named(&long).finish(), &["d/xxx", "a name of 256 bytes, over 255"]);
    let deep = format!("{}f", "d/".repeat(4096));
    check("a deep path", &tar().long_named(&deep).finish(), &["d/d/d", "a path of 4097 names, over 4096"]);
}

/// Making a device takes privilege: without it the whole is refused, or goes on without and says of how many.
#[test]
fn devices_without_privilege() {
    if !needs(&[("setpriv", "util-linux")]) {
        return;
    }
    let ply = Ply::new();
    let layer =
        Tarball::new().folder("dev/").device("dev/null").file("dev/f", "1").device("dev/zero").finish();
    ply.write("image.tar", archive_of(&made(vec![layer]), "image:1").finish());
    // Nobody may enter the folder, read the archive and write beside it.
    let binary = ply.binary_for_all();
    ply_tests::output(Command::new("chmod").args(["-R", "a+rwX"]).arg(ply.folder()));
    let unpack = |more: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&binary);
        command.args(["unpack", "docker-archive:image.tar", "out"]).args(more);
        ply_tests::run(command.current_dir(ply.folder()).env("PLY_STORE", ply.store()))
    };
    let before = listing(ply.folder());
    let refused = unpack(&[]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("dev/null"), "{}", refused.stderr);
    assert_eq!(listing(ply.folder()), before, "something is left");
    let done = unpack(&["--skip-devices"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stderr.contains("2 devices left out"), "{}", done.stderr);
    let out: Vec<String> = listing(&ply.file("out")).into_keys().collect();
    assert_eq!(out, ["dev/", "dev/f"]);
}
