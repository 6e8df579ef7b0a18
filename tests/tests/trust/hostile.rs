//! Each known attack as a case with its verdict, and as many odd but real images that must load.
//!
//! A case is refused, or it is contained: what comes of it is what it should be, and a canary outside has not changed.

mod canary;
mod catalogue;
mod controls;
mod documents;
mod exhaustion;
mod metadata;
mod names;
mod numbers;
mod outer;
mod races;
mod runs;
mod saved;

use std::fs;
use std::time::Duration;

use canary::{Canary, SECRET};
use ply_tests::{Effort, Filesystem, Input, Mounted, Ply, Ran, archive_of, listing, made, mounts_images};

/// An attack, or what looks like one.
pub(crate) struct Case {
    /// Its row in the catalogue.
    pub(crate) threat: &'static str,
    /// What it does.
    pub(crate) what: &'static str,
    /// The bytes.
    pub(crate) bytes: Bytes,
    /// What must come of it.
    pub(crate) verdict: Verdict,
}

/// What is loaded. Each is told the path of a folder that it may want to get at.
#[derive(Clone, Copy)]
pub(crate) enum Bytes {
    /// An archive.
    Archive(fn(&str) -> Vec<u8>),
    /// The layers of an image, from the bottom up.
    Layers(fn(&str) -> Vec<Vec<u8>>),
}

/// What must come of a case.
#[derive(Clone, Copy)]
pub(crate) enum Verdict {
    /// `load` refuses it, for a reason with these words, and the store is as it was.
    Refused(&'static [&'static str]),
    /// It is an image, whose layers are bytes that hash to what they should; what needs files of it refuses it for a reason
    /// with these words, and leaves nothing.
    Unfit(&'static [&'static str]),
    /// It is an image of these files, as [`Filesystem::told`] tells them.
    Contained(&'static str),
}

impl Case {
    /// Of an archive.
    pub(crate) const fn archive(
        threat: &'static str,
        what: &'static str,
        bytes: fn(&str) -> Vec<u8>,
        verdict: Verdict,
    ) -> Self {
        Self { threat, what, bytes: Bytes::Archive(bytes), verdict }
    }

    /// Of layers.
    pub(crate) const fn layers(
        threat: &'static str,
        what: &'static str,
        bytes: fn(&str) -> Vec<Vec<u8>>,
        verdict: Verdict,
    ) -> Self {
        Self { threat, what, bytes: Bytes::Layers(bytes), verdict }
    }

    /// Does with it all that a user does, and looks at what comes of it.
    #[track_caller]
    pub(crate) fn check(&self) {
        let ply = Ply::new();
        let canary = Canary::below(ply.folder());
        let archive = match self.bytes {
            Bytes::Archive(archive) => archive(&canary.outside()),
            Bytes::Layers(layers) => archive_of(&made(layers(&canary.outside())), "image:1").finish(),
        };
        let trial =
            Trial { ply: &ply, what: &format!("{}: {}", self.threat, self.what), outside: canary.outside() };
        ply.write("archive.tar", archive);
        match self.verdict {
            Verdict::Refused(words) => trial.refused(words),
            Verdict::Unfit(words) => trial.unfit(words),
            Verdict::Contained(expect) => trial.contained(expect),
        }
        canary.sings(trial.what);
    }
}

/// What is done with one image.
struct Trial<'a> {
    ply: &'a Ply,
    what: &'a str,
    outside: String,
}

impl Trial<'_> {
    fn load(&self, input: Input) -> Ran {
        self.ply.load(input, &self.ply.file("archive.tar"), &["-q"])
    }

    /// It was refused as everything is refused: by exit 1, nothing printed, and a line that says why.
    fn is_refusal(&self, ran: &Ran, words: &[&str]) {
        let what = format!(
            "{}: {}{}",
            self.what,
            String::from_utf8_lossy(&ran.stdout[..ran.stdout.len().min(500)]),
            ran.stderr
        );
        assert_eq!((ran.code, ran.stdout.len()), (Some(1), 0), "{what}");
        assert!(ran.stderr.contains("ply: ") && ran.stderr.len() < 2000, "{what}");
        assert!(!ran.stderr.contains("Error {") && !ran.stderr.contains("panicked"), "{what}");
        assert!(!ran.stderr.contains(SECRET), "{what}");
        for word in words {
            assert!(ran.stderr.contains(word), "{what} has no {word:?}");
        }
    }

    fn refused(&self, words: &[&str]) {
        for input in Input::BOTH {
            self.is_refusal(&self.load(input), words);
            let store = self.ply.store();
            let left = if store.exists() { listing(&store) } else { listing(&self.ply.file("work")) };
            assert!(
                !left.keys().any(|name| name.starts_with("blobs/sha256/") && name.len() > 13),
                "{}: {left:?}",
                self.what
            );
            assert!(
                left.keys().all(|name| !name.starts_with("ply/ingest/") || name.len() == 11),
                "{}: {left:?}",
                self.what
            );
            assert_eq!(self.ply.ok(["images", "-q"]), "", "{}", self.what);
        }
    }

    fn unfit(&self, words: &[&str]) {
        let loaded = self.load(Input::File);
        let stored = (loaded.code == Some(0)).then_some("image:1");
        if stored.is_none() {
            self.is_refusal(&loaded, words);
        }
        let work = self.ply.file("work");
        for image in std::iter::once("docker-archive:archive.tar").chain(stored) {
            for verb in [&["ls", "-R", image] as &[&str], &["unpack", image, "work/root"], &["export", image]]
            {
                self.is_refusal(&self.ply.run(verb), words);
                assert_eq!(fs::read_dir(&work).unwrap().count(), 1, "{}: {verb:?} left something", self.what);
            }
        }
    }

    fn contained(&self, expect: &str) {
        let loaded = self.load(Input::File);
        assert_eq!(loaded.code, Some(0), "{}: {}", self.what, loaded.stderr);
        self.unpacked(expect);
        self.exported(expect);
        // Where the tests are to take seconds some of them do for all: the tree is the same.
        let (all, chosen) = (Effort::asked() != Effort::Fast, self.what.len());
        if all || chosen.is_multiple_of(2) {
            self.copied_out();
            self.mounted(expect);
        }
        if all || chosen.is_multiple_of(4) {
            saved::comes_back(self.ply, self.what);
        }
    }

    fn ok(&self, args: &[&str]) -> Ran {
        let ran = self.ply.run(args);
        assert_eq!(ran.code, Some(0), "{}: {args:?}: {}", self.what, ran.stderr);
        assert!(!contains(&ran.stdout, SECRET), "{}: {args:?} tells what lies outside", self.what);
        ran
    }

    fn unpacked(&self, expect: &str) {
        self.ok(&["unpack", "image:1", "work/root"]);
        let root = self.ply.file("work/root");
        assert_eq!(
            without_told_ones(Filesystem::on_disk(&root)).told().replace(&self.outside, "OUTSIDE"),
            expect,
            "{}, unpacked",
            self.what
        );
    }

    /// And what is exported obeys the rules: it is the tar of a root filesystem, which an image can be made of.
    fn exported(&self, expect: &str) {
        let exported = self.ok(&["export", "image:1"]).stdout;
        saved::is_plain(&exported, self.what);
        let mut shown = Filesystem::in_tar(&exported[..]);
        let root = self.ok(&["stat", "--json", "image:1", "/"]);
        shown.entries.extend(Filesystem::in_json(root.text()).entries);
        assert_eq!(
            without_told_ones(shown).told().replace(&self.outside, "OUTSIDE"),
            expect,
            "{}, exported",
            self.what
        );
    }

    fn copied_out(&self) {
        fs::create_dir(self.ply.file("work/out")).unwrap();
        self.ok(&["cp", "-q", "image:1:/.", "work/out"]);
        let names = |folder: &str| {
            Filesystem::on_disk(&self.ply.file(folder)).entries.into_keys().collect::<Vec<_>>()
        };
        assert_eq!(names("work/out"), names("work/root"), "{}, copied out", self.what);
    }

    fn mounted(&self, expect: &str) {
        if !mounts_images() {
            return;
        }
        let (ran, mounted) = Mounted::try_image(self.ply, &["image:1"], "work/on");
        assert_eq!(ran.code, Some(0), "{}: {}", self.what, ran.stderr);
        assert_eq!(
            without_told_ones(Filesystem::on_disk(mounted.path())).told().replace(&self.outside, "OUTSIDE"),
            expect,
            "{}, mounted",
            self.what
        );
        self.unmounted();
    }

    /// Files that were open in it may be so for a moment more, in a child that another test has just forked.
    fn unmounted(&self) {
        for _ in 0..50 {
            let ran = self.ply.run(["umount", "work/on"]);
            if !ran.stderr.contains("resource busy") {
                assert_eq!(ran.code, Some(0), "{}: {}", self.what, ran.stderr);
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{}: it stays mounted", self.what);
    }
}

/// Without the attributes that stay in an image and do not come to a host, of which a warning tells.
fn without_told_ones(mut shown: Filesystem) -> Filesystem {
    for entry in shown.entries.values_mut() {
        entry.xattrs.retain(|name, value| {
            let welcome = name.starts_with(b"user.") || name == b"security.capability";
            // Linux has no longer ones.
            welcome && name.len() <= 255 && value.len() <= 64 << 10
        });
    }
    shown
}

fn contains(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

/// Tries all, and tells of all that failed.
#[track_caller]
pub(crate) fn check(cases: &[Case]) {
    let failed = cases.iter().filter(|case| std::panic::catch_unwind(|| case.check()).is_err());
    let failed: Vec<String> = failed.map(|case| format!("{}: {}", case.threat, case.what)).collect();
    assert!(failed.is_empty(), "{} of {} cases:\n{}", failed.len(), cases.len(), failed.join("\n"));
}
