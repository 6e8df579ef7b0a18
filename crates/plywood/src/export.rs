//! `export`: the files of an image as one flat tar.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use ply_layer::changeset::{Member, Options, plan, write};
use ply_overlay::{keep, merge};
use ply_tree::{Content, Directory, Kind, Last, Metadata, Node, NodeId, Presence, Tree, find, path};

use crate::files::Files;
use crate::save::Beside;
use crate::transfer::BLOCK;
use crate::workers::each;
use crate::{Engine, Error};

/// The files of an image, laid out as a tar.
#[derive(Debug)]
pub struct Export<'a> {
    files: &'a Files,
    tree: Tree,
    /// What was left out or dropped, in words.
    pub warnings: Vec<String>,
}

/// A member at its place in the tar.
struct Placed {
    header: Vec<u8>,
    at: u64,
    member: Member,
}

impl Placed {
    fn content_at(&self) -> u64 {
        self.at + self.header.len() as u64
    }
}

impl Files {
    /// The files as a root filesystem: all of them, or those at and below some paths, which keep their names.
    ///
    /// # Errors
    /// There is no such file, or a layer is damaged.
    pub fn export(&self, paths: &[impl AsRef<[u8]>]) -> Result<Export<'_>, Error> {
        let merged = merge(&self.trees(None), keep).map_err(self.failed())?;
        let tree = if paths.is_empty() { merged.tree } else { self.restricted(&merged.tree, paths)? };
        let warnings = self.layers().iter().flat_map(|layer| layer.warnings.clone()).collect();
        Ok(Export { files: self, tree, warnings })
    }

    fn restricted(&self, tree: &Tree, paths: &[impl AsRef<[u8]>]) -> Result<Tree, Error> {
        let implied = Directory { presence: Presence::Implied, opaque: false };
        let mut kept = Tree::new(implied, Metadata::new(0o755));
        let mut copied = std::collections::HashMap::new();
        for wanted in paths {
            let wanted = wanted.as_ref();
            let found = find(tree, wanted, Last::Keep).map_err(self.failed())?;
            let found = found.ok_or_else(|| Error::NoSuchFile { path: wanted.to_owned(), gone: None })?;
            copy_below(tree, found.id, &found.path, &mut kept, &mut copied);
        }
        Ok(kept)
    }
}

/// Copies what lies at and below a path; the directories above it come along as implied ones.
pub(crate) fn copy_below(
    from: &Tree,
    id: NodeId,
    at: &[u8],
    to: &mut Tree,
    copied: &mut std::collections::HashMap<NodeId, NodeId>,
) {
    let mut directory = Tree::ROOT;
    let (above, name) = path::split(at).unwrap_or((b"", b""));
    for name in path::components(above) {
        directory = to.child(directory, name).unwrap_or_else(|| {
            let implied = Directory { presence: Presence::Implied, opaque: false };
            let made = to.add(Node::new(Kind::Directory(implied), Metadata::new(0o755)));
            to.link(directory, name, made);
            made
        });
    }
    let mut ahead = vec![(directory, name.to_vec(), id)];
    while let Some((directory, name, id)) = ahead.pop() {
        let Some(node) = from.get(id) else { continue };
        let place = if name.is_empty() {
            // The root itself.
            if let Some(root) = to.get_mut(Tree::ROOT) {
                *root = node.clone();
            }
            Tree::ROOT
        } else {
            // What an earlier path brought as implied stands there now for itself.
            let known =
                to.child(directory, &name).filter(|known| to.get(*known).is_some_and(Node::is_directory));
            let place = match known.filter(|_| node.is_directory()) {
                Some(known) => {
                    if let Some(old) = to.get_mut(known) {
                        *old = node.clone();
                    }
                    known
                }
                None => *copied.entry(id).or_insert_with(|| to.add(node.clone())),
            };
            to.link(directory, &name, place);
            place
        };
        ahead.extend(from.children(id).map(|(name, child)| (place, name.to_vec(), child)));
    }
}

impl Engine<'_> {
    /// Writes an export into a stream.
    ///
    /// # Errors
    /// A layer is damaged, or the stream cannot be written; part of the tar may be written by then.
    pub fn export_stream(&self, export: &Export<'_>, out: &mut dyn Write) -> Result<(), Error> {
        let options = Options { root: false };
        write(&export.tree, export.files, &mut *out, options).map_err(export.files.failed())?;
        out.flush().map_err(Error::within("writing the archive"))
    }

    /// Writes an export into a file, durably: beside it first, several members at once, then renamed.
    ///
    /// # Errors
    /// A layer is damaged, or the file cannot be written; then nothing stands under its name that was not there.
    pub fn export_file(&self, export: &Export<'_>, path: &Path) -> Result<(), Error> {
        crate::save::into_file(
            self,
            path,
            |out| self.export_stream(export, out),
            |beside| self.export_at_places(export, beside),
        )
    }

    fn export_at_places(&self, export: &Export<'_>, beside: &Beside) -> Result<(), Error> {
        let (placed, total) = place(export)?;
        let file = beside.file();
        crate::save::preallocate(file, total).map_err(Error::within("writing"))?;
        // Compressed layers are made plain before anybody waits for anybody.
        export.files.make_plain(0..export.files.len())?;
        each(
            self.threads(),
            &placed,
            || vec![0; BLOCK],
            |block, member| {
                put(export.files, member, file, block)?;
                let told = self.watch.advance(0, member.member.entry.size);
                if told.is_break() { Err(Error::Interrupted) } else { Ok(()) }
            },
        )
    }
}

/// Every member at its place, and the length of the whole.
fn place(export: &Export<'_>) -> Result<(Vec<Placed>, u64), Error> {
    let (mut placed, mut at) = (Vec::new(), 0);
    for member in plan(&export.tree, Options { root: false }).map_err(export.files.failed())? {
        let member = member.map_err(export.files.failed())?;
        let header = ply_tar::header_bytes(&member.entry).map_err(export.files.failed())?;
        let size = if member.entry.kind.has_content() { member.entry.size } else { 0 };
        let len = header.len() as u64 + size + ply_tar::padding(size) as u64;
        placed.push(Placed { header, at, member });
        at += len;
    }
    Ok((placed, at + ply_tar::TRAILER.len() as u64))
}

/// Writes a member's headers and content; what is small goes in one piece.
fn put(files: &Files, placed: &Placed, file: &Arc<File>, block: &mut [u8]) -> Result<(), Error> {
    let entry = &placed.member.entry;
    let shown = || path::printable(&path::clean(&entry.path));
    let size = if entry.kind.has_content() { entry.size } else { 0 };
    let mut content = Content::new(files, &placed.member.extents, size);
    let head = placed.header.len();
    let room = block.get_mut(..head).filter(|_| head as u64 + size <= BLOCK as u64);
    if let Some(room) = room {
        room.copy_from_slice(&placed.header);
        let end = head + usize::try_from(size).unwrap_or(0);
        content.read_exact(block.get_mut(head..end).unwrap_or_default()).map_err(Error::within(shown()))?;
        return file
            .write_all_at(block.get(..end).unwrap_or_default(), placed.at)
            .map_err(Error::within("writing"));
    }
    file.write_all_at(&placed.header, placed.at).map_err(Error::within("writing"))?;
    let out = crate::transfer::Out::new(Arc::clone(file), placed.content_at());
    loop {
        match content.read(block).map_err(Error::within(shown()))? {
            0 => return Ok(()),
            n => out.write(block.get(..n).unwrap_or_default()).map_err(Error::within("writing"))?,
        }
    }
}
