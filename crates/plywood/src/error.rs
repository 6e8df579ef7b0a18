use std::path::PathBuf;

use ply_archive::ArchiveError;
use ply_digest::Digest;
use ply_image::{BlobError, DiffId, DocumentError};
use ply_reference::ReferenceError;
use ply_rootfs::MountError;
use ply_store::StoreError;

use crate::files::LayerNumber;
use crate::select::Candidate;

/// Why an operation did not do what it was asked. Where it would have changed the store, nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No image answers to this.
    #[error("No such image: {wanted}")]
    NoSuchImage {
        /// What was asked for.
        wanted: String,
        /// A name that looks much like it.
        nearest: Option<String>,
    },
    /// No container answers to this.
    #[error("No such container: {wanted}")]
    NoSuchContainer {
        /// What was asked for.
        wanted: String,
    },
    /// No image in an archive answers to this.
    #[error("No such image: {wanted}")]
    NotInArchive {
        /// What was asked for.
        wanted: String,
        /// What the archive holds.
        names: Vec<String>,
    },
    /// More than one image answers to this.
    #[error("{wanted} begins {} image IDs", candidates.len())]
    Ambiguous {
        /// What was asked for.
        wanted: String,
        /// The images it could mean.
        candidates: Vec<Candidate>,
    },
    /// An archive holds several images, and none was named.
    #[error("{} holds several images; name one of them: {}", path.display(), names.join(", "))]
    NameNeeded {
        /// The archive.
        path: PathBuf,
        /// What it holds.
        names: Vec<String>,
    },
    /// What was typed is no name, ID or place.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// Bytes are not what a document says they are.
    #[error("{what} hashes to {found}, not to {expected} as {by} says")]
    Mismatch {
        /// The bytes: `layer 3 of 11 (blobs/sha256/5d1e…)`.
        what: String,
        /// What they hash to.
        found: Digest,
        /// What they should hash to.
        expected: Digest,
        /// Who says so: `its config`.
        by: &'static str,
    },
    /// An archive leaves out layers that are not here either.
    #[error("the archive lacks {}, and {} not here either", layers_word(layers.len()), if layers.len() == 1 { "it is" } else { "they are" })]
    LayersMissing {
        /// From the bottom up.
        layers: Vec<Lacking>,
    },
    /// There is no such file in the image.
    #[error("{}: no such file or directory", ply_tree::path::printable(&ply_tree::path::clean(path)))]
    NoSuchFile {
        /// What was asked for.
        path: Vec<u8>,
        /// The layer that took it away, and the one below that still has it.
        gone: Option<(LayerNumber, LayerNumber)>,
    },
    /// What removing or replacing would break.
    #[error("{0}")]
    Conflict(String),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Misuse(String),
    /// Something failed in a file, an archive or a part of one.
    #[error("{place}")]
    Within {
        /// The file, archive, layer.
        place: String,
        /// What failed there.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A command cannot be executed in a container: there is no such program, or it is none.
    #[error("{why}")]
    NotExecutable {
        /// What the runtime says.
        why: String,
    },
    /// Nothing could be run.
    #[error("{why}")]
    NotStarted {
        /// What each runtime says, or that there is none.
        why: String,
    },
    /// Somebody asked the work to stop.
    #[error("stopped")]
    Interrupted,
    /// A mount.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A registry or a Docker daemon.
    #[cfg(feature = "registry")]
    #[error(transparent)]
    Registry(#[from] ply_registry::RegistryError),
    /// A document.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A blob.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

/// A layer that an archive leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// Digest of its plain tar.
    pub diff_id: DiffId,
    /// The command that made it; empty where nobody says.
    pub created_by: String,
    /// The member that the archive's documents name, and that is no file there.
    pub wanted: String,
}

fn layers_word(n: usize) -> String {
    if n == 1 { "one layer".to_owned() } else { format!("{n} layers") }
}

impl Error {
    /// Says where something failed.
    pub(crate) fn within<E>(place: impl Into<String>) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let place = place.into();
        move |source| Self::Within { place, source: source.into() }
    }
}

/// Text from an image, fit for a message.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text.escape_debug().take(120).collect();
    if text.chars().count() > 120 {
        shown.push('…');
    }
    shown
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
