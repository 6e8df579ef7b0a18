//! A filesystem, entry by entry, whoever shows it: a directory on disk, a tar, or `ply ls --json`; and where two of
//! them differ. Nothing of our own crates has a hand in it.

mod difference;
mod disk;
mod notation;
mod said;
mod tarred;

use std::collections::BTreeMap;
use std::io::Read;

use sha2::{Digest, Sha256};

pub use difference::{Difference, Field};

/// Entries by their paths, without a slash in front. The root's is empty, and a tar need not have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filesystem {
    /// The entries.
    pub entries: BTreeMap<Vec<u8>, Entry>,
}

/// All that an image says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// The twelve bits of `chmod`; of a symbolic link 0777, as Linux has it.
    pub mode: u32,
    /// User and group.
    pub owner: (u32, u32),
    /// Bytes of content; 0 of all but files.
    pub size: u64,
    /// Seconds since 1970, and nanoseconds.
    pub mtime: (i64, u32),
    /// Where a symbolic link leads.
    pub target: Vec<u8>,
    /// Major and minor number of a device.
    pub device: Option<(u32, u32)>,
    /// Extended attributes.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// SHA-256 of a file's content; `None` where who shows it does not say.
    pub content: Option<String>,
    /// All names of an inode that has several, sorted; empty for one name; `None` where who shows it does not say.
    pub names: Option<Vec<Vec<u8>>>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Kind {
    Directory,
    File,
    Symlink,
    CharDevice,
    BlockDevice,
    Fifo,
    Socket,
    /// A name that its directory lists and that is not found: so the kernel's overlay shows some whiteouts.
    Listed,
}

impl Entry {
    /// One of which nothing is known but what it is.
    fn empty(kind: Kind) -> Self {
        Self {
            kind,
            mode: 0,
            owner: (0, 0),
            size: 0,
            mtime: (0, 0),
            target: Vec::new(),
            device: None,
            xattrs: BTreeMap::new(),
            content: None,
            names: Some(Vec::new()),
        }
    }
}

impl Filesystem {
    /// Tells each inode's entries all its names.
    fn link(&mut self, groups: impl IntoIterator<Item = Vec<Vec<u8>>>) {
        for mut names in groups.into_iter().filter(|names| names.len() > 1) {
            names.sort();
            for name in &names {
                if let Some(entry) = self.entries.get_mut(name) {
                    entry.names = Some(names.clone());
                }
            }
        }
    }
}

/// How much content there is, and what it hashes to.
fn hash(mut content: impl Read) -> (u64, String) {
    let (mut hasher, mut block, mut size) = (Sha256::new(), vec![0; 256 << 10], 0);
    loop {
        match content.read(&mut block).unwrap() {
            0 => break,
            n => {
                hasher.update(&block[..n]);
                size += n as u64;
            }
        }
    }
    (size, hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
