//! The order of things: directories before what they hold, hard links once all files are there, attributes of a directory
//! once nothing more is put into it.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::SyncSender;

use ply_tree::{Kind, Node, NodeId, TreeView};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, linkat, mkdirat};
use rustix::io::Errno;

use crate::RootfsError;
use crate::fill::{Job, Open, hand, let_go};
use crate::make::{Maker, Spot};
use crate::root::is_name;
use crate::way::Way;

/// Files of this size are left to the end, the largest first, so that no worker ends alone with one: the largest of the
/// tomcat image takes as long alone as all else takes eight workers. With two there is nothing to measure.
const LARGE: u64 = 1 << 20;

/// Most files, and most bytes, that are handed over together.
const BATCH: (usize, u64) = (64, LARGE);

#[allow(missing_debug_implementations, reason = "a view can be anything")]
pub(crate) struct Planner<'v> {
    view: &'v dyn TreeView,
    maker: &'v Maker<'v>,
    stop: &'v AtomicBool,
    /// Directories that stand there, yet to be filled; and whether all below is hidden.
    waiting: Vec<(NodeId, Vec<u8>, bool)>,
    /// A directory has one name; a view of something damaged may have it go round.
    seen: HashSet<NodeId>,
    /// Of a file with several names, the first.
    named: HashMap<NodeId, Vec<u8>>,
    /// Its other names: in which directory, which, of which file.
    links: Vec<(Vec<u8>, Cow<'v, [u8]>, NodeId)>,
    large: Vec<(u64, Vec<u8>, Cow<'v, Node>)>,
    /// Directories that get their attributes last, each after those above it.
    late: Vec<(NodeId, Vec<u8>)>,
    way: Way,
}

impl<'v> Planner<'v> {
    pub(crate) fn new(view: &'v dyn TreeView, maker: &'v Maker<'v>, stop: &'v AtomicBool) -> Self {
        Self {
            view,
            maker,
            stop,
            waiting: Vec::new(),
            seen: HashSet::new(),
            named: HashMap::new(),
            links: Vec::new(),
            large: Vec::new(),
            late: Vec::new(),
            way: Way::default(),
        }
    }

    /// Goes through the tree and hands out the work.
    pub(crate) fn plan(
        &mut self,
        (from, hidden): (NodeId, bool),
        sender: &SyncSender<Job<'v>>,
    ) -> Result<(), RootfsError> {
        self.waiting.push((from, Vec::new(), hidden));
        while let Some((id, path, hidden)) = self.waiting.pop() {
            if (self.maker.progress)(0).is_break() {
                return Err(RootfsError::Stopped);
            }
            if self.stop.load(Relaxed) {
                return Ok(());
            }
            self.visit(id, (path, hidden), sender)?;
        }
        self.large.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        for (_, path, node) in self.large.drain(..) {
            hand(sender, Job::Large { path, node });
        }
        Ok(())
    }

    fn visit(
        &mut self,
        id: NodeId,
        (path, hidden): (Vec<u8>, bool),
        sender: &SyncSender<Job<'v>>,
    ) -> Result<(), RootfsError> {
        if !self.seen.insert(id) {
            return Err(self.maker.root.refused(&path, "a directory cannot have two names"));
        }
        let view = self.view;
        let node = view.node(id)?;
        let fd = self.directory(&path)?;
        // A user who is not root could no longer come through, or put links in; the root may yet be emptied.
        let shut = node.metadata.mode & 0o700 != 0o700 || path.is_empty();
        let hidden = hidden || matches!(node.kind, Kind::Directory(directory) if directory.opaque);
        let directory = Arc::new(Open { fd, path, node, hidden, late: AtomicBool::new(shut) });
        let mut below = Vec::new();
        let (mut leaves, mut bytes) = (Vec::new(), 0_u64);
        for entry in view.entries(id)? {
            let (name, child) = entry?;
            if !is_name(&name) {
                return Err(self.maker.root.refused(&directory.path, "holds a name that cannot be one"));
            }
            let node = view.node(child)?;
            let at = Spot { directory: &directory.path, name: &name };
            if node.is_directory() {
                mkdirat(&directory.fd, &*name, self.maker.first_mode(&node))
                    .map_err(|error| self.maker.not_made(directory.fd.as_fd(), at, error))?;
                below.push((child, at.path(), hidden));
                continue;
            }
            if node.links > 1 && !matches!(node.kind, Kind::Whiteout) {
                if self.named.contains_key(&child) {
                    directory.late.store(true, Relaxed);
                    self.links.push((directory.path.clone(), name, child));
                    continue;
                }
                self.named.insert(child, at.path());
            }
            let size = node.size();
            if matches!(node.kind, Kind::File { .. }) && size >= LARGE {
                self.maker.create(directory.fd.as_fd(), at, Mode::RUSR | Mode::WUSR)?;
                self.large.push((size, at.path(), node));
                continue;
            }
            bytes = bytes.saturating_add(size);
            leaves.push((name, node));
            if leaves.len() >= BATCH.0 || bytes >= BATCH.1 {
                let leaves = std::mem::take(&mut leaves);
                bytes = 0;
                hand(sender, Job::Batch { directory: Arc::clone(&directory), leaves });
            }
        }
        self.waiting.extend(below.into_iter().rev());
        if directory.late.load(Relaxed) {
            self.late.push((id, directory.path.clone()));
        }
        if leaves.is_empty() {
            return let_go(self.maker, directory);
        }
        hand(sender, Job::Batch { directory, leaves });
        Ok(())
    }

    /// What comes when all workers are done.
    pub(crate) fn finish(mut self) -> Result<(), RootfsError> {
        for (directory, name, id) in std::mem::take(&mut self.links) {
            self.link(&directory, &name, id)?;
        }
        for (id, path) in std::mem::take(&mut self.late).into_iter().rev() {
            let fd = self.directory(&path)?;
            self.maker.finish_directory(fd.as_fd(), &path, &*self.view.node(id)?)?;
        }
        Ok(())
    }

    fn link(&mut self, directory: &[u8], name: &[u8], id: NodeId) -> Result<(), RootfsError> {
        let Some(first) = self.named.get(&id).cloned() else { return Ok(()) };
        let from = Spot::of(&first);
        let at = Spot { directory, name };
        let to = self.directory(directory)?;
        let below = if from.directory == directory { None } else { Some(self.directory(from.directory)?) };
        let source = below.as_ref().map_or(to.as_fd(), AsFd::as_fd);
        match linkat(source, from.name, &to, name, AtFlags::empty()) {
            Ok(()) => {
                self.maker.tally.entries.fetch_add(1, Relaxed);
                Ok(())
            }
            Err(Errno::NOENT) if self.maker.skip_devices && is_device(&*self.view.node(id)?) => {
                self.maker.tally.skipped.fetch_add(1, Relaxed);
                Ok(())
            }
            Err(error @ Errno::EXIST) => Err(self.maker.not_made(to.as_fd(), at, error)),
            Err(error) => Err(self.maker.io("link", at, error)),
        }
    }

    fn directory(&mut self, path: &[u8]) -> Result<OwnedFd, RootfsError> {
        self.way.open(self.maker.root, path).map_err(self.maker.root.io("open", path))
    }
}

fn is_device(node: &Node) -> bool {
    matches!(node.kind, Kind::CharDevice(_) | Kind::BlockDevice(_))
}
