//! A small filesystem in a line.

use super::{Entry, Filesystem, Kind};

/// Texts that files in a notation may hold, which are told by what they hash to.
const TEXTS: [&str; 4] = ["", "1", "2", "3"];

impl Filesystem {
    /// Its entries by path: `d/` a directory, `f=1` a file and its text, `l->t` a symbolic link, `c|` anything else,
    /// `g~f` one more name of `f`, `x?` what is listed and not found. Behind it what is not as usual: `@700` a mode, `:1:2` an owner, `+name` an
    /// extended attribute. The root is `/`, where it is not of mode 0755.
    pub fn told(&self) -> String {
        let entries = self.entries.iter().filter(|(path, entry)| !path.is_empty() || entry.mode != 0o755);
        let told: Vec<String> = entries.map(|(path, entry)| tell(path, entry)).collect();
        told.join(" ")
    }
}

fn tell(path: &[u8], entry: &Entry) -> String {
    let path = String::from_utf8_lossy(path);
    let first = entry.names.iter().flatten().next().map(|name| String::from_utf8_lossy(name));
    if let Some(first) = first.filter(|first| *first != path) {
        return format!("{path}~{first}");
    }
    let what = match entry.kind {
        Kind::Listed => return format!("{path}?"),
        Kind::Directory => "/".to_owned(),
        Kind::Symlink => format!("->{}", String::from_utf8_lossy(&entry.target)),
        Kind::File => format!("={}", text(entry)),
        Kind::CharDevice | Kind::BlockDevice | Kind::Fifo | Kind::Socket => "|".to_owned(),
    };
    let usual = match entry.kind {
        Kind::Directory => 0o755,
        Kind::Symlink => 0o777,
        _ => 0o644,
    };
    let mode = if entry.mode == usual { String::new() } else { format!("@{:o}", entry.mode) };
    let owner =
        if entry.owner == (0, 0) { String::new() } else { format!(":{}:{}", entry.owner.0, entry.owner.1) };
    let xattrs = entry.xattrs.keys().map(|name| format!("+{}", String::from_utf8_lossy(name)));
    format!("{path}{what}{mode}{owner}{}", xattrs.collect::<String>())
}

fn text(entry: &Entry) -> &str {
    let digest = entry.content.as_deref().unwrap_or("unknown");
    TEXTS.into_iter().find(|text| crate::hex(text.as_bytes()) == digest).unwrap_or(digest)
}
