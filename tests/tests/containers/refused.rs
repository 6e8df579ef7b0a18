//! What is refused: names, what is not there, ways out of the root, and what is damaged. Nothing is changed by it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use ply_tests::{Ply, Tarball, listing};

use crate::{extract, ok, store};

/// Refused with these words, and the store is as it was.
fn refused(ply: &Ply, line: &str, code: i32, words: &[&str]) {
    let before = listing(&ply.store());
    let ran = ply.run(line.split(' '));
    assert_eq!((ran.code, ran.text()), (Some(code), ""), "{line}: {}", ran.stderr);
    for word in words {
        assert!(ran.stderr.contains(word), "{line}: no {word:?} in: {}", ran.stderr);
    }
    assert!(ran.stderr.starts_with("ply: ") && ran.stderr.lines().count() == 1, "{line}: {}", ran.stderr);
    assert_eq!(listing(&ply.store()), before, "{line}: the store has changed");
}

#[test]
fn names_and_what_is_not_there() {
    let ply = store();
    let long = "a".repeat(256);
    for name in ["a", "-a", ".a", "a/b", "a:b", "größe", "a\u{1b}[31m", &long] {
        refused(&ply, &format!("create --name={name} image:1"), 2, &["invalid container name"]);
    }
    refused(&ply, "create --name ct image:1", 1, &["ct", "in use"]);
    refused(&ply, "create nothing:1", 1, &["nothing:1"]);
    refused(&ply, "create docker-archive:image.tar:image:1", 2, &["not loaded"]);
    refused(&ply, "create --platform linux/s390x image:1", 1, &["s390x"]);
    for line in ["rm nobody", "cp src/f nobody:/x", "cp nobody:/x .", "delete nobody:/x", "commit nobody x:1"]
    {
        refused(&ply, line, 1, &["o such", "nobody"]);
    }
    // As Docker, which prints what it has found: nothing.
    let ran = ply.run(["container", "inspect", "nobody"]);
    assert_eq!((ran.code, ran.text()), (Some(1), "[]\n"), "{}", ran.stderr);
    refused(&ply, "cp src/f image:1:/x", 1, &["is an image", "ply create"]);
    refused(&ply, "cp src/f ct:", 2, &["ct:/"]);
    refused(&ply, "delete ct:/", 1, &["root"]);
    refused(&ply, "delete ct:/srv/..", 1, &["root"]);
    refused(&ply, "delete ct:/srv/missing", 1, &["/srv/missing"]);
    refused(&ply, "delete ct:/srv/gone", 1, &["/srv/gone"]);
    refused(&ply, "delete ct:/srv/file/", 1, &["/srv/file"]);
    refused(&ply, "delete srv/file", 2, &["CONTAINER:PATH"]);
    refused(&ply, "commit ct UPPER", 1, &["lowercase"]);
}

/// What `.wh.` begins has a meaning in layers, and so it can be no file's name.
#[test]
fn names_of_whiteouts() {
    let ply = store();
    std::fs::create_dir(ply.file("bad")).unwrap();
    for name in [".wh.x", ".wh..wh..opq", ".wh..", ".wh..wh.plnk"] {
        let path = ply.file("bad").join(name);
        std::fs::write(&path, "").unwrap();
        for line in [
            "cp bad ct:/srv",
            "cp bad/. ct:/srv",
            &format!("cp bad/{name} ct:/srv"),
            &format!("cp src/f ct:/srv/{name}"),
            &format!("cp src/d ct:/srv/{name}"),
        ] {
            refused(&ply, line, 1, &[".wh."]);
        }
        std::fs::remove_file(path).unwrap();
        let before = listing(&ply.store());
        for tar in [
            Tarball::new().file(name, ""),
            Tarball::new().file("a", "").folder("d/").file(&format!("d/{name}"), ""),
            Tarball::new().folder(&format!("{name}/")),
        ] {
            let ran = extract(&ply, &tar.finish(), "ct:/srv");
            assert_eq!(ran.code, Some(1), "{name}: {}", ran.stderr);
            assert!(ran.stderr.contains(".wh."), "{name}: {}", ran.stderr);
            assert_eq!(listing(&ply.store()), before, "{name}");
        }
    }
}

/// A link of the image leads to the host's files; nothing there is read, written or removed.
#[test]
fn no_link_leads_out_of_the_root() {
    let ply = store();
    let canary = ply.file("canary");
    std::fs::create_dir(&canary).unwrap();
    std::fs::write(canary.join("secret"), "secret").unwrap();
    let climb = "../".repeat(10);
    let up = format!("{climb}{}", &canary.to_str().unwrap()[1..]);
    let tar = Tarball::new().symlink("abs", canary.to_str().unwrap()).symlink("up", &up);
    let tar = tar.symlink("file", &format!("{up}/secret"));
    assert_eq!(extract(&ply, &tar.finish(), "ct:/srv").code, Some(0));
    let before = listing(&canary);
    for line in [
        "cp src/f ct:/srv/abs",
        "cp src/f ct:/srv/up",
        "cp src/f ct:/srv/abs/secret",
        "cp src/d ct:/srv/up/",
        "cp src/d/. ct:/srv/abs",
        "cp src/f ct:/srv/file",
        "cp -L ct:/srv/file out",
        "cp -L ct:/srv/abs out",
        "cp ct:/srv/abs/secret out",
        "cp ct:/srv/up/. out",
        "delete ct:/srv/abs/secret",
        "delete ct:/srv/up/secret",
        "cat ct:/srv/file",
        "cat ct /srv/file",
    ] {
        let ran = ply.run(line.split(' '));
        assert!(!ran.text().contains("secret"), "{line}");
        assert_eq!(listing(&canary), before, "{line}");
        let out = ply.file("out");
        let copied = std::fs::read_to_string(&out).unwrap_or_default();
        assert_ne!(copied, "secret", "{line}");
        let _ = std::fs::remove_dir_all(&out);
        let _ = std::fs::remove_file(&out);
    }
    // Names that climb, in an archive and in a path.
    let tar = Tarball::new().told(&format!("0 {climb}{}/secret stolen", &canary.to_str().unwrap()[1..]));
    let _ = extract(&ply, &tar.finish(), "ct:/srv");
    let to = format!("ct:/{up}/secret");
    let _ = ply.run(["cp", "src/f", &to]);
    assert_eq!(listing(&canary), before);
    // A layer whose directory somebody made a link: it is read as a link, and never gone through.
    let upper = ok(&ply, "inspect -f {{.GraphDriver.Data.UpperDir}} ct");
    symlink(&canary, format!("{upper}/trap")).unwrap();
    for line in [
        "cp src/f ct:/trap/secret",
        "cp src/d ct:/trap",
        "delete ct:/trap/secret",
        "export -o out.tar ct",
        "delete ct:/trap",
    ] {
        let _ = ply.run(line.split(' '));
        assert_eq!(listing(&canary), before, "{line}");
    }
    ok(&ply, "rm ct");
    assert_eq!(listing(&canary), before, "rm");
}

/// What comes out replaces no file through a link of the container's.
#[test]
fn what_comes_out_stays_where_it_was_sent() {
    let ply = store();
    let canary = ply.file("canary");
    std::fs::create_dir(&canary).unwrap();
    std::fs::write(canary.join("x"), "mine").unwrap();
    // First a link, and then a directory of that name with something in it.
    let tar = Tarball::new().folder("t/").symlink("t/way", canary.to_str().unwrap());
    assert_eq!(extract(&ply, &tar.finish(), "ct:/srv").code, Some(0));
    ok(&ply, "cp ct:/srv/t out");
    ok(&ply, "delete ct:/srv/t/way");
    assert_eq!(
        extract(&ply, &Tarball::new().folder("t/way/").file("t/way/x", "theirs").finish(), "ct:/srv").code,
        Some(0)
    );
    let ran = ply.run(["cp", "ct:/srv/t/.", "out"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(std::fs::read_to_string(canary.join("x")).unwrap(), "mine");
}

/// A container whose record is damaged: it is said which, and nothing that it may need is collected.
#[test]
fn a_damaged_record() {
    let ply = store();
    ok(&ply, "create --name other image:1");
    let id = ok(&ply, "inspect -f {{.Id}} ct");
    let record = ply.store().join(format!("ply/containers/{id}/config.json"));
    let whole = std::fs::read(&record).unwrap();
    let text = String::from_utf8(whole.clone()).unwrap();
    let other_id = text.replace(&id, &"0".repeat(64));
    let damages: [&[u8]; 5] = [b"", b"{}", b"\0\0\0\0", &whole[..whole.len() / 2], other_id.as_bytes()];
    for damaged in damages {
        std::fs::write(&record, damaged).unwrap();
        let shown = damaged.escape_ascii();
        for line in ["ls ct", "cp src/f ct:/x", "commit ct x:1", "ps -a", &format!("inspect {}", &id[..12])] {
            let ran = ply.run(line.split(' '));
            assert_eq!(ran.code, Some(1), "{line}: {shown}: {}", ran.stderr);
            assert!(
                ran.stderr.contains(&id) && ran.stderr.contains("config.json"),
                "{line}: {shown}: {}",
                ran.stderr
            );
        }
        // Others are as they were.
        ok(&ply, "ls other");
        ok(&ply, "cp src/f other:/srv");
        let before = listing(&ply.store().join("blobs"));
        let _ = ply.run(["image", "prune", "-a", "-f"]);
        assert_eq!(listing(&ply.store().join("blobs")), before, "{shown}");
    }
    std::fs::write(&record, &whole).unwrap();
    ok(&ply, "ls ct");

    // By force it goes, by its ID; and then its name is free, and nothing holds collection up.
    std::fs::write(&record, "{").unwrap();
    assert_eq!(ply.run(["rm", &id]).code, Some(1));
    assert_eq!(ok(&ply, &format!("rm -f {}", &id[..12])), &id[..12]);
    ok(&ply, "ps -a");
    ok(&ply, "create --name ct image:1");
    ok(&ply, "rm ct other");
}

#[test]
fn names_that_are_no_text() {
    let ply = store();
    let odd = OsStr::from_bytes(b"ct:/srv/\xff\xfe");
    ply.ok([OsStr::new("cp"), OsStr::new("src/f"), odd]);
    ply.ok([OsStr::new("delete"), odd]);
    let ran = ply.run([OsStr::new("delete"), odd]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("/srv/\\xff\\xfe"), "{}", ran.stderr);
}
