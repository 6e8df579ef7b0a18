//! What stands beside everything that is written: it must not change in content, mode, owner, links or time, and must be
//! read by nobody.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// What the victim's content is; no output may hold it.
pub(crate) const SECRET: &str = "the-canary-sings-of-shadow";

/// All that can be asked of a file without reading it, and its content or target.
type State = BTreeMap<PathBuf, (Vec<u64>, Vec<u8>)>;

/// A folder of files and links that images want to reach, one such file at each step to the place where is written.
#[derive(Debug)]
pub(crate) struct Canary {
    folder: PathBuf,
    before: State,
}

impl Canary {
    /// Below a folder: `outside/` with a victim and a folder, which images are told the path of; and a victim at each
    /// step to `work/`, where tests write.
    pub(crate) fn below(folder: &Path) -> Self {
        let outside = folder.join("outside");
        fs::create_dir_all(outside.join("dir")).unwrap();
        fs::create_dir(folder.join("work")).unwrap();
        for victim in [
            folder.join("victim"),
            folder.join("work/victim"),
            outside.join("victim"),
            outside.join("dir/file"),
        ] {
            fs::write(&victim, SECRET).unwrap();
            fs::set_permissions(&victim, Permissions::from_mode(0o640)).unwrap();
        }
        symlink("victim", outside.join("link")).unwrap();
        fs::set_permissions(outside.join("dir"), Permissions::from_mode(0o700)).unwrap();
        let mut canary = Self { folder: folder.to_owned(), before: State::new() };
        canary.before = canary.state();
        canary
    }

    /// The folder that images try to get at.
    pub(crate) fn outside(&self) -> String {
        self.folder.join("outside").to_str().unwrap().to_owned()
    }

    /// Nothing has changed.
    #[track_caller]
    pub(crate) fn sings(&self, what: &str) {
        assert!(
            self.state() == self.before,
            "{what}: something outside has changed:\n{:#?}\n{:#?}",
            self.before,
            self.state()
        );
    }

    fn state(&self) -> State {
        let mut state = State::new();
        let victims = ["victim", "work/victim", "outside"].map(|name| self.folder.join(name));
        let mut ahead = victims.to_vec();
        while let Some(path) = ahead.pop() {
            let status =
                fs::symlink_metadata(&path).unwrap_or_else(|e| panic!("{} is gone: {e}", path.display()));
            let content = match () {
                () if status.is_symlink() => {
                    fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
                }
                () if status.is_dir() => {
                    ahead.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                    Vec::new()
                }
                () => fs::read(&path).unwrap(),
            };
            let times = [status.mtime(), status.mtime_nsec(), status.ctime(), status.ctime_nsec()]
                .map(i64::cast_unsigned);
            let rest = [status.ino(), status.nlink(), status.size()];
            let numbers = [status.mode(), status.uid(), status.gid()].map(u64::from);
            state.insert(path, ([&times[..], &rest, &numbers].concat(), content));
        }
        // What is new beside them.
        for folder in ["", "work"] {
            for entry in fs::read_dir(self.folder.join(folder)).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                let ours = [
                    "outside",
                    "victim",
                    "work",
                    "store",
                    "archive",
                    "archive.tar",
                    "root",
                    "out",
                    "on",
                    "other",
                ];
                if !ours.contains(&&*name) {
                    state.insert(self.folder.join(folder).join(name), (Vec::new(), Vec::new()));
                }
            }
        }
        state
    }
}
