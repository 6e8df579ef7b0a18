//! What `ply ls -lRa --json` says. Names and targets that are not UTF-8 are told as near as can be.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Entry, Filesystem, Kind};

impl Filesystem {
    /// The entries of a list.
    pub fn in_json(list: &str) -> Self {
        let list: Vec<Value> = serde_json::from_str(list).unwrap();
        let entries = list.iter().map(|said| {
            let path = text(&said["path"]).trim_start_matches('/').as_bytes().to_owned();
            (path, entry(said))
        });
        Self { entries: entries.collect() }
    }

    /// With names and targets as JSON tells them, and without what it does not tell.
    #[must_use]
    pub fn as_json_tells(&self) -> Self {
        let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned().into_bytes();
        let entries = self.entries.iter().filter(|(path, _)| !path.is_empty()).map(|(path, entry)| {
            let target = told(&entry.target);
            (told(path), Entry { target, content: None, names: None, ..entry.clone() })
        });
        Self { entries: entries.collect() }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn unhex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn entry(said: &Value) -> Entry {
    let kind = match text(&said["type"]) {
        "directory" => Kind::Directory,
        "file" => Kind::File,
        "symlink" => Kind::Symlink,
        "char" => Kind::CharDevice,
        "block" => Kind::BlockDevice,
        "fifo" => Kind::Fifo,
        "socket" => Kind::Socket,
        other => panic!("a type {other:?}: {said}"),
    };
    let number = |value: &Value| u32::try_from(value.as_u64().unwrap()).unwrap();
    let mtime: jiff::Timestamp = text(&said["mtime"]).parse().unwrap();
    // Before 1970 it counts both backwards.
    let nanos = mtime.as_nanosecond();
    let device = said["device"].as_str().map(|numbers| {
        let (major, minor) = numbers.split_once(':').unwrap();
        (major.parse().unwrap(), minor.parse().unwrap())
    });
    let xattrs = said["xattrs"].as_object().unwrap().iter();
    let xattrs: BTreeMap<_, _> =
        xattrs.map(|(name, value)| (name.as_bytes().to_owned(), unhex(text(value)))).collect();
    Entry {
        kind,
        mode: if kind == Kind::Symlink {
            0o777
        } else {
            u32::from_str_radix(text(&said["mode"]), 8).unwrap()
        },
        owner: (number(&said["uid"]), number(&said["gid"])),
        size: if kind == Kind::File { said["size"].as_u64().unwrap() } else { 0 },
        mtime: (
            i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap(),
            u32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap(),
        ),
        target: text(&said["target"]).as_bytes().to_owned(),
        device,
        xattrs,
        content: None,
        names: None,
    }
}
