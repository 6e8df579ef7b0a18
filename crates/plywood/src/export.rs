//! `export`: the files of an image as one flat tar.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};

use ply_layer::changeset::{Member, Options, Plan, plan, write};
use ply_overlay::{keep, merge};
use ply_tree::{Content, Directory, Kind, Last, Metadata, Node, NodeId, Presence, Tree, find, path};

use crate::files::Files;
use crate::save::Beside;
use crate::transfer::{BLOCK, lock};
use crate::{Engine, Error};

/// The files of an image, laid out as a tar.
#[derive(Debug)]
pub struct Export<'a> {
    files: &'a Files,
    tree: Tree,
    /// What was left out or dropped, in words.
    pub warnings: Vec<String>,
}

/// Stretches that are planned before they are written: enough that nobody waits for the planner.
const AHEAD: usize = 16;

/// The members of the tar one after the other, each with its place. They are not kept: of 200,000 small files they are
/// larger than the tree.
struct Places<'a> {
    files: &'a Files,
    plan: Plan<'a, Tree>,
    at: u64,
}

/// A member at its place in the tar.
struct Placed {
    header: Vec<u8>,
    at: u64,
    /// Where the next member stands.
    end: u64,
    member: Member,
}

impl<'a> Places<'a> {
    fn of(export: &'a Export<'_>) -> Result<Self, Error> {
        let plan = plan(&export.tree, Options { root: false }).map_err(export.files.failed())?;
        Ok(Self { files: export.files, plan, at: 0 })
    }

    /// The length of the whole tar.
    fn total(mut self) -> Result<u64, Error> {
        self.try_for_each(|placed| placed.map(drop))?;
        self.at.checked_add(ply_tar::TRAILER.len() as u64).ok_or_else(too_long)
    }

    fn place(&mut self, member: Member) -> Result<Placed, Error> {
        let header = ply_tar::header_bytes(&member.entry).map_err(self.files.failed())?;
        let mut placed = Placed { header, at: self.at, end: self.at, member };
        let size = placed.size();
        let end =
            placed.content_at().checked_add(size).and_then(|end| end.checked_add(ply_tar::padding(size)));
        placed.end = end.ok_or_else(too_long)?;
        self.at = placed.end;
        Ok(placed)
    }
}

impl Iterator for Places<'_> {
    type Item = Result<Placed, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let member = self.plan.next()?.map_err(self.files.failed());
        Some(member.and_then(|member| self.place(member)))
    }
}

impl Placed {
    fn content_at(&self) -> u64 {
        self.at.saturating_add(self.header.len() as u64)
    }

    fn size(&self) -> u64 {
        let entry = &self.member.entry;
        if entry.kind.has_content() { entry.size } else { 0 }
    }
}

fn too_long() -> Error {
    let why = "it would be longer than 64 bits can count";
    Error::within("writing the archive")(io::Error::new(io::ErrorKind::FileTooLarge, why))
}

/// Members that follow each other and fit into one stretch, or a larger one alone.
fn stretches(
    places: impl Iterator<Item = Result<Placed, Error>>,
) -> impl Iterator<Item = Result<Vec<Placed>, Error>> {
    let mut places = places.peekable();
    std::iter::from_fn(move || {
        let first = match places.next()? {
            Ok(first) => first,
            Err(error) => return Some(Err(error)),
        };
        let start = first.at;
        let mut members = vec![first];
        let fits = |next: &Result<Placed, Error>| {
            next.as_ref().is_ok_and(|next| next.end.saturating_sub(start) <= BLOCK as u64)
        };
        while let Some(Ok(next)) = places.next_if(fits) {
            members.push(next);
        }
        Some(Ok(members))
    })
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
        let file = beside.file();
        let total = Places::of(export)?.total()?;
        crate::save::preallocate(file, total).map_err(Error::within("writing"))?;
        // Compressed layers are made plain before anybody waits for anybody.
        export.files.make_plain_below(self.threads(), &export.tree, Tree::ROOT)?;
        let places = Places::of(export)?;
        let (sender, receiver) = sync_channel::<Vec<Placed>>(AHEAD);
        let receiver = Mutex::new(receiver);
        let failed = Mutex::new(None);
        let fail = |error| {
            lock(&failed).get_or_insert(error);
        };
        let work = || {
            let mut block = Vec::with_capacity(BLOCK);
            let next = || lock(&receiver).recv().ok();
            while let Some(stretch) = next() {
                // After a failure the rest is only taken off the planner's hands.
                if lock(&failed).is_some() {
                    continue;
                }
                put(export.files, &stretch, file, &mut block).unwrap_or_else(fail);
                let sizes = stretch.iter().map(Placed::size).fold(0, u64::saturating_add);
                if self.watch.advance(0, sizes).is_break() {
                    fail(Error::Interrupted);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.threads() {
                scope.spawn(work);
            }
            for stretch in stretches(places) {
                match stretch {
                    Ok(stretch) if lock(&failed).is_none() => drop(sender.send(stretch)),
                    Ok(_) => break,
                    Err(error) => {
                        fail(error);
                        break;
                    }
                }
            }
            // Nothing more comes: the workers go home.
            drop(sender);
        });
        let failed = lock(&failed).take();
        failed.map_or(Ok(()), Err)
    }
}

/// Writes the headers and the content of members that follow each other, in one piece where it is a stretch.
fn put(files: &Files, members: &[Placed], file: &Arc<File>, block: &mut Vec<u8>) -> Result<(), Error> {
    let (Some(first), Some(last)) = (members.first(), members.last()) else { return Ok(()) };
    if last.end.saturating_sub(first.at) > BLOCK as u64 {
        return members.iter().try_for_each(|placed| put_large(files, placed, file, block));
    }
    block.clear();
    for placed in members {
        block.extend_from_slice(&placed.header);
        let mut content = content_of(files, placed).take(placed.size());
        content.read_to_end(block).map_err(Error::within(shown(placed)))?;
        block.resize(usize::try_from(placed.end.saturating_sub(first.at)).unwrap_or_default(), 0);
    }
    file.write_all_at(block, first.at).map_err(Error::within("writing"))
}

fn put_large(files: &Files, placed: &Placed, file: &Arc<File>, block: &mut Vec<u8>) -> Result<(), Error> {
    file.write_all_at(&placed.header, placed.at).map_err(Error::within("writing"))?;
    let mut content = content_of(files, placed);
    let out = crate::transfer::Out::new(Arc::clone(file), placed.content_at());
    block.resize(BLOCK, 0);
    loop {
        match content.read(block).map_err(Error::within(shown(placed)))? {
            0 => return Ok(()),
            n => out.write(block.get(..n).unwrap_or_default()).map_err(Error::within("writing"))?,
        }
    }
}

fn content_of<'a>(files: &'a Files, placed: &'a Placed) -> Content<'a> {
    Content::new(files, &placed.member.extents, placed.size())
}

fn shown(placed: &Placed) -> String {
    path::printable(&path::clean(&placed.member.entry.path))
}
