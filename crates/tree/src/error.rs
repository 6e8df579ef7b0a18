/// Why something in a tree cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A path goes on below something that is no directory.
    #[error("{} is not a directory", crate::path::printable(path))]
    NotADirectory {
        /// Where it stops being one: a path from the root.
        path: Vec<u8>,
    },
    /// Symbolic links lead to each other, or are more than a kernel would follow.
    #[error("{}: too many levels of symbolic links", crate::path::printable(path))]
    TooManyLinks {
        /// The path that was asked for.
        path: Vec<u8>,
    },
    /// What lies behind the view is damaged or cannot be read.
    #[error("{what}")]
    View {
        /// What was being read.
        what: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
