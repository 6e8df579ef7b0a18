//! Files of this machine, as `cp` reads and writes them.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use ply_rootfs::{Owners, RootfsError, Scan, Upper, scan, scan_name};
use ply_tree::{Node, NodeId, Tree};

use super::merge::Ground;
use super::place::means_content;
use crate::Error;

/// What failed, at a path of this machine.
fn at<E>(path: &Path) -> impl FnOnce(E) -> Error + use<E>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    Error::within(path.display().to_string())
}

/// What is copied from this machine.
pub(super) struct HostSource {
    pub(super) tree: Tree,
    pub(super) files: ply_rootfs::Files,
    pub(super) id: NodeId,
    /// What it is called; `None` where the content of a directory is meant.
    pub(super) name: Option<Vec<u8>>,
}

impl HostSource {
    pub(super) fn open(from: &Path, follow: bool) -> Result<Self, Error> {
        let bytes = from.as_os_str().as_bytes();
        let content = means_content(bytes) || from.file_name().is_none();
        let is_asked_for = content || bytes.ends_with(b"/");
        let found = if is_asked_for || follow { fs::metadata(from) } else { fs::symlink_metadata(from) };
        let found = found.map_err(at(from))?;
        if is_asked_for && !found.is_dir() {
            return Err(at(from)(io::Error::from(io::ErrorKind::NotADirectory)));
        }
        let name = from.file_name().filter(|_| !content).map(|name| name.as_bytes().to_vec());
        // A link that is copied itself stays the last name; all others are followed.
        let whole = match (from.file_name(), found.is_symlink()) {
            (Some(name), true) => {
                let above = from.parent().filter(|above| !above.as_os_str().is_empty());
                fs::canonicalize(above.unwrap_or(Path::new("."))).map(|above| above.join(name))
            }
            _ => fs::canonicalize(from),
        };
        let whole = whole.map_err(at(from))?;
        let how = Scan { owners: Owners::Real, ..Scan::default() };
        let (above, last) = match (whole.parent(), whole.file_name()) {
            (Some(above), Some(last)) if name.is_some() => (above, last.as_bytes()),
            _ => {
                let (tree, files) = scan(&whole, &how).map_err(at(from))?;
                return Ok(Self { tree, files, id: Tree::ROOT, name: None });
            }
        };
        let (tree, files) = scan_name(above, last, &how).map_err(at(from))?;
        let id = tree.child(Tree::ROOT, last).ok_or(io::ErrorKind::NotFound);
        let id = id.map_err(|kind| at(from)(io::Error::from(kind)))?;
        Ok(Self { tree, files, id, name })
    }

    pub(super) fn is_directory(&self) -> bool {
        self.tree.get(self.id).is_some_and(Node::is_directory)
    }
}

/// A directory of this machine that is written to, with one beside its content to work in, which goes when this is dropped.
pub(super) struct HostGround {
    upper: Upper,
    root: PathBuf,
    work: PathBuf,
}

impl HostGround {
    /// Finds out where something is copied to: below which directory, and to which path there. `name` is what it is called.
    pub(super) fn open(to: &Path, name: Option<&[u8]>, is_directory: bool) -> Result<(Self, Vec<u8>), Error> {
        let slash = to.as_os_str().as_bytes().ends_with(b"/");
        match fs::metadata(to) {
            Ok(found) if found.is_dir() => {
                return Ok((Self::within(to).map_err(at(to))?, name.unwrap_or_default().to_vec()));
            }
            Ok(_) if is_directory => {
                return Err(Error::Conflict(format!(
                    "{}: cannot copy a directory onto a file",
                    to.display()
                )));
            }
            Ok(found) if !found.is_file() => {
                let kind = found.file_type();
                let what = if kind.is_fifo() || kind.is_socket() { "a pipe or socket" } else { "a device" };
                return Err(at(to)(format!("is {what}, which cannot be replaced by a file")));
            }
            // What a link leads to is replaced, not the link.
            Ok(_) => return Self::beside(&fs::canonicalize(to).map_err(at(to))?),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(to)(error)),
            Err(_) if slash && !is_directory => {
                return Err(at(to)("there is no such directory; it must exist"));
            }
            Err(_) => {}
        }
        match fs::read_link(to) {
            // What a link leads to is made, where it is not there yet; its parts are followed as the path's own are.
            Ok(target) => Self::open(&to.parent().unwrap_or(Path::new("")).join(target), name, is_directory),
            Err(_) => Self::beside(to),
        }
    }

    fn beside(to: &Path) -> Result<(Self, Vec<u8>), Error> {
        let name = to.file_name().ok_or("has no name of its own").map_err(at(to))?;
        let above = to.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !above.is_dir() {
            return Err(at(above)("there is no such directory; it must exist"));
        }
        Ok((Self::within(above).map_err(at(to))?, name.as_bytes().to_vec()))
    }

    /// The directory.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Below a directory.
    pub(super) fn within(root: &Path) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let root = fs::canonicalize(root)?;
        let work = (0..1000)
            .map(|number| root.join(format!("{WORK}{}-{number}", std::process::id())))
            .find_map(|work| match fs::create_dir(&work) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => None,
                made => Some(made.map(|()| work)),
            })
            .ok_or(io::ErrorKind::AlreadyExists)
            .map_err(io::Error::from)??;
        let how = ply_rootfs::Options { owners: Owners::Real, ..ply_rootfs::Options::default() };
        let upper = Upper::open(&root, &work, &how).inspect_err(|_| drop(fs::remove_dir(&work)))?;
        Ok(Self { upper, root, work })
    }
}

/// What the name of a directory to work in begins with; the process and a number follow.
const WORK: &str = ".ply-cp-";

/// Whether a name is that of a directory to work in.
pub(crate) fn is_work(name: &[u8]) -> bool {
    let numbers = std::str::from_utf8(name).ok().and_then(|name| name.strip_prefix(WORK)?.split_once('-'));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers.is_some_and(|(process, number)| is_number(process) && is_number(number))
}

/// Takes away the directories to work in that those left who were killed while they wrote to a container where it is mounted.
/// Nobody else may be at work there.
pub(super) fn sweep(root: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    for entry in fs::read_dir(root)? {
        let name = entry?.file_name();
        if is_work(name.as_bytes()) {
            ply_rootfs::remove(root, name.as_bytes())?;
        }
    }
    Ok(())
}

impl Drop for HostGround {
    fn drop(&mut self) {
        // Nobody is left to hear of it.
        let _ = fs::remove_dir(&self.work);
    }
}

impl Ground for HostGround {
    fn upper(&self) -> &Upper {
        &self.upper
    }

    fn is_directory(&self, path: &[u8]) -> Result<Option<bool>, Error> {
        let path = self.root.join(std::ffi::OsStr::from_bytes(path));
        match fs::symlink_metadata(&path) {
            Ok(found) => Ok(Some(found.is_dir())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at(&path)(error)),
        }
    }

    fn copy_up(&self, _: &[u8]) -> Result<(), Error> {
        // There is nothing below: what is there can be written to.
        Ok(())
    }

    fn failed(&self, error: RootfsError) -> Error {
        match error {
            RootfsError::Stopped => Error::Interrupted,
            error => Error::within("")(error),
        }
    }
}
