use std::io;
use std::path::{Path, PathBuf};

use ply_image::DocumentError;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was being done: `write`, `sync`, `rename`.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// The disk is full, or would be.
    #[error("no space left in {} ({})", path.display(), space(*.needed, *.free))]
    NoSpace {
        /// The store.
        path: PathBuf,
        /// Bytes that were about to be written.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// Another process holds a lock for too long.
    #[error("waited {seconds} s for {}{}", path.display(), holder.as_ref().map(|h| format!(", held by {h}")).unwrap_or_default())]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// How long was waited.
        seconds: u64,
        /// Process ID and command of a holder, where the system tells.
        holder: Option<String>,
    },
    /// The store was written by a later version of this program.
    #[error("{} has format {found}; this program knows formats up to {known}", path.display())]
    Newer {
        /// The file that says so.
        path: PathBuf,
        /// The format found.
        found: String,
        /// The newest format known here.
        known: u32,
    },
    /// A file of the store is not what it should be.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another container has a name already.
    #[error("the container name {name:?} is already in use by container {by}")]
    NameTaken {
        /// The name.
        name: String,
        /// Who has it.
        by: crate::ContainerId,
    },
    /// A container is mounted.
    #[error("the container {name} is mounted over {}", at.display())]
    Mounted {
        /// The container.
        name: String,
        /// Where.
        at: PathBuf,
    },
    /// A document of an image could not be used.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

/// Makes an [`StoreError::Io`] of what the system says, or [`StoreError::NoSpace`] where that is what it means.
pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            let free = free_space(path.parent().unwrap_or(&path));
            StoreError::NoSpace { path, needed: 0, free }
        }
        _ => StoreError::Io { doing, path, source },
    }
}

/// Bytes a user may still write below `path`; zero where the system does not tell.
pub(crate) fn free_space(path: &Path) -> u64 {
    rustix::fs::statvfs(path).map_or(0, |s| s.f_bavail.saturating_mul(s.f_frsize))
}

fn space(needed: u64, free: u64) -> String {
    if needed == 0 { format!("{free} bytes free") } else { format!("needs {needed} bytes more, {free} free") }
}
