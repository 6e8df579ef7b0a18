//! Several files in flight at once: one thread looks at the tree and makes directories, others make what lies in them.

use std::borrow::Cow;
use std::fs::File;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use ply_tree::{Kind, Node, NodeId, TreeView};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{OFlags, fchmod};
use rustix::process::{Resource, getrlimit};

use crate::RootfsError;
use crate::attributes::Target;
use crate::content::BLOCK;
use crate::make::{Maker, Parent, Spot};
use crate::planner::Planner;

/// A directory that is being filled. Whoever is the last to let go of it gives it its attributes, unless it is late.
#[derive(Debug)]
pub(crate) struct Open<'v> {
    pub(crate) fd: OwnedFd,
    pub(crate) path: Vec<u8>,
    pub(crate) node: Cow<'v, Node>,
    /// All below it is hidden.
    pub(crate) hidden: bool,
    /// Something will yet be put into it.
    pub(crate) late: AtomicBool,
}

impl Open<'_> {
    pub(crate) fn parent(&self) -> Parent<'_> {
        Parent { fd: self.fd.as_fd(), hidden: self.hidden }
    }
}

/// What a worker does next.
#[derive(Debug)]
pub(crate) enum Job<'v> {
    /// Files and whatever else is no directory, of one directory.
    Batch { directory: Arc<Open<'v>>, leaves: Vec<(Cow<'v, [u8]>, Cow<'v, Node>)> },
    /// The content of a large file that stands there empty.
    Large { path: Vec<u8>, node: Cow<'v, Node> },
}

/// Makes all that lies below a directory of the tree in the root, which is empty, and gives the root its attributes.
/// `hidden` tells that in a changeset it hides all below, whatever the tree says.
pub(crate) fn fill(
    view: &dyn TreeView,
    (from, hidden): (NodeId, bool),
    maker: &Maker<'_>,
    workers: Option<NonZeroUsize>,
) -> Result<(), RootfsError> {
    let workers = crew(workers);
    let first: Mutex<Option<RootfsError>> = Mutex::new(None);
    let stop = AtomicBool::new(false);
    let fail = |error| {
        stop.store(true, Relaxed);
        first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    };
    let mut planner = Planner::new(view, maker, &stop);
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(workers.saturating_mul(2));
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..workers {
            let receiver = Arc::clone(&receiver);
            let (fail, stop) = (&fail, &stop);
            let work = move || work(maker, &receiver, stop, fail);
            // One is enough; more only help.
            if let Err(error) = thread::Builder::new().spawn_scoped(scope, work)
                && number == 0
            {
                fail(RootfsError::Io {
                    doing: "start a thread for",
                    path: maker.root.path(b""),
                    source: error,
                });
            }
        }
        drop(receiver);
        if let Err(error) = planner.plan((from, hidden), &sender) {
            fail(error);
        }
    });
    if let Some(error) = first.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    planner.finish()
}

/// How many workers there are: each has at most two directories and two files open, beside what waits for it, and takes no
/// more than half of what the process may open.
fn crew(wanted: Option<NonZeroUsize>) -> usize {
    let cores = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let most = usize::try_from(files / 10).unwrap_or(usize::MAX).max(1);
    wanted.map_or_else(cores, NonZeroUsize::get).min(most)
}

fn work<'v>(
    maker: &Maker<'_>,
    jobs: &Mutex<Receiver<Job<'v>>>,
    stop: &AtomicBool,
    fail: &(impl Fn(RootfsError) + Sync),
) {
    let mut buffer = vec![0; BLOCK];
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // Once one has failed, the rest is taken only so that the planner never waits.
        if stop.load(Relaxed) {
            continue;
        }
        let done = match job {
            Job::Batch { directory, leaves } => batch(maker, directory, &leaves, stop, &mut buffer),
            Job::Large { path, node } => large(maker, &path, &node, &mut buffer),
        };
        if let Err(error) = done {
            fail(error);
        }
    }
}

fn batch<'v>(
    maker: &Maker<'_>,
    directory: Arc<Open<'v>>,
    leaves: &[(Cow<'v, [u8]>, Cow<'v, Node>)],
    stop: &AtomicBool,
    buffer: &mut [u8],
) -> Result<(), RootfsError> {
    for (name, node) in leaves {
        if stop.load(Relaxed) {
            return Ok(());
        }
        maker.leaf(directory.parent(), Spot { directory: &directory.path, name }, node, buffer)?;
    }
    let_go(maker, directory)
}

/// Gives a directory its attributes, once nobody fills it any more.
pub(crate) fn let_go(maker: &Maker<'_>, directory: Arc<Open<'_>>) -> Result<(), RootfsError> {
    match Arc::into_inner(directory) {
        Some(directory) if !directory.late.load(Relaxed) => {
            maker.finish_directory(directory.fd.as_fd(), &directory.path, &directory.node)
        }
        _ => Ok(()),
    }
}

fn large(maker: &Maker<'_>, path: &[u8], node: &Node, buffer: &mut [u8]) -> Result<(), RootfsError> {
    let Kind::File { size, extents } = &node.kind else { return Ok(()) };
    let file = maker.root.open_below(path, OFlags::WRONLY).map_err(maker.root.io("open", path))?;
    let file = File::from(file);
    maker.fill(&file, Spot::of(path), node, (*size, extents), buffer)?;
    // It was made for its owner alone, to be opened again.
    match maker.at_once(node) {
        Some(mode) => fchmod(&file, mode).map_err(maker.root.io("set the mode of", path)),
        None => Ok(()),
    }
}

impl Maker<'_> {
    /// Gives a directory its attributes.
    pub(crate) fn finish_directory(
        &self,
        fd: rustix::fd::BorrowedFd<'_>,
        path: &[u8],
        node: &Node,
    ) -> Result<(), RootfsError> {
        if let (Some(marks), Kind::Directory(directory)) = (self.marks, &node.kind)
            && directory.opaque
        {
            marks.make_opaque(fd).map_err(self.root.io("make opaque", path))?;
        }
        self.finish(Target::Open(fd), Spot::of(path), node)?;
        self.tally.entries.fetch_add(1, Relaxed);
        Ok(())
    }
}

/// Hands a job over. Workers that are gone have said why.
pub(crate) fn hand<'v>(sender: &SyncSender<Job<'v>>, job: Job<'v>) {
    let _ = sender.send(job);
}
