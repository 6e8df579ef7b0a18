//! Archives: the three drivers of our reader agree, and a layer that is taken is written as one that says the same.
#![no_main]

#[path = "../../crates/tar/tests/archive/mod.rs"]
mod archive;

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use ply_fuzz::tree::{Memories, shown};
use ply_layer::changeset::{Options, Reader, read, write};
use ply_tar::Limits;
use ply_tree::Source;

fuzz_target!(|bytes: &[u8]| {
    let _ = archive::skim(bytes);
    let bytes = ply_fuzz::sums::repaired(bytes);
    let Ok((members, end)) = archive::skim(&bytes) else { return };
    assert_eq!(members.len() as u64, end.members);
    for (entry, _) in &members {
        assert!(!entry.path.is_empty() && !entry.path.contains(&0));
        assert!(entry.data_offset + entry.stored <= bytes.len() as u64, "its data lies outside: {entry:?}");
    }
    layer(&bytes);
});

/// What the tree of a layer says stays when it is written and read again.
fn layer(bytes: &[u8]) {
    let reader = || Reader::new(Source(0), 0);
    let Ok(first) = read(Cursor::new(bytes), reader(), Limits::default()) else { return };
    if members_are_large(&first.tree) {
        return;
    }
    let mut tar = Vec::new();
    let written = write(&first.tree, &Memories::of(&[bytes]), &mut tar, Options::default());
    let summary = written.expect("a layer that was read can be written");
    assert!(summary.warnings.is_empty(), "{:?}", summary.warnings);
    let second = read(Cursor::new(&tar), reader(), Limits::default()).expect("what we write we read");
    let (before, after) = (Memories::of(&[bytes]), Memories::of(&[&tar]));
    assert_eq!(shown(&first.tree, &before), shown(&second.tree, &after));
}

/// A hole of terabytes may be told in a hundred bytes, and is written whole.
fn members_are_large(tree: &ply_tree::Tree) -> bool {
    let sizes = (0..tree.inodes() as u64).filter_map(|id| tree.get(ply_tree::NodeId(id)));
    sizes.map(ply_tree::Node::size).fold(0, u64::saturating_add) > 1 << 20
}
