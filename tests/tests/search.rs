//! `find` and `grep` beside find(1) and grep(1) of this machine, on a folder that is also the only layer of an image; and
//! what they find below later layers, where those two have nothing to say.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use ply_tests::{Made, Ply, Tarball, archive_of, made, run};

/// A folder with names, sizes, modes and contents of every sort, and an image of it as an archive.
fn folder(ply: &Ply) -> (PathBuf, String) {
    let root = ply.file("root");
    for directory in ["etc/deep/er", "bin", "empty"] {
        std::fs::create_dir_all(root.join(directory)).unwrap();
    }
    let files: [(&[u8], Vec<u8>); 14] = [
        (b"etc/motd", b"Welcome home\nwelcome back\nunwelcome\n".to_vec()),
        (b"etc/.hidden", b"a key, hidden by a dot\n".to_vec()),
        (
            b"etc/deep/er/key.pem",
            b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n".to_vec(),
        ),
        (b"etc/no-end", b"first\nno line end".to_vec()),
        (b"etc/nothing", Vec::new()),
        (b"etc/a\nb", b"a name of two lines, welcome\n".to_vec()),
        (b"etc/\xff\xfe", b"a name that is no text: welcome\n".to_vec()),
        (b"etc/a{b,c}*", b"a name that looks like a glob\n".to_vec()),
        (b"etc/latin", b"caf\xe9 welcome\n".to_vec()),
        (b"etc/windows", b"welcome\r\nback\r\n".to_vec()),
        (b"bin/tool", b"\x7fELF\0\0\0welcome\0\nwelcome home\n".to_vec()),
        (b"bin/late", [&b"welcome\n".repeat(40_000)[..], b"\0key\n"].concat()),
        (b"bin/large", b"line of the large file\n".repeat(50_000)),
        (b"etc/a.b", b"sorts after a/b\n".to_vec()),
    ];
    for (name, content) in &files {
        std::fs::write(root.join(OsStr::from_bytes(name)), content).unwrap();
    }
    for (name, mode) in
        [("bin/tool", 0o4755), ("bin/large", 0o711), ("etc/motd", 0o644), ("etc/deep", 0o1777)]
    {
        std::fs::set_permissions(root.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    symlink("../etc/motd", root.join("bin/link")).unwrap();
    symlink("/nowhere", root.join("bin/dangling")).unwrap();
    std::fs::hard_link(root.join("etc/motd"), root.join("etc/motd.hard")).unwrap();
    let tar = ply.file("layer.tar");
    run(Command::new("tar").arg("-cf").arg(&tar).arg("-C").arg(&root).arg("."));
    (root, image(ply, &made(vec![std::fs::read(tar).unwrap()])))
}

fn image(ply: &Ply, made: &Made) -> String {
    let archive = ply.write("image.tar", archive_of(made, "made:1").finish());
    format!("docker-archive:{}", archive.display())
}

/// What a program says of the folder as if it were the root, its records sorted.
fn records(mut printed: Vec<u8>, end: u8) -> Vec<Vec<u8>> {
    if printed.last() == Some(&end) {
        printed.pop();
    }
    let mut records: Vec<Vec<u8>> =
        printed.split(|byte| *byte == end).map(<[u8]>::to_vec).filter(|record| !record.is_empty()).collect();
    records.sort_unstable();
    records
}

fn peer(program: &str, args: &[&str], root: &Path) -> (Vec<u8>, Option<i32>) {
    let ran = Command::new(program).args(args).current_dir(root).env("LC_ALL", "C").output().unwrap();
    assert!(ran.stderr.is_empty(), "{program} {args:?}: {}", String::from_utf8_lossy(&ran.stderr));
    (ran.stdout, ran.status.code())
}

#[test]
fn find_finds_what_find_finds() {
    let ply = Ply::new();
    let (root, image) = folder(&ply);
    let check = |path: &str, tests: &str| {
        let words: Vec<&str> = tests.split_whitespace().collect();
        let theirs: Vec<String> =
            words.iter().map(|w| w.strip_prefix("--").map_or((*w).to_owned(), |w| format!("-{w}"))).collect();
        let mut args = vec![path.strip_prefix('/').unwrap_or(path)];
        args.extend(theirs.iter().map(String::as_str));
        args.push("-print0");
        if args[0].is_empty() {
            args[0] = ".";
        }
        let expect: Vec<Vec<u8>> = records(peer("find", &args, &root).0, 0)
            .into_iter()
            .map(|path| {
                [b"/", path.strip_prefix(b"./").or(path.strip_prefix(b".")).unwrap_or(&path)].concat()
            })
            .collect();
        let ran = ply.run([&["find", &image, path, "-0"], &words[..]].concat());
        assert_eq!(ran.code, Some(i32::from(expect.is_empty())), "{path} {tests}: {}", ran.stderr);
        let show = |records: &[Vec<u8>]| -> Vec<String> {
            records.iter().map(|record| record.escape_ascii().to_string()).collect()
        };
        let mut expect = expect;
        expect.sort_unstable();
        assert_eq!(show(&records(ran.stdout, 0)), show(&expect), "{path} {tests}");
    };
    check("/", "");
    check("/etc", "");
    check("/etc/motd", "");
    check("/bin/link", "");
    check("/", "--name m*");
    check("/", "--name *");
    check("/etc", "--name .*");
    check("/", "--name *{b,c}*");
    check("/", "--name a?b --type f");
    check("/", "--name ??");
    check("/", "--name *.pem --type f,l");
    check("/", "--type d");
    check("/", "--type l");
    check("/", "--type p");
    check("/", "--type f --size 0");
    check("/", "--type f --size 1");
    check("/", "--type f --size +1k");
    check("/", "--type f --size -2k");
    check("/", "--type f --size -1M");
    check("/", "--type f --size 20c");
    check("/", "--type f --size +1M");
    check("/", "--perm 644");
    check("/", "--perm -4000");
    check("/", "--perm /6001 --type f");
    check("/", "--perm -o+t");
    check("/", "--perm u=rwx,go=x");
    check("/", "--name nothing-is-called-so");
}

#[test]
fn paths_match_from_the_root() {
    let ply = Ply::new();
    let (_, image) = folder(&ply);
    let check = |glob: &str, expect: &str| {
        assert_eq!(ply.run(["find", &image, "--path", glob]).text(), expect, "{glob}");
    };
    check("/etc/deep*", "/etc/deep\n/etc/deep/er\n/etc/deep/er/key.pem\n");
    check("*/er", "/etc/deep/er\n");
    check("/", "/\n");
    check("etc/*", "");
    check("/etc/deep", "/etc/deep\n");
}

#[test]
fn grep_finds_what_grep_finds() {
    let ply = Ply::new();
    let (root, image) = folder(&ply);
    let check = |flags: &str, pattern: &str| {
        let flags: Vec<&str> = flags.split_whitespace().collect();
        let syntax: &[&str] = if flags.contains(&"-F") { &[] } else { &["-E"] };
        let (printed, code) =
            peer("grep", &[&["-r"], syntax, &flags[..], &["--", pattern, "."]].concat(), &root);
        let expect: Vec<Vec<u8>> = records(printed, b'\n')
            .into_iter()
            // grep names each file when it counts, ripgrep and we those that match.
            .filter(|line| !(flags.contains(&"-c") && line.ends_with(b":0")))
            .map(|line| line.strip_prefix(b".").unwrap_or(&line).to_vec())
            .collect();
        let ran = ply.run([&["grep"], &flags[..], &["--", pattern, &image]].concat());
        assert_eq!(ran.code, code, "{flags:?} {pattern}: {}", ran.stderr);
        let found = records(ran.stdout, b'\n');
        assert_eq!(found.len(), expect.len(), "{flags:?} {pattern}");
        for (found, expect) in found.iter().zip(&expect) {
            assert_eq!(
                found.escape_ascii().to_string(),
                expect.escape_ascii().to_string(),
                "{flags:?} {pattern}"
            );
        }
    };
    check("-a", "welcome");
    check("-a -n", "welcome");
    check("-a -i", "WELCOME");
    check("-a -w", "welcome");
    check("-a -v -n", "e");
    check("-a -c", "welcome");
    check("-a -c -v", "zebra");
    check("-l", "welcome");
    check("-l", "^welcome");
    check("-l -i", "KEY");
    check("-l -w", "key");
    check("-l -v", "welcome");
    check("-a -n", "^-----BEGIN [A-Z ]+-----$");
    check("-F -n", "-----BEGIN PRIVATE KEY-----");
    check("-F -a", "a.b");
    check("-a", "^$");
    check("-a", "(first|no) line");
    check("", "nobody wrote this");
    check("-n", "line of the large");
}

#[test]
fn of_a_binary_file_only_the_name_is_told() {
    let ply = Ply::new();
    let (_, image) = folder(&ply);
    let check = |args: &[&str], path: &str, expect: &str| {
        let ran = ply.run([&["grep"], args, &[&image, path]].concat());
        assert_eq!((ran.text(), ran.code), (expect, Some(i32::from(expect.is_empty()))), "{args:?}");
    };
    // As ripgrep treats a file that is named: zero bytes end lines, and the first match behind one is the last.
    check(&["welcome"], "/bin/tool", "/bin/tool: binary file matches (found \"\\0\" byte around offset 4)\n");
    check(&["-l", "welcome"], "/bin/tool", "/bin/tool\n");
    check(&["-c", "-F", "welcome"], "/bin/tool", "/bin/tool:2\n");
    check(
        &["^welcome$"],
        "/bin/tool",
        "/bin/tool: binary file matches (found \"\\0\" byte around offset 4)\n",
    );
    check(&["ELF.*welcome"], "/bin/tool", "");
    // Lines before the zero byte is met are printed.
    let ran = ply.run(["grep", "welcome", &image, "/bin/late"]);
    assert!(ran.text().starts_with("/bin/late:welcome\n"));
    assert!(ran.text().ends_with(" byte around offset 320000)\n"), "{}", ran.text().lines().last().unwrap());
}

/// More lines than may wait for their turn: the file is read again, and nothing is lost or out of order.
#[test]
fn many_lines_are_found_in_order() {
    let ply = Ply::new();
    let lines: String = (0..700_000).map(|n| format!("a line {n} of very many\n")).collect();
    let tar =
        Tarball::new().file("a", "line\n").file("large", &lines).file("same", &lines).file("z", "line\n");
    let image = image(&ply, &made(vec![tar.finish()]));
    let expect = |name: &str| -> String { lines.lines().map(|line| format!("/{name}:{line}\n")).collect() };
    let expect = format!("/a:line\n{}{}/z:line\n", expect("large"), expect("same"));
    for threads in ["1", "3"] {
        let ran = ply.run(["grep", "--threads", threads, "line", &image]);
        assert!(ran.text() == expect, "{threads} threads: {} bytes, not {}", ran.stdout.len(), expect.len());
    }
}

/// Layers: what is there; the same with a file changed, one deleted, a folder made opaque; one of the deleted comes back.
fn layers() -> Made {
    let below = Tarball::new()
        .folder("etc/")
        .file("etc/conf", "one secret\n")
        .hard_link("etc/conf.hard", "etc/conf")
        .file("etc/gone", "two secret\n")
        .folder("opt/")
        .file("opt/old", "three secret\n")
        .file("twice", "four secret\n")
        .folder("turns/")
        .file("turns/in", "five secret\n");
    let above = Tarball::new()
        .folder("etc/")
        .file("etc/conf", "one changed\n")
        .file("etc/.wh.gone", "")
        .folder("opt/")
        .file("opt/.wh..wh..opq", "")
        .file("opt/new", "no such word\n")
        .file(".wh.twice", "")
        .file("turns", "a file now, secret\n");
    let top = Tarball::new().file("twice", "four again\n");
    made(vec![below.finish(), above.finish(), top.finish()])
}

#[test]
fn what_later_layers_hid_is_found() {
    let ply = Ply::new();
    let image = image(&ply, &layers());
    let check = |args: &[&str], expect: &str| {
        let ran = ply.run([&[args[0], &image], &args[1..]].concat());
        assert_eq!(
            (ran.text(), ran.code),
            (expect, Some(i32::from(expect.is_empty()))),
            "{args:?}: {}",
            ran.stderr
        );
    };
    check(
        &["find", "--deleted"],
        "layer 1 (hidden by 2)  /etc/gone\nlayer 1 (hidden by 2)  /opt/old\nlayer 1 (hidden by 2)  /turns/in\n",
    );
    check(
        &["find", "--shadowed"],
        "layer 1 (hidden by 2)  /etc/conf\nlayer 1 (hidden by 2)  /turns\nlayer 1 (hidden by 2)  /twice\n",
    );
    check(&["find", "--shadowed", "--type", "d"], "layer 1 (hidden by 2)  /turns\n");
    check(&["find", "--deleted", "--layer", "2"], "");
    check(&["find", "/etc", "--deleted"], "layer 1 (hidden by 2)  /etc/gone\n");
    check(&["find", "/etc/gone", "--deleted"], "layer 1 (hidden by 2)  /etc/gone\n");
    check(&["find", "/turns/in", "--deleted", "--size", "12c"], "layer 1 (hidden by 2)  /turns/in\n");
    check(&["find", "/et", "--deleted"], "");
    check(&["find", "-0", "--deleted", "--name", "g*"], "/etc/gone\0");
    check(&["find", "--layer", "3"], "/twice\n");
    check(&["find", "--layer", "2", "--type", "f"], "/etc/conf\n/opt/new\n/turns\n");
    // As `ls -R --layer`: what the layer says, whoever hid it, and what it deleted.
    check(
        &["find", "--layer", "1"],
        "/etc\n/etc/conf\n/etc/conf.hard\n/etc/gone\n/opt\n/opt/old\n/turns\n/turns/in\n/twice\n",
    );
    let second = "/etc\n/etc/conf\n/etc/gone (whiteout)\n/opt\n/opt/new\n/turns\n/twice (whiteout)\n";
    check(&["find", "--layer", "2"], second);
    check(&["ls", "-R", "--layer", "2"], second);
    check(&["find", "--layer", "2", "/opt"], "/opt\n/opt/new\n");
    check(&["find", "--layer", "3", "/opt"], "");
    check(&["find", "-0", "--layer", "2", "--name", "gone"], "/etc/gone\0");
    let grep = |args: &[&str], expect: &str| {
        let ran = ply.run([&["grep", "secret", &image], args].concat());
        assert_eq!(
            (ran.text(), ran.code),
            (expect, Some(i32::from(expect.is_empty()))),
            "{args:?}: {}",
            ran.stderr
        );
    };
    grep(&[], "/etc/conf.hard:one secret\n/turns:a file now, secret\n");
    let all = "\
layer 1 (hidden by 2)  /etc/conf:one secret
layer 1                /etc/conf.hard:one secret
layer 1 (hidden by 2)  /etc/gone:two secret
layer 1 (hidden by 2)  /opt/old:three secret
layer 2                /turns:a file now, secret
layer 1 (hidden by 2)  /turns/in:five secret
layer 1 (hidden by 2)  /twice:four secret
";
    grep(&["--all-layers"], all);
    grep(&["--all-layers", "--threads", "1"], all);
    grep(&["--all-layers", "-c", "/opt"], "layer 1 (hidden by 2)  /opt/old:1\n");
    grep(&["--all-layers", "/etc/gone"], "layer 1 (hidden by 2)  /etc/gone:two secret\n");
    grep(&["--all-layers", "/turns/in"], "layer 1 (hidden by 2)  /turns/in:five secret\n");
}

/// 2, so that 1 says that nothing was found.
#[test]
fn what_goes_wrong_is_not_nothing_found() {
    let ply = Ply::new();
    let image = image(&ply, &layers());
    let check = |args: &[&str], expect: &str| {
        let ran = ply.run(args);
        assert_eq!((ran.code, ran.stderr.trim_end()), (Some(2), expect), "{args:?}");
    };
    check(&["find", &image, "/nowhere"], "ply: /nowhere: no such file or directory");
    check(
        &["find", &image, "/etc/gone"],
        "ply: /etc/gone: no such file or directory. Layer 2 took it away; --deleted finds what layer 1 still has",
    );
    check(
        &["grep", "x", &image, "/etc/gone"],
        "ply: /etc/gone: no such file or directory. Layer 2 took it away; --all-layers finds what layer 1 still has",
    );
    check(&["grep", "x", &image, "/nowhere", "--all-layers"], "ply: /nowhere: no such file or directory");
    check(&["grep", "(", &image], "ply: (: unclosed group");
    check(&["grep", "a\nb", &image], "ply: a\\nb: the literal \"\\n\" is not allowed in a regex");
    check(&["find", &image, "--name", "[z-a]"], "ply: [z-a]: invalid range; 'z' > 'a'");
    check(&["find", &image, "--layer", "9"], "ply: no layer 9: there are 3, the first over scratch is 1");
    // However many IDs begin so.
    for number in 4..=255 {
        let number = number.to_string();
        let expect = format!("ply: no layer {number}: there are 3, the first over scratch is 1");
        check(&["find", &image, "--layer", &number], &expect);
    }
    check(&["find", "no-such-image"], "ply: No such image: no-such-image");
    check(
        &["grep", "x", "docker-archive:nowhere.tar"],
        "ply: cannot open nowhere.tar: No such file or directory",
    );
    // What was found is printed all the same.
    let ran = ply.run(["grep", "again", &image, "/nowhere", "/twice"]);
    assert_eq!((ran.text(), ran.code), ("/twice:four again\n", Some(2)));
}

/// A name of an image need not be UTF-8, and can be asked for all the same.
#[test]
fn any_bytes_are_a_path() {
    let tar = |path: &[u8]| {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..path.len()].copy_from_slice(path);
        header.set_size(5);
        header.set_mode(0o644);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        tar.append(&header, &b"here\n"[..]).unwrap();
        tar.into_inner().unwrap()
    };
    let name = b"odd-\xff";
    let ply = Ply::new();
    ply.write("odd.tar", archive_of(&made(vec![tar(name)]), "odd:1").finish());
    let check = |verb: &[&str], expect: &[u8]| {
        let mut command = ply.command(verb);
        let ran = command.arg("docker-archive:odd.tar").arg(OsStr::from_bytes(name)).output().unwrap();
        let stderr = String::from_utf8_lossy(&ran.stderr).into_owned();
        let is_told = ran.stdout.windows(expect.len()).any(|part| part == expect);
        assert!(is_told && ran.status.success(), "{verb:?}: {stderr}");
    };
    check(&["cat"], b"here\n");
    check(&["ls"], b"odd-\\xff\n");
    check(&["stat"], b"Path     /odd-\\xff\n");
    check(&["find"], b"/odd-\xff\n");
    check(&["grep", "here"], b"/odd-\xff:here\n");
    check(&["export"], b" path=odd-\xff\n");
}
