use ply_digest::Digest;

/// Why a document was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The bytes are not JSON, or not JSON of the expected shape.
    #[error("{what} {digest} is not a valid document")]
    Shape {
        /// What was being read: `manifest`, `config`, `index`.
        what: &'static str,
        /// Digest of the bytes as they stand.
        digest: Digest,
        /// What the parser says, with line and column.
        source: serde_json::Error,
    },
    /// The document breaks a rule that its shape alone does not show.
    #[error("{what} {digest} {why}")]
    Rule {
        /// What was being read.
        what: &'static str,
        /// Digest of the bytes as they stand.
        digest: Digest,
        /// The rule, worded for a person.
        why: String,
    },
    /// The document is larger than a document may be.
    #[error("{what} has {size} bytes, more than the {limit} allowed")]
    TooLarge {
        /// What was being read.
        what: &'static str,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The bytes are not those the descriptor promises.
    #[error("{what} should be {expected}, but its bytes hash to {found}")]
    Digest {
        /// What was being read.
        what: &'static str,
        /// The digest that was asked for.
        expected: Digest,
        /// The digest of what was found.
        found: Digest,
    },
    /// Nothing in the index fits the platform that was asked for.
    #[error("no manifest for platform {wanted}; there is {found}")]
    NoPlatform {
        /// The platform asked for.
        wanted: String,
        /// The platforms the index has, joined by commas.
        found: String,
    },
    /// A blob could not be read.
    #[error(transparent)]
    Blob(#[from] crate::BlobError),
}
