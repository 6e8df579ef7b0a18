//! Writes an index of a made-up tree into a file, reads it again and prints what is in it:
//! `cargo run -p ply-erofs --example index FILE [PATH]`.
#![allow(clippy::print_stdout, reason = "an example prints")]
#![allow(clippy::disallowed_types, reason = "whoever has an index reads it")]

use std::error::Error;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use ply_erofs::{Form, Image, Slot, encode};
use ply_tree::path::printable;
use ply_tree::{
    Directory, Extent, Kind, Last, Metadata, Node, NodeId, ReadAt, Source, Tree, TreeView, find, walk,
};

struct Disk(File);

impl ReadAt for Disk {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1);
    let file = args.next().ok_or("which file is the index to be written into?")?;
    let slots = [Slot { digest: None, size: 1 << 20 }];
    std::fs::write(&file, encode(&tree(), Form::Root, &slots)?)?;

    let image = Image::open(Disk(File::open(&file)?))?;
    image.check()?;
    println!("{} bytes, {} inodes", image.size(), image.inodes());
    match args.next() {
        None => {
            for step in walk(&image, image.root())? {
                let step = step?;
                println!("{} {}", describe(&image, step.id)?, printable(&step.path));
            }
        }
        Some(path) => {
            let found =
                find(&image, path.as_encoded_bytes(), Last::Follow)?.ok_or("there is no such path")?;
            println!("{} {}", describe(&image, found.id)?, printable(&found.path));
        }
    }
    Ok(())
}

fn describe(image: &Image<Disk>, id: NodeId) -> Result<String, Box<dyn Error>> {
    let node = image.node(id)?;
    Ok(match &node.kind {
        Kind::File { size, extents } => match extents.first() {
            Some(extent) => format!("{size} bytes at {} of source {}:", extent.offset, extent.source.0),
            None => "an empty file:".to_owned(),
        },
        Kind::Symlink { target } => format!("a link to {}:", printable(target)),
        Kind::Directory(_) => "a directory:".to_owned(),
        other => format!("{other:?}:"),
    })
}

/// `/etc` with a file, and a link to it.
fn tree() -> Tree {
    let mut tree = Tree::new(Directory::default(), Metadata::new(0o755));
    let etc = tree.add(Node::new(Kind::Directory(Directory::default()), Metadata::new(0o755)));
    tree.link(Tree::ROOT, b"etc", etc);
    let extents = vec![Extent { source: Source(0), offset: 512, len: 1000 }];
    let passwd = tree.add(Node::new(Kind::File { size: 1000, extents }, Metadata::new(0o644)));
    tree.link(etc, b"passwd", passwd);
    let link = tree.add(Node::new(Kind::Symlink { target: (*b"etc/passwd").into() }, Metadata::new(0o777)));
    tree.link(Tree::ROOT, b"users", link);
    tree
}
