//! What a layer changes: `changes LAYER`, where LAYER is a tar, compressed or not.

use std::error::Error;
use std::fs::File;
use std::io::BufReader;

use ply_layer::changeset::{Reader, read_stream};
use ply_layer::{Limits, decoder, sniff};
use ply_tree::{Kind, Node, Presence, Source, Tree, path::printable, walk};

#[allow(clippy::print_stdout, reason = "a program")]
fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let path = std::env::args_os().nth(1).ok_or("which layer?")?;
    let (compression, file) = sniff(BufReader::with_capacity(128 << 10, File::open(path)?))?;
    let tar = decoder(compression, file, &Limits::default())?;
    let layer = read_stream(tar, Reader::new(Source(0), 0), ply_tar::Limits::default())?;

    let mut walk = walk(&layer.tree, Tree::ROOT)?;
    while let Some(id) = walk.advance()? {
        if let Some(what) = layer.tree.get(id).and_then(change) {
            println!("{what} {}", printable(walk.path()));
        }
    }
    for warning in &layer.warnings {
        println!("{warning}");
    }
    Ok(())
}

/// What a name does to those below; nothing if it only leads to others.
fn change(node: &Node) -> Option<&'static str> {
    match &node.kind {
        Kind::Directory(directory) if directory.opaque => Some("clears"),
        Kind::Directory(directory) if directory.presence == Presence::Implied => None,
        Kind::Whiteout => Some("removes"),
        Kind::LinkBelow { .. } => Some("links"),
        _ => Some("sets"),
    }
}
