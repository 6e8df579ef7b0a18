//! A stack of 12 layers with 200,000 files: merging it, and finding one path in it.
//!
//! Each layer above the lowest changes some files of those below, deletes some, makes a directory opaque now and then, and
//! brings its own. `merge` is to take 100 ms at most, `resolve` 1 ms.

use std::hint::black_box;

use criterion::{BatchSize, Criterion};
use ply_overlay::{DifferenceOptions, OverlayError, squash, usage};
use ply_overlay::{Stack, by_layer, changeset, difference, hidden, history, merge, same_extents, same_place};
use ply_tree::{Directory, Extent, Kind, Last, Metadata, Node, NodeId, Source, Tree, TreeView, find};

const LAYERS: u64 = 12;
const DIRECTORIES: u64 = 2_000;
/// In each directory, over all layers.
const FILES: u64 = 100;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let layers: Vec<Tree> = (0..LAYERS).map(layer).collect();
    let views: Vec<&dyn TreeView> = layers.iter().map(|layer| layer as &dyn TreeView).collect();
    let Ok(merged) = merge(&views, by_layer) else { return };
    let mut group = criterion.benchmark_group("200,000 files in 12 layers");
    group.sample_size(20);
    // What is made is dropped outside of the measurement.
    group.bench_function("merge", |bencher| {
        bencher.iter_batched(|| (), |()| merge(black_box(&views), by_layer), BatchSize::PerIteration);
    });
    group.bench_function("squash", |bencher| {
        bencher.iter_batched(|| (), |()| squash(black_box(&views), by_layer), BatchSize::PerIteration);
    });
    group.bench_function("resolve", |bencher| {
        bencher.iter(|| {
            let stack = Stack::new(black_box(&views));
            stack.map(|stack| find(&stack, b"usr/d1234/f51", Last::Follow).map(|found| found.is_some()))
        });
    });
    group.bench_function("history", |bencher| {
        bencher.iter(|| history(black_box(&views), b"usr/d1234/f51", same_place));
    });
    group.bench_function("hidden", |bencher| {
        bencher.iter(|| hidden(black_box(&views)).map(Iterator::count));
    });
    group.bench_function("usage", |bencher| bencher.iter(|| usage(black_box(&views))));
    let same = |a: &Node, b: &Node| Ok::<_, OverlayError>(same_extents(a, b));
    group.bench_function("difference", |bencher| {
        let options = DifferenceOptions::default();
        bencher.iter(|| difference(black_box(&merged.tree), black_box(&merged.tree), options, same));
    });
    group.bench_function("changeset", |bencher| {
        bencher.iter(|| changeset(black_box(&merged.tree), black_box(&merged.tree), same));
    });
    group.finish();
    criterion.final_summary();
}

/// The lowest layer has half of the files; each of the others a share of the rest, and something to hide.
fn layer(number: u64) -> Tree {
    let mut tree = Tree::new(Directory::default(), Metadata::new(0o755));
    let usr = directory(&mut tree, Tree::ROOT, "usr", false);
    for n in 0..DIRECTORIES {
        let opaque = number > 0 && (n + number).is_multiple_of(500);
        let here = directory(&mut tree, usr, &format!("d{n}"), opaque);
        for file in 0..FILES {
            let own = if file < FILES / 2 { 0 } else { 1 + file % (LAYERS - 1) };
            let again = number > own && (n * FILES + file + number).is_multiple_of(67);
            let kind = match (own == number || again, file % 3) {
                (false, _) => continue,
                (true, 0) if again => Kind::Whiteout,
                (true, _) => {
                    let extent = Extent { source: Source(0), offset: 512 * (n * FILES + file), len: 100 };
                    Kind::File { size: 100, extents: vec![extent] }
                }
            };
            let id = tree.add(Node::new(kind, Metadata::new(0o644)));
            tree.link(here, format!("f{file}").as_bytes(), id);
        }
    }
    tree
}

fn directory(tree: &mut Tree, parent: NodeId, name: &str, opaque: bool) -> NodeId {
    let kind = Kind::Directory(Directory { opaque, ..Directory::default() });
    let id = tree.add(Node::new(kind, Metadata::new(0o755)));
    tree.link(parent, name.as_bytes(), id);
    id
}
