//! Layers made from lines of text, and trees as lines of text. Entries, a line each:
//!
//!     d etc            a directory
//!     f etc/motd hi    a file, and its content
//!     l bin -> usr/bin a symbolic link
//!     h b => a         a hard link
//!     c null 1:3       a character device
//!     p pipe           a fifo
//!
//! Of a tree the same, sorted, and `i` for an implied directory, `w` for a whiteout, `b` for a hard link below; a further
//! name of an inode is `h b => a`, where `a` is its first. An opaque directory ends in ` opaque`.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "not every test file needs all; tests may panic"
)]

use std::collections::HashMap;
use std::io::{self, Cursor, Read};

use ply_layer::changeset::{Changeset, Feed, Options, ReadError, Reader, read, read_stream, write};
use ply_tar::{Entry, Limits, Writer};
use ply_tree::{Content, Kind, Metadata, Node, Presence, ReadAt, Source, Sources, Tree, TreeView, walk};

pub(crate) const SOURCE: Source = Source(7);

/// An entry and its content.
pub(crate) fn entry(line: &str) -> (Entry, &[u8]) {
    let (kind, rest) = line.split_at(2);
    let word = |separator: &str| rest.split_once(separator).unwrap_or((rest, ""));
    let entry = match kind {
        "d " => Entry::directory(rest),
        "f " => {
            let (path, content) = word(" ");
            return (Entry::file(path, content.len() as u64), content.as_bytes());
        }
        "l " => Entry::symlink(word(" -> ").0, word(" -> ").1),
        "h " => Entry::hard_link(word(" => ").0, word(" => ").1),
        "c " => {
            let (path, numbers) = word(" ");
            let (major, minor) = numbers.split_once(':').unwrap();
            let device = Some((major.parse().unwrap(), minor.parse().unwrap()));
            Entry { device, ..Entry::new(ply_tar::Kind::CharDevice, path) }
        }
        "p " => Entry::new(ply_tar::Kind::Fifo, rest),
        _ => panic!("{line}"),
    };
    (entry, b"")
}

pub(crate) fn tar_of<'a>(entries: impl IntoIterator<Item = (Entry, &'a [u8])>) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for (entry, content) in entries {
        writer.append(&entry, content).unwrap();
    }
    writer.finish().unwrap()
}

pub(crate) fn tar(lines: &[&str]) -> Vec<u8> {
    tar_of(lines.iter().map(|line| entry(line)))
}

/// Reads with every driver, which must agree.
pub(crate) fn read_all(tar: &[u8]) -> Result<Changeset, ReadError> {
    let reader = || Reader::new(SOURCE, 0);
    let outcome = |result: &Result<Changeset, ReadError>| match result {
        Ok(layer) => (lines(&layer.tree, &Tar(tar)), format!("{:?} {:?}", layer.counts, layer.warnings)),
        Err(error) => (Vec::new(), chain(error)),
    };
    let seeking = read(Cursor::new(tar), reader(), Limits::default());
    let streaming = read_stream(tar, reader(), Limits::default());
    assert_eq!(outcome(&seeking), outcome(&streaming));
    let feeding = feed(tar, reader());
    assert_eq!(outcome(&seeking), outcome(&feeding));
    seeking
}

fn feed(tar: &[u8], reader: Reader) -> Result<Changeset, ReadError> {
    let mut feed = Feed::new(reader, Limits::default());
    for piece in tar.chunks(1000) {
        feed.push(piece)?;
    }
    feed.finish()
}

/// An error and its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// A tar as the only source.
pub(crate) struct Tar<'a>(pub(crate) &'a [u8]);

impl ReadAt for Tar<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let from = self.0.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        (&*from).read(buffer)
    }
}

impl Sources for Tar<'_> {
    fn source(&self, source: Source) -> io::Result<&dyn ReadAt> {
        if source == SOURCE { Ok(self) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

/// A name of a tree: what it is, in words, and its inode's attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) metadata: Metadata,
    pub(crate) links: u32,
}

/// All of a tree, its root first.
pub(crate) fn lines(tree: &Tree, sources: &dyn Sources) -> Vec<Line> {
    let mut firsts = HashMap::new();
    let root = (Vec::new(), Tree::ROOT);
    let names = walk(tree, Tree::ROOT).unwrap().map(|step| step.map(|step| (step.path, step.id)).unwrap());
    std::iter::once(root)
        .chain(names)
        .map(|(path, id)| {
            let node = tree.node(id).unwrap().into_owned();
            let path = path.escape_ascii().to_string();
            let first = firsts.entry(id).or_insert_with(|| path.clone());
            let text =
                if *first == path { text(&path, &node, sources) } else { format!("h {path} => {first}") };
            Line { text, metadata: node.metadata, links: node.links }
        })
        .collect()
}

fn text(path: &str, node: &Node, sources: &dyn Sources) -> String {
    match &node.kind {
        Kind::Directory(directory) => {
            let letter = if directory.presence == Presence::Explicit { 'd' } else { 'i' };
            format!("{letter} {path}{}", if directory.opaque { " opaque" } else { "" })
        }
        Kind::File { size, extents } => {
            let mut content = Vec::new();
            Content::new(sources, extents, *size).read_to_end(&mut content).unwrap();
            format!("f {path} {}", content.escape_ascii()).trim_end().to_owned()
        }
        Kind::Symlink { target } => format!("l {path} -> {}", target.escape_ascii()),
        Kind::CharDevice(device) => format!("c {path} {device}"),
        Kind::BlockDevice(device) => format!("block {path} {device}"),
        Kind::Fifo => format!("p {path}"),
        Kind::Socket => format!("s {path}"),
        Kind::Whiteout => format!("w {path}"),
        Kind::LinkBelow { target } => format!("b {path} => {}", target.escape_ascii()),
    }
}

/// What there is to say of the names of a tree; of the root only if it is not merely implied.
pub(crate) fn texts(tree: &Tree, sources: &dyn Sources) -> Vec<String> {
    lines(tree, sources).into_iter().map(|line| line.text).filter(|text| text != "i ").collect()
}

pub(crate) fn written(tree: &Tree, sources: &dyn Sources) -> Vec<u8> {
    let mut tar = Vec::new();
    let summary = write(tree, sources, &mut tar, Options::default()).unwrap();
    assert_eq!(summary.bytes, tar.len() as u64);
    tar
}

/// Writes a tree and reads it again: nothing may have changed. Gives the tar.
pub(crate) fn round_trip(tree: &Tree, sources: &dyn Sources) -> Vec<u8> {
    let tar = written(tree, sources);
    let again = read_all(&tar).unwrap();
    assert_eq!(lines(&again.tree, &Tar(&tar)), lines(tree, sources));
    assert_eq!(again.warnings, []);
    tar
}
