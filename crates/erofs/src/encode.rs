//! A tree as an image.

use std::collections::HashMap;

use ply_tree::{Node, NodeId, TreeView, path};

use crate::area::Area;
use crate::directory::{self, Entry};
use crate::fields::{overwrite, pad};
use crate::inode::{DATA_AT, LEN, LINKS_AT, Type};
use crate::leaf::{Frame, Leaf};
use crate::listing::{Fault, Listing, Names, Target};
use crate::superblock::{self, BLOCK, BLOCK_LEN, OFFSET, ROOT, Superblock, UNIT};
use crate::{ErofsError, Form, Slot};

/// Chunks that all sparse files of an image have, beyond one each: 32 MiB of them.
const MOST_CHUNKS: u64 = 1 << 22;

/// Writes a tree as an image. `slots` says where file data lies, by the number of a [`Source`](ply_tree::Source).
///
/// The same tree, form and slots give the same bytes. Takes memory for the image and for all names.
///
/// # Errors
/// [`ErofsError::Unfit`] where the image cannot say what the tree has, [`ErofsError::Tree`].
pub fn encode(view: &dyn TreeView, form: Form, slots: &[Slot]) -> Result<Vec<u8>, ErofsError> {
    let frame = Frame { form, slots };
    let mut encoder = Encoder {
        view,
        frame,
        area: Area::default(),
        blocks: Vec::new(),
        inodes: Vec::new(),
        known: HashMap::new(),
        names: Names::default(),
        listings: Vec::new(),
        chunks_left: MOST_CHUNKS,
    };
    encoder.walk()?;
    encoder.finish()
}

struct Encoder<'v> {
    view: &'v dyn TreeView,
    frame: Frame<'v>,
    area: Area,
    /// Data that does not stand behind its inode.
    blocks: Vec<u8>,
    inodes: Vec<Made>,
    known: HashMap<NodeId, usize>,
    names: Names,
    listings: Vec<Listing>,
    chunks_left: u64,
}

/// An inode that has its place, or waits for it.
struct Made {
    kind: Type,
    links: u32,
    /// Bytes of the inode and its attributes: where the rest of its data stands.
    behind: usize,
    /// Where its data begins among the blocks, in bytes; and how much of it lies there.
    blocks: (usize, usize),
}

impl Encoder<'_> {
    /// Gives each inode a place: those of a directory side by side, then what lies below, the first name first.
    fn walk(&mut self) -> Result<(), ErofsError> {
        let root = self.view.root();
        let view = self.view;
        let node = view.node(root).map_err(|source| ErofsError::Tree { source })?;
        if !node.is_directory() {
            return Err(ErofsError::Unfit { path: Vec::new(), why: "the root is no directory".to_owned() });
        }
        self.add(root, &node, None)?;
        let mut open = vec![0];
        while let Some(here) = open.pop() {
            let first = self.listings.len();
            for name in self.listings.get(here).map(|listing| listing.names.clone()).unwrap_or_default() {
                if let Some(Target::Node(id)) = self.names.target(name) {
                    let inode = self.inode(id, (name, here))?;
                    self.names.point(name, inode);
                }
            }
            open.extend((first..self.listings.len()).rev());
        }
        self.area.finish();
        Ok(())
    }

    /// The inode that a name points at, made if this is the first that does.
    fn inode(&mut self, id: NodeId, name: (usize, usize)) -> Result<usize, ErofsError> {
        let inode = match self.known.get(&id) {
            Some(inode) => *inode,
            None => {
                let view = self.view;
                let node = view.node(id).map_err(|source| ErofsError::Tree { source })?;
                self.add(id, &node, Some(name))?
            }
        };
        match self.inodes.get_mut(inode) {
            // The root has no name at all.
            Some(made) if made.kind == Type::Directory && (made.links > 0 || inode == 0) => {
                return Err(self.unfit(Some(name), "a directory with a second name"));
            }
            Some(made) => made.links = made.links.saturating_add(1),
            None => {}
        }
        Ok(inode)
    }

    fn add(&mut self, id: NodeId, node: &Node, name: Option<(usize, usize)>) -> Result<usize, ErofsError> {
        let inode = self.inodes.len();
        let mut directory = 0;
        if node.is_directory() {
            let parent =
                name.and_then(|(_, listing)| self.listings.get(listing)).map_or(inode, |above| above.inode);
            let read = self.names.read(self.view, id, inode, parent);
            let (names, size) = read.map_err(|fault| self.fault(name, fault))?;
            self.listings.push(Listing { inode, parent, names, name });
            directory = size;
        }
        let number = u32::try_from(inode.saturating_add(1)).unwrap_or(u32::MAX);
        let leaf = Leaf::new(node, number, directory, self.frame, self.chunks_left);
        let leaf = leaf.map_err(|why| self.unfit(name, &why))?;
        self.chunks_left = self.chunks_left.saturating_sub(leaf.chunks().saturating_sub(1));
        let (bytes, room, blocks) = leaf.split();
        let behind = LEN.saturating_add(leaf.xattrs.len());
        let kind = leaf.inode.kind;
        self.inodes.push(Made { kind, links: 0, behind, blocks: (self.blocks.len(), blocks.len()) });
        self.blocks.extend_from_slice(&blocks);
        pad(&mut self.blocks, BLOCK_LEN);
        self.area.push(bytes, room);
        self.known.insert(id, inode);
        Ok(inode)
    }

    /// Puts the parts together, and writes what only now is known: where everything lies.
    fn finish(mut self) -> Result<Vec<u8>, ErofsError> {
        let mut image = self.join()?;
        // A directory's names: the one above has, its own, and those of the directories in it.
        for listing in &self.listings {
            for inode in [listing.inode, listing.parent] {
                if let Some(made) = self.inodes.get_mut(inode) {
                    made.links = made.links.saturating_add(1);
                }
            }
        }
        let blocks_at = image.len().saturating_sub(self.blocks.len());
        let inodes_at = blocks_at.saturating_sub(self.area.bytes.len());
        let at = |inode: usize| inodes_at.saturating_add(self.place(inode));
        for listing in &self.listings {
            let Some(Made { behind, blocks: (begin, len), .. }) = self.inodes.get(listing.inode) else {
                continue;
            };
            let bytes = directory::encode(listing.names.clone().filter_map(|name| self.entry(name)));
            let (in_blocks, tail) = bytes.split_at_checked(*len).unwrap_or((&bytes, &[]));
            overwrite(&mut image, blocks_at.saturating_add(*begin), in_blocks);
            overwrite(&mut image, at(listing.inode).saturating_add(*behind), tail);
        }
        for (inode, made) in self.inodes.iter().enumerate() {
            overwrite(&mut image, at(inode).saturating_add(LINKS_AT), &made.links.to_le_bytes());
            if made.blocks.1 > 0 {
                // Less than all blocks, which were counted.
                let block =
                    u32::try_from(blocks_at.saturating_add(made.blocks.0) / BLOCK_LEN).unwrap_or_default();
                overwrite(&mut image, at(inode).saturating_add(DATA_AT), &block.to_le_bytes());
            }
        }
        superblock::seal(&mut image);
        Ok(image)
    }

    /// Head, inodes and blocks, one after the other.
    fn join(&self) -> Result<Vec<u8>, ErofsError> {
        let unfit = |why: String| ErofsError::Unfit { path: Vec::new(), why };
        let too_large = || unfit("its index, or a file with its data, would have over 2 TiB".to_owned());
        let Frame { form, slots } = self.frame;
        let count = u16::try_from(slots.len());
        let count =
            count.map_err(|_| unfit(format!("its data lies in {} files, over 65,535", slots.len())))?;
        let mut head = Superblock {
            form,
            inodes: self.inodes.len() as u64,
            blocks: 0,
            slots: count,
            identity: [0; superblock::IDENTITY_LEN],
            sum: 0,
        };
        let size =
            head.inodes_at().saturating_add(self.area.bytes.len().saturating_add(self.blocks.len()) as u64);
        head.blocks = u32::try_from(size / BLOCK).map_err(|_| too_large())?;
        let mut image = vec![0; OFFSET];
        image.extend(head.to_bytes());
        image.extend(superblock::table(slots, head.blocks).ok_or_else(too_large)?);
        pad(&mut image, BLOCK_LEN);
        image.extend_from_slice(&self.area.bytes);
        image.extend_from_slice(&self.blocks);
        Ok(image)
    }

    fn place(&self, inode: usize) -> usize {
        self.area.places.get(inode).copied().unwrap_or_default()
    }

    fn entry(&self, name: usize) -> Option<Entry<'_>> {
        let Some(Target::Inode(inode)) = self.names.target(name) else { return None };
        let number = ((self.place(inode) / UNIT) as u64).saturating_add(u64::from(ROOT));
        Some(Entry { name: self.names.get(name), number, kind: self.inodes.get(inode)?.kind })
    }

    fn unfit(&self, name: Option<(usize, usize)>, why: &str) -> ErofsError {
        ErofsError::Unfit { path: self.path(name), why: why.to_owned() }
    }

    fn fault(&self, name: Option<(usize, usize)>, fault: Fault) -> ErofsError {
        match fault {
            Fault::Tree(source) => ErofsError::Tree { source },
            Fault::Name(last, why) => {
                ErofsError::Unfit { path: path::join(&self.path(name), &last), why: why.to_owned() }
            }
        }
    }

    /// Path of a name, for an error.
    fn path(&self, mut name: Option<(usize, usize)>) -> Vec<u8> {
        let mut names = Vec::new();
        while let Some((at, listing)) = name {
            names.push(self.names.get(at));
            name = self.listings.get(listing).and_then(|listing| listing.name);
        }
        names.reverse();
        names.join(&b'/')
    }
}
