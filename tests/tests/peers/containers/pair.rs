//! A container of Docker's and one of ours, of the same image and with the same name.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ply_tests::{
    Difference, Docker, Field, Filesystem, Input, Made, Ply, Ran, Tarball, archive_of, made, output,
};

use crate::trees::OF_CONTAINERS;

/// What containers of both are made of: what Docker would make itself is there, so that it is the same on both sides.
pub(super) fn image() -> Made {
    let base = [
        "5 dev/",
        "5 proc/",
        "5 sys/",
        "5 etc/",
        "0 etc/motd hello",
        "5 tmp/ @1777",
        "5 srv/",
        "5 srv/dir/ @750 :7:8",
        "0 srv/dir/a lower-a @600 :7:8",
        "0 srv/dir/b lower-b",
        "5 srv/dir/sub/ @2775 :9:9",
        "0 srv/dir/sub/deep lower-deep",
        "5 srv/gone/",
        "0 srv/gone/x 1",
        "0 srv/file lower-file @640 :3:4",
        "1 srv/hard > srv/file",
        "2 srv/abs > /srv/dir",
        "2 srv/rel > dir",
        "2 srv/up > ../../srv/dir",
        "2 srv/far > ../../../../../../tmp",
        "2 srv/to-file > dir/b",
        "2 srv/dangling > nowhere",
        "2 srv/dangling-far > /srv/dir/sub/made",
        "2 srv/dangling-dir > elsewhere",
        "2 srv/lost > no/where",
        "2 srv/loop > loop",
        "2 srv/chain > rel/sub",
    ];
    let second = [
        "5 srv/",
        "0 srv/.wh.gone",
        "5 srv/dir/ @750 :7:8",
        "5 srv/dir/sub/ @2770 :9:9",
        "0 srv/dir/c upper-c",
    ];
    let layer = |entries: &[&str]| entries.iter().fold(Tarball::new(), |tar, entry| tar.told(entry)).finish();
    made(vec![layer(&base), layer(&second)]).with("author", "who made the image below".into())
}

/// What is copied in.
const SOURCES: &str = r#"
umask 022
mkdir -p src/d/sub src/empty src/merge/dir/sub
echo hi >src/f; chown 1000:1001 src/f; chmod 640 src/f
echo a >src/d/a; echo deep >src/d/sub/deep; ln -s a src/d/l; ln src/d/a src/d/twin; mkfifo src/d/pipe
chown -R 1000:1001 src/d; chmod 2711 src/d; chmod 4755 src/d/sub/deep
ln -s f src/l; ln -s d src/ld; ln -s nowhere src/dangling
echo s >'src/a b'; echo c >src/a:b; echo dash >src/-f; echo n >"$(printf 'src/\377\376')"
echo merged >src/merge/dir/b; echo new >src/merge/dir/new; echo m >src/merge/dir/sub/deep; chmod 711 src/merge/dir
find src -exec touch -h -d '2001-02-03 04:05:06.789Z' {} +
"#;

/// The two of them, and a folder of files to copy.
pub(super) struct Pair {
    pub(super) docker: &'static Docker,
    pub(super) ply: Ply,
    pub(super) name: String,
}

impl Drop for Pair {
    fn drop(&mut self) {
        let _ = ply_tests::run(&mut self.docker.command(&["rm", "-f", &self.name]));
    }
}

impl Pair {
    /// Both made, with what is to be run, and nothing changed in them yet.
    pub(super) fn new(name: &str, command: &[&str]) -> Self {
        let (docker, ply) = (Docker::shared(), Ply::new());
        let image = image();
        let archive = ply.write("image.tar", archive_of(&image, "table:1").finish());
        docker.load(&archive);
        assert_eq!(ply.load(Input::File, &archive, &[]).code, Some(0));
        output(Command::new("sh").args(["-ec", SOURCES]).current_dir(ply.folder()));
        let create = [&["create", "--name", name, "table:1"], command].concat();
        ply.ok(&create);
        // Docker wants to know what would run.
        docker.ok(&[&create[..], if command.is_empty() { &["sh"][..] } else { &[] }].concat());
        Self { docker, ply, name: name.to_owned() }
    }

    /// The words of a line: `CT` is the container, `~` a space.
    pub(super) fn words(&self, line: &[u8]) -> Vec<Vec<u8>> {
        let word = |word: &[u8]| -> Vec<u8> {
            let spaced: Vec<u8> = word.iter().map(|byte| if *byte == b'~' { b' ' } else { *byte }).collect();
            match spaced.strip_prefix(b"CT:") {
                Some(path) => [self.name.as_bytes(), b":", path].concat(),
                None => spaced,
            }
        };
        line.split(|byte| *byte == b' ').map(word).collect()
    }

    /// Runs `cp` and a line in a folder, by Docker and by us. What it reads is a file's.
    pub(super) fn cp_in(&self, line: &[u8], folders: [&Path; 2], input: Option<&Path>) -> [Ran; 2] {
        let words = self.words(line);
        let run = |mut command: Command, folder: &Path| -> Ran {
            command.args(words.iter().map(|word| OsStr::from_bytes(word))).current_dir(folder);
            command.stdin(input.map_or_else(Stdio::null, |path| File::open(path).unwrap().into()));
            let ran: Ran = command.output().unwrap().into();
            ran
        };
        [run(self.docker.command(&["cp"]), folders[0]), run(self.ply.command(["cp"]), folders[1])]
    }

    /// The same, which both do or both refuse; and then both containers hold the same.
    pub(super) fn cp(&self, line: impl AsRef<[u8]>) {
        self.cp_from(line.as_ref(), None);
    }

    pub(super) fn cp_from(&self, line: &[u8], input: Option<&Path>) {
        let before = self.ours();
        let folder = self.ply.folder();
        let [theirs, ours] = self.cp_in(line, [folder, folder], input);
        let line = line.escape_ascii();
        both_or_none(&ours, &theirs, &format!("cp {line}"));
        if ours.code != Some(0) {
            assert_eq!(shown(&self.ours().differences(&before)), [""; 0], "cp {line} was refused");
        }
        self.is_the_same(&format!("after cp {line}"));
    }

    /// What both refuse. Docker's may have written a part of it, and so nothing can be compared any more.
    pub(super) fn refused(&self, line: &[u8], input: Option<&Path>) {
        let before = self.ours();
        let folder = self.ply.folder();
        let [theirs, ours] = self.cp_in(line, [folder, folder], input);
        let line = line.escape_ascii();
        assert_ne!(theirs.code, Some(0), "cp {line}: Docker takes it");
        assert_eq!(ours.code, Some(1), "cp {line}: {}", ours.stderr);
        assert_eq!(shown(&self.ours().differences(&before)), [""; 0], "cp {line} was refused");
    }

    /// Our container, as `ply export` writes it.
    pub(super) fn ours(&self) -> Filesystem {
        let tar: Ran = self.ply.run(["export", &self.name]);
        assert_eq!(tar.code, Some(0), "{}", tar.stderr);
        Filesystem::in_tar(&tar.stdout[..])
    }

    /// Both containers hold the same files, but for what is Docker's own.
    pub(super) fn is_the_same(&self, what: &str) {
        let theirs = exported(&mut self.docker.command(&["export", &self.name]));
        let found = differences(&self.ours(), &theirs);
        assert!(found.is_empty(), "{what}: {:#?}", shown(&found));
    }

    /// `diff` says the same of both.
    pub(super) fn diff_is_the_same(&self, what: &str) {
        let (ours, theirs) = self.diffs();
        let only = |of: &[String], not: &[String]| -> Vec<String> {
            of.iter().filter(|line| !not.contains(line)).cloned().collect()
        };
        assert_eq!(
            (only(&ours, &theirs), only(&theirs, &ours)),
            (vec![], vec![]),
            "{what}: diff, ours and theirs"
        );
    }

    /// The lines of both, ours first.
    pub(super) fn diffs(&self) -> (Vec<String>, Vec<String>) {
        let sorted = |text: String| {
            // What is not UTF-8 is escaped by us; Docker writes a replacement.
            let is_text = |line: &&str| !line.contains("\\xff") && !line.contains('\u{fffd}');
            let mut lines: Vec<String> = text.lines().filter(is_text).map(str::to_owned).collect();
            lines.sort();
            lines
        };
        (sorted(self.ply.ok(["diff", &self.name])), sorted(self.docker.ok(&["diff", &self.name])))
    }

    /// A file in the folder.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.ply.file(name)
    }
}

/// Both do it, or both refuse.
#[track_caller]
pub(super) fn both_or_none(ours: &Ran, theirs: &Ran, what: &str) {
    let (said, theirs_said) = (&ours.stderr, &theirs.stderr);
    assert_eq!(
        ours.code == Some(0),
        theirs.code == Some(0),
        "{what}: ours says {said:?}, Docker's {theirs_said:?}"
    );
}

pub(super) fn exported(command: &mut Command) -> Filesystem {
    let mut export = command.stdout(Stdio::piped()).spawn().unwrap();
    let found = Filesystem::in_tar(export.stdout.take().unwrap());
    assert!(export.wait().unwrap().success(), "docker export");
    found
}

pub(super) fn shown(found: &[Difference]) -> Vec<String> {
    found.iter().take(20).map(ToString::to_string).collect()
}

/// What differs, but for what is Docker's own: files that all its containers have, and times, which it cuts to the second.
/// What both made just now was made at the same time.
pub(super) fn differences(ours: &Filesystem, theirs: &Filesystem) -> Vec<Difference> {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs().cast_signed();
    let is_new = |(seconds, _): (i64, u32)| (now - 3600..=now + 1).contains(&seconds);
    let mut found = ours.differences(theirs);
    found.retain(|found| {
        let is_dockers = OF_CONTAINERS.iter().any(|path| path.as_bytes() == found.path);
        // Docker makes its own in there.
        let holds_dockers = matches!(&found.path[..], b"" | b"etc" | b"dev");
        let same_time = found.field == Field::Time
            && found.ours.as_ref().zip(found.theirs.as_ref()).is_some_and(|(ours, theirs)| {
                ours.mtime.0 == theirs.mtime.0 || is_new(ours.mtime) && is_new(theirs.mtime)
            });
        !(is_dockers || same_time || holds_dockers && found.field == Field::Time)
    });
    found
}
