use std::io;

use ply_image::DocumentError;

/// Why an archive could not be read or laid out.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The system refused.
    #[error("cannot {doing} {path}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file or member.
        path: String,
        /// The system's word.
        source: io::Error,
    },
    /// The tar around it is damaged, or ends too early.
    #[error(transparent)]
    Tar(ply_tar::TarError),
    /// It does not begin as a tar does.
    #[error("this is no archive, plain or compressed")]
    NoArchive(#[source] ply_tar::TarError),
    /// A document in it is not what it should be.
    #[error("{member}")]
    Document {
        /// The member.
        member: String,
        /// What is wrong with it.
        source: DocumentError,
    },
    /// Something in it must not be there, or is not as it should be.
    #[error("{member} {why}")]
    Member {
        /// The member, escaped.
        member: String,
        /// What is wrong with it.
        why: String,
    },
    /// A document names a member that is not there.
    #[error("{wanted} is missing; {by} names it")]
    Missing {
        /// The member that is not there, escaped.
        wanted: String,
        /// The document that names it.
        by: String,
    },
    /// It holds no image that this project knows how to read.
    #[error("no image in it: neither index.json nor manifest.json nor repositories is there")]
    NoImage,
    /// It is compressed as a whole, so that nothing in it can be found without reading it all.
    #[error("compressed as a whole ({0}): load it, or decompress it first")]
    Compressed(ply_layer::Compression),
}

impl From<ply_tar::TarError> for ArchiveError {
    fn from(error: ply_tar::TarError) -> Self {
        match error {
            // Its very first header: offset 0, or an end within it.
            ply_tar::TarError::Malformed { offset: 0, .. }
            | ply_tar::TarError::Truncated { offset: ..512, .. } => Self::NoArchive(error),
            error => Self::Tar(error),
        }
    }
}

/// Characters of an archive's text that a message repeats.
const SHOWN: usize = 160;

/// Text from an archive, fit for a message: what does not print is escaped, and it is not too long.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::new();
    for (at, c) in text.chars().enumerate() {
        match c {
            _ if at == SHOWN => {
                shown.push('…');
                break;
            }
            '"' | '\'' | '\\' => shown.push(c),
            c => shown.extend(c.escape_debug()),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_messages_repeat() {
        let check = |text: &str, expect: &str| assert_eq!(super::shown(text), expect);
        check("a/layer.tar", "a/layer.tar");
        check(r#"key "x\y" isn't"#, r#"key "x\y" isn't"#);
        check("\u{1b}[31m\n\u{202e}é", r"\u{1b}[31m\n\u{202e}é");
        check(&"é".repeat(160), &"é".repeat(160));
        check(&"é".repeat(161), &format!("{}…", "é".repeat(160)));
    }
}
