//! `import`: the tar of a root filesystem as an image of one layer.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;

use ply_image::{Draft, History, Platform, Timestamp};
use ply_layer::Compression;
use ply_layer::changeset::{Reader, is_marker};
use ply_reference::Reference;
use ply_tar::{Entry, Walker};
use ply_tree::{Kind, Source, Tree, path, walk};

use crate::load::Input;
use crate::new_image::{Made, NewImage};
use crate::transfer::BLOCK;
use crate::watch::TaskProgress;
use crate::{Change, Engine, Error};

/// What to make of it.
#[derive(Debug, Clone)]
pub struct Options {
    /// The names of the image; without one it is kept by its ID.
    pub names: Vec<Reference>,
    /// How it is run.
    pub changes: Vec<Change>,
    /// What is said of it; without it, Docker's words.
    pub message: Option<String>,
    /// What it is for.
    pub platform: Platform,
    /// When it was made: the same tar, options and time give the same ID.
    pub created: Timestamp,
}

/// What Docker says of an image that its client sent it, whatever the file was called.
const MESSAGE: &str = "Imported from -";

impl Engine<'_> {
    /// Makes an image of a root filesystem. The layer is the plain tar byte for byte, so its DiffID is the tar's digest, as
    /// Docker has it; a compressed tar is told by its first bytes.
    ///
    /// # Errors
    /// It is no tar, or not one of a root filesystem: it has whiteouts, or hard links to what it has not. A change cannot
    /// be made. Then all is as before.
    pub fn import(&self, input: Input<'_>, options: &Options) -> Result<Made, Error> {
        match input {
            Input::Path(path) => {
                let (file, len) = open(path)?;
                let imported = self.import_stream(Box::new(file), Some(len), options);
                imported.map_err(|e| at_place(path, e))
            }
            Input::Stream(stream) => self.import_stream(stream, None, options),
        }
    }

    fn import_stream(
        &self,
        stream: Box<dyn Read + Send + '_>,
        len: Option<u64>,
        options: &Options,
    ) -> Result<Made, Error> {
        let message = options.message.as_deref().unwrap_or(MESSAGE);
        let mut draft = Draft::fresh(&options.platform)?;
        draft.set_created(options.created)?;
        draft.set_comment(message)?;
        // What is wrong with a change need not wait for the bytes.
        Change::apply(&options.changes, &mut draft)?;

        let new = NewImage::begin(self)?;
        let (compression, reader) =
            ply_layer::sniff(BufReader::with_capacity(BLOCK, stream)).map_err(unreadable)?;
        let total = len.filter(|_| compression == Compression::None);
        let progress = TaskProgress::alone(self.watch, "layer", total);
        let plain =
            ply_layer::decoder(compression, reader, &ply_layer::Limits::default()).map_err(unreadable)?;
        let mut tree = None;
        let layer = new.layer(&progress, |out| {
            tree = Some(copy(plain, out)?);
            Ok(())
        })?;
        drop(progress);
        if tree.as_ref().is_some_and(holds_images) {
            self.watch.note(
                "this looks like an archive of images, not like a root filesystem: `ply load` reads those",
            );
        }

        let step = History {
            created: Some(options.created.to_string()),
            comment: message.to_owned(),
            ..History::default()
        };
        draft.push_layer(layer.diff_id, &step)?;
        new.publish(&draft.finish()?, &[layer.blob], &options.names)
    }
}

fn open(path: &Path) -> Result<(File, u64), Error> {
    let shown = || crate::error::shown(&path.display().to_string());
    let file = File::open(path).map_err(Error::within(format!("cannot open {}", shown())))?;
    let found = file.metadata().map_err(Error::within(shown()))?;
    if found.is_dir() {
        return Err(Error::Misuse(format!("{} is a folder: `tar -C {0} -c . | ply import -`", shown())));
    }
    Ok((file, found.len()))
}

fn at_place(path: &Path, error: Error) -> Error {
    match error {
        Error::Within { .. } | Error::Document(_) => Error::within(path.display().to_string())(error),
        other => other,
    }
}

fn unreadable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::within("reading the tar")(source)
}

fn not_one(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::within("not the tar of a root filesystem")(source)
}

/// Copies a plain tar, and reads it on the way as the root filesystem that it must be.
fn copy(mut plain: impl Read, out: &mut dyn Write) -> Result<Tree, Error> {
    let mut reader = Reader::new(Source(0), 0);
    let mut walker = Walker::new(ply_tar::Limits::default());
    let (mut block, mut len, mut refused) = (vec![0; BLOCK], 0_usize, None);
    loop {
        let n = plain.read(&mut block).map_err(unreadable)?;
        if n == 0 {
            break;
        }
        let bytes = block.get(..n).unwrap_or_default();
        len = len.saturating_add(n);
        let pushed = walker.push(bytes, |entry| {
            if refused.is_none() {
                refused = take(&mut reader, entry).err();
            }
        });
        refused.take().map_or(Ok(()), Err)?;
        pushed.map_err(not_one)?;
        out.write_all(bytes).map_err(Error::within("writing the layer"))?;
    }
    if len == 0 {
        return Err(unreadable("there is nothing to read"));
    }
    let end = walker.finish().map_err(unreadable)?;
    reader.passed_over(end.skipped);
    let tree = reader.finish().map_err(not_one)?.tree;
    whole(&tree)?;
    Ok(tree)
}

fn take(reader: &mut Reader, entry: &Entry) -> Result<(), Error> {
    if is_marker(&entry.path) {
        let name = entry.printable_path();
        return Err(not_one(format!("in a layer, the name of its entry {name} would take files away")));
    }
    reader.push(entry).map_err(not_one)
}

/// Checks that no hard link leads to what is not there.
fn whole(tree: &Tree) -> Result<(), Error> {
    for step in walk(tree, Tree::ROOT).map_err(not_one)? {
        let step = step.map_err(not_one)?;
        if let Some(Kind::LinkBelow { target }) = tree.get(step.id).map(|node| &node.kind) {
            let (entry, target) = (path::printable(&step.path), path::printable(target));
            return Err(not_one(format!(
                "its entry {entry} is a hard link to {target}, which it does not have"
            )));
        }
    }
    Ok(())
}

/// Whether what should be a root filesystem has an archive's documents in the place of folders.
fn holds_images(tree: &Tree) -> bool {
    let is_file = |name: &[u8]| {
        tree.child(Tree::ROOT, name).and_then(|id| tree.get(id)).is_some_and(|node| !node.is_directory())
    };
    is_file(b"manifest.json") || (is_file(b"oci-layout") && is_file(b"index.json"))
}
