//! `cat`: the content of a file, of any version of it.

use std::io::{Read, Write};

use ply_overlay::{Version, history, same_place};
use ply_tree::{Kind, Last, TreeView};

use super::{Files, LayerNumber};
use crate::Error;
use crate::transfer::BLOCK;

impl Files {
    /// Writes a file's content, links followed inside the image; with a layer, the version that holds once that layer is
    /// there, or the one that it has itself though nobody shows it.
    ///
    /// # Errors
    /// There is no such file, it is no regular file, a layer is damaged, or nothing can be written.
    pub fn cat(&self, path: &[u8], layer: Option<LayerNumber>, out: &mut dyn Write) -> Result<(), Error> {
        let version = self.version(path, layer)?;
        let shown = || ply_tree::path::printable(&ply_tree::path::clean(path));
        let Some(mut content) = self.content_of(&version) else {
            return Err(Error::within(shown())(format!(
                "is {}, not a regular file",
                kind(&version.node.kind)
            )));
        };
        let mut block = vec![0; BLOCK];
        loop {
            let n = content.read(&mut block).map_err(Error::within(shown()))?;
            if n == 0 {
                return Ok(());
            }
            out.write_all(block.get(..n).unwrap_or_default()).map_err(Error::within("writing"))?;
        }
    }

    /// The version of a file that a path means, links followed.
    ///
    /// # Errors
    /// As [`cat`](Self::cat).
    pub fn version(&self, path: &[u8], layer: Option<LayerNumber>) -> Result<Version, Error> {
        let stack = self.stack(layer)?;
        let found = self.find(&stack, path, Last::Follow)?;
        let node = stack.node(found.id).map_err(self.failed())?.into_owned();
        match stack.origin(found.id) {
            Some(origin) => Ok(Version { origin, node }),
            None => Err(Error::NoSuchFile { path: path.to_owned(), gone: None }),
        }
    }

    /// What was done to a path, newest first; whether two files are the same is known by where they lie.
    ///
    /// # Errors
    /// A layer is damaged.
    pub fn events(&self, path: &[u8]) -> Result<Vec<ply_overlay::Event>, Error> {
        history(&self.trees(None), path, same_place).map_err(self.failed())
    }
}

/// What something is, for a sentence.
#[must_use]
pub const fn kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::Directory(_) => "a directory",
        Kind::File { .. } => "a regular file",
        Kind::Symlink { .. } => "a symbolic link",
        Kind::CharDevice(_) => "a character device",
        Kind::BlockDevice(_) => "a block device",
        Kind::Fifo => "a named pipe",
        Kind::Socket => "a socket",
        Kind::Whiteout => "a whiteout",
        Kind::LinkBelow { .. } => "a hard link to a layer below",
    }
}
