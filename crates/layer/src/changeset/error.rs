use std::borrow::Cow;
use std::io;

use ply_tar::TarError;
use ply_tree::TreeError;

/// Why a layer's tar is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It is no tar, or a damaged one.
    #[error("reading a layer's tar")]
    Tar {
        /// What is wrong, and at which byte of which member.
        #[from]
        source: TarError,
    },
    /// An entry says what no layer may.
    #[error("{entry}: {why} (header at byte {offset})")]
    Refused {
        /// Its name, fit for a terminal.
        entry: String,
        /// Where its headers begin in the tar.
        offset: u64,
        /// What it says.
        why: Cow<'static, str>,
    },
}

/// Why a tree cannot be written as a tar. What was written until then is no tar.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The tree cannot be read.
    #[error("reading the tree to be written as a tar")]
    Tree {
        /// What is wrong with it.
        #[from]
        source: TreeError,
    },
    /// The tree has what no layer's tar can say.
    #[error("writing {entry}: {why}")]
    Refused {
        /// Its path, fit for a terminal.
        entry: String,
        /// What a tar cannot say.
        why: &'static str,
    },
    /// The content of a file cannot be read.
    #[error("reading the content of {entry}")]
    Content {
        /// Its path, fit for a terminal.
        entry: String,
        /// What its source said.
        source: io::Error,
    },
    /// The tar cannot be written.
    #[error("writing a layer's tar")]
    Tar {
        /// Which part of it, and why.
        #[from]
        source: ply_tar::WriteError,
    },
}
