//! A tree served to the kernel by a process, through FUSE: for who may not mount by other means, or on a kernel that cannot.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, InitFlags,
    KernelConfig, LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory,
    ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyXattr, Request, Session, SessionACL,
};
use ply_tree::{Content, Kind, Node, NodeId, Sources, Time, TreeView};

use crate::{Live, MountError};

/// How long the kernel may remember what it was told: nothing here ever changes.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);
/// Threads that answer, at most.
const THREADS: usize = 8;

/// A tree that is mounted over a directory, and that nobody serves yet; it is unmounted when it is dropped.
pub struct Served<V: TreeView + Send + Sync + 'static, S: Sources + 'static>(Session<Server<V, S>>);

impl<V: TreeView + Send + Sync + 'static, S: Sources + 'static> std::fmt::Debug for Served<V, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Served")
    }
}

impl<V: TreeView + Send + Sync + 'static, S: Sources + 'static> Served<V, S> {
    /// Mounts a tree over a directory, read-only. Root mounts it for all users of the machine; anybody else, through the
    /// program `fusermount3`, for themselves alone. It must have nothing that only a changeset has.
    ///
    /// # Errors
    /// [`MountError::Fuse`].
    pub fn mount(view: V, sources: S, directory: &Path, live: Live) -> Result<Self, MountError> {
        let is_root = rustix::process::geteuid().is_root();
        let mut config = Config::default();
        config.mount_options = vec![
            MountOption::RO,
            MountOption::FSName("ply".to_owned()),
            MountOption::Subtype("ply".to_owned()),
            MountOption::DefaultPermissions,
            if live.suid { MountOption::Suid } else { MountOption::NoSuid },
            if live.devices { MountOption::Dev } else { MountOption::NoDev },
        ];
        config.acl = if is_root { SessionACL::All } else { SessionACL::Owner };
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        config.n_threads = Some(threads.min(THREADS));
        config.clone_fd = true;
        let server = Server { view, sources, handles: AtomicU64::new(1), open: Mutex::new(HashMap::new()) };
        let session = Session::new(server, directory, &config);
        session.map(Self).map_err(|source| MountError::Fuse { source })
    }

    /// Answers the kernel until somebody unmounts it.
    ///
    /// # Errors
    /// The kernel ends the conversation.
    pub fn serve(self) -> io::Result<()> {
        self.0.run()
    }
}

/// Unmounts by the program that mounts for who is not root: it knows whose mounts are whose.
///
/// # Errors
/// [`MountError::Fuse`] where there is none; [`MountError::Unmount`].
pub fn unmount_by_helper(directory: &Path) -> Result<(), MountError> {
    let helper = |name: &str| std::process::Command::new(name).args(["-u", "--"]).arg(directory).output();
    let ran = match helper("fusermount3") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => helper("fusermount"),
        ran => ran,
    };
    let ran = ran.map_err(|source| MountError::Fuse { source })?;
    if ran.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
    Err(MountError::Unmount { path: directory.to_owned(), source: io::Error::other(why) })
}

/// The names in a directory that is being read, in the order that offsets count.
type Listing = Arc<Vec<(Box<[u8]>, NodeId)>>;

struct Server<V, S> {
    view: V,
    sources: S,
    handles: AtomicU64,
    open: Mutex<HashMap<u64, Listing>>,
}

/// FUSE begins at 1, with the root, and takes 0 for none.
const SHIFT: u64 = 2;

impl<V: TreeView, S: Sources> Server<V, S> {
    fn id(&self, number: INodeNo) -> NodeId {
        match number.0.checked_sub(SHIFT) {
            Some(id) => NodeId(id),
            None => self.view.root(),
        }
    }

    fn number(&self, id: NodeId) -> INodeNo {
        if id == self.view.root() { INodeNo::ROOT } else { INodeNo(id.0.saturating_add(SHIFT)) }
    }

    fn attributes(&self, id: NodeId) -> Result<FileAttr, Errno> {
        let node = self.view.node(id).map_err(|_| Errno::EIO)?;
        let size = node.size();
        let time = time(node.metadata.mtime);
        let device = match &node.kind {
            Kind::CharDevice(device) | Kind::BlockDevice(device) => number_of(device.major, device.minor),
            _ => 0,
        };
        Ok(FileAttr {
            ino: self.number(id),
            size,
            blocks: size.div_ceil(512),
            atime: time,
            mtime: time,
            ctime: time,
            crtime: time,
            kind: kind(&node).ok_or(Errno::EIO)?,
            perm: node.metadata.mode,
            nlink: node.links,
            uid: node.metadata.uid,
            gid: node.metadata.gid,
            rdev: device,
            blksize: 4096,
            flags: 0,
        })
    }

    fn found(&self, directory: INodeNo, name: &OsStr) -> Result<FileAttr, Errno> {
        let found = self.view.lookup(self.id(directory), name.as_bytes()).map_err(|_| Errno::EIO)?;
        self.attributes(found.ok_or(Errno::ENOENT)?)
    }

    fn target(&self, number: INodeNo) -> Result<Box<[u8]>, Errno> {
        match &self.view.node(self.id(number)).map_err(|_| Errno::EIO)?.kind {
            Kind::Symlink { target } => Ok(target.clone()),
            _ => Err(Errno::EINVAL),
        }
    }

    fn content(&self, number: INodeNo, offset: u64, size: u32) -> Result<Vec<u8>, Errno> {
        let node = self.view.node(self.id(number)).map_err(|_| Errno::EIO)?;
        let Kind::File { size: len, extents } = &node.kind else { return Err(Errno::EISDIR) };
        let mut bytes = Vec::new();
        let content = Content::new(&self.sources, extents, *len).after(offset);
        content.take(u64::from(size)).read_to_end(&mut bytes).map_err(Errno::from)?;
        Ok(bytes)
    }

    fn list(&self, directory: INodeNo) -> Result<u64, Errno> {
        let entries = self.view.entries(self.id(directory)).map_err(|_| Errno::EIO)?;
        let entries = entries.map(|entry| entry.map(|(name, id)| (Box::from(&*name), id)));
        let listing = entries.collect::<Result<Vec<_>, _>>().map_err(|_| Errno::EIO)?;
        let handle = self.handles.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(handle, Arc::new(listing));
        Ok(handle)
    }

    /// The names of an open directory from an offset on, each with the offset of the next.
    fn names(&self, handle: FileHandle, offset: u64) -> Result<(Listing, usize), Errno> {
        let listing = self.lock().get(&handle.0).cloned().ok_or(Errno::EBADF)?;
        Ok((listing, usize::try_from(offset).map_err(|_| Errno::EINVAL)?))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Listing>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V: TreeView + Send + Sync + 'static, S: Sources + 'static> Filesystem for Server<V, S> {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        let useful = InitFlags::FUSE_DO_READDIRPLUS
            | InitFlags::FUSE_READDIRPLUS_AUTO
            | InitFlags::FUSE_CACHE_SYMLINKS
            | InitFlags::FUSE_PARALLEL_DIROPS
            | InitFlags::FUSE_ASYNC_READ;
        // What an older kernel does not know it does without.
        let _ = config.add_capabilities(useful & config.capabilities());
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.found(parent, name) {
            Ok(attributes) => reply.entry(&FOREVER, &attributes, Generation(0)),
            Err(error) => reply.error(error),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attributes(self.id(ino)) {
            Ok(attributes) => reply.attr(&FOREVER, &attributes),
            Err(error) => reply.error(error),
        }
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        match self.target(ino) {
            Ok(target) => reply.data(&target),
            Err(error) => reply.error(error),
        }
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE);
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.content(ino, offset, size) {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(error),
        }
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.list(ino) {
            Ok(handle) => {
                reply.opened(FileHandle(handle), FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_CACHE_DIR);
            }
            Err(error) => reply.error(error),
        }
    }

    fn readdir(&self, _: &Request, _: INodeNo, fh: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let (listing, from) = match self.names(fh, offset) {
            Ok(names) => names,
            Err(error) => return reply.error(error),
        };
        for ((name, id), next) in listing.iter().skip(from).zip(offset.saturating_add(1)..) {
            let Ok(attributes) = self.attributes(*id) else { return reply.error(Errno::EIO) };
            if reply.add(attributes.ino, next, attributes.kind, OsStr::from_bytes(name)) {
                break;
            }
        }
        reply.ok();
    }

    fn readdirplus(
        &self,
        _: &Request,
        _: INodeNo,
        fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        let (listing, from) = match self.names(fh, offset) {
            Ok(names) => names,
            Err(error) => return reply.error(error),
        };
        for ((name, id), next) in listing.iter().skip(from).zip(offset.saturating_add(1)..) {
            let Ok(attributes) = self.attributes(*id) else { return reply.error(Errno::EIO) };
            let name = OsStr::from_bytes(name);
            if reply.add(attributes.ino, next, name, &FOREVER, &attributes, Generation(0)) {
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(&self, _: &Request, _: INodeNo, fh: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.lock().remove(&fh.0);
        reply.ok();
    }

    fn getxattr(&self, _: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        match self.view.node(self.id(ino)) {
            Ok(node) => match node.metadata.xattr(name.as_bytes()) {
                Some(value) => answer(value, size, reply),
                None => reply.error(Errno::ENODATA),
            },
            Err(_) => reply.error(Errno::EIO),
        }
    }

    fn listxattr(&self, _: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        match self.view.node(self.id(ino)) {
            Ok(node) => {
                let names = node.metadata.xattrs.iter().flat_map(|xattr| [&*xattr.name, b"\0"]);
                answer(&names.collect::<Vec<_>>().concat(), size, reply);
            }
            Err(_) => reply.error(Errno::EIO),
        }
    }
}

/// An attribute, or its size where that is asked for.
fn answer(value: &[u8], size: u32, reply: ReplyXattr) {
    match u32::try_from(value.len()) {
        Ok(len) if size == 0 => reply.size(len),
        Ok(len) if len <= size => reply.data(value),
        _ => reply.error(Errno::ERANGE),
    }
}

fn kind(node: &Node) -> Option<FileType> {
    Some(match node.kind {
        Kind::Directory(_) => FileType::Directory,
        Kind::File { .. } => FileType::RegularFile,
        Kind::Symlink { .. } => FileType::Symlink,
        Kind::CharDevice(_) => FileType::CharDevice,
        Kind::BlockDevice(_) => FileType::BlockDevice,
        Kind::Fifo => FileType::NamedPipe,
        Kind::Socket => FileType::Socket,
        Kind::Whiteout | Kind::LinkBelow { .. } => return None,
    })
}

fn time(time: Time) -> SystemTime {
    let whole = Duration::from_secs(time.seconds.unsigned_abs());
    let base = if time.seconds < 0 { UNIX_EPOCH.checked_sub(whole) } else { UNIX_EPOCH.checked_add(whole) };
    let nanoseconds = Duration::from_nanos(u64::from(time.nanoseconds));
    base.and_then(|base| base.checked_add(nanoseconds)).unwrap_or(UNIX_EPOCH)
}

/// A device's numbers as FUSE has them: `new_encode_dev` of the kernel's `kdev_t.h`.
const fn number_of(major: u32, minor: u32) -> u32 {
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}
