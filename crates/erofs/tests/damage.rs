//! Images that are not as they were written: an error or the same tree, and never a panic or a walk without an end; with
//! and without a seal that fits.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

mod trees;

use ply_digest::Digest;
use ply_erofs::{ErofsError, Form, Image, encode};
use ply_tree::{NodeId, Tree, TreeView, walk};
use proptest::prelude::*;
use trees::{Made, Memory, SLOTS, changesets, extent, meta, show, small_changeset, small_root};

/// Where the superblock is, its checksum and its UUID (`struct erofs_super_block`).
const SUPERBLOCK: usize = 1024;
const CHECKSUM: usize = SUPERBLOCK + 4;
const IDENTITY: usize = SUPERBLOCK + 48;
/// The last bytes of its volume name.
const SUM: usize = IDENTITY + 16 + 12;

/// Gives an image that was changed the digest, sum and checksum that it should have.
fn seal(image: &mut [u8]) {
    if image.len() < SUPERBLOCK + 512 {
        return;
    }
    image[CHECKSUM..CHECKSUM + 4].fill(0);
    image[IDENTITY..IDENTITY + 16].fill(0);
    image[SUM..SUM + 4].fill(0);
    let (digest, sum) = (Digest::of(image), crc32c::crc32c(image));
    image[SUM..SUM + 4].copy_from_slice(&sum.to_le_bytes());
    image[IDENTITY..IDENTITY + 16].copy_from_slice(&digest.as_bytes()[..16]);
    let checksum = !crc32c::crc32c(&image[SUPERBLOCK..SUPERBLOCK + 512]);
    image[CHECKSUM..CHECKSUM + 4].copy_from_slice(&checksum.to_le_bytes());
}

fn check(image: &[u8]) -> Result<Image<Memory>, ErofsError> {
    let image = Image::open(Memory(image.to_vec()))?;
    image.check()?;
    Ok(image)
}

/// Looks at all there is, unchecked; fails if that takes longer than the image can be.
fn look(image: &[u8]) {
    let Ok(image) = Image::open(Memory(image.to_vec())) else { return };
    let Ok(steps) = walk(&image, image.root()) else { return };
    // A name takes 13 bytes, and an image of one inode three blocks.
    let most = image.size() / 13;
    for (number, step) in (0..).zip(steps) {
        assert!(number < most, "a walk without an end");
        let Ok(step) = step else { return };
        let _ = image.node(step.id);
        let _ = image.lookup(step.id, b"a");
        let _ = trees::find(&image, &step.path);
    }
}

/// Each bit turned, and each length.
fn mutate(tree: &Tree, form: Form) {
    let good = encode(tree, form, &SLOTS).unwrap();
    let shown = show(tree).unwrap();
    assert_eq!(show(&check(&good).unwrap()).unwrap(), shown);
    let mut again = good.clone();
    seal(&mut again);
    assert!(again == good, "the seal of this test is the crate's");

    let mut other = 0;
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            look(&bad);
            assert!(check(&bad).is_err(), "byte {at} bit {bit}");
            let of_seal = [CHECKSUM..CHECKSUM + 4, IDENTITY..IDENTITY + 16, SUM..SUM + 4];
            if of_seal.iter().any(|part| part.contains(&at)) {
                continue;
            }
            seal(&mut bad);
            look(&bad);
            // What is sealed and whole is another tree: a mode, a time, a name.
            if let Ok(image) = check(&bad) {
                assert!(show(&image).unwrap() != shown || image.slots() != SLOTS, "byte {at} bit {bit}");
                other += 1;
            }
        }
    }
    assert!(other > 0, "no other tree was taken");
    for len in 0..good.len() {
        let mut bad = good[..len].to_vec();
        look(&bad);
        assert!(check(&bad).is_err(), "{len} bytes");
        seal(&mut bad);
        assert!(check(&bad).is_err(), "{len} bytes, sealed");
    }
    for more in [1, 32, 512, 4096] {
        let mut bad = good.clone();
        bad.resize(good.len() + more, 0);
        assert!(check(&bad).is_err(), "{more} bytes too many");
    }
}

#[test]
fn each_bit_of_a_root_filesystem() {
    mutate(&small_root(), Form::Root);
}

#[test]
fn each_bit_of_a_changeset() {
    mutate(&small_changeset(), Form::Index);
}

#[test]
fn another_format_is_told_from_damage() {
    let good = encode(&small_root(), Form::Root, &SLOTS).unwrap();
    let check = |at: usize, with: &[u8], foreign: bool| {
        let mut bad = good.clone();
        bad[at..at + with.len()].copy_from_slice(with);
        seal(&mut bad);
        let why = check(&bad).unwrap_err();
        assert_eq!(matches!(why, ErofsError::Foreign { .. }), foreign, "{at}: {why}");
        assert!(matches!(why, ErofsError::Foreign { .. } | ErofsError::Damaged { .. }), "{at}: {why}");
    };
    check(SUPERBLOCK, b"\0", true);
    check(SUPERBLOCK + 64, b"plywood index 2", true);
    // Block size, root, inodes, blocks, devices.
    check(SUPERBLOCK + 12, &[12], false);
    check(SUPERBLOCK + 14, &[17], false);
    check(SUPERBLOCK + 16, &[99], false);
    check(SUPERBLOCK + 36, &[99], false);
    check(SUPERBLOCK + 86, &[1], false);
}

/// An image that is changed by what its bytes mean, as the kernel's `erofs_fs.h` has it.
struct Raw(Vec<u8>);

impl Raw {
    fn new(tree: &Tree) -> Self {
        Self(encode(tree, Form::Root, &SLOTS).unwrap())
    }

    fn number<const N: usize>(&self, at: usize) -> u64 {
        let mut bytes = [0; 8];
        bytes[..N].copy_from_slice(&self.0[at..at + N]);
        u64::from_le_bytes(bytes)
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Where an inode stands (`meta_blkaddr`).
    fn inode(&self, number: u64) -> usize {
        usize::try_from(self.number::<4>(SUPERBLOCK + 40) * 512 + number * 32).unwrap()
    }

    /// Where the entry of a name stands, in a directory without attributes whose names stand behind its inode.
    fn entry(&self, directory: u64, name: &[u8]) -> usize {
        let block = self.inode(directory) + 64;
        let end = block + usize::try_from(self.number::<8>(self.inode(directory) + 8)).unwrap();
        let name_at = |entry: usize| block + usize::try_from(self.number::<2>(entry + 8)).unwrap();
        let names = name_at(block);
        let ends = |entry: usize| if entry + 12 < names { name_at(entry + 12) } else { end };
        (block..names).step_by(12).find(|entry| &self.0[name_at(*entry)..ends(*entry)] == name).unwrap()
    }

    /// The entry, and the number it points at.
    fn find(&self, path: &[&str]) -> (usize, u64) {
        let root = self.number::<2>(SUPERBLOCK + 14);
        path.iter().fold((0, root), |(_, directory), name| {
            let entry = self.entry(directory, name.as_bytes());
            (entry, self.number::<8>(entry))
        })
    }

    fn check(mut self, expect: &str) {
        seal(&mut self.0);
        let mut why: &dyn std::error::Error = &check(&self.0).unwrap_err();
        let mut text = why.to_string();
        while let Some(source) = why.source() {
            text += &format!(": {source}");
            why = source;
        }
        assert!(text.contains(expect), "{text}, not {expect}");
    }
}

fn nest() -> Tree {
    let mut made = Made::default();
    for path in ["a", "a/b", "a/b/c", "x", "y"] {
        made.dir(path, meta(0o755));
    }
    made.file("f", &[extent(0, 512, 9)], meta(0o644));
    made.file("g", &[extent(0, 512, 9)], meta(0o644));
    made.0
}

#[test]
fn a_tree_that_is_none_is_told() {
    let bend = |change: &dyn Fn(&mut Raw), expect: &str| {
        let mut raw = Raw::new(&nest());
        change(&mut raw);
        look(&raw.0);
        raw.check(expect);
    };
    let point = |from: &'static [&'static str], to: &'static [&'static str]| {
        move |raw: &mut Raw| {
            let (_, number) = raw.find(to);
            raw.put(raw.find(from).0, &number.to_le_bytes());
        }
    };
    bend(&point(&["a", "b"], &["a"]), "a directory that lies somewhere else");
    bend(&point(&["a", "b", "c"], &["a"]), "a directory that lies somewhere else");
    bend(&point(&["a", "b", "c"], &[]), "a directory that lies somewhere else");
    bend(&point(&["a", "b", "c"], &["a", "b"]), "a directory that lies somewhere else");
    bend(&point(&["a", "b", ".."], &["x"]), "a directory that lies somewhere else");
    bend(&point(&["y"], &["x"]), "the directories in it are not sorted");
    bend(&point(&["x"], &["y"]), "the directories in it are not sorted");
    bend(&point(&["a", "."], &["x"]), "it is not in itself");
    bend(&point(&["f"], &["x"]), "it is not what its name says");
    bend(&point(&["x"], &["f"]), "it is no directory");
    bend(&point(&["f"], &["g"]), "it has 2 names, and says otherwise");
    bend(&|raw| raw.put(raw.find(&["f"]).0, &u64::MAX.to_le_bytes()), "there is none of this number");
    bend(&|raw| raw.put(raw.find(&["f"]).0, &(1_u64 << 40).to_le_bytes()), "beyond the end");
    bend(&|raw| raw.put(raw.find(&["f"]).0, &3_u64.to_le_bytes()), "there is none of this number");
    bend(&|raw| raw.put(raw.find(&["f"]).0 + 10, &[2]), "it is no directory");
    bend(&|raw| raw.put(raw.find(&["f"]).0 + 10, &[7]), "it is not what its name says");
    bend(&|raw| raw.put(raw.find(&["f"]).0 + 10, &[8]), "a name means nothing");
    bend(&|raw| raw.put(raw.inode(raw.find(&["f"]).1) + 44, &[2]), "it has 1 names, and says otherwise");
    bend(&|raw| raw.put(raw.inode(raw.find(&["x"]).1) + 44, &[3]), "the tree would be written otherwise");
    bend(&|raw| raw.put(raw.inode(raw.find(&["f"]).1) + 8, &[0xff; 8]), "beyond the end of the index");
    bend(&|raw| raw.put(raw.inode(raw.find(&["x"]).1) + 8, &[0xff; 8]), "it is larger than the index");
    bend(&|raw| raw.put(SUPERBLOCK + 16, &[9]), "the number of inodes is another");
    // Chunks: of another size, of no device.
    bend(&|raw| raw.put(raw.inode(raw.find(&["f"]).1) + 16, &[0x21]), "the tree would be written otherwise");
    bend(&|raw| raw.put(raw.inode(raw.find(&["f"]).1) + 16, &[0x40]), "its chunks are of no form");
    bend(&|raw| raw.put(raw.inode(raw.find(&["f"]).1) + 64 + 2, &[3]), "what stands behind it means nothing");
}

/// Directories with the same blocks: a walk of them all would take their number times their length.
#[test]
fn directories_that_share_their_names_are_told() {
    let mut made = Made::default();
    for number in 0..50 {
        made.dir(format!("d{number:02}"), meta(0o755));
    }
    made.dir("d99", meta(0o755));
    let file = made.file("d99/!", &[], meta(0o644));
    for number in 0..800 {
        made.link(format!("d99/!{number:03}"), file);
    }
    let mut raw = Raw::new(&made.0);
    // The root's names need more than one block; the numbers are asked of an inode each, which says of what it is.
    let directories: Vec<usize> = (16..)
        .map(|number| raw.inode(number))
        .take_while(|at| *at + 64 < raw.0.len())
        .filter(|at| {
            raw.number::<2>(*at) == 5
                && raw.number::<2>(*at + 4) == 0o04_0755
                && raw.number::<4>(*at + 44) == 2
        })
        .collect();
    let size = |raw: &Raw, at: usize| raw.number::<8>(at + 8);
    let large = *directories.iter().max_by_key(|at| size(&raw, **at)).unwrap();
    let full = size(&raw, large) / 512 * 512;
    let place = raw.0[large + 16..large + 20].to_vec();
    let mut shared = 0;
    for at in directories.into_iter().filter(|at| *at != large) {
        let size = full + size(&raw, at);
        raw.put(at + 8, &size.to_le_bytes());
        raw.put(at + 16, &place);
        shared += 1;
    }
    assert_eq!(shared, 50);
    raw.check("it shares its names with another directory");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Any bytes in any tree, with a seal that fits.
    #[test]
    fn any_damage(tree in changesets(), damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut image = encode(&tree, Form::Index, &SLOTS).unwrap();
        for (at, byte) in damage {
            let at = at.index(image.len());
            image[at] = byte;
        }
        look(&image);
        seal(&mut image);
        look(&image);
        let _ = check(&image);
    }
}

/// A view that goes round has no image.
#[test]
fn a_view_without_an_end_is_refused() {
    struct Round(Tree);
    impl TreeView for Round {
        fn root(&self) -> NodeId {
            Tree::ROOT
        }
        fn node(&self, id: NodeId) -> Result<std::borrow::Cow<'_, ply_tree::Node>, ply_tree::TreeError> {
            self.0.node(id)
        }
        fn lookup(&self, directory: NodeId, name: &[u8]) -> Result<Option<NodeId>, ply_tree::TreeError> {
            self.0.lookup(directory, name)
        }
        fn entries(&self, _: NodeId) -> Result<ply_tree::Entries<'_>, ply_tree::TreeError> {
            self.0.entries(Tree::ROOT)
        }
    }
    let mut made = Made::default();
    made.dir("d", meta(0o755));
    let why = encode(&Round(made.0), Form::Root, &SLOTS).unwrap_err();
    assert_eq!(why.to_string(), "/d/d: a directory with a second name");
}
