use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Something that was left out of what was written, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The extended attribute; `user.rootlesscontainers` where an owner was to be recorded.
    pub xattr: Box<[u8]>,
    /// Why it was left out.
    pub why: Why,
    /// Of how many files.
    pub count: u64,
    /// The first of them that was met.
    pub first: PathBuf,
}

/// Why an extended attribute was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It means something to the host, and an image has no say in that.
    Host,
    /// The filesystem cannot hold it, or the system takes no such value.
    System(i32),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = ply_tree::path::printable(&self.xattr);
        let name = name.trim_start_matches('/');
        match self.why {
            Why::Host => write!(f, "{name} left out, since it means something to the host")?,
            Why::System(code) => {
                write!(f, "{name} left out: {}", std::io::Error::from_raw_os_error(code))?;
            }
        }
        let first = std::os::unix::ffi::OsStrExt::as_bytes(self.first.as_os_str());
        let first = ply_tree::path::printable(first.strip_prefix(b"/").unwrap_or(first));
        if self.count == 1 {
            write!(f, " ({first})")
        } else {
            write!(f, " of {} files, the first {first}", self.count)
        }
    }
}

/// Warnings, each kind counted once.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    seen: BTreeMap<LeftOut, (u64, PathBuf)>,
}

type LeftOut = (Box<[u8]>, Why);

impl Warnings {
    pub(crate) fn add(&mut self, xattr: &[u8], why: Why, path: impl FnOnce() -> PathBuf) {
        let seen = self.seen.entry((xattr.into(), why)).or_insert_with(|| (0, path()));
        seen.0 = seen.0.saturating_add(1);
    }

    /// The warnings, sorted by attribute.
    pub(crate) fn finish(self) -> Vec<Warning> {
        let each = |((xattr, why), (count, first)): (LeftOut, _)| Warning { xattr, why, count, first };
        self.seen.into_iter().map(each).collect()
    }
}
