use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use ply_image::Timestamp;
use ply_layer::changeset::{Changeset, Feed, Oddity, Reader};
use ply_tree::{Kind, NodeId, Presence, ReadAt, Source, Sources, Time, Tree, path, walk};

use crate::Error;
use crate::files::unnamed;
use crate::transfer::BLOCK;

/// A tar of files, read whole: its tree, and its bytes in a file without a name.
pub(super) struct Tarball {
    pub(super) tree: Tree,
    /// What was left out, in words.
    pub(super) warnings: Vec<String>,
    plain: Plain,
}

struct Plain(File);

fn failed<E>() -> impl FnOnce(E) -> Error
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    Error::within("reading the archive")
}

impl ReadAt for Plain {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}

impl Tarball {
    /// Reads a tar, compressed or not; its plain bytes lie in a folder until it is dropped.
    pub(super) fn read(tar: impl Read + Send, folder: &Path) -> Result<Self, Error> {
        let (compression, raw) = ply_layer::sniff(BufReader::with_capacity(BLOCK, tar)).map_err(failed())?;
        let mut decoder =
            ply_layer::decoder(compression, raw, &ply_layer::Limits::default()).map_err(failed())?;
        let mut plain = unnamed(folder).map_err(Error::within(folder.display().to_string()))?;
        let mut feed = Feed::new(Reader::new(Source(0), 0), ply_tar::Limits::default());
        let mut block = vec![0; BLOCK];
        loop {
            let n = decoder.read(&mut block).map_err(failed())?;
            if n == 0 {
                break;
            }
            let piece = block.get(..n).unwrap_or_default();
            plain.write_all(piece).map_err(Error::within(folder.display().to_string()))?;
            feed.push(piece).map_err(failed())?;
        }
        let Changeset { mut tree, warnings, .. } = feed.finish().map_err(failed())?;
        if let Some(left_out) = warnings.iter().find(|warning| warning.oddity == Oddity::AufsLeftover) {
            return Err(refused(&left_out.examples.join(", "), NAMED_AS_DELETION));
        }
        no_changeset(&tree)?;
        date_implied(&mut tree);
        let warnings = warnings.iter().map(ToString::to_string).collect();
        Ok(Self { tree, warnings, plain: Plain(plain) })
    }
}

impl Sources for Tarball {
    fn source(&self, _: Source) -> io::Result<&dyn ReadAt> {
        Ok(&self.plain)
    }
}

const NAMED_AS_DELETION: &str =
    "a name that begins with `.wh.` means a deletion in a layer, and nothing here";

fn refused(path: &str, why: &'static str) -> Error {
    Error::within(path)(why)
}

/// What only a layer may hold is refused: in a tar of files it has another meaning, or none.
fn no_changeset(tree: &Tree) -> Result<(), Error> {
    let check = |id: NodeId, at: &[u8]| {
        let why = match tree.get(id).map(|node| &node.kind) {
            Some(Kind::Whiteout) => NAMED_AS_DELETION,
            Some(Kind::LinkBelow { .. }) => "is a hard link to what is not in the archive",
            Some(Kind::Directory(directory)) if directory.opaque => {
                "holds `.wh..wh..opq`, which means something in a layer only"
            }
            _ => return Ok(()),
        };
        Err(refused(&path::printable(at), why))
    };
    check(Tree::ROOT, b"")?;
    let mut steps = walk(tree, Tree::ROOT).map_err(failed())?;
    while let Some(id) = steps.advance().map_err(failed())? {
        check(id, steps.path())?;
    }
    Ok(())
}

/// Directories that the archive does not tell of are made now.
fn date_implied(tree: &mut Tree) {
    let now = Timestamp::now();
    for id in 0..tree.inodes() as u64 {
        if let Some(node) = tree.get_mut(NodeId(id))
            && matches!(&node.kind, Kind::Directory(directory) if directory.presence == Presence::Implied)
        {
            node.metadata.mtime = Time { seconds: now.seconds, nanoseconds: now.nanoseconds };
        }
    }
}
