//! Trees made by hand and by chance, and what a view shows.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

use std::collections::{BTreeMap, HashMap};
use std::io;

use ply_erofs::Slot;
use ply_tree::{
    Device, Directory, Extent, Kind, Metadata, Node, NodeId, Presence, ReadAt, Source, Time, Tree, TreeError,
    TreeView, Xattr, path, walk,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// An image in memory.
#[derive(Clone)]
pub struct Memory(pub Vec<u8>);

impl ReadAt for Memory {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.0.get(at..)).unwrap_or_default();
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }
}

/// Two sources of a megabyte.
pub const SLOTS: [Slot; 2] = [Slot { digest: None, size: 1 << 20 }, Slot { digest: None, size: 1 << 20 }];

/// `cap_net_raw=ep`, as `setcap` writes it (`struct vfs_cap_data`).
pub const CAPABILITY: &[u8] = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// `u::rw-,g::r--,o::r--` (`struct posix_acl_xattr_header` and its entries).
pub const ACCESS: &[u8] =
    b"\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff\x04\0\x04\0\xff\xff\xff\xff\x20\0\x04\0\xff\xff\xff\xff";

/// All that a view shows: paths, the first path of the same inode, and the inode.
pub type Shown = Vec<(Vec<u8>, Vec<u8>, Node)>;

pub fn show(view: &dyn TreeView) -> Result<Shown, TreeError> {
    let mut first: HashMap<NodeId, Vec<u8>> = HashMap::new();
    let mut shown = vec![(Vec::new(), Vec::new(), view.node(view.root())?.into_owned())];
    for step in walk(view, view.root())? {
        let step = step?;
        let known = first.entry(step.id).or_insert_with(|| step.path.clone()).clone();
        shown.push((step.path, known, view.node(step.id)?.into_owned()));
    }
    Ok(shown)
}

/// The inode at a path, by lookups alone.
pub fn find(view: &dyn TreeView, path: &[u8]) -> Result<Option<Node>, TreeError> {
    let mut at = view.root();
    for name in path::components(path) {
        match view.lookup(at, name)? {
            Some(id) => at = id,
            None => return Ok(None),
        }
    }
    Ok(Some(view.node(at)?.into_owned()))
}

/// A tree that is made by paths.
pub struct Made(pub Tree);

impl Default for Made {
    fn default() -> Self {
        Self(Tree::new(Directory::default(), meta(0o755)))
    }
}

pub fn meta(mode: u16) -> Metadata {
    let mtime = Time { seconds: 1_600_000_000 + i64::from(mode), nanoseconds: 123_456_789 };
    Metadata { mtime, uid: 70_000, gid: 80_000, ..Metadata::new(mode) }
}

pub fn with(mut metadata: Metadata, xattrs: &[(&str, &[u8])]) -> Metadata {
    let xattr =
        |(name, value): &(&str, &[u8])| Xattr { name: name.as_bytes().into(), value: (*value).into() };
    metadata.xattrs = xattrs.iter().map(xattr).collect();
    metadata.xattrs.sort();
    metadata
}

pub fn extent(source: u32, offset: u64, len: u64) -> Extent {
    Extent { source: Source(source), offset, len }
}

pub fn hole(len: u64) -> Extent {
    Extent { source: Source::HOLE, offset: 0, len }
}

impl Made {
    pub fn id(&self, path: &[u8]) -> NodeId {
        path::components(path).fold(Tree::ROOT, |at, name| self.0.child(at, name).unwrap())
    }

    pub fn add(&mut self, path: impl AsRef<[u8]>, kind: Kind, metadata: Metadata) -> NodeId {
        let id = self.0.add(Node::new(kind, metadata));
        self.link(path, id);
        id
    }

    pub fn link(&mut self, path: impl AsRef<[u8]>, id: NodeId) {
        let (above, name) = path::split(path.as_ref()).unwrap();
        let directory = self.id(above);
        self.0.link(directory, name, id);
    }

    pub fn dir(&mut self, path: impl AsRef<[u8]>, metadata: Metadata) -> NodeId {
        self.add(path, Kind::Directory(Directory::default()), metadata)
    }

    pub fn file(&mut self, path: impl AsRef<[u8]>, extents: &[Extent], metadata: Metadata) -> NodeId {
        let size = extents.iter().map(|extent| extent.len).sum();
        self.add(path, Kind::File { size, extents: extents.to_vec() }, metadata)
    }

    pub fn symlink(&mut self, path: impl AsRef<[u8]>, target: &[u8]) -> NodeId {
        self.add(path, Kind::Symlink { target: target.into() }, meta(0o777))
    }
}

/// A root filesystem with something of each kind, small.
pub fn small_root() -> Tree {
    let mut made = Made::default();
    made.dir("etc", with(meta(0o750), &[("user.note", b"of a directory"), ("com.example", b"odd")]));
    made.file("etc/a", &[extent(0, 512, 700)], meta(0o4755));
    made.file("etc/sparse", &[extent(1, 1024, 512), hole(1024), extent(1, 1536, 9)], meta(0o644));
    let shared = made.file("etc/empty", &[], with(meta(0o600), &[("security.capability", CAPABILITY)]));
    made.link("again", shared);
    made.symlink("link", b"etc/a");
    made.add("null", Kind::CharDevice(Device { major: 1, minor: 3 }), meta(0o666));
    made.add("disk", Kind::BlockDevice(Device { major: 4095, minor: 0xf_ffff }), meta(0o660));
    made.add("pipe", Kind::Fifo, meta(0o600));
    made.add("sock", Kind::Socket, meta(0o600));
    made.dir("!first", meta(0o700));
    made.0
}

/// A changeset with something of each kind, small.
pub fn small_changeset() -> Tree {
    let mut made = Made(small_root());
    let implied = Directory { presence: Presence::Implied, opaque: false };
    made.add("implied", Kind::Directory(implied), Metadata::new(0o755));
    made.add("implied/opaque", Kind::Directory(Directory { opaque: true, ..implied }), Metadata::new(0o755));
    made.add("implied/gone", Kind::Whiteout, Metadata::new(0));
    made.add("implied/below", Kind::LinkBelow { target: (*b"usr/lib/x").into() }, Metadata::new(0));
    made.file("implied/odd", &[extent(9, 77, 3), hole(5), extent(9, 80, 1)], meta(0o644));
    made.0
}

/// A name to be put into some directory.
#[derive(Debug, Clone)]
struct Sketch {
    directory: Index,
    name: Vec<u8>,
    what: What,
    metadata: Metadata,
}

#[derive(Debug, Clone)]
enum What {
    New(Kind),
    /// One more name of some inode there is.
    Again(Index),
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![1..=b'.', b'0'..=255];
    prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "c", "-", "...", "..a", "ä", "a b\n", ".wh.x"])
            .prop_map(|name| name.as_bytes().to_vec()),
        4 => vec(byte.clone(), 1..40),
        1 => vec(byte, 90..=255),
    ]
    .prop_filter("no name", |name| !matches!(&name[..], b"." | b".."))
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let space =
        prop::sample::select(vec!["user.", "trusted.", "security.", "system.posix_acl_access", "", "odd."]);
    let name = (space, vec(0_u8..=255, 0..9)).prop_map(|(space, rest)| [space.as_bytes(), &rest].concat());
    let value = prop_oneof![8 => vec(any::<u8>(), 0..9), 1 => vec(any::<u8>(), 300..800)];
    let xattrs = vec((name, value), 0..4).prop_map(BTreeMap::from_iter);
    let xattrs = prop_oneof![3 => Just(BTreeMap::new()), 1 => xattrs];
    let time = prop_oneof![Just((0, 0)), (any::<i64>(), 0..1_000_000_000_u32)];
    (0..=0o7777_u16, any::<u32>(), any::<u32>(), time, xattrs).prop_map(|(mode, uid, gid, time, xattrs)| {
        let xattr = |(name, value): (Vec<u8>, Vec<u8>)| Xattr { name: name.into(), value: value.into() };
        let mtime = Time { seconds: time.0, nanoseconds: time.1 };
        Metadata { mode, uid, gid, mtime, xattrs: xattrs.into_iter().map(xattr).collect() }
    })
}

/// A file that a kernel can be told of: data begins and holes end at blocks.
fn blocks() -> impl Strategy<Value = Kind> {
    let stretch = (0..3_u32, 0..1000_u64, 1..20_u64).prop_map(|(source, block, blocks)| match source {
        2 => hole(512 * blocks),
        source => extent(source, 512 * block, 512 * blocks),
    });
    (vec(stretch, 0..5), 0..512_u64).prop_map(|(mut extents, less)| {
        if let Some(last) = extents.last_mut() {
            last.len -= less;
        }
        Kind::File { size: extents.iter().map(|extent| extent.len).sum(), extents }
    })
}

/// Any file.
fn file() -> impl Strategy<Value = Kind> {
    let source = prop_oneof![0..3_u32, Just(u32::MAX)];
    let stretch =
        (source, any::<u64>(), any::<u64>()).prop_map(|(source, offset, len)| extent(source, offset, len));
    prop_oneof![
        3 => blocks(),
        1 => (any::<u64>(), vec(stretch, 0..40)).prop_map(|(size, extents)| Kind::File { size, extents }),
    ]
}

fn root_kind() -> BoxedStrategy<Kind> {
    let numbers = (0..4096_u32, 0..1_u32 << 20).prop_map(|(major, minor)| Device { major, minor });
    let target = prop_oneof![8 => vec(1..=255_u8, 1..60), 1 => vec(1..=255_u8, 400..1100)];
    prop_oneof![
        4 => Just(Kind::Directory(Directory::default())),
        4 => blocks(),
        2 => target.prop_map(|target| Kind::Symlink { target: target.into() }),
        1 => numbers.clone().prop_map(Kind::CharDevice),
        1 => numbers.prop_map(Kind::BlockDevice),
        1 => Just(Kind::Fifo),
        1 => Just(Kind::Socket),
    ]
    .boxed()
}

fn any_kind() -> BoxedStrategy<Kind> {
    let presence = prop_oneof![Just(Presence::Explicit), Just(Presence::Implied)];
    let directory = (presence, any::<bool>()).prop_map(|(presence, opaque)| Directory { presence, opaque });
    let text = || vec(any::<u8>(), 0..1100).prop_map(Box::from);
    prop_oneof![
        4 => root_kind(),
        2 => directory.prop_map(Kind::Directory),
        2 => file(),
        1 => text().prop_map(|target| Kind::Symlink { target }),
        2 => Just(Kind::Whiteout),
        1 => text().prop_map(|target| Kind::LinkBelow { target }),
    ]
    .boxed()
}

fn trees(kind: BoxedStrategy<Kind>, opaque: bool) -> impl Strategy<Value = Tree> {
    let what = prop_oneof![6 => kind.prop_map(What::New), 1 => any::<Index>().prop_map(What::Again)];
    let sketch = (any::<Index>(), name(), what, metadata())
        .prop_map(|(directory, name, what, metadata)| Sketch { directory, name, what, metadata });
    (metadata(), vec(sketch, 0..80)).prop_map(move |(root, sketches)| {
        let mut tree = Tree::new(Directory { opaque, ..Directory::default() }, root);
        let (mut directories, mut others) = (vec![Tree::ROOT], Vec::new());
        for Sketch { directory, name, what, metadata } in sketches {
            let directory = *directory.get(&directories);
            if tree.child(directory, &name).is_some() {
                continue;
            }
            let id = match what {
                What::Again(_) if others.is_empty() => continue,
                What::Again(which) => *which.get(&others),
                What::New(kind) => {
                    let is_directory = matches!(kind, Kind::Directory(_));
                    let id = tree.add(Node::new(kind, metadata));
                    if is_directory {
                        directories.push(id)
                    } else {
                        others.push(id)
                    }
                    id
                }
            };
            tree.link(directory, &name, id);
        }
        tree
    })
}

/// Any root filesystem that a kernel can mount.
pub fn roots() -> impl Strategy<Value = Tree> {
    trees(root_kind(), false)
}

/// Any changeset.
pub fn changesets() -> impl Strategy<Value = Tree> {
    trees(any_kind(), true)
}
