use ply_digest::DigestError;

use crate::grammar::{PATH_MAX, TAG_MAX};

/// Which rule of the grammar a text broke.
///
/// What a variant holds is safe to print: it was escaped, so that no control or bidirectional character
/// of the input reaches a terminal, and cut to 80 characters. Messages begin with the words Docker's
/// users look for, `invalid reference format`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// Nothing at all, or a tag or digest with no name before it.
    #[error("invalid reference format: it has no repository name")]
    Empty,
    /// A URL; references have no scheme.
    #[error("invalid reference format: ({text}) is a URL; write the host and the name alone")]
    Url {
        /// What was typed.
        text: String,
    },
    /// Exactly 64 hex digits, which only an image ID may be.
    #[error("invalid repository name ({text}): 64 hex digits are an image ID")]
    LooksLikeId {
        /// What was typed.
        text: String,
    },
    /// What stands where a registry's host stands is none: `host`, `host:port`, `[IPv6]` or `[IPv6]:port`.
    #[error("invalid reference format: ({domain}) is no registry host, with or without a port")]
    Domain {
        /// What stands before the first slash.
        domain: String,
    },
    /// A repository name has upper-case letters; only hosts and tags may.
    #[error("invalid reference format: repository name ({path}) must be lowercase")]
    UpperCase {
        /// The name without its host.
        path: String,
    },
    /// A part of a repository name between slashes is empty or has a character it may not have.
    #[error(
        "invalid reference format: part ({component}) of a repository name must be lower-case letters and \
         digits, with a dot, one or two underscores, or dashes between them"
    )]
    Component {
        /// The part between two slashes.
        component: String,
    },
    /// The repository name, without its host, is longer than 255 bytes.
    #[error("invalid reference format: a repository name of {length} bytes is longer than {PATH_MAX}")]
    TooLong {
        /// Its length in bytes, the default `library/` included.
        length: usize,
    },
    /// No tag.
    #[error(
        "invalid reference format: tag ({tag}) must be 1 to {TAG_MAX} letters, digits, underscores, dots and \
         dashes, and begin with neither dot nor dash"
    )]
    Tag {
        /// What stands after the colon.
        tag: String,
    },
    /// What follows the `@` is no digest; the source says why.
    #[error("invalid reference format: what follows the @ is no digest")]
    Digest {
        /// Why.
        #[source]
        source: DigestError,
    },
    /// A tag or digest where only a repository name is wanted.
    #[error("({text}) has a tag or a digest, where only a repository name is wanted")]
    NotBare {
        /// What was typed.
        text: String,
    },
    /// No ID and no beginning of one.
    #[error("({text}) is no image ID: that is 1 to 64 lower-case hex digits, with or without sha256:")]
    IdPrefix {
        /// What was typed.
        text: String,
    },
    /// A pattern whose brackets do not close or whose last backslash escapes nothing.
    #[error("syntax error in pattern ({pattern})")]
    Pattern {
        /// What was typed.
        pattern: String,
    },
}

/// How many characters an error repeats of the input, as printed.
const QUOTED: usize = 80;

/// The text as an error may repeat it: escaped, and cut.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::new();
    for c in text.chars() {
        let escaped = c.escape_debug();
        if quoted.chars().count().saturating_add(escaped.len()) > QUOTED {
            quoted.push('…');
            break;
        }
        quoted.extend(escaped);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_cannot_drive_a_terminal() {
        let check = |text: &str, expect: &str| assert_eq!(quote(text), expect);
        check("nginx", "nginx");
        check("a\x1b[2Jb", "a\\u{1b}[2Jb");
        check("a\r\nb\0", "a\\r\\nb\\0");
        check("\u{9b}31m", "\\u{9b}31m");
        check("\u{202e}gpj", "\\u{202e}gpj");
        check(&"a".repeat(80), &"a".repeat(80));
        check(&"\x1b".repeat(5000), &format!("{}…", "\\u{1b}".repeat(13)));
        check(&"a".repeat(5000), &format!("{}…", "a".repeat(80)));
    }
}
