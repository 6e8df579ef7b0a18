//! What a server answered, and its errors in words.

use std::io::Read;

use ply_digest::Digest;
use serde::Deserialize;
use ureq::Body;
use ureq::http::{HeaderMap, Uri};

use crate::error::shown;

/// An answer whose body was not read yet.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// Who answered, after all redirects.
    pub(crate) from: Uri,
    pub(crate) body: Body,
}

/// A header that is text.
pub(crate) fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// What a registry says the digest of a body is.
pub(crate) fn said_digest(headers: &HeaderMap) -> Option<Digest> {
    header(headers, "docker-content-digest")?.parse().ok()
}

/// Most bytes of an error's body that are read.
const ERROR_LIMIT: u64 = 64 << 10;

/// The errors of the specification: a code, and words for a person.
#[derive(Deserialize)]
struct Errors {
    errors: Vec<Word>,
}

#[derive(Deserialize)]
struct Word {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    pub(crate) fn length(&self) -> Option<u64> {
        self.header("content-length")?.trim().parse().ok()
    }

    /// Reads the body, up to a limit and one byte more.
    pub(crate) fn read(self, limit: u64) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.body.into_reader().take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads what is left of a small body, so that the connection can be used again.
    pub(crate) fn drain(self) {
        let _ = self.read(ERROR_LIMIT);
    }

    /// What the server says of an error, for a message.
    pub(crate) fn words(self) -> String {
        let raw = self.read(ERROR_LIMIT).unwrap_or_default();
        words(&raw)
    }
}

fn words(raw: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(raw) else { return String::new() };
    match serde_json::from_str::<Errors>(text) {
        Ok(Errors { errors }) => {
            let said =
                errors.iter().map(|word| if word.message.is_empty() { &word.code } else { &word.message });
            shown(&said.map(String::as_str).collect::<Vec<_>>().join(", "))
        }
        // A page for browsers says nothing in a line.
        Err(_) if text.trim_start().starts_with('<') => String::new(),
        Err(_) => shown(text.lines().next().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn what_servers_say() {
        let check = |raw: &str, expect: &str| assert_eq!(words(raw.as_bytes()), expect, "{raw}");
        check(
            r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry","detail":{}}]}"#,
            "repository name not known to registry",
        );
        check(r#"{"errors":[{"code":"DENIED"},{"message":"x"}]}"#, "DENIED, x");
        check("<html><body>502</body></html>", "");
        check("Too many requests\nreally", "Too many requests");
        check("\u{1b}[31mred", "\\u{1b}[31mred");
        check("", "");
        assert_eq!(words(&[0xff, 0xfe]), "");
    }
}
