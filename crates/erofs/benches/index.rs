//! An index of 200,000 files in 2,000 directories: writing it, opening it and finding one path, going through all of it.
//!
//! The index lies in memory, so that a disk is not what is measured.

use std::hint::black_box;
use std::io;

use criterion::{BatchSize, Criterion};
use ply_erofs::{Form, Image, Slot, encode};
use ply_tree::{
    Directory, Extent, Kind, Last, Metadata, Node, NodeId, ReadAt, Source, Tree, TreeError, TreeView, find,
    walk,
};

const DIRECTORIES: u64 = 2_000;
const FILES: u64 = 100;
const SLOTS: [Slot; 1] = [Slot { digest: None, size: 1 << 30 }];

struct Memory<'a>(&'a [u8]);

impl ReadAt for Memory<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut rest = usize::try_from(offset).ok().and_then(|at| self.0.get(at..)).unwrap_or_default();
        io::Read::read(&mut rest, buffer)
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let tree = tree();
    let Ok(bytes) = encode(&tree, Form::Root, &SLOTS) else { return };
    let Ok(image) = Image::open(Memory(&bytes)) else { return };
    let mut group = criterion.benchmark_group(format!("200,000 files, index of {} bytes", bytes.len()));
    group.sample_size(20);
    group.bench_function("encode", |bencher| {
        bencher.iter_batched(
            || (),
            |()| encode(black_box(&tree), Form::Root, &SLOTS),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("open, and find a path", |bencher| {
        bencher.iter(|| {
            let image = Image::open(Memory(black_box(&bytes)));
            image.map(|image| find(&image, b"usr/d1234/f51", Last::Follow).map(|found| found.is_some()))
        });
    });
    group.bench_function("find a path", |bencher| {
        let mut number = 0;
        bencher.iter(|| {
            // Another each time, far from the last.
            number = (number + 77_777) % (DIRECTORIES * FILES);
            find(&image, format!("usr/d{}/f{}", number / FILES, number % FILES).as_bytes(), Last::Follow)
        });
    });
    group.bench_function("walk", |bencher| bencher.iter(|| walk(&image, image.root()).map(Iterator::count)));
    group.bench_function("walk, and look at each", |bencher| bencher.iter(|| sizes(&image)));
    group.bench_function("walk, and look at each, of the tree", |bencher| bencher.iter(|| sizes(&tree)));
    group.bench_function("check", |bencher| bencher.iter(|| image.check()));
    group.finish();
    criterion.final_summary();
}

fn sizes(view: &dyn TreeView) -> Result<u64, TreeError> {
    let mut sum = 0;
    let mut steps = walk(view, view.root())?;
    while let Some(id) = steps.advance()? {
        sum += view.node(id)?.size();
    }
    Ok(sum)
}

fn tree() -> Tree {
    let mut tree = Tree::new(Directory::default(), Metadata::new(0o755));
    let usr = directory(&mut tree, Tree::ROOT, "usr");
    for n in 0..DIRECTORIES {
        let here = directory(&mut tree, usr, &format!("d{n}"));
        for file in 0..FILES {
            let extent = Extent { source: Source(0), offset: 512 * (n * FILES + file), len: 100 };
            let kind = Kind::File { size: 100, extents: vec![extent] };
            let id = tree.add(Node::new(kind, Metadata::new(0o644)));
            tree.link(here, format!("f{file}").as_bytes(), id);
        }
    }
    tree
}

fn directory(tree: &mut Tree, parent: NodeId, name: &str) -> NodeId {
    let id = tree.add(Node::new(Kind::Directory(Directory::default()), Metadata::new(0o755)));
    tree.link(parent, name.as_bytes(), id);
    id
}
