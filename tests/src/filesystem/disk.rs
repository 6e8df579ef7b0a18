//! What stands below a directory on disk: `lstat`, `listxattr`, `readlink`, and the content read.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use rustix::fs::{lgetxattr, llistxattr};

use super::{Entry, Filesystem, Kind, hash};

impl Filesystem {
    /// The directory itself and all below it.
    pub fn on_disk(root: &Path) -> Self {
        let (mut found, mut inodes) = (Self::default(), HashMap::<_, Vec<Vec<u8>>>::new());
        let mut ahead = vec![Vec::new()];
        while let Some(name) = ahead.pop() {
            let path = root.join(OsStr::from_bytes(&name));
            let status = match fs::symlink_metadata(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    found.entries.insert(name, Entry::empty(Kind::Listed));
                    continue;
                }
                status => status.unwrap_or_else(|e| panic!("{}: {e}", path.display())),
            };
            if status.is_dir() {
                for below in fs::read_dir(&path).unwrap() {
                    let below = below.unwrap().file_name();
                    let slash: &[u8] = if name.is_empty() { b"" } else { b"/" };
                    ahead.push([&name, slash, below.as_bytes()].concat());
                }
            } else if status.nlink() > 1 {
                inodes.entry((status.dev(), status.ino())).or_default().push(name.clone());
            }
            found.entries.insert(name, entry(&path, &status));
        }
        found.link(inodes.into_values());
        found
    }
}

fn entry(path: &Path, status: &Metadata) -> Entry {
    let kind = kind(status);
    let content = (kind == Kind::File).then(|| hash(File::open(path).unwrap()));
    let device = matches!(kind, Kind::CharDevice | Kind::BlockDevice).then(|| status.rdev());
    let target = if kind == Kind::Symlink { fs::read_link(path).unwrap() } else { Default::default() };
    Entry {
        kind,
        mode: status.mode() & 0o7777,
        owner: (status.uid(), status.gid()),
        size: content.as_ref().map_or(0, |(size, _)| *size),
        mtime: (status.mtime(), u32::try_from(status.mtime_nsec()).unwrap()),
        target: target.as_os_str().as_bytes().to_owned(),
        device: device.map(|number| (rustix::fs::major(number), rustix::fs::minor(number))),
        xattrs: xattrs(path),
        content: content.map(|(_, digest)| digest),
        names: Some(Vec::new()),
    }
}

fn kind(status: &Metadata) -> Kind {
    let kind = status.file_type();
    match () {
        () if kind.is_dir() => Kind::Directory,
        () if kind.is_file() => Kind::File,
        () if kind.is_symlink() => Kind::Symlink,
        () if kind.is_char_device() => Kind::CharDevice,
        () if kind.is_block_device() => Kind::BlockDevice,
        () if kind.is_fifo() => Kind::Fifo,
        () => Kind::Socket,
    }
}

fn xattrs(path: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    // The most that Linux lists, and the most that a value has.
    let (mut names, mut value) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let len = llistxattr(path, &mut names[..]).unwrap();
    let names = names[..len].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    names
        .map(|name| {
            let len = lgetxattr(path, name, &mut value[..]).unwrap();
            (name.to_owned(), value[..len].to_owned())
        })
        .collect()
}
