//! Three layers and what they make of each other: `cargo run -p ply-overlay --example versions`.
#![allow(clippy::print_stdout, reason = "an example prints")]

use ply_overlay::{hidden, history, keep, merge, same_place, usage};
use ply_tree::{Directory, Kind, Metadata, Node, Presence, Tree, TreeView, path::printable, walk};

/// A layer of files in `etc`, with no entry for `etc` itself.
fn layer(entries: &[(&[u8], Kind)]) -> Tree {
    let implied = || Directory { presence: Presence::Implied, opaque: false };
    let mut tree = Tree::new(implied(), Metadata::new(0o755));
    let etc = tree.add(Node::new(Kind::Directory(implied()), Metadata::new(0o755)));
    tree.link(Tree::ROOT, b"etc", etc);
    for (name, kind) in entries {
        let id = tree.add(Node::new(kind.clone(), Metadata::new(0o644)));
        tree.link(etc, name, id);
    }
    tree
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = |size| Kind::File { size, extents: Vec::new() };
    let base = layer(&[(b"motd", file(20)), (b"secret", file(32)), (b"passwd", file(900))]);
    let update = layer(&[(b"motd", file(25))]);
    let cleaned = layer(&[(b"secret", Kind::Whiteout)]);
    let layers: [&dyn TreeView; 3] = [&base, &update, &cleaned];

    let merged = merge(&layers, keep)?;
    for step in walk(&merged.tree, Tree::ROOT)? {
        let step = step?;
        if let Some(origin) = merged.origin(step.id) {
            println!("{} of layer {}", printable(&step.path), origin.layer);
        }
    }
    for entry in hidden(&layers)? {
        let entry = entry?;
        println!("{} of layer {} hidden by layer {}", printable(&entry.path), entry.origin.layer, entry.by);
    }
    for event in history(&layers, b"etc/motd", same_place)? {
        println!("layer {}: {:?}", event.layer, event.action);
    }
    let usage = usage(&layers)?;
    println!("{} of {} bytes are hidden", usage.hidden(), usage.total());
    Ok(())
}
