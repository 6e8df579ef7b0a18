//! `cp`: files into a container, and out of a container or an image, by Docker's rules.

use std::borrow::Cow;
use std::io::{Read, Write};
use std::path::Path;

use ply_layer::changeset;
use ply_overlay::{Stack, keep};
use ply_rootfs::{RootfsError, Unpacked, Upper};
use ply_store::Container;
use ply_tree::{
    Directory, Entries, Last, Metadata, Node, NodeId, Presence, Tree, TreeError, TreeView, path, walk,
};

use super::host::{HostGround, HostSource};
use super::merge::{Ground, What, merge};
use super::place::{self, Target, means_content};
use super::tarball::Tarball;
use super::{Changing, Place, below};
use crate::files::Files;
use crate::watch::TaskProgress;
use crate::{Engine, Error};

/// How to copy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Out of a container: keeps owners. Else files become those of whoever copies.
    pub archive: bool,
    /// Copies what a link leads to, not the link.
    pub follow: bool,
}

/// What was copied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copied {
    /// Names.
    pub entries: u64,
    /// Bytes of content.
    pub bytes: u64,
    /// What was left out, in words.
    pub warnings: Vec<String>,
}

impl Copied {
    pub(super) fn add(&mut self, done: &Unpacked) {
        self.entries = self.entries.saturating_add(done.entries);
        self.bytes = self.bytes.saturating_add(done.bytes);
        self.warnings.extend(done.warnings.iter().map(ToString::to_string));
    }
}

impl Engine<'_> {
    /// Copies a file or directory of this machine into a container. Owners keep their numbers, times their nanoseconds.
    ///
    /// # Errors
    /// There is nothing to copy, or nowhere to copy it to; a directory and what is none would replace each other; the layer
    /// cannot be written.
    pub fn copy_in(
        &self,
        container: &Container,
        from: &Path,
        to: &[u8],
        options: Options,
    ) -> Result<Copied, Error> {
        let source = HostSource::open(from, options.follow)?;
        let changing = self.change(container)?;
        let stack = changing.files.stack(None)?;
        let shown = || path::printable(&path::clean(to));
        let is_directory = source.is_directory();
        let target = match place::target(&stack, to).map_err(changing.files.failed())? {
            Target::Directory(above) => match &source.name {
                Some(name) => path::join(&above, name),
                None => above,
            },
            Target::Other(_) if is_directory => {
                return Err(Error::Conflict(format!("{}: cannot copy a directory onto a file", shown())));
            }
            Target::Other(_) if to.ends_with(b"/") => {
                return Err(Error::Conflict(format!("{}: is not a directory", shown())));
            }
            Target::Free(_) if to.ends_with(b"/") && !is_directory => return Err(no_directory(shown())),
            Target::Nowhere(path) => return Err(no_directory(path::printable(&path::clean(&path)))),
            Target::Other(path) | Target::Free(path) => path,
        };
        no_markers(&source.tree, source.id, &target)?;
        let what = What {
            view: &source.tree,
            id: source.id,
            is_content: source.name.is_none(),
            sources: &source.files,
        };
        self.merge_into(&changing, &stack, &what, &target)
    }

    /// Extracts a tar, compressed or not, into a directory of a container.
    ///
    /// # Errors
    /// It is damaged, or no plain tar of files: what a layer would say with `.wh.` has no meaning here. There is no such
    /// directory.
    pub fn extract_in(
        &self,
        container: &Container,
        tar: impl Read + Send,
        to: &[u8],
    ) -> Result<Copied, Error> {
        let changing = self.change(container)?;
        let stack = changing.files.stack(None)?;
        let Target::Directory(target) = place::target(&stack, to).map_err(changing.files.failed())? else {
            let to = path::printable(&path::clean(to));
            return Err(Error::Misuse(format!("{to} must be a directory of {}", container.name)));
        };
        let folder = self.store.container_folder(&container.id);
        let tarball = Tarball::read(tar, &folder.work())?;
        let what = What { view: &tarball.tree, id: Tree::ROOT, is_content: true, sources: &tarball };
        let mut copied = self.merge_into(&changing, &stack, &what, &target)?;
        copied.warnings.extend(tarball.warnings.iter().cloned());
        Ok(copied)
    }

    fn merge_into(
        &self,
        changing: &Changing,
        stack: &Stack<'_>,
        what: &What<'_>,
        target: &[u8],
    ) -> Result<Copied, Error> {
        let progress = TaskProgress::alone(self.watch, &changing.container.name, None);
        let upper = match &changing.place {
            Place::Layer(upper) => upper,
            Place::Mount(ground) => return merge(what, target, ground, &progress),
        };
        let below = below(&changing.files)?;
        merge(what, target, &LayerGround { upper, files: &changing.files, stack, below: &below }, &progress)
    }

    /// Copies a file or directory of a container or an image to this machine.
    ///
    /// # Errors
    /// As of [`copy_in`](Self::copy_in).
    pub fn copy_out(&self, files: &Files, from: &[u8], to: &Path, options: Options) -> Result<Copied, Error> {
        let merged = ply_overlay::merge(&files.trees(None), keep).map_err(files.failed())?;
        let found = Wanted::find(files, &merged.tree, from, options)?;
        let is_directory = merged.tree.get(found.id).is_some_and(Node::is_directory);
        let (ground, target) = HostGround::open(to, found.name.as_deref(), is_directory)?;
        files.make_plain_below(self.threads(), &merged.tree, found.id)?;
        let owned = (!options.archive).then(|| {
            let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
            Owned { tree: &merged.tree, owner: (uid.as_raw(), gid.as_raw()) }
        });
        let view = owned.as_ref().map_or(&merged.tree as &dyn TreeView, |owned| owned);
        let what = What { view, id: found.id, is_content: found.name.is_none(), sources: files };
        merge(&what, &target, &ground, &TaskProgress::alone(self.watch, &files.name(), None))
    }

    /// Writes a file or directory of a container or an image as a tar, under its own name: with `follow`, that of what a
    /// link leads to.
    ///
    /// # Errors
    /// There is no such file, a layer is damaged, or the stream cannot be written.
    pub fn archive_out(
        &self,
        files: &Files,
        from: &[u8],
        out: &mut dyn Write,
        options: Options,
    ) -> Result<(), Error> {
        let merged = ply_overlay::merge(&files.trees(None), keep).map_err(files.failed())?;
        let found = Wanted::find(files, &merged.tree, from, options)?;
        let implied = Directory { presence: Presence::Implied, opaque: false };
        let mut tree = Tree::new(implied, Metadata::new(0o755));
        let name = if options.follow { found.name.and(found.leads_to) } else { found.name };
        let name = name.unwrap_or_default();
        crate::export::copy_below(&merged.tree, found.id, &name, &mut tree, &mut Default::default());
        let written = changeset::write(&tree, files, &mut *out, changeset::Options::default());
        written.map_err(files.failed())?;
        out.flush().map_err(Error::within("writing the archive"))
    }
}

/// A name that means a deletion in a layer can be no file's: the container could not become an image.
fn no_markers(tree: &Tree, id: NodeId, target: &[u8]) -> Result<(), Error> {
    let refused = |path: &[u8]| {
        Error::within(path::printable(path))(
            "a name that begins with `.wh.` means a deletion in a layer, and can be no file's",
        )
    };
    if changeset::is_marker(target) {
        return Err(refused(target));
    }
    let mut steps = walk(tree, id).map_err(Error::within("walking what is copied"))?;
    while steps.advance().map_err(Error::within("walking what is copied"))?.is_some() {
        if changeset::is_marker(steps.path()) {
            return Err(refused(&path::join(target, steps.path())));
        }
    }
    Ok(())
}

fn no_directory(path: String) -> Error {
    Error::within(path)("there is no such directory; it must exist")
}

/// What is to be copied out.
struct Wanted {
    id: NodeId,
    /// What it is called; `None` where the content of a directory is meant.
    name: Option<Vec<u8>>,
    /// What it is called where links have led to; `None` for the root.
    leads_to: Option<Vec<u8>>,
}

impl Wanted {
    fn find(files: &Files, tree: &Tree, from: &[u8], options: Options) -> Result<Self, Error> {
        let content = means_content(from);
        let last = if options.follow || content { Last::Follow } else { Last::Keep };
        // `x/.` asks for a directory, which `x/` says as well.
        let asked: Cow<'_, [u8]> = if content { [from, b"/"].concat().into() } else { from.into() };
        let none = || Error::NoSuchFile { path: from.to_owned(), gone: None };
        let found = ply_tree::find(tree, &asked, last).map_err(files.failed())?.ok_or_else(none)?;
        let asked = path::clean(from);
        let name = path::split(&asked).map(|(_, name)| name.to_vec());
        let content = content || found.id == Tree::ROOT;
        let leads_to = path::split(&found.path).map(|(_, name)| name.to_vec());
        Ok(Self { id: found.id, name: name.filter(|_| !content), leads_to })
    }
}

/// Set-user-ID and set-group-ID.
const SET_IDS: u16 = 0o6000;

/// A tree, all of which is somebody's.
struct Owned<'a> {
    tree: &'a Tree,
    owner: (u32, u32),
}

impl TreeView for Owned<'_> {
    fn root(&self) -> NodeId {
        Tree::ROOT
    }

    fn node(&self, id: NodeId) -> Result<Cow<'_, Node>, TreeError> {
        let mut node = self.tree.node(id)?.into_owned();
        let is_program = !node.is_directory();
        let metadata = &mut node.metadata;
        if is_program && (metadata.uid, metadata.gid) != self.owner {
            // Whose it becomes did not say that others may run it in their name.
            metadata.mode &= !SET_IDS;
        }
        (metadata.uid, metadata.gid) = self.owner;
        Ok(Cow::Owned(node))
    }

    fn lookup(&self, directory: NodeId, name: &[u8]) -> Result<Option<NodeId>, TreeError> {
        self.tree.lookup(directory, name)
    }

    fn entries(&self, directory: NodeId) -> Result<Entries<'_>, TreeError> {
        self.tree.entries(directory)
    }
}

/// A container's layer, over its image.
struct LayerGround<'a> {
    upper: &'a Upper,
    files: &'a Files,
    stack: &'a Stack<'a>,
    below: &'a Stack<'a>,
}

impl Ground for LayerGround<'_> {
    fn upper(&self) -> &Upper {
        self.upper
    }

    fn is_directory(&self, path: &[u8]) -> Result<Option<bool>, Error> {
        let found = self.files.by_name(self.stack, path)?;
        found.map(|id| Ok(self.stack.node(id).map_err(self.files.failed())?.is_directory())).transpose()
    }

    fn copy_up(&self, path: &[u8]) -> Result<(), Error> {
        self.upper.copy_up(self.below, path).map(drop).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: RootfsError) -> Error {
        match error {
            RootfsError::Stopped => Error::Interrupted,
            error => self.files.failed()(error),
        }
    }
}
