//! Trees made by hand, and what stands on disk, told in the same words.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "functions that tests share count as no tests"
)]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use ply_rootfs::{Options, RootfsError, Unpacked, unpack};
use ply_tree::{
    Content, Device, Directory, Extent, Kind, Metadata, Node, NodeId, ReadAt, Source, Sources, Time, Tree,
    TreeView, Xattr, path, walk,
};
use sha2::{Digest as _, Sha256};

/// Content that lies in memory, a source a file.
#[derive(Default)]
pub struct Memory(pub Vec<Bytes>);

pub struct Bytes(pub Vec<u8>);

impl ReadAt for Bytes {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = self.0.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }
}

impl Sources for Memory {
    fn source(&self, source: Source) -> io::Result<&dyn ReadAt> {
        let bytes = self.0.get(source.0 as usize);
        bytes.map(|bytes| bytes as &dyn ReadAt).ok_or_else(|| io::Error::other("no such source"))
    }
}

/// A tree, and its content.
pub struct Made {
    pub tree: Tree,
    pub memory: Memory,
}

impl Default for Made {
    fn default() -> Self {
        Self { tree: Tree::new(Directory::default(), meta(0o755)), memory: Memory::default() }
    }
}

pub fn time(seconds: i64, nanoseconds: u32) -> Time {
    Time { seconds, nanoseconds }
}

/// Of root, with a time that nothing gets by itself.
pub fn meta(mode: u16) -> Metadata {
    Metadata { mtime: time(1_600_000_000 + i64::from(mode), 123_456_789), ..Metadata::new(mode) }
}

pub fn owned(mode: u16, uid: u32, gid: u32) -> Metadata {
    Metadata { uid, gid, ..meta(mode) }
}

pub fn with(mut metadata: Metadata, xattrs: &[(&str, &[u8])]) -> Metadata {
    let xattr =
        |(name, value): &(&str, &[u8])| Xattr { name: name.as_bytes().into(), value: (*value).into() };
    metadata.xattrs = xattrs.iter().map(xattr).collect();
    metadata.xattrs.sort();
    metadata
}

impl Made {
    pub fn find(&self, path: &[u8]) -> NodeId {
        path::components(path).fold(Tree::ROOT, |at, name| self.tree.child(at, name).unwrap())
    }

    pub fn add(&mut self, path: impl AsRef<[u8]>, kind: Kind, metadata: Metadata) -> NodeId {
        let (above, name) = path::split(path.as_ref()).unwrap();
        let directory = self.find(above);
        let id = self.tree.add(Node::new(kind, metadata));
        self.tree.link(directory, name, id);
        id
    }

    pub fn dir(&mut self, path: impl AsRef<[u8]>, metadata: Metadata) -> NodeId {
        self.add(path, Kind::Directory(Directory::default()), metadata)
    }

    pub fn opaque(&mut self, path: impl AsRef<[u8]>, metadata: Metadata) -> NodeId {
        self.add(path, Kind::Directory(Directory { opaque: true, ..Directory::default() }), metadata)
    }

    pub fn file(
        &mut self,
        path: impl AsRef<[u8]>,
        content: impl Into<Vec<u8>>,
        metadata: Metadata,
    ) -> NodeId {
        let content = content.into();
        let source = Source(u32::try_from(self.memory.0.len()).unwrap());
        let size = content.len() as u64;
        self.memory.0.push(Bytes(content));
        let extents = vec![Extent { source, offset: 0, len: size }];
        self.add(path, Kind::File { size, extents }, metadata)
    }

    /// A file of holes and data, told as `(data, len)`.
    pub fn sparse(&mut self, path: &str, size: u64, stretches: &[(bool, u64)]) -> NodeId {
        let source = Source(u32::try_from(self.memory.0.len()).unwrap());
        let mut bytes = Vec::new();
        let extent = |&(data, len): &(bool, u64)| {
            let offset = if data { bytes.len() as u64 } else { 0 };
            if data {
                bytes.resize(bytes.len() + usize::try_from(len).unwrap(), b'x');
            }
            Extent { source: if data { source } else { Source::HOLE }, offset, len }
        };
        let extents = stretches.iter().map(extent).collect();
        self.memory.0.push(Bytes(bytes));
        self.add(path, Kind::File { size, extents }, meta(0o644))
    }

    pub fn symlink(&mut self, path: impl AsRef<[u8]>, target: &[u8], metadata: Metadata) -> NodeId {
        self.add(path, Kind::Symlink { target: target.into() }, metadata)
    }

    pub fn whiteout(&mut self, path: &str) -> NodeId {
        self.add(path, Kind::Whiteout, Metadata::new(0))
    }

    pub fn link(&mut self, path: impl AsRef<[u8]>, to: NodeId) {
        let (above, name) = path::split(path.as_ref()).unwrap();
        let directory = self.find(above);
        self.tree.link(directory, name, to);
    }

    pub fn unpack(&self, into: &Path) -> Result<Unpacked, RootfsError> {
        self.unpack_with(into, &Options::default())
    }

    pub fn unpack_with(&self, into: &Path, options: &Options) -> Result<Unpacked, RootfsError> {
        unpack(&self.tree, &self.memory, into, options, &go_on)
    }

    pub fn told(&self) -> Told {
        told(&self.tree, &self.memory)
    }
}

pub fn go_on(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// What there is: path, and everything about it in a line.
pub type Told = BTreeMap<Vec<u8>, String>;

/// What a view holds.
pub fn told(view: &dyn TreeView, sources: &dyn Sources) -> Told {
    let mut names: HashMap<NodeId, Vec<u8>> = HashMap::new();
    let mut all: Vec<(Vec<u8>, NodeId)> = vec![(Vec::new(), view.root())];
    all.extend(walk(view, view.root()).unwrap().map(|step| step.unwrap()).map(|step| (step.path, step.id)));
    all.sort();
    let line = |(path, id): (Vec<u8>, NodeId)| {
        let node = view.node(id).unwrap().into_owned();
        let kind = match &node.kind {
            Kind::Directory(directory) if directory.opaque => "opaque".to_owned(),
            Kind::Directory(_) => "directory".to_owned(),
            Kind::File { size, extents } => {
                let mut content = Vec::new();
                Content::new(sources, extents, *size).read_to_end(&mut content).unwrap();
                format!("file {size} {}", hash(&content))
            }
            Kind::Symlink { target } => format!("symlink {}", path::printable(target)),
            Kind::CharDevice(device) => format!("char {device}"),
            Kind::BlockDevice(device) => format!("block {device}"),
            Kind::Fifo => "fifo".to_owned(),
            Kind::Socket => "socket".to_owned(),
            Kind::Whiteout => return (path, "whiteout".to_owned()),
            Kind::LinkBelow { target } => format!("link below {}", path::printable(target)),
        };
        let Metadata { mode, uid, gid, mtime, xattrs } = node.metadata;
        let mode = if kind.starts_with("symlink") { 0o777 } else { mode };
        let first = names.entry(id).or_insert_with(|| path.clone());
        let also = if *first == path { String::new() } else { format!(" is {}", path::printable(first)) };
        let text = about(&kind, mode.into(), (uid, gid), (mtime.seconds, mtime.nanoseconds.into()), &xattrs);
        (path, text + &also)
    };
    all.into_iter().map(line).collect()
}

/// What a directory on disk holds.
pub fn listing(root: &Path) -> Told {
    let (mut told, mut waiting) = (Told::new(), vec![Vec::new()]);
    let mut paths = Vec::new();
    while let Some(path) = waiting.pop() {
        let whole = below(root, &path);
        if whole.symlink_metadata().unwrap().is_dir() {
            for entry in std::fs::read_dir(&whole).unwrap() {
                waiting.push(path::join(&path, entry.unwrap().file_name().as_bytes()));
            }
        }
        paths.push(path);
    }
    paths.sort();
    let mut names: HashMap<(u64, u64), Vec<u8>> = HashMap::new();
    for path in paths {
        let whole = below(root, &path);
        let found = whole.symlink_metadata().unwrap();
        let rdev = || format!("{}:{}", rustix::fs::major(found.rdev()), rustix::fs::minor(found.rdev()));
        let kind = found.file_type();
        let kind = if kind.is_dir() {
            "directory".to_owned()
        } else if kind.is_file() {
            format!("file {} {}", found.len(), hash(&std::fs::read(&whole).unwrap()))
        } else if kind.is_symlink() {
            format!("symlink {}", path::printable(std::fs::read_link(&whole).unwrap().as_os_str().as_bytes()))
        } else if kind.is_char_device() {
            format!("char {}", rdev())
        } else if kind.is_block_device() {
            format!("block {}", rdev())
        } else if kind.is_fifo() {
            "fifo".to_owned()
        } else {
            "socket".to_owned()
        };
        let also = if found.is_dir() {
            String::new()
        } else {
            let first = names.entry((found.dev(), found.ino())).or_insert_with(|| path.clone());
            if *first == path { String::new() } else { format!(" is {}", path::printable(first)) }
        };
        let text = about(
            &kind,
            found.mode() & 0o7777,
            (found.uid(), found.gid()),
            (found.mtime(), found.mtime_nsec()),
            &xattrs(&whole),
        );
        told.insert(path, text + &also);
    }
    told
}

fn below(root: &Path, path: &[u8]) -> PathBuf {
    if path.is_empty() { root.to_owned() } else { root.join(std::ffi::OsStr::from_bytes(path)) }
}

fn about(kind: &str, mode: u32, owner: (u32, u32), mtime: (i64, i64), xattrs: &[Xattr]) -> String {
    let mut text = format!("{kind} {mode:04o} {}:{} {}.{:09}", owner.0, owner.1, mtime.0, mtime.1);
    for Xattr { name, value } in xattrs {
        write!(text, " {}={}", String::from_utf8_lossy(name), hex(value)).unwrap();
    }
    text
}

/// All extended attributes, as this user sees them.
pub fn xattrs(path: &Path) -> Vec<Xattr> {
    let mut names = vec![0; 64 << 10];
    let len = rustix::fs::llistxattr(path, &mut names[..]).unwrap_or(0);
    let mut found: Vec<Xattr> = names[..len]
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .filter_map(|name| {
            let mut value = vec![0; 64 << 10];
            let len = rustix::fs::lgetxattr(path, name, &mut value[..]).ok()?;
            Some(Xattr { name: name.into(), value: value[..len].into() })
        })
        .collect();
    found.sort();
    found
}

fn hash(content: &[u8]) -> String {
    hex(&Sha256::digest(content)[..8])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The whole chain of an error, as a person gets it.
pub fn chain(error: &RootfsError) -> String {
    let mut text = error.to_string();
    let mut at: &dyn std::error::Error = error;
    while let Some(source) = at.source() {
        write!(text, ": {source}").unwrap();
        at = source;
    }
    text
}

/// Says, past the test's own capture, that a test is skipped, unless this is root.
pub fn is_root() -> bool {
    static SKIPPED: AtomicUsize = AtomicUsize::new(0);
    if rustix::process::geteuid().is_root() {
        return true;
    }
    let count = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(io::stderr(), "skipped: {test}: takes root ({count} skipped so far)");
    false
}

/// A mount, undone when it is dropped.
pub struct Mount(PathBuf);

impl Mount {
    /// `mount` with these arguments, onto a directory.
    pub fn new(args: &[&str], on: &Path) -> Self {
        let done = Command::new("mount").args(args).arg(on).output().unwrap();
        assert!(done.status.success(), "mount {args:?}: {}", String::from_utf8_lossy(&done.stderr));
        Self(on.to_owned())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

pub fn device(major: u32, minor: u32) -> Device {
    Device { major, minor }
}

/// What only root can read back.
pub fn unreadable(made: &mut Made) {
    made.file("etc/hidden", "nobody reads", meta(0));
    made.dir("shut", meta(0o0));
    made.file("shut/file", "in", meta(0o644));
}

/// One of everything that any user can make and read back, owners aside.
pub fn everything() -> Made {
    let mut made = Made::default();
    made.dir("etc", meta(0o755));
    made.dir("etc/empty", meta(0o700));
    made.file("etc/motd", "hello\n", meta(0o644));
    made.file("etc/shadow", "", meta(0o600));
    made.file("etc/locked", "nobody writes", meta(0o444));
    made.dir("tmp", meta(0o1777));
    made.file("tmp/all", "x", meta(0o666));
    made.dir("bin", meta(0o755));
    let su = made.file("bin/su", [7; 5000], meta(0o4755));
    made.file("bin/wall", [8; 5000], meta(0o2755));
    made.file("bin/large", vec![9; 3 << 20], meta(0o755));
    made.file("bin/large-locked", vec![5; 1 << 20], meta(0o500));
    made.dir("lib", meta(0o2775));
    made.file("lib/inherits-nothing", "", meta(0o644));
    made.symlink("lib64", b"lib", meta(0o777));
    made.symlink("absolute", b"/etc/motd", meta(0o777));
    made.symlink("nowhere", b"../../../no\xffwhere\n", meta(0o777));
    made.add("run", Kind::Fifo, meta(0o622));
    made.add("socket", Kind::Socket, meta(0o666));
    made.dir("ro", meta(0o555));
    made.dir("ro/below", meta(0o500));
    made.file("ro/below/file", "deep", meta(0o400));
    made.link("ro/below/su", su);
    made.link("a-su", su);
    made.file(b"caf\xe9", "latin-1", meta(0o644));
    made.file("new\nline", "", meta(0o644));
    let name = [b'n'; 255];
    made.file(name, "long", meta(0o640));
    let old = Metadata { mtime: time(-1, 1), ..Metadata::new(0o644) };
    made.file("before-1970", "", old);
    let late = Metadata { mtime: time(4_000_000_000, 999_999_999), ..Metadata::new(0o644) };
    made.file("after-2038", "", late);
    made.sparse("sparse", 10 << 20, &[(false, 4 << 20), (true, 8192), (false, 1 << 20)]);
    made.sparse("hole", 1 << 20, &[]);
    made
}
