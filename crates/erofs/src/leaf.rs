//! A node of a tree as an inode, and an inode as a node.

use std::borrow::Cow;

use ply_tree::{Directory, Extent, Kind, Metadata, Node, Presence};

use crate::area::Room;
use crate::fields::pad;
use crate::inode::{Inode, Layout, Type, device_from_number, device_to_number};
use crate::record::Record;
use crate::superblock::BLOCK_LEN;
use crate::{Form, Slot, chunks, xattr};

/// Longest target of a symbolic link on Linux: `PATH_MAX` less its NUL.
const LONGEST_TARGET: usize = 4095;

/// An inode and what stands behind it.
pub(crate) struct Leaf<'n> {
    pub(crate) inode: Inode,
    pub(crate) xattrs: Vec<u8>,
    pub(crate) rest: Rest<'n>,
}

/// What a file's data is.
pub(crate) enum Rest<'n> {
    Nothing,
    /// Indexes of chunks, which stand behind the inode.
    Chunks(Vec<u8>),
    /// Bytes that lie in the image. Those of a directory come later.
    Data(Cow<'n, [u8]>),
}

/// What a tree's nodes must fit into.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) form: Form,
    pub(crate) slots: &'a [Slot],
}

impl<'n> Leaf<'n> {
    /// A node as an inode of this number, which no name points to yet. A directory has so many bytes.
    pub(crate) fn new(
        node: &'n Node,
        number: u32,
        directory: usize,
        frame: Frame<'_>,
        chunks_left: u64,
    ) -> Result<Self, String> {
        let (mut record, mut place, mut mode) = (marks(&node.kind), 0, node.metadata.mode);
        let (kind, rest) = match &node.kind {
            Kind::Directory(_) => (Type::Directory, Rest::Data(vec![0; directory].into())),
            Kind::File { size, extents } => {
                let rest = match place_of(*size, extents, frame, chunks_left)? {
                    Some((_, indexes)) if indexes.is_empty() => Rest::Nothing,
                    Some((format, indexes)) => {
                        place = format;
                        Rest::Chunks(indexes)
                    }
                    None => {
                        record.listed = Some(*size);
                        Rest::Data(chunks::list(extents).into())
                    }
                };
                (Type::File, rest)
            }
            Kind::Symlink { target } => {
                if frame.form == Form::Root {
                    if target.is_empty() || target.len() > LONGEST_TARGET || target.contains(&0) {
                        return Err(format!("a symbolic link to {} bytes that are no path", target.len()));
                    }
                    // Linux has no other.
                    mode = 0o777;
                }
                (Type::Symlink, Rest::Data((&**target).into()))
            }
            Kind::LinkBelow { target } => (Type::Symlink, Rest::Data((&**target).into())),
            Kind::CharDevice(device) | Kind::BlockDevice(device) => {
                let number = device_to_number(*device);
                place =
                    number.ok_or_else(|| format!("a device {device}, more than Linux has numbers for"))?;
                let is_char = matches!(node.kind, Kind::CharDevice(_));
                (if is_char { Type::CharDevice } else { Type::BlockDevice }, Rest::Nothing)
            }
            Kind::Whiteout => (Type::CharDevice, Rest::Nothing),
            Kind::Fifo => (Type::Fifo, Rest::Nothing),
            Kind::Socket => (Type::Socket, Rest::Nothing),
        };
        if frame.form == Form::Root && record.is_for_index() {
            return Err("it is of a changeset, not of a root filesystem".to_owned());
        }
        if node.metadata.mtime.nanoseconds >= 1_000_000_000 {
            return Err("its time has more nanoseconds than a second".to_owned());
        }
        let size = match (&node.kind, &rest) {
            (_, Rest::Data(data)) => data.len() as u64,
            (Kind::File { size, .. }, _) => *size,
            (_, Rest::Nothing | Rest::Chunks(_)) => 0,
        };
        let (xattrs, xattr_words) = xattr::encode(&node.metadata.xattrs, kind, record)?;
        let inode = Inode {
            layout: if matches!(rest, Rest::Chunks(_)) { Layout::Chunks } else { Layout::Plain },
            xattr_words,
            kind,
            mode,
            size,
            place,
            number,
            uid: node.metadata.uid,
            gid: node.metadata.gid,
            mtime: node.metadata.mtime,
            links: 0,
        };
        Ok(Self { inode, xattrs, rest })
    }

    /// How many chunks its data is in.
    pub(crate) fn chunks(&self) -> u64 {
        match &self.rest {
            Rest::Chunks(indexes) => (indexes.len() / chunks::INDEX) as u64,
            Rest::Nothing | Rest::Data(_) => 0,
        }
    }

    /// The inode with all that stands behind it, where that may be, and what of its data lies in blocks. Directories stand
    /// in the order in which they came: so it is seen where one has two names.
    pub(crate) fn split(&self) -> (Vec<u8>, Room, Cow<'_, [u8]>) {
        let mut inode = self.inode;
        let begin = crate::inode::LEN.saturating_add(self.xattrs.len());
        let (behind, blocks): (&[u8], &[u8]) = match &self.rest {
            Rest::Nothing => (&[], &[]),
            Rest::Chunks(indexes) => (indexes, &[]),
            Rest::Data(data) => {
                let full = (data.len() / BLOCK_LEN).saturating_mul(BLOCK_LEN);
                let (blocks, tail) = data.split_at_checked(full).unwrap_or((data, &[]));
                if tail.is_empty() || begin.saturating_add(tail.len()) > BLOCK_LEN {
                    (&[], data)
                } else {
                    inode.layout = Layout::Inline;
                    (tail, blocks)
                }
            }
        };
        let mut bytes = inode.to_bytes();
        bytes.extend_from_slice(&self.xattrs);
        if inode.layout == Layout::Chunks {
            pad(&mut bytes, chunks::INDEX);
        }
        bytes.extend_from_slice(behind);
        let room = match (inode.layout, inode.kind) {
            (Layout::Inline, _) => Room::InOneBlock,
            (_, Type::Directory) => Room::InOrder,
            _ => Room::Anywhere,
        };
        (bytes, room, blocks.into())
    }
}

/// What only a record says of a kind.
fn marks(kind: &Kind) -> Record {
    let implied = |own: &Directory| own.presence == Presence::Implied;
    Record {
        implied: matches!(kind, Kind::Directory(own) if implied(own)),
        opaque: matches!(kind, Kind::Directory(own) if own.opaque),
        whiteout: *kind == Kind::Whiteout,
        link_below: matches!(kind, Kind::LinkBelow { .. }),
        ..Record::default()
    }
}

/// The form and indexes of a file's chunks; none for a file without bytes. `None` where extents must be listed as they
/// are, which an index can: there, what is read is what was written, to the letter.
fn place_of(
    size: u64,
    extents: &[Extent],
    frame: Frame<'_>,
    chunks_left: u64,
) -> Result<Option<(u32, Vec<u8>)>, String> {
    let plain = chunks::plain(extents, size);
    match frame.form {
        Form::Root => chunks::encode(&plain, frame.slots, chunks_left).map(Some),
        Form::Index if plain != extents => Ok(None),
        Form::Index => Ok(chunks::encode(&plain, frame.slots, 1).ok()),
    }
}

/// What is behind an inode, read.
pub(crate) struct Parts {
    pub(crate) inode: Inode,
    pub(crate) xattrs: Vec<u8>,
    /// Indexes of its chunks, or else its data; of a directory none.
    pub(crate) data: Vec<u8>,
}

/// An inode as a node; `None` for what a [`Leaf`] never is.
pub(crate) fn node(parts: &Parts, form: Form, slots: usize) -> Option<Node> {
    let Parts { inode, xattrs, data } = parts;
    let (xattrs, mut record) = xattr::decode(xattrs)?;
    record.xattrs.clear();
    if form == Form::Root && record.is_for_index() {
        return None;
    }
    let target = || Box::<[u8]>::from(data.as_slice());
    let kind = match inode.kind {
        Type::Directory => {
            let presence = if record.implied { Presence::Implied } else { Presence::Explicit };
            Kind::Directory(Directory { presence, opaque: record.opaque })
        }
        Type::File => file(inode, data, record.listed.take(), slots)?,
        Type::Symlink if record.link_below => Kind::LinkBelow { target: target() },
        Type::Symlink => Kind::Symlink { target: target() },
        Type::CharDevice if record.whiteout => Kind::Whiteout,
        Type::CharDevice => Kind::CharDevice(device_from_number(inode.place)),
        Type::BlockDevice => Kind::BlockDevice(device_from_number(inode.place)),
        Type::Fifo => Kind::Fifo,
        Type::Socket => Kind::Socket,
    };
    // Marks of something else.
    if record != marks(&kind) {
        return None;
    }
    let links = if inode.kind == Type::Directory { 1 } else { inode.links };
    let Inode { mode, uid, gid, mtime, .. } = *inode;
    Some(Node { metadata: Metadata { mode, uid, gid, mtime, xattrs }, kind, links })
}

fn file(inode: &Inode, data: &[u8], listed: Option<u64>, slots: usize) -> Option<Kind> {
    let (size, extents) = match (listed, inode.layout) {
        (Some(size), Layout::Plain | Layout::Inline) => (size, chunks::read_list(data)?),
        (None, Layout::Chunks) => (inode.size, chunks::decode(inode.place, inode.size, data, slots)?),
        (None, Layout::Plain) if inode.size == 0 => (0, Vec::new()),
        (Some(_), Layout::Chunks) | (None, Layout::Plain | Layout::Inline) => return None,
    };
    Some(Kind::File { size, extents })
}
