use std::fmt;

use ply_tree::{TreeError, path::printable};

/// Why layers make no union. Layers are counted from 0, the bottom; in messages from 1, as people count.
#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    /// What lies behind a layer is damaged or cannot be read.
    #[error("layer {}", layer.saturating_add(1))]
    Layer {
        /// Which one; of two trees that are compared, the first is 0.
        layer: usize,
        /// What is wrong with it.
        source: TreeError,
    },
    /// A hard link of a layer to a file below does not lead to one.
    #[error(
        "layer {}: {}: hard link to {}, which {fault}",
        layer.saturating_add(1), printable(entry), printable(target)
    )]
    Link {
        /// The layer with the link.
        layer: usize,
        /// Path of the link.
        entry: Vec<u8>,
        /// Where it should lead.
        target: Vec<u8>,
        /// Why it does not.
        fault: LinkFault,
    },
}

/// What a hard link led to instead of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkFault {
    /// Nothing: there is no such path, or it is whited out.
    Missing,
    /// A directory, which has one name only.
    Directory,
}

impl fmt::Display for LinkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "is not in the layers below",
            Self::Directory => "is a directory",
        })
    }
}

/// For a union that is itself looked at as a tree.
impl From<OverlayError> for TreeError {
    fn from(error: OverlayError) -> Self {
        match error {
            OverlayError::Layer { layer, source } => {
                Self::View { what: format!("layer {}", layer.saturating_add(1)), source: source.into() }
            }
            OverlayError::Link { .. } => {
                Self::View { what: "the union of the layers".to_owned(), source: error.into() }
            }
        }
    }
}
