//! Where two filesystems differ: path and field, and what stands on both sides.

use std::collections::BTreeSet;
use std::fmt;

use super::{Entry, Filesystem};

/// One field of one entry that is not the same, or the whole of an entry that one side has alone.
#[derive(Debug, Clone)]
pub struct Difference {
    /// Whose.
    pub path: Vec<u8>,
    /// Which.
    pub field: Field,
    /// Our entry; `None` where we have none.
    pub ours: Option<Entry>,
    /// Theirs.
    pub theirs: Option<Entry>,
}

/// A field of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "as in Entry")]
pub enum Field {
    /// Whether it is there.
    Presence,
    Kind,
    Mode,
    Owner,
    Size,
    Time,
    Target,
    Device,
    Xattrs,
    Content,
    Names,
}

impl Field {
    const OF_ENTRIES: [Self; 10] = [
        Self::Kind,
        Self::Mode,
        Self::Owner,
        Self::Size,
        Self::Time,
        Self::Target,
        Self::Device,
        Self::Xattrs,
        Self::Content,
        Self::Names,
    ];

    fn differs(self, ours: &Entry, theirs: &Entry) -> bool {
        match self {
            Self::Presence => false,
            Self::Kind => ours.kind != theirs.kind,
            Self::Mode => ours.mode != theirs.mode,
            Self::Owner => ours.owner != theirs.owner,
            Self::Size => ours.size != theirs.size,
            Self::Time => ours.mtime != theirs.mtime,
            Self::Target => ours.target != theirs.target,
            Self::Device => ours.device != theirs.device,
            Self::Xattrs => ours.xattrs != theirs.xattrs,
            Self::Content => ours.content != theirs.content,
            Self::Names => ours.names != theirs.names,
        }
    }

    fn shown(self, entry: &Entry) -> String {
        match self {
            Self::Presence | Self::Kind => format!("{:?}", entry.kind),
            Self::Mode => format!("{:04o}", entry.mode),
            Self::Owner => format!("{}:{}", entry.owner.0, entry.owner.1),
            Self::Size => entry.size.to_string(),
            Self::Time => format!("{}.{:09}", entry.mtime.0, entry.mtime.1),
            Self::Target => entry.target.escape_ascii().to_string(),
            Self::Device => format!("{:?}", entry.device),
            Self::Xattrs => {
                let each = |(name, value): (&Vec<u8>, &Vec<u8>)| {
                    format!("{}={}", name.escape_ascii(), value.escape_ascii())
                };
                entry.xattrs.iter().map(each).collect::<Vec<_>>().join(" ")
            }
            Self::Content => entry.content.clone().unwrap_or_default(),
            Self::Names => {
                let names = entry.names.iter().flatten();
                names.map(|name| name.escape_ascii().to_string()).collect::<Vec<_>>().join(" ")
            }
        }
    }
}

impl Filesystem {
    /// All differences, by path. The root is compared where both have it.
    pub fn differences(&self, theirs: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        let paths: BTreeSet<&Vec<u8>> = self.entries.keys().chain(theirs.entries.keys()).collect();
        for path in paths {
            let (ours, theirs) = (self.entries.get(path), theirs.entries.get(path));
            let fields = match (ours, theirs) {
                (Some(ours), Some(theirs)) => {
                    Field::OF_ENTRIES.into_iter().filter(|field| field.differs(ours, theirs)).collect()
                }
                _ if path.is_empty() => Vec::new(),
                _ => vec![Field::Presence],
            };
            found.extend(fields.into_iter().map(|field| Difference {
                path: path.clone(),
                field,
                ours: ours.cloned(),
                theirs: theirs.cloned(),
            }));
        }
        found
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown =
            |entry: &Option<Entry>| entry.as_ref().map_or("nothing".to_owned(), |e| self.field.shown(e));
        let path = self.path.escape_ascii();
        write!(f, "/{path}: {:?}: ours {}, theirs {}", self.field, shown(&self.ours), shown(&self.theirs))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::process::Command;

    use super::Filesystem;
    use crate::output;

    fn told(ours: &Filesystem, theirs: &Filesystem) -> Vec<String> {
        ours.differences(theirs).iter().map(ToString::to_string).collect()
    }

    /// A directory, the same as GNU tar packs it; then each field changed.
    #[test]
    fn every_field_is_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let (a, tar) = (folder.path().join("a"), folder.path().join("a.tar"));
        std::fs::create_dir_all(a.join("d")).unwrap();
        std::fs::write(a.join("d/f"), "1234").unwrap();
        std::fs::write(a.join("g"), "").unwrap();
        std::fs::hard_link(a.join("d/f"), a.join("twin")).unwrap();
        symlink("d/f", a.join("l")).unwrap();
        output(Command::new("touch").args(["-d", "1969-12-31 23:59:58.25Z"]).arg(a.join("g")));
        let pack =
            || output(Command::new("tar").args(["--posix", "-C"]).arg(&a).arg("-cf").arg(&tar).arg("."));
        pack();
        let packed = |path| Filesystem::in_tar(std::fs::File::open(path).unwrap());
        let before = Filesystem::on_disk(&a);
        assert_eq!(before.entries[&b"g"[..]].mtime, (-2, 250_000_000));
        assert_eq!(before.entries[&b"twin"[..]].names, Some(vec![b"d/f".to_vec(), b"twin".to_vec()]));
        assert_eq!(told(&before, &packed(&tar)), [""; 0]);

        std::fs::write(a.join("d/f"), "4321").unwrap();
        std::fs::set_permissions(a.join("d/f"), PermissionsExt::from_mode(0o4711)).unwrap();
        for file in ["g", "l"] {
            std::fs::remove_file(a.join(file)).unwrap();
        }
        symlink("d", a.join("l")).unwrap();
        std::fs::create_dir(a.join("g")).unwrap();
        std::fs::remove_file(a.join("twin")).unwrap();
        std::fs::write(a.join("new"), "").unwrap();
        let after = Filesystem::on_disk(&a);
        let told = told(&before, &after);
        for difference in [
            "/d/f: Mode: ours 0644, theirs 4711",
            "/d/f: Names: ours d/f twin, theirs ",
            "/g: Kind: ours File, theirs Directory",
            "/l: Target: ours d/f, theirs d",
            "/new: Presence: ours nothing, theirs File",
            "/twin: Presence: ours File, theirs nothing",
        ] {
            assert!(told.iter().any(|line| line == difference), "no {difference:?} in {told:#?}");
        }
        for field in ["/d/f: Content: ", "/d/f: Time: "] {
            assert!(told.iter().any(|line| line.starts_with(field)), "no {field:?} in {told:#?}");
        }
    }
}
