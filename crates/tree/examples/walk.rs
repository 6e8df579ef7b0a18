//! A small tree, walked: `cargo run -p ply-tree --example walk`.
#![allow(clippy::print_stdout, reason = "an example prints")]

use ply_tree::{Directory, Kind, Metadata, Node, Tree, path::printable, walk};

fn main() -> Result<(), ply_tree::TreeError> {
    let directory = || Node::new(Kind::Directory(Directory::default()), Metadata::new(0o755));
    let mut tree = Tree::new(Directory::default(), Metadata::new(0o755));
    let (usr, bin) = (tree.add(directory()), tree.add(directory()));
    tree.link(Tree::ROOT, b"usr", usr);
    tree.link(usr, b"bin", bin);
    let link = tree.add(Node::new(Kind::Symlink { target: (*b"usr/bin").into() }, Metadata::new(0o777)));
    tree.link(Tree::ROOT, b"bin", link);
    for step in walk(&tree, Tree::ROOT)? {
        let step = step?;
        println!("{} is inode {}", printable(&step.path), step.id.0);
    }
    Ok(())
}
