use std::io;

use ply_digest::Digest;
use ply_image::DocumentError;

/// Why a registry or a daemon did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The registry does not have it, or does not show it to who asks.
    #[error("{registry} has no {what}")]
    NotFound {
        /// Its host.
        registry: String,
        /// What was asked for: `manifest team/app:1`.
        what: String,
    },
    /// The registry wants to know who asks, or does not know them.
    #[error("{registry} refuses {what} to who is not logged in{}", because(why))]
    Unauthorized {
        /// Its host.
        registry: String,
        /// What was asked for.
        what: String,
        /// Its own words, escaped; empty where it has none.
        why: String,
    },
    /// The registry knows who asks, and that is not enough.
    #[error("{registry} does not allow {what}{}", because(why))]
    Denied {
        /// Its host.
        registry: String,
        /// What was asked for.
        what: String,
        /// Its own words, escaped; empty where it has none.
        why: String,
    },
    /// The registry answers with another error, also after several tries.
    #[error("{registry} answers {what} with {status}{}", because(why))]
    Status {
        /// Its host.
        registry: String,
        /// What was asked for.
        what: String,
        /// The HTTP status.
        status: u16,
        /// Its own words, escaped; empty where it has none.
        why: String,
    },
    /// The registry does something that is not followed: a redirect to a place inside, a realm without TLS, another length
    /// than was promised.
    #[error("{registry} {why}")]
    Refused {
        /// Its host.
        registry: String,
        /// What it does.
        why: String,
    },
    /// The bytes are not those their digest names.
    #[error("{what} from {registry} hashes to {found}, not to {expected}")]
    Digest {
        /// Its host.
        registry: String,
        /// What it was to be.
        what: String,
        /// What they hash to.
        found: Digest,
        /// What was asked for.
        expected: Digest,
    },
    /// No answer: the host cannot be reached, the connection broke too often, TLS failed.
    #[error("cannot {doing}")]
    Unreachable {
        /// What was being done: `reach registry.example`.
        doing: String,
        /// The last thing that went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file of ours could not be read or written: settings, certificates, what is uploaded.
    #[error("cannot {doing}")]
    Io {
        /// What was being done, with the path.
        doing: String,
        /// The system's word.
        source: io::Error,
    },
    /// A setting says something that cannot be.
    #[error("{0}")]
    Settings(String),
    /// A document is not what it should be.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// Somebody asked the work to stop.
    #[error("stopped")]
    Interrupted,
}

fn because(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(": {why}") }
}

impl RegistryError {
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}

/// Characters of a server's text that a message repeats.
const SHOWN: usize = 200;

/// Text from elsewhere, fit for a message: what does not print is escaped, and it is not too long.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text.trim().chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.trim().chars().count() > SHOWN {
        shown.push('…');
    }
    shown
}
