//! What an inode is.

use std::fmt;

/// The number of an inode in its tree. It says nothing outside of that tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

/// An inode: what a file is, whatever it is called. Several names that point to one are hard links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Who may do what with it, and since when.
    pub metadata: Metadata,
    /// What it is.
    pub kind: Kind,
    /// How many names point to it; 1 for a directory.
    pub links: u32,
}

impl Node {
    /// An inode no name points to yet.
    #[must_use]
    pub const fn new(kind: Kind, metadata: Metadata) -> Self {
        Self { metadata, kind, links: 0 }
    }

    /// Whether names may stand below it.
    #[must_use]
    pub const fn is_directory(&self) -> bool {
        matches!(self.kind, Kind::Directory(_))
    }

    /// Bytes that `stat` shows: the content of a file, the target of a symbolic link, else none.
    #[must_use]
    pub fn size(&self) -> u64 {
        match &self.kind {
            Kind::File { size, .. } => *size,
            Kind::Symlink { target } => target.len() as u64,
            Kind::Directory(_)
            | Kind::CharDevice(_)
            | Kind::BlockDevice(_)
            | Kind::Fifo
            | Kind::Socket
            | Kind::Whiteout
            | Kind::LinkBelow { .. } => 0,
        }
    }
}

/// What an inode is.
///
/// A layer is a changeset, not a filesystem. What only a changeset has is [`Kind::Whiteout`], [`Kind::LinkBelow`], and
/// what [`Directory`] says of itself; a root filesystem has none of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory; its entries are the tree's.
    Directory(Directory),
    /// A regular file.
    File {
        /// Bytes of content.
        size: u64,
        /// Where they lie, in order. What is missing at the end reads as zeros.
        extents: Vec<Extent>,
    },
    /// A symbolic link.
    Symlink {
        /// Where it points, as it stands.
        target: Box<[u8]>,
    },
    /// A character device.
    CharDevice(Device),
    /// A block device.
    BlockDevice(Device),
    /// A named pipe.
    Fifo,
    /// A socket: seen in a directory on disk, never in an archive.
    Socket,
    /// Hides the name below; only in a changeset.
    Whiteout,
    /// A hard link to a file of a layer below; only in a changeset. What is known of the file lies there.
    LinkBelow {
        /// Path from the root, clean: no slash at its beginning or end.
        target: Box<[u8]>,
    },
}

impl Kind {
    /// The stretches of a file that lie in a source: holes are not among them. None of what is no file.
    pub fn data(&self) -> impl Iterator<Item = &Extent> {
        let extents = if let Self::File { extents, .. } = self { &extents[..] } else { &[] };
        extents.iter().filter(|extent| extent.source != Source::HOLE)
    }

    /// The same, to be changed: where a tree's sources get other numbers, or other places.
    ///
    /// ```
    /// use ply_tree::{Extent, Kind, Source};
    ///
    /// let data = Extent { source: Source(0), offset: 512, len: 3 };
    /// let hole = Extent { source: Source::HOLE, offset: 0, len: 9 };
    /// let mut file = Kind::File { size: 12, extents: vec![hole, data] };
    /// file.data_mut().for_each(|extent| extent.source = Source(7));
    /// assert_eq!(file.data().collect::<Vec<_>>(), [&Extent { source: Source(7), ..data }]);
    /// assert_eq!(file, Kind::File { size: 12, extents: vec![hole, Extent { source: Source(7), ..data }] });
    /// assert_eq!(Kind::Fifo.data().count(), 0);
    /// ```
    pub fn data_mut(&mut self) -> impl Iterator<Item = &mut Extent> {
        let extents = if let Self::File { extents, .. } = self { &mut extents[..] } else { &mut [] };
        extents.iter_mut().filter(|extent| extent.source != Source::HOLE)
    }
}

/// What a directory says of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Directory {
    /// Whether it stands there itself.
    pub presence: Presence,
    /// Hides all that the directory holds below; only in a changeset.
    pub opaque: bool,
}

/// Whether a directory stands in its changeset, or only something in it does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Presence {
    /// It has an entry of its own, and so its attributes hold.
    #[default]
    Explicit,
    /// Only implied by what lies in it: where a layer below has the directory, that one's attributes hold.
    Implied,
}

/// Numbers of a device file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Device {
    /// Which driver.
    pub major: u32,
    /// Which of its devices.
    pub minor: u32,
}

/// Attributes of an inode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Permission bits, set-user-ID, set-group-ID, sticky: `0o7777` at most.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// When the content changed last.
    pub mtime: Time,
    /// Extended attributes, sorted by name, each name once.
    pub xattrs: Vec<Xattr>,
}

impl Metadata {
    /// Owned by root, of 1970, with nothing else to it.
    #[must_use]
    pub const fn new(mode: u16) -> Self {
        Self { mode, uid: 0, gid: 0, mtime: Time::EPOCH, xattrs: Vec::new() }
    }

    /// An extended attribute's value.
    #[must_use]
    pub fn xattr(&self, name: &[u8]) -> Option<&[u8]> {
        let at = self.xattrs.binary_search_by(|xattr| (*xattr.name).cmp(name)).ok()?;
        self.xattrs.get(at).map(|xattr| &*xattr.value)
    }
}

/// An extended attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Xattr {
    /// Full name, name space and all: `security.capability`.
    pub name: Box<[u8]>,
    /// Value: any bytes.
    pub value: Box<[u8]>,
}

/// A moment: seconds since 1970-01-01 00:00 UTC, and nanoseconds after that second, under 1,000,000,000.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    /// Whole seconds, rounded down.
    pub seconds: i64,
    /// The rest, always forward.
    pub nanoseconds: u32,
}

impl Time {
    /// 1970.
    pub const EPOCH: Self = Self { seconds: 0, nanoseconds: 0 };
}

/// A stretch of a file's bytes, and where they lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// In which source.
    pub source: Source,
    /// Where it begins there, in bytes.
    pub offset: u64,
    /// How many bytes.
    pub len: u64,
}

/// A number into a table that a tree's owner keeps: an archive, a layer's plain tar, a file on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(pub u32);

impl Source {
    /// Of a hole in a sparse file: bytes that are zero and lie nowhere.
    pub const HOLE: Self = Self(u32::MAX);
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}
