use std::io;

use ply_tree::TreeError;
use ply_tree::path::printable;

/// Why there is no image of a tree, or no tree in an image.
#[derive(Debug, thiserror::Error)]
pub enum ErofsError {
    /// The tree has something that an image of this form cannot say. Whoever wanted a mount can unpack instead.
    #[error("{}: {why}", printable(path))]
    Unfit {
        /// Path from the root, clean.
        path: Vec<u8>,
        /// What it is.
        why: String,
    },
    /// The tree that an image was wanted of cannot be read.
    #[error("reading the tree")]
    Tree {
        /// What is wrong with it.
        source: TreeError,
    },
    /// No image that this version of the crate writes: make it again.
    #[error("no index of this version: {why}")]
    Foreign {
        /// What is different.
        why: String,
    },
    /// Some bytes of an image cannot mean anything, or not what they should.
    #[error("a damaged index: {what}: {why}")]
    Damaged {
        /// Which part of the image.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// What an image lies in cannot be read.
    #[error("reading {len} bytes at {offset} of an index")]
    Read {
        /// Where, from the beginning of the image.
        offset: u64,
        /// How many bytes.
        len: usize,
        /// What is wrong with it.
        source: io::Error,
    },
}

impl ErofsError {
    /// What an image said when it was asked as a tree.
    pub(crate) fn of_image(error: TreeError) -> Self {
        match error {
            TreeError::View { what, source } => match source.downcast() {
                Ok(own) => *own,
                Err(source) => Self::Tree { source: TreeError::View { what, source } },
            },
            source => Self::Tree { source },
        }
    }

    pub(crate) fn damaged(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Damaged { what: what.into(), why: why.into() }
    }
}

/// For an image that is looked at as a tree.
impl From<ErofsError> for TreeError {
    fn from(error: ErofsError) -> Self {
        match error {
            ErofsError::Tree { source } => source,
            ErofsError::Unfit { .. }
            | ErofsError::Foreign { .. }
            | ErofsError::Damaged { .. }
            | ErofsError::Read { .. } => {
                Self::View { what: "reading an EROFS index".to_owned(), source: error.into() }
            }
        }
    }
}
